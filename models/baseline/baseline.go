package baseline

import (
	"context"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

// A history scores all items for what a user has.
type history interface {
	// scores stores the scores of the items in z [items], for a user that has these.
	scores(z []float32, items []int32)
}

// byHistory is a Scorer of contexts with a user.
type byHistory struct {
	history
	train *data.Interactions
}

// Rankings implements [models.Scorer], for contexts with a user of the training split.
func (b byHistory) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if q.Classes != b.train.Items() {
		return fmt.Errorf("baseline: a query of %d classes of a training split of %d items", q.Classes, b.train.Items())
	}
	user, err := q.Contexts.Field("user")
	if err != nil {
		return err
	}
	if user.Size > b.train.Users() {
		return fmt.Errorf("baseline: contexts of %d users of a training split of %d", user.Size, b.train.Users())
	}
	z := make([][]float32, kernel.Workers())
	tops, errs := make([]models.Top, q.Chunk()), make([]error, q.Chunk())
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		for len(z) < kernel.Workers() { // GOMAXPROCS may have changed
			z = append(z, nil)
		}
		kernel.Spread(len(z), len(rows), func(worker, i int) {
			if z[worker] == nil {
				z[worker] = make([]float32, q.Classes)
			}
			b.scores(z[worker], b.train.ItemsOf(int(user.One(int(rows[i])))))
			tops[i], errs[i] = models.SelectTop(z[worker], masks[i], q.K)
		})
		for i := range rows {
			if errs[i] != nil {
				return errs[i]
			}
			each(start+i, tops[i])
		}
		return nil
	})
}

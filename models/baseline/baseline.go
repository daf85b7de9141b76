package baseline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

// A history scores all items for what a user has.
type history interface {
	// scores stores the scores of the items in z [items], for a user that has these.
	scores(z []float32, items []int32)

	// arrays returns all that it holds, each of a name.
	arrays() []graph.Array
}

// byHistory is a Scorer of contexts of whom it is known what they have.
type byHistory struct {
	history
	train *data.Interactions
}

// Rankings implements [models.Scorer], for contexts with a user of the training split or
// with a history.
func (b byHistory) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if q.Classes != b.train.Items() {
		return fmt.Errorf("baseline: a query of %d classes of a training split of %d items", q.Classes, b.train.Items())
	}
	has, err := b.has(q.Contexts)
	if err != nil {
		return err
	}
	if q.Targets != nil {
		return errors.New("baseline: the scores of items give no probabilities; those that do are unigram and kneserney")
	}
	return eachRow(ctx, q, func(z []float32, row int) { b.scores(z, has(row)) }, nil, each)
}

// eachRow ranks by what score stores in z [C] for a row; logP, unless it is nil, says the
// log-probability of a class.
func eachRow(ctx context.Context, q models.Query, score func(z []float32, row int), logP func(row int, class int32) float64, each func(i int, top models.Top)) error {
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
			score(z[worker], int(rows[i]))
			if tops[i], errs[i] = models.SelectTop(z[worker], masks[i], q.K); errs[i] != nil || q.Targets == nil {
				return
			}
			for _, c := range q.Targets(start + i) {
				tops[i].LogP = append(tops[i].LogP, logP(int(rows[i]), c))
			}
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

// has returns what rows of contexts have, as the documentation of the package says.
func (b byHistory) has(contexts *data.Frame) (func(row int) []int32, error) {
	if _, same := b.history.(pop); same {
		return func(int) []int32 { return nil }, nil
	}
	field := func(name string) *data.Field {
		if at := slices.IndexFunc(contexts.Fields, func(f data.Field) bool { return f.Name == name }); at >= 0 {
			return &contexts.Fields[at]
		}
		return nil
	}
	user, past := field("user"), field("history")
	if past != nil && past.Ordered {
		user = nil
		if seen := field("seen"); seen != nil {
			past = seen
		}
	}
	switch {
	case user == nil && past == nil:
		return nil, errors.New("baseline: contexts have neither a user of the training split (field user) nor items of their own (field history), and the ranking is by what a context has")
	case user != nil && user.Size > b.train.Users():
		return nil, fmt.Errorf("baseline: contexts of %d users of a training split of %d", user.Size, b.train.Users())
	case past != nil && past.Size != b.train.Items():
		return nil, fmt.Errorf("baseline: histories of %d items of a training split of %d", past.Size, b.train.Items())
	case past != nil && past.Lo == nil:
		return nil, fmt.Errorf("baseline: the field %s has one item a row, and no histories", past.Name)
	}
	return func(row int) []int32 {
		if user != nil {
			if u := user.One(row); u >= 0 {
				if items := b.train.ItemsOf(int(u)); len(items) > 0 || past == nil {
					return items
				}
			}
		}
		if past == nil {
			return nil
		}
		items, _ := past.Row(row)
		if past.Ordered { // and has what came again once more
			return slices.Compact(slices.Sorted(slices.Values(items)))
		}
		return items
	}, nil
}

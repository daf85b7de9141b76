package baseline

import (
	"context"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

func init() {
	register(Spec{
		Name:   "pop",
		Doc:    "the number of users who have an item: the same ranking for everybody",
		Source: "Cremonesi, Koren, Turrin: Performance of recommender algorithms on top-N recommendation tasks (2010), TopPop",
		fit: func(ctx context.Context, _ registry.Values, train *data.Interactions) (models.Scorer, error) {
			return NewPop(train), ctx.Err()
		},
		bytes: func(_ registry.Values, train *data.Interactions) (kept, fitting int64) {
			return 4 * int64(train.Items()), 4 * int64(train.Items())
		},
		restore: func(items int, arrays map[string]graph.Array) (history, error) {
			counts, err := arrayOf[int32](arrays, "users", items)
			return pop(counts), err
		},
	})
}

// NewPop returns the ranking by the number of users of the training split, the same for
// everybody.
func NewPop(train *data.Interactions) models.Scorer {
	return byHistory{pop(train.ItemCounts()), train}
}

type pop []int32

func (p pop) scores(z []float32, _ []int32) {
	for i, n := range p {
		z[i] = float32(n)
	}
}

func (p pop) arrays() []graph.Array { return []graph.Array{graph.Vector("users", []int32(p))} }

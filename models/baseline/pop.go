package baseline

import (
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

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

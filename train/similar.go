package train

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
)

// Similar returns, for each of items of set, the k items whose class vectors have the largest
// cosines with its own, the best first, without the item itself and those without a training
// pair; the scores are the cosines. An item that is one of these is an error, since nothing has
// moved its vector, and so are candidates whose classes have no vector of their own.
func (t *Recommender) Similar(set *data.Dataset, items []int, k int) ([][]Item, error) {
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("train: k=%d is below 1", k)
	}
	cold := set.ColdItems()
	untrained := make([]bool, set.Items)
	for _, i := range cold {
		untrained[i] = true
	}
	for _, i := range items {
		switch {
		case i < 0 || i >= set.Items:
			return nil, fmt.Errorf("train: item %d is outside [0,%d)", i, set.Items)
		case untrained[i]:
			return nil, fmt.Errorf("train: item %s has no training pair: nothing has moved its vector, and its neighbours would be chance", set.ItemName(i))
		}
	}
	var v vectors
	err = v.start(func() ([]float32, int, error) {
		s, err := t.ClassScores()
		if err != nil {
			return nil, 0, err
		}
		return s.W, s.Dim, nil
	})
	if err != nil {
		return nil, err
	}
	all := make([][]Item, len(items))
	for n, i := range items {
		if all[n], err = v.nearest(i, k, with(cold, int32(i)), set.ItemName); err != nil {
			return nil, err
		}
	}
	return all, nil
}

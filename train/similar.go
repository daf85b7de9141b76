package train

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
)

// Similar returns, for each of items of set, the k items whose class vectors have the largest
// cosines with its own, the best first, without the item itself and, unless the model makes
// vectors of items by their features, those without a training pair; the scores are the cosines.
// An item that is one of these is an error, since nothing has moved its vector, and so are
// candidates whose classes have no vector of their own. Those of items under model ease are the
// rows of its weights: what having the item says of all others.
func (t *Recommender) Similar(set *data.Dataset, items []int, k int) ([][]Item, error) {
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("train: k=%d is below 1", k)
	}
	cold, err := t.unmoved(set)
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		if i < 0 || i >= set.Items {
			return nil, fmt.Errorf("train: item %d is outside [0,%d)", i, set.Items)
		}
		if _, in := slices.BinarySearch(cold, int32(i)); in {
			return nil, unmovedError("item", set.ItemName(i))
		}
	}
	var v vectors
	if err := v.start(t.classVectors); err != nil {
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

// classVectors returns what classes are scored by, [C,d], and d.
func (t *Recommender) classVectors() ([]float32, int, error) {
	if t.fitted != nil {
		if b := t.fitted.ItemWeights(); b != nil {
			return b, t.classes.Rows, nil
		}
	}
	s, err := t.ClassScores()
	if err != nil {
		return nil, 0, err
	}
	return s.W, s.Dim, nil
}

// unmoved returns the items whose class vectors say nothing, ascending: those without a training
// pair, unless the model makes vectors of the items' features.
func (t *Recommender) unmoved(set *data.Dataset) ([]int32, error) {
	if t.Plan.fits() {
		return set.ColdItems(), nil
	}
	g := models.NewGraph(graph.NewPlan[float32](), nil, 0, t.classes)
	if _, err := t.Model.Classes(g.Classes); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	for _, name := range g.Classes.Fields() {
		if slices.ContainsFunc(set.ItemFields, func(f data.Field) bool { return f.Name == name }) {
			return nil, nil
		}
	}
	return set.ColdItems(), nil
}

func unmovedError(what, id string) error {
	return fmt.Errorf("train: %s %s has no training pair: nothing has moved its vector, and its neighbours would be chance", what, id)
}

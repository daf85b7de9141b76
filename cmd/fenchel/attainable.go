package main

import (
	"cmp"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// attainable returns the means of ms on a split of a generated set under the
// ranking by its truth, with the items masked that an evaluation masks: the best
// that a model can expect to reach.
func attainable(set *data.Dataset, split string, ms []metric.At) []float64 {
	relevant, masks := set.Valid, []*data.Interactions{set.Train}
	if split == "test" {
		relevant, masks = set.Test, []*data.Interactions{set.Train, set.Valid}
	}
	k := metric.MaxK(ms)
	sums := make([]float64, len(ms))
	scores := make([]float32, set.Items)
	masked := make([]bool, set.Items)
	ranking := make([]int32, 0, set.Items)
	users := 0
	for u := range set.Users {
		rel := relevant.Of(u)
		if len(rel) == 0 {
			continue
		}
		users++
		set.Truth.Scores(scores, u)
		clear(masked)
		for _, m := range masks {
			for _, i := range m.Of(u) {
				masked[i] = true
			}
		}
		ranking = ranking[:0]
		for i := range scores {
			if !masked[i] {
				ranking = append(ranking, int32(i))
			}
		}
		slices.SortFunc(ranking, func(a, b int32) int {
			return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
		})
		hit := make([]bool, min(k, len(ranking)))
		for r := range hit {
			_, hit[r] = slices.BinarySearch(rel, ranking[r])
		}
		for m, at := range ms {
			sums[m] += at.Score(hit[:min(at.K, len(hit))], len(rel), at.K)
		}
	}
	for m := range sums {
		sums[m] /= float64(users)
	}
	return sums
}

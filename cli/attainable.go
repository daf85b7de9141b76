package cli

import (
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// attainable returns the means of ms on a split of a generated set under the
// ranking by its truth, with the items masked that an evaluation masks, and those left
// out that it leaves out: the best that a model can expect to reach.
func attainable(set *data.Dataset, split string, ms []metric.At, leftOut []int32) []float64 {
	relevant, masks := set.Valid, []*data.Interactions{set.Train}
	if split == "test" {
		relevant, masks = set.Test, []*data.Interactions{set.Train, set.Valid}
	}
	k := min(metric.MaxK(ms), set.Items)
	sums := make([]float64, len(ms))
	scores := make([]float32, set.Items)
	masked := make([]bool, set.Items)
	ranking := make([]int32, 0, k)
	users := 0
	for u := range set.Users {
		rel := relevant.ItemsOf(u)
		if len(rel) == 0 {
			continue
		}
		users++
		set.Truth.Scores(scores, u)
		clear(masked)
		for _, i := range leftOut {
			masked[i] = true
		}
		for _, m := range masks {
			for _, i := range m.ItemsOf(u) {
				masked[i] = true
			}
		}
		// The k best so far, in order: few items change it, where a sort of all would
		// take minutes of a million items.
		ranking = ranking[:0]
		for i, s := range scores {
			if masked[i] || len(ranking) == k && s <= scores[ranking[k-1]] {
				continue
			}
			at, _ := slices.BinarySearchFunc(ranking, s, func(j int32, s float32) int {
				if scores[j] >= s { // ties go to the lower id, which came first
					return -1
				}
				return 1
			})
			if len(ranking) == k {
				ranking = ranking[:k-1]
			}
			ranking = slices.Insert(ranking, at, int32(i))
		}
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

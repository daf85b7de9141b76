package metric

import "slices"

// MRR@K = 1/r of the first relevant class in the top K, 0 if there is none.
func init() {
	Register(Metric{
		Name:   "mrr",
		Doc:    "1/r with r the place of the first relevant class, 0 if r > K",
		Source: "Voorhees: The TREC-8 Question Answering Track Report (1999), cut off at K",
		New: hitMean(func(hit []bool, _, _ int) float64 {
			if r := slices.Index(hit, true); r >= 0 {
				return 1 / float64(r+1)
			}
			return 0
		}),
		Ref: placeMean(func(places []int, k int) float64 {
			best := 0.0
			for _, r := range places {
				if r <= k {
					best = max(best, 1/float64(r))
				}
			}
			return best
		}),
	})
}

package metric

import "slices"

// HitRate@K = 1 if the top K hold a relevant class, else 0.
func init() {
	Register(Metric{
		Name:   "hitrate",
		Doc:    "1 if the top K hold a relevant class, else 0",
		Source: "Deshpande, Karypis: Item-based top-N recommendation algorithms (2004), section 4.2, for one held-out item",
		New: hitMean(func(hit []bool, _, _ int) float64 {
			if slices.Contains(hit, true) {
				return 1
			}
			return 0
		}),
		Ref: placeMean(func(places []int, k int) float64 { return min(1, float64(within(places, k))) }),
	})
}

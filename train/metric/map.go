package metric

// MAP@K averages the precision at each relevant class found in the top K:
// (1/min(K,|rel|)) Σ_{r≤K} hit_r · Precision@r. The truncated denominator makes
// 1 attainable by every example.
func init() {
	Register(Metric{
		Name:   "map",
		Doc:    "(1/min(K,|rel|)) Σ_{r≤K} hit_r · Precision@r: mean average precision",
		Source: "Manning, Raghavan, Schütze: Introduction to Information Retrieval (2008), eq. 8.8, cut off at K",
		New: hitMean(func(hit []bool, relevant, k int) float64 {
			sum, found := 0.0, 0
			for r, h := range hit {
				if h {
					found++
					sum += float64(found) / float64(r+1)
				}
			}
			return sum / float64(min(k, relevant))
		}),
		// The i-th relevant class sits at places[i-1], where precision is i/place.
		Ref: placeMean(func(places []int, k int) float64 {
			sum := 0.0
			for i, r := range places {
				if r <= k {
					sum += float64(i+1) / float64(r)
				}
			}
			return sum / float64(min(k, len(places)))
		}),
	})
}

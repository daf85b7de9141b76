package metric

import "math"

// NDCG@K = DCG@K / IDCG@K with binary gains: DCG@K = Σ_{r≤K} hit_r/log₂(r+1)
// and the truncated ideal IDCG@K = Σ_{r≤min(K,|rel|)} 1/log₂(r+1), so that 1 is
// attainable by every example.
func init() {
	Register(Metric{
		Name:   "ndcg",
		Doc:    "Σ_{r≤K} hit_r/log₂(r+1) divided by its best value Σ_{r≤min(K,|rel|)} 1/log₂(r+1)",
		Source: "Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques (2002), discount log₂(r+1) of Burges et al. (2005)",
		New: hitMean(func(hit []bool, relevant, k int) float64 {
			dcg, ideal := 0.0, 0.0
			for r, h := range hit {
				if h {
					dcg += 1 / math.Log2(float64(r+2))
				}
			}
			for r := range min(k, relevant) {
				ideal += 1 / math.Log2(float64(r+2))
			}
			return dcg / ideal
		}),
		Ref: placeMean(func(places []int, k int) float64 {
			dcg, ideal := 0.0, 0.0
			for i, r := range places {
				if r <= k {
					dcg += math.Ln2 / math.Log1p(float64(r))
				}
				if i < k {
					ideal += math.Ln2 / math.Log1p(float64(i+1))
				}
			}
			return dcg / ideal
		}),
	})
}

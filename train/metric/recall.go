package metric

// Recall@K = |top K ∩ rel| / |rel|. The denominator is |rel|, not min(K,|rel|):
// with more than K relevant classes the best attainable value is below 1.
func init() {
	Register(Metric{
		Name:   "recall",
		Doc:    "|top K ∩ rel| / |rel|: the share of the relevant classes that the top K find",
		Source: "Manning, Raghavan, Schütze: Introduction to Information Retrieval (2008), eq. 8.2, cut off at K",
		New:    hitMean(func(hit []bool, relevant, _ int) float64 { return float64(hits(hit)) / float64(relevant) }),
		Ref:    placeMean(func(places []int, k int) float64 { return float64(within(places, k)) / float64(len(places)) }),
	})
}

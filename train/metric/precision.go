package metric

// Precision@K = |top K ∩ rel| / K. The denominator stays K where fewer than K
// items are ranked or relevant.
func init() {
	Register(Metric{
		Name:   "precision",
		Doc:    "|top K ∩ rel| / K: the share of the top K that is relevant",
		Source: "Manning, Raghavan, Schütze: Introduction to Information Retrieval (2008), eq. 8.1, cut off at K",
		New:    hitMean(func(hit []bool, _, k int) float64 { return float64(hits(hit)) / float64(k) }),
		Ref:    placeMean(func(places []int, k int) float64 { return float64(within(places, k)) / float64(k) }),
	})
}

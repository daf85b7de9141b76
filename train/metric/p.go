package metric

// P@K = |top K ∩ rel| / K over all examples, also those without a relevant class, of which it
// is 0: the precision of extreme classification, whose test points may have no label.
func init() {
	Register(Metric{
		Name:   "p",
		Doc:    "|top K ∩ rel| / K over all examples, those without a relevant class among them: precision as extreme classification has it",
		Source: "Bhatia et al.: The extreme classification repository (2016); Prabhu, Varma: FastXML (KDD 2014), section 5",
		All:    true,
		New:    hitMean(func(hit []bool, _, k int) float64 { return float64(hits(hit)) / float64(k) }),
		Ref:    placeMean(func(places []int, k int) float64 { return float64(within(places, k)) / float64(k) }),
	})
}

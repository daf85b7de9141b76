package losses

func init() {
	RegisterComposition(Composition{
		Name:   "nce",
		Doc:    "logistic regression of the positive against draws, every score less log(nq)",
		Source: "Gutmann & Hyvärinen 2012, JMLR 13, 307-361; Mnih & Teh 2012, arXiv:1206.6426",
		Loss:   "nce", Candidates: "sampled:n=64,sampler=popularity,beta=1,correction=logq,hits=keep",
		Minimiser:    "log t + log Z₀, for any q and any number of draws: scores are normalised",
		Order:        OrderStrict,
		OrderUniform: OrderStrict,
		Link:         func(_ Values, t, _ []float64, _ int) []float64 { return logs(t) },
	})
}

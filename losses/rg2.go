package losses

// RG² is RG× at β = 0: a squared loss with target K·t − 1, and so the link to
// weighted matrix factorisation.
func init() {
	Register(Spec{
		Name:     "rg2",
		Doc:      "quadratic surrogate of softmax: its Taylor polynomial at 0 without the squared-mean term (RG²)",
		Source:   "Pu et al. 2024, ICML (pu24a); journal version arXiv:2506.09454",
		Formulas: rg2Formulas,
		Theory:   func(Values) Theory { return rgTheory(1, 0) },
		Form:     func(Values) Form { return rgForm(1, 0) },
	})
}

package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "bpr",
		Doc:    "the logistic loss of n draws against the positive, averaged",
		Source: "Rendle et al. 2009, arXiv:1205.2618",
		Loss:   "bpr", Candidates: "sampled:n=1,sampler=uniform,correction=none,hits=keep,per=row",
		Minimiser:    "log(t/q) + c, for any number of draws: in the order of t for uniform draws alone",
		Order:        losses.OrderNone,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ Values, t, q []float64, _ int) []float64 { return ratios(t, q, 0) },
	})
}

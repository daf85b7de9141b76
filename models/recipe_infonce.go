package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "infonce",
		Doc:    "softmax over the positive and draws, uncorrected",
		Source: "van den Oord, Li & Vinyals 2018, arXiv:1807.03748, eq. 4",
		Loss:   "softmax", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=keep",
		Minimiser:    "log(t/q) + c: in the order of t for uniform draws alone",
		Order:        losses.OrderNone,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ Values, t, q []float64, _ int) []float64 { return ratios(t, q, 0) },
	})
}

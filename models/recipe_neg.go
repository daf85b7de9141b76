package models

import (
	"math"

	"github.com/fenchel-ml/fenchel/losses"
)

func init() {
	RegisterRecipe(Recipe{
		Name:   "neg",
		Doc:    "negative sampling: logistic regression of the positive against draws, uncorrected",
		Source: "Mikolov et al. 2013, arXiv:1310.4546, eq. 4; the minimiser: Levy & Goldberg 2014",
		Loss:   "nce", Candidates: "sampled:n=5,sampler=uniform,correction=none,hits=keep,per=row",
		Minimiser:    "log(t/(nq)): in the order of t for uniform draws alone",
		Order:        losses.OrderNone,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ Values, t, q []float64, n int) []float64 { return ratios(t, q, -math.Log(float64(n))) },
	})
}

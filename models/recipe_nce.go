package models

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/losses"
)

func init() {
	RegisterRecipe(Recipe{
		Name:   "nce",
		Doc:    "logistic regression of the positive against draws, every score less log(nq)",
		Source: "Gutmann & Hyvärinen 2012, JMLR 13, 307-361; Mnih & Teh 2012, arXiv:1206.6426",
		Loss:   "nce", Candidates: "sampled:n=64,sampler=popularity,beta=1,correction=logq,hits=keep",
		// Scores of a fresh model are about 0: e^s/C starts as the uniform distribution,
		// where s = log t would be far below what bounded scores reach.
		Bind: func(_ Values, classes int, _ float64) string {
			if classes == 0 {
				return ""
			}
			return fmt.Sprintf("log-z=%.4g", math.Log(float64(classes)))
		},
		Minimiser:    "log t + log Z₀, for any q and any number of draws: scores are normalised; log-z is the log of the number of classes unless given",
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ Values, t, _ []float64, _ int) []float64 { return ratios(t, nil, 0) },
	})
}

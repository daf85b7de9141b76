package models

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/losses"
)

func init() {
	RegisterRecipe(Recipe{
		Name:   "gbce",
		Doc:    "generalised binary cross-entropy of the positive and n draws, calibrated by t",
		Source: "Petrov & Macdonald 2023, arXiv:2308.07192, eq. 8 and 9",
		Loss:   "gbce", Candidates: "sampled:n=256,sampler=uniform,correction=none,hits=keep",
		Params: []Param{
			{Name: "t", Doc: "calibration t: 0 leaves negative sampling's probabilities, 1 makes them those of all negatives", Default: 0.75, Min: 0, Max: 1},
		},
		Bind: func(v Values, _ int, r float64) string {
			return fmt.Sprintf("beta=%g", max(1-v.Num("t")*(1-r), 1e-6)) // r(t(1−1/r)+1/r)
		},
		Minimiser:    "log(βt/(nq)): in the order of t for uniform draws alone",
		Order:        losses.OrderNone,
		OrderUniform: losses.OrderStrict,
		Link: func(v Values, t, q []float64, n int) []float64 {
			return ratios(t, q, math.Log(v.Num("beta")/float64(n)))
		},
	})
}

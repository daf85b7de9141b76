package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "am-softmax",
		Doc:    "softmax of scaled cosines with an additive margin on the label's cosine (CosFace); takes cosines",
		Source: "Wang, Cheng, Liu & Liu 2018, arXiv:1801.05599, eq. 6; Wang et al. 2018, arXiv:1801.09414, eq. 4",
		Params: []Param{
			{Name: "scale", Doc: "factor of the cosines; 30 in the paper, 5 best of 5, 8, 10 and 30 on MovieLens-1M", Default: 5, Min: 0.1, Max: 300, Probe: []float64{30}},
			{Name: "margin", Doc: "margin m taken off the label's cosine; 0.35 in the paper", Default: 0.1, Min: 0, Max: 1, Probe: []float64{0, 0.35}},
		},
		Domain:   Cosines,
		Formulas: amSoftmaxFormulas,
		Theory:   func(v Values) Theory { return marginTheory(v.Num("scale"), v.Num("margin")) },
		Form: func(v Values) Form {
			f := Margin{
				Scale: v.Num("scale"),
				Lower: func(c float64) (a, da float64) { return c - v.Num("margin"), 1 },
				Node: func(e *graph.Expr, c *gorgonia.Node) *gorgonia.Node {
					return e.N(graph.AddScalar(c, -v.Num("margin")))
				},
			}.Form()
			f.Predict = func(p, z []float64) { softmaxMap(v.Num("scale"), p, z) }
			return f
		},
	})
}

// marginTheory is the theory of am-softmax: softmax at temperature 1/scale with
// the label's score moved by a constant.
func marginTheory(scale, margin float64) Theory {
	th := Theory{
		Props:           AffineInTarget | NonNegative | ShiftInvariant | Simplex | Convex,
		Smoothness:      Constant(scale * scale / 2),
		Tight:           0.9,
		MapOrder:        OrderStrict,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Margin:          math.Inf(1),
		Cost:            "O(K)",
	}
	if margin == 0 {
		th.Props |= FenchelYoungForm
		th.Calibrated = true
	}
	return th
}

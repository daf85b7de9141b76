package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The loss is ℓ = ½‖z − t‖², ∂ℓ/∂z = z − t, over the candidates that are not masked: the
// Fenchel–Young loss of ½‖p‖² without a constraint, p(z) = z.
func init() {
	Register(Spec{
		Name:   "squared",
		Doc:    "half the squared distance of scores and target",
		Source: "Blondel, Martins & Niculae 2020, arXiv:1901.02324, table 1 (Ω = ½‖p‖² on all vectors)",
		// Mean: it is the loss of Brier's score, whose minimiser is the row's distribution.
		Params:   []Param{labelsParam("mean")},
		Formulas: squaredFormulas,
		Theory: func(v Values) Theory {
			return Theory{
				Props:           oneVsAllProps(v, NonNegative|FenchelYoungForm|Convex),
				Smoothness:      Constant(1),
				Tight:           0.999,
				MapOrder:        OrderStrict,
				PopulationOrder: OrderStrict,
				ZeroOne:         true,
				Link:            eachLink(func(ti float64) float64 { return ti }),
				Condition:       func([]float64) float64 { return 1 },
				Calibrated:      true,
				Margin:          math.Inf(1),
				Support:         Support{Of: ButSigns},
				Cost:            "O(K)",
			}
		},
		Form: func(v Values) Form {
			f := OneVsAll{
				Hot: hotLabels(v),
				Phi: func(t, z float64) (v, dv float64) { return (z - t) * (z - t) / 2, z - t },
				Node: func(e *graph.Expr, t, z *gorgonia.Node) *gorgonia.Node {
					return e.N(graph.Scale(e.N(graph.Square(e.N(graph.Sub(e.N(graph.FillMasked(z, 0)), t)))), 0.5))
				},
			}.Form().with(kernel.Squared{Hot: hotLabels(v)})
			f.Predict = func(p, z []float64) { copy(p, z) }
			return f
		},
	})
}

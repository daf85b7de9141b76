package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The spherical softmax is the ratio loss of f = z² + ε: it ignores the sign of
// a score, so classes rank by its probabilities, which are in the order of |z|.
func init() {
	Register(Spec{
		Name:   "spherical",
		Doc:    "cross-entropy of the spherical softmax, p ∝ z² + ε; ranks by p, since a score's sign does not count",
		Source: "Vincent, de Brébisson & Bouthillier 2015, arXiv:1412.7091, §2; de Brébisson & Vincent 2016, arXiv:1511.05042, eq. 2",
		Params: []Param{
			{Name: "eps", Doc: "ε, which keeps p positive", Default: 1e-3, Min: 1e-6, Max: 100, Probe: []float64{1}},
		},
		Formulas: sphericalFormulas,
		Theory:   func(v Values) Theory { return sphericalTheory(v.Num("eps")) },
		Form: func(v Values) Form {
			eps := v.Num("eps")
			return Ratio{
				F: func(z float64) (f, df float64) { return z*z + eps, 2 * z },
				Node: func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node {
					return e.N(graph.AddScalar(e.N(graph.Square(x)), eps))
				},
			}.Form().with(kernel.Spherical{Epsilon: eps})
		},
		Rank: func(Values) func(z float64) float64 { return math.Abs },
	})
}

func sphericalTheory(eps float64) Theory {
	return Theory{
		Props:           AffineInTarget | NonNegative | Simplex,
		Smoothness:      func(k int) float64 { return 2 / eps * (1 + 1/float64(k)) },
		Tight:           0.6,
		MapOrder:        OrderNone,
		PopulationOrder: OrderNone, // z and −z are the same to it
		Link: func(t, _ []float64) []float64 {
			least := math.Inf(1)
			for _, ti := range t {
				least = min(least, ti)
			}
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = math.Sqrt(eps * (2*ti/least - 1)) // f = 2ε t/min t, which is at least 2ε
			}
			return z
		},
		Calibrated: true,
		Margin:     math.Inf(1),
		Support:    Support{Of: ButSigns},
		Cost:       "O(K), or O(d²) through WᵀW: Σz² and the target's score decide",
	}
}

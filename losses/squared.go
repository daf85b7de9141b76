package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:     "squared",
		Doc:      "half the squared distance of scores and target",
		Source:   "Blondel, Martins & Niculae 2020, arXiv:1901.02324, table 1 (Ω = ½‖p‖² on all vectors)",
		Formulas: squaredFormulas,
		Theory: func(Values) Theory {
			return Theory{
				Props:           NonNegative | FenchelYoungForm | Convex,
				Smoothness:      Constant(1),
				Tight:           0.999,
				MapOrder:        OrderStrict,
				PopulationOrder: OrderStrict,
				ZeroOne:         true,
				Link:            slices.Clone[[]float64],
				Condition:       func([]float64) float64 { return 1 },
				Calibrated:      true,
				Margin:          math.Inf(1),
				Support:         Support{Of: ButSigns},
				Cost:            "O(K)",
			}
		},
		New: func(Values) graph.Analytic {
			return graph.Analytic{F32: squared[float32]{}, F64: squared[float64]{}, Fused: kernel.Squared{}}
		},
		Node: func(_ Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			d := e.N(graph.Sub(e.N(graph.FillMasked(z, 0)), e.N(graph.TargetMatrix(t, z))))
			return e.N(graph.Scale(e.N(graph.RowSum(e.N(graph.Square(d)))), 0.5)), e.Err
		},
		Ref: func(_ Values, z []float64, t Target[float64]) float64 {
			var norm, dot, norm2 float64 // ½‖z‖² + ½‖t‖² − ⟨z,t⟩
			for _, s := range z {
				norm += s * s
			}
			for i, k := range t.Pos {
				dot += t.Weight[i] * z[k]
				norm2 += t.Weight[i] * t.Weight[i]
			}
			return norm/2 + norm2/2 - dot
		},
		Predict: func(_ Values, p, z []float64) { copy(p, z) },
	})
}

// squared is ℓ = ½‖z − t‖², ∂ℓ/∂z = z − t, over the candidates that are not
// masked: the Fenchel–Young loss of ½‖p‖² without a constraint, p(z) = z.
type squared[T Float] struct{}

func (squared[T]) WorkLen(int) int { return 0 }

func (squared[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	var loss float64
	for j, s := range z {
		if masked(s) {
			dz[j] = 0
			continue
		}
		dz[j] = s
		loss += float64(s) * float64(s)
	}
	for i, k := range t.Pos {
		s, w := float64(z[k]), float64(t.Weight[i])
		dz[k] = T(s - w)
		loss += (s-w)*(s-w) - s*s
	}
	return T(loss / 2)
}

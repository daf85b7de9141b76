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
		Name:     "perceptron",
		Doc:      "lead of the best class over the target; a counter-example: equal scores minimise it",
		Source:   "Rosenblatt 1958, Psychological Review 65(6); Blondel, Martins & Niculae 2020, arXiv:1901.02324, table 1 (Ω = 0)",
		Formulas: perceptronFormulas,
		Theory: func(Values) Theory {
			return Theory{
				Props:           NonNegative | ShiftInvariant | FenchelYoungForm | Simplex | Convex | SparseGradient,
				Smoothness:      Constant(math.Inf(1)), // the gradient jumps where the best class changes
				MapOrder:        OrderWeak,
				PopulationOrder: OrderWeak,
				Link:            func(t []float64) []float64 { return make([]float64, len(t)) },
				Support:         Support{BestRival, 0},
				Cost:            "O(K)",
			}
		},
		New: func(Values) graph.Analytic {
			return graph.Analytic{F32: perceptron[float32]{}, F64: perceptron[float64]{}, Fused: kernel.Perceptron{}}
		},
		Node: func(_ Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			return e.N(graph.Sub(e.N(graph.RowMax(z)), e.N(graph.TargetDot(z, t)))), e.Err
		},
		Ref: func(_ Values, z []float64, t Target[float64]) float64 {
			var loss float64 // the mean lead over the positives
			for i, k := range t.Pos {
				loss += t.Weight[i] * (slices.Max(z) - z[k])
			}
			return loss
		},
		Predict: func(_ Values, p, z []float64) {
			_, at := peak(z)
			clear(p)
			p[at] = 1
		},
	})
}

// perceptron is ℓ = max z − ⟨z,t⟩, ∂ℓ/∂z = e_a − t with a the first best class:
// the Fenchel–Young loss of Ω = 0 on the simplex.
type perceptron[T Float] struct{}

func (perceptron[T]) WorkLen(int) int { return 0 }

func (perceptron[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, at := peak(z)
	if m != m {
		return nan[T]()
	}
	clear(dz)
	dz[at] = 1
	var loss float64
	for i, k := range t.Pos {
		w := float64(t.Weight[i])
		loss += w * (m - float64(z[k]))
		dz[k] = T(float64(dz[k]) - w)
	}
	return T(loss)
}

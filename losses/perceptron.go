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
				Link:            eachLink(func(float64) float64 { return 0 }),
				Support:         Support{BestRival, 0},
				Cost:            "O(K)",
			}
		},
		Form: func(Values) Form {
			return Form{
				Analytic: withKernel(graph.FromStream(perceptron[float32]{}, perceptron[float64]{}), kernel.Perceptron{}),
				Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
					var e graph.Expr
					return e.N(graph.Sub(e.N(graph.RowMax(z)), e.N(graph.TargetDot(z, t)))), e.Err
				},
				Ref: func(z []float64, t Target[float64]) (loss float64) {
					for i, k := range t.Pos { // the mean lead over the positives
						loss += t.Weight[i] * (slices.Max(z) - z[k])
					}
					return loss
				},
				Predict: func(p, z []float64) {
					_, at := Peak(z)
					clear(p)
					p[at] = 1
				},
			}
		},
	})
}

// perceptron is ℓ = max z − ⟨z,t⟩, ∂ℓ/∂z = e_a − t with a the first best class:
// the Fenchel–Young loss of Ω = 0 on the simplex.
type perceptron[T Float] struct{ best[T] }

func (perceptron[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	top, at := sums[0], sums[1]
	for i, z := range t.Z {
		if s := float64(z); s > top || s == top && float64(t.Pos[i]) < at {
			top, at = s, float64(t.Pos[i])
		}
	}
	params[0], params[1] = at, 1
	for i, z := range t.Z {
		w := float64(t.Weight[i])
		loss += w * (top - float64(z))
		if t.Grad[i] = -w; float64(t.Pos[i]) == at {
			t.Grad[i]++
		}
	}
	return loss
}

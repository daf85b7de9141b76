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
		Name:   "perceptron",
		Doc:    "lead of the best class over the target; a counter-example: equal scores minimise it",
		Source: "Rosenblatt 1958, Psychological Review 65(6); Blondel, Martins & Niculae 2020, arXiv:1901.02324, table 1 (Ω = 0)",
		Params: []Param{
			positivesParam(asRivals), // apart it is no Fenchel–Young loss
		},
		Formulas: perceptronFormulas,
		Theory: func(v Values) Theory {
			th := Theory{
				Props:           NonNegative | ShiftInvariant | FenchelYoungForm | Simplex | Convex | SparseGradient,
				Smoothness:      Constant(math.Inf(1)), // the gradient jumps where the best class changes
				MapOrder:        OrderWeak,
				PopulationOrder: OrderWeak,
				Link:            eachLink(func(float64) float64 { return 0 }),
				Support:         Support{BestRival, 0},
				Cost:            "O(K)",
			}
			if areApart(v) {
				th.Props &^= FenchelYoungForm
			}
			return th
		},
		Form: func(v Values) Form {
			apart := areApart(v)
			return Form{
				Analytic: withKernel(graph.FromStream(perceptron[float32]{apart: apart}, perceptron[float64]{apart: apart}), kernel.Perceptron{Apart: apart}),
				Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
					lead := func(_, x *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
						var e graph.Expr
						return e.N(graph.Sub(e.N(graph.RowMax(x)), e.N(graph.TargetDot(x, y)))), e.Err
					}
					if apart {
						return graph.EachPositiveApart(z, t, lead)
					}
					return lead(z, z, t)
				},
				Ref: func(z []float64, t Target[float64]) float64 {
					if apart {
						return apartRef(z, t, leadOfBest)
					}
					return leadOfBest(z, t)
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

// leadOfBest is the mean lead of the best class over the positives.
func leadOfBest(z []float64, t Target[float64]) (loss float64) {
	for i, k := range t.Pos {
		loss += t.Weight[i] * (slices.Max(z) - z[k])
	}
	return loss
}

// perceptron is ℓ = max z − ⟨z,t⟩, ∂ℓ/∂z = e_a − t with a the first best class:
// the Fenchel–Young loss of Ω = 0 on the simplex. Apart it is the mean over the positives
// of the loss of each without the others: the lead of the best negative, where it has one.
type perceptron[T Float] struct {
	best[T]
	apart bool
}

func (l perceptron[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	top, at := sums[0], sums[1]
	if l.apart {
		params[0] = at
		for i, z := range t.Z {
			if s := float64(z); top > s || top == s && at < float64(t.Pos[i]) {
				w := float64(t.Weight[i])
				loss += w * (top - s)
				t.Grad[i] = -w
				params[1] += w
			}
		}
		return loss
	}
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

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "hinge",
		Doc:    "multiclass hinge of Crammer and Singer; a counter-example: not calibrated unless one class has half the mass",
		Source: "Crammer & Singer 2001, JMLR 2, 265-292, eq. 3",
		Params: []Param{
			{Name: "margin", Doc: "lead that the label must have", Default: 1, Min: 1e-3, Max: 100, Probe: []float64{0.25}, Hint: hingeHint},
			positivesParam(asRivals), // a loss of one label, to which a row of several is several rows
		},
		Formulas: hingeFormulas,
		Theory: func(v Values) Theory {
			return affineIn(v, Theory{
				Props:           NonNegative | ShiftInvariant | Convex | SparseGradient,
				Smoothness:      Constant(math.Inf(1)), // the gradient jumps where the best rival changes
				PopulationOrder: OrderWeak,             // t = (.4, .35, .25): equal scores are optimal
				Margin:          v.Num("margin"),
				Support:         Support{BestRival, v.Num("margin")},
				Cost:            "O(K)",
			})
		},
		New: func(v Values) graph.Analytic {
			m, apart := v.Num("margin"), areApart(v)
			return withKernel(graph.FromStream(hinge[float32]{margin: m, apart: apart}, hinge[float64]{margin: m, apart: apart}), kernel.CrammerSinger{Margin: m, Apart: apart})
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return eachPositive(z, t, areApart(v), func(z, x *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				m := v.Num("margin")
				// max_j (x_j + m·1[j≠y]) − z_y
				x = e.N(graph.Sub(e.N(graph.AddScalar(x, m)), e.N(graph.Scale(e.N(graph.TargetMatrix(y, z)), m))))
				return e.N(graph.Sub(e.N(graph.RowMax(x)), e.N(graph.TargetDot(z, y)))), e.Err
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			if areApart(v) {
				return apartRef(z, t, func(z []float64, t Target[float64]) float64 { return hingeRef(v.Num("margin"), z, t) })
			}
			return hingeRef(v.Num("margin"), z, t)
		},
	})
}

func hingeRef(margin float64, z []float64, t Target[float64]) (loss float64) {
	for i, k := range t.Pos {
		worst := 0.0
		for j, s := range z {
			if j != int(k) {
				worst = max(worst, s+margin-z[k])
			}
		}
		loss += t.Weight[i] * worst
	}
	return loss
}

// hinge is the mean over the positives y, by their weights, of
//
//	ℓ(z,y) = [max_{j≠y} z_j + m − z_y]_+,   ∂ℓ/∂z = e_a − e_y where it is positive
//
// with a the first best rival. Apart the other positives are no rivals.
type hinge[T Float] struct {
	best[T]
	margin float64
	apart  bool
}

func (l hinge[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	params[0] = sums[1]
	for i, z := range t.Z {
		rival, top, at := -1, sums[0], sums[1] // which target is the rival, −1 for none
		for k, s := range t.Z {
			if l.apart {
				break
			}
			if s := float64(s); k != i && (s > top || s == top && float64(t.Pos[k]) < at) {
				rival, top, at = k, s, float64(t.Pos[k])
			}
		}
		lack := top + l.margin - float64(z)
		if !(lack > 0) { // also where it is the only candidate
			continue
		}
		w := float64(t.Weight[i])
		loss += w * lack
		t.Grad[i] -= w
		if rival < 0 {
			params[1] += w
		} else {
			t.Grad[rival] += w
		}
	}
	return loss
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "rankmax",
		Doc:    "log of the summed hinges around the label: a projection whose threshold adapts to the label's score",
		Source: "Kong, Krichene, Mayoraz, Rendle & Zhang 2020, NeurIPS 33, §3 (closed form reconstructed)",
		Params: []Param{
			{Name: "margin", Doc: "margin δ below the label at which a class stops to count", Default: 1, Min: 1e-3, Max: 100, Probe: []float64{0.5}},
		},
		Theory: func(v Values) Theory { return rankmaxTheory(v.Num("margin")) },
		New: func(v Values) graph.Rows {
			return graph.Rows{F32: rankmax[float32]{v.Num("margin")}, F64: rankmax[float64]{v.Num("margin")}, Fused: kernel.Rankmax{Margin: v.Num("margin")}}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				d := e.N(graph.Scale(e.N(graph.SubRow(z, e.N(graph.Dot(z, y)))), 1/v.Num("margin")))
				return e.N(graph.Log(e.N(graph.RowSum(e.N(graph.PosPow(e.N(graph.Shift(d, 1)), 1)))))), e.Err
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			// −log p_y, where p is the projection of a·z onto the simplex for the a at
			// which its threshold is a(z_y − δ): Σ [a(z_j − z_y + δ)]_+ = 1, by bisection.
			delta := v.Num("margin")
			var loss float64
			for i, k := range t.Pos {
				lo, hi := 0.0, 1/delta // at hi the label alone has mass 1
				for range 200 {
					a, mass := lo+(hi-lo)/2, 0.0
					for _, s := range z {
						mass += max(a*(s-z[k]+delta), 0)
					}
					if mass > 1 {
						hi = a
					} else {
						lo = a
					}
				}
				loss -= t.Weight[i] * math.Log(lo*delta)
			}
			return loss
		},
	})
}

// rankmax is the mean over the positives y, by their weights, of
//
//	ℓ(z,y) = log1p(Σ_{j≠y} h_j),   h_j = [z_j − z_y + δ]_+/δ
//	∂ℓ/∂z_j = 1[h_j>0]/(δZ) for j ≠ y,   Z = 1 + Σ_{j≠y} h_j
//
// and the entry of y makes the sum 0. At the kink h_j = 0 the subgradient 0 is
// taken. e^ℓ is at least the rank of y, ties counted against it.
type rankmax[T Float] struct{ delta float64 }

func (rankmax[T]) WorkLen(int) int { return 0 }

func (l rankmax[T]) Row(dz, z []T, t Target[T], _ []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	clear(dz)
	var loss float64
	for i, k := range t.Pos {
		edge := float64(z[k]) - l.delta
		rest, n := 0.0, 0
		for j, s := range z {
			if h := float64(s) - edge; h > 0 && j != int(k) {
				rest += h
				n++
			}
		}
		rest /= l.delta
		w := float64(t.Weight[i])
		loss += w * math.Log1p(rest)
		g := w / (l.delta * (1 + rest))
		for j, s := range z {
			if float64(s)-edge > 0 && j != int(k) {
				dz[j] = T(float64(dz[j]) + g)
			}
		}
		dz[k] = T(float64(dz[k]) - g*float64(n))
	}
	return T(loss)
}

func rankmaxTheory(delta float64) Theory {
	return Theory{
		Props:           NonNegative | ShiftInvariant | SparseGradient,
		Smoothness:      Constant(math.Inf(1)), // the gradient jumps at z_j = z_y − δ
		PopulationOrder: OrderWeak,             // t = (.5, .26, .24) has z* = (1, 0, 0)
		ZeroOne:         true,
		Margin:          delta,
		Support:         "the classes less than δ below the target, and the target",
		Cost:            "O(K) a positive",
	}
}

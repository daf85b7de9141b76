package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:     "sparsemax",
		Doc:      "Fenchel-Young loss of the Euclidean projection onto the simplex",
		Source:   "Martins & Astudillo 2016, arXiv:1602.02068, eq. 15-17",
		Formulas: sparsemaxFormulas,
		Theory:   func(Values) Theory { return entmaxTheory(2, 1) },
		New: func(Values) graph.Analytic {
			return graph.Analytic{F32: sparsemax[float32]{}, F64: sparsemax[float64]{}, Fused: kernel.Entmax{Alpha: 2}}
		},
		Node: func(_ Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			// Shifting by ξ changes nothing and keeps the digits of large scores:
			// ½Σ[d]_+² + ½‖t‖² − ⟨d, t⟩ with d = z − ξ and [d]_+ = p.
			var e graph.Expr
			d := e.N(graph.SubRow(z, e.N(graph.Threshold(z, 2))))
			pp := e.N(graph.RowSum(e.N(graph.PowPositive(d, 2))))
			tt := e.N(targetPower(t, z, 2))
			return e.N(graph.Sub(e.N(graph.Scale(e.N(graph.Add(pp, tt)), 0.5)), e.N(graph.TargetDot(d, t)))), e.Err
		},
		Ref: func(_ Values, z []float64, t Target[float64]) float64 {
			// ⟨z,p⟩ − ½‖p‖² + ½‖t‖² − ⟨z,t⟩ with the threshold by bisection.
			p := make([]float64, len(z))
			m := bisectMap(p, z, 1, 1)
			var loss float64
			for j, s := range z {
				loss += p[j]*(s-m) - p[j]*p[j]/2
			}
			for i, k := range t.Pos {
				w := t.Weight[i]
				loss += w*w/2 - w*(z[k]-m)
			}
			return loss
		},
		Predict: func(_ Values, p, z []float64) { entmaxMap(2, 1, p, z) },
	})
}

// sparsemax is the Fenchel–Young loss of Ω = ½‖p‖² on the simplex.
//
//	p = [z − ξ]_+ with Σ p = 1
//	ℓ = ½‖p − t‖² + Σ_k t_k [ξ − z_k]_+,   ∂ℓ/∂z = p − t
//
// This form, equal to Ω*(z) + Ω(t) − ⟨z,t⟩, adds non-negative terms only. A score
// that ties with ξ has p = 0.
type sparsemax[T Float] struct{}

func (sparsemax[T]) WorkLen(k int) int { return k }

func (sparsemax[T]) Eval(dz, z []T, t Target[T], work []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	xi := threshold(above(work[:0], z, m, 1), m, 1, 1)
	var loss float64
	for j, s := range z {
		p := max(float64(s)-m-xi, 0)
		dz[j] = T(p)
		loss += p * p
	}
	for i, k := range t.Pos {
		w := float64(t.Weight[i])
		d := float64(z[k]) - m - xi
		p := max(d, 0)
		dz[k] = T(p - w)
		loss += (p-w)*(p-w) - p*p + 2*w*max(-d, 0)
	}
	return T(loss / 2)
}

// bisectMap stores in p the map [a·z_j − ξ]_+^q with Σ p = 1, by bisection, and
// returns max z.
func bisectMap(p, z []float64, a, q float64) (m float64) {
	m, _ = peak(z)
	mass := func(xi float64) (sum float64) {
		for j, s := range z {
			p[j] = math.Pow(max(a*(s-m)-xi, 0), q)
			sum += p[j]
		}
		return sum
	}
	lo, hi := -1.0, 0.0
	for range 100 {
		if mid := lo + (hi-lo)/2; mass(mid) >= 1 {
			lo = mid
		} else {
			hi = mid
		}
	}
	sum := mass(lo)
	for j := range p {
		p[j] /= sum
	}
	return m
}

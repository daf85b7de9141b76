package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// Separable is the family of Fenchel-Young losses of Ω(p) = Σ_j ω(p_j) on the simplex
// whose map is sparse, given by ω and by the inverse w of its derivative:
//
//	p_j = w(z_j − ξ) with Σ p = 1,   ℓ = Ω*(z) + Ω(t) − ⟨z,t⟩,   ∂ℓ/∂z = p − t
//
// Node is differentiated through p by the implicit Jacobian diag(u) − uuᵀ/Σu with
// u = w′(z − ξ): where ω and w do not belong together its gradient is not p − t, and the
// checks say so.
type Separable graph.Threshold

// Form returns the loss. It panics if a function is nil or a number out of its range.
func (l Separable) Form() Form {
	want(l.Reach > 0 && !math.IsInf(l.Reach, 1), "Separable", "a reach above 0")
	want(l.Map != nil && l.Omega != nil, "Separable", "Map and Omega")
	t := graph.Threshold(l)
	young := FenchelYoungLoss{
		Name:   "separable",
		Theory: func(Values) Theory { return Theory{Props: ShiftInvariant} },
		F64: func(Values) Regulariser[float64] {
			return Regulariser[float64]{
				Map:   func(p, z, _ []float64) { t.Predict(p, z) },
				Omega: l.omega,
			}
		},
		Jacobian: func(_ Values, dz, z, p, g []float64) {
			m, xi := t.Predict(dz, z)
			var sum, along float64
			for j, s := range z {
				dz[j] = 0
				if x := s - m - xi; x > 0 {
					_, dz[j] = l.Map(x)
					sum += dz[j]
					along += dz[j] * g[j]
				}
			}
			for j, u := range dz {
				if u > 0 {
					dz[j] = u * (g[j] - along/sum)
				}
			}
		},
	}
	return Form{
		Analytic: graph.FromThreshold(t),
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return young.node(Values{}, z, t)
		},
		Ref:     l.ref,
		Predict: func(p, z []float64) { t.Predict(p, z) },
	}
}

func (l Separable) omega(p []float64) float64 {
	var sum float64
	for _, q := range p {
		if q > 0 {
			sum += l.Omega(q)
		}
	}
	return sum
}

// ref is ⟨z,p⟩ − Ω(p) + Ω(t) − ⟨z,t⟩ with the threshold by bisection.
func (l Separable) ref(z []float64, t Target[float64]) float64 {
	m, _ := Peak(z)
	p := make([]float64, len(z))
	mass := func(xi float64) (sum float64) {
		for j, s := range z {
			if p[j] = 0; s-m > xi {
				p[j], _ = l.Map(s - m - xi)
			}
			sum += p[j]
		}
		return sum
	}
	lo, hi := -l.Reach, 0.0
	for range 100 {
		if mid := lo + (hi-lo)/2; mass(mid) >= 1 {
			lo = mid
		} else {
			hi = mid
		}
	}
	sum := mass(lo)
	loss := l.omega(dense(t, len(z)))
	for j, s := range z {
		p[j] /= sum
		loss += p[j] * (s - m)
	}
	for i, k := range t.Pos {
		loss -= t.Weight[i] * (z[k] - m)
	}
	return loss - l.omega(p)
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "normmax",
		Doc:    "Fenchel-Young loss of the α-norm on the simplex: sparse, with margin 1 at every α",
		Source: "Blondel, Martins & Niculae 2020, arXiv:1901.02324, §4.2",
		Params: []Param{
			{Name: "alpha", Doc: "α of the norm; above 2 the gradient is not Lipschitz", Default: 2, Min: 1.01, Max: 10, Probe: []float64{1.5, 4}, Hint: normmaxHint},
			negativesParam,
		},
		Formulas: normmaxFormulas,
		Theory:   func(v Values) Theory { return weighedYoung(v).theory(normmaxTheory(v.Num("alpha"))) },
		Form:     func(v Values) Form { return weighedYoung(v).form(normmaxForm(v.Num("alpha"))) },
	})
}

func normmaxForm(alpha float64) Form {
	return Form{
		Analytic: withKernel(graph.Analytic{F32: normmax[float32]{alpha}, F64: normmax[float64]{alpha}}, kernel.Normmax{Alpha: alpha}),
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			// ‖t‖_α − ⟨z − ξ(z), t⟩
			var e graph.Expr
			norm := e.N(graph.Pow(e.N(targetPower(t, z, alpha)), 1/alpha))
			d := e.N(graph.SubRow(z, e.N(graph.NormThreshold(z, alpha))))
			return e.N(graph.Sub(norm, e.N(graph.TargetDot(d, t)))), e.Err
		},
		Ref: func(z []float64, t Target[float64]) float64 {
			// ⟨z,p⟩ − ‖p‖_α + ‖t‖_α − ⟨z,t⟩ with p ∝ [z − ξ]_+^{1/(α−1)}: the powers of
			// exponent α/(α−1) sum to 1 where ξ is right, which bisection finds.
			q := alpha / (alpha - 1)
			p := make([]float64, len(z))
			m := bisectMap(p, z, 1, q)
			var mass, norm, lin, tnorm float64
			for j := range p {
				p[j] = math.Pow(p[j], 1/alpha) // z−ξ to the power q/α = 1/(α−1)
				mass += p[j]
			}
			for j, s := range z {
				p[j] /= mass
				norm += math.Pow(p[j], alpha)
				if p[j] > 0 {
					lin += p[j] * (s - m)
				}
			}
			for i, k := range t.Pos {
				tnorm += math.Pow(t.Weight[i], alpha)
				lin -= t.Weight[i] * (z[k] - m)
			}
			return lin - math.Pow(norm, 1/alpha) + math.Pow(tnorm, 1/alpha)
		},
		Predict: func(p, z []float64) {
			normmax[float64]{alpha}.Eval(p, z, Target[float64]{}, make([]float64, len(z)))
		},
	}
}

// normmax is the Fenchel–Young loss of Ω = ‖p‖_α on the simplex.
//
//	p_i ∝ [z_i − ξ]_+^{1/(α−1)} with Σ [z_i − ξ]_+^{α/(α−1)} = 1
//	ℓ = ‖t‖_α − ⟨z − ξ, t⟩,   ∂ℓ/∂z = p − t
//
// since Ω*(z) = ξ. With one label ℓ = 1 − (z_y − ξ).
type normmax[T Float] struct{ alpha float64 }

func (normmax[T]) WorkLen(k int) int { return k }

func (l normmax[T]) Eval(dz, z []T, t Target[T], work []T) T {
	m, _ := Peak(z)
	if m != m {
		return nan[T]()
	}
	q := 1 / (l.alpha - 1)
	xi := threshold(above(work[:0], z, m, 1), m, 1, q+1)
	var mass float64
	for j, s := range z {
		d := float64(s) - m - xi
		if !(d > 0) {
			dz[j] = 0
			continue
		}
		p := positivePow(d, q)
		dz[j] = T(p)
		mass += p
	}
	for j, p := range dz {
		if p > 0 {
			dz[j] = T(float64(p) / mass)
		}
	}
	var norm, at float64
	for i, k := range t.Pos {
		w := float64(t.Weight[i])
		norm += positivePow(w, l.alpha)
		at += w * (float64(z[k]) - m - xi)
		dz[k] = T(float64(dz[k]) - w)
	}
	return T(positivePow(norm, 1/l.alpha) - at)
}

func normmaxTheory(alpha float64) Theory {
	th := Theory{
		Props: NonNegative | ShiftInvariant | FenchelYoungForm | Simplex | Convex | SparseGradient,
		// J = (1/A)(I − p1ᵀ)diag(a')(I − 1pᵀ) with A = Σz^q ≥ 1, a' = q z^{q−1} ≤ q
		// and q = 1/(α−1); ‖I − 1pᵀ‖² = K‖p‖² ≤ K. At α = 2 a vertex with every class
		// at the edge of the support comes close to it.
		Smoothness:      func(k int) float64 { return float64(k) / (alpha - 1) },
		MapOrder:        OrderWeak,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Link: func(t, count []float64) []float64 { // ∇‖t‖_α
			var norm float64
			for i, ti := range t {
				power := math.Pow(ti, alpha)
				if count != nil {
					power *= count[i]
				}
				norm += power
			}
			norm = math.Pow(norm, 1/alpha)
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = math.Pow(ti/norm, alpha-1)
			}
			return z
		},
		Calibrated: true,
		Margin:     1,
		Support:    Support{NearTop, 1},
		Cost:       "O(K) expected",
	}
	switch {
	case alpha == 2:
		th.Tight = 0.99
	case alpha > 2:
		th.Smoothness = Constant(math.Inf(1))
	}
	return th
}

// bisectMap stores in p the map [a·z_j − ξ]_+^q with Σ p = 1, by bisection, and
// returns max z.
func bisectMap(p, z []float64, a, q float64) (m float64) {
	m, _ = Peak(z)
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

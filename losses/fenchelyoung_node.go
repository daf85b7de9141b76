package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
)

// node states the definition, apart from the closed form and through none of it:
//
//	ℓ = ⟨p − t, z⟩ − Ω(p) + Ω(t),   p = p(z)
//
// Its gradient is p − t + Jᵀ(z − ∇Ω(p)) with J = ∂p/∂z, of which the last term is 0 where
// p solves the problem that defines it, and nowhere else: an Ω, a map or a Jacobian that
// do not belong together give another gradient than the closed form's. Without Omega it
// is R(z) − ⟨t,z⟩ with R = ∫₀¹ ⟨p(θz), z⟩ dθ, whose gradient is p where p is a gradient.
func (l FenchelYoungLoss) node(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	r := l.F64(v)
	if r.Omega == nil {
		value := e.N(graph.MapRows(l.ray(r), z))
		return e.N(graph.Sub(value, e.N(graph.TargetDot(z, t)))), e.Err
	}
	if l.Theory(v).Props.Has(ShiftInvariant) { // sums of scores keep their digits
		z = e.N(graph.SubRow(z, e.N(graph.RowMax(z))))
	}
	p := e.N(graph.MapRows(l.mapping(v, r), z))
	truth := e.N(graph.TargetMatrix(t, z))
	linear := e.N(graph.RowDot(e.N(graph.Sub(p, truth)), z))
	omega := func(p *gorgonia.Node) *gorgonia.Node { return e.N(graph.MapRows(l.regulariser(r), p)) }
	return e.N(graph.Add(e.N(graph.Sub(linear, omega(p))), omega(truth))), e.Err
}

// mapping is p(z) with its Jacobian, which is taken by central differences where none is
// given: 2K maps a row.
func (l FenchelYoungLoss) mapping(v Values, r Regulariser[float64]) graph.RowFunction {
	apply := func(p, z []float64) { r.Map(p, z, make([]float64, r.workLen(len(z)))) }
	return graph.RowFunction{
		Name: l.Name + " map",
		Eval: func(p, z []float64) error { apply(p, z); return nil },
		Back: func(dz, z, p, g []float64) error {
			for j, s := range z {
				if Masked(s) {
					g[j] = 0 // it is that of a score of −Inf
				}
			}
			if l.Jacobian != nil {
				l.Jacobian(v, dz, z, p, g)
			} else {
				differences(dz, z, g, apply)
			}
			for j, s := range z {
				if Masked(s) {
					dz[j] = 0
				}
			}
			return nil
		},
	}
}

// differences stores Σ_i g_i ∂p_i/∂z_j in dz by central differences of p(z).
func differences(dz, z, g []float64, apply func(p, z []float64)) {
	hi, lo := make([]float64, len(z)), make([]float64, len(z))
	for j, s := range z {
		dz[j] = 0
		if Masked(s) {
			continue
		}
		step := 1e-6 * max(1, math.Abs(s))
		up, down := s+step, s-step
		z[j] = up
		apply(hi, z)
		z[j] = down
		apply(lo, z)
		z[j] = s
		for i, gi := range g {
			if d := hi[i] - lo[i]; d != 0 { // a class out of the support has none, whatever its g
				dz[j] += gi * (d / (up - down))
			}
		}
	}
}

// regulariser is Ω(p). Its gradient is taken along each class of the support, where Ω is
// smooth and its formula holds on either side.
func (l FenchelYoungLoss) regulariser(r Regulariser[float64]) graph.RowFunction {
	return graph.RowFunction{
		Name: l.Name + " regulariser", Scalar: true,
		Eval: func(omega, p []float64) error { omega[0] = r.Omega(p); return nil },
		Back: func(dp, p, _, g []float64) error {
			clear(dp)
			if g[0] == 0 { // a padding row's, whose p is no distribution
				return nil
			}
			for i, q := range p {
				if q == 0 {
					continue
				}
				slope, _ := check.Derivative(func(step float64) float64 {
					p[i] = q + step
					return r.Omega(p)
				}, math.Abs(q)/4, 1e-10)
				p[i] = q
				dp[i] = g[0] * slope
			}
			return nil
		},
	}
}

// ray is R(z) = ∫₀¹ ⟨p(θz), z⟩ dθ, by the rule of the textbook value and not by that of
// the closed form.
func (l FenchelYoungLoss) ray(r Regulariser[float64]) graph.RowFunction {
	return graph.RowFunction{
		Name: l.Name + " potential", Scalar: true,
		Eval: func(value, z []float64) error {
			value[0] = fenchelYoungRef(r, z, Target[float64]{})
			return nil
		},
		Back: func(dz, z, _, g []float64) error {
			r.Map(dz, z, make([]float64, r.workLen(len(z))))
			for j := range dz {
				dz[j] *= g[0]
			}
			return nil
		},
	}
}

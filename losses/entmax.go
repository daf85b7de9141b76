package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "entmax",
		Doc:    "Fenchel-Young loss of the α-entmax map, between softmax (α→1) and sparsemax (α=2)",
		Source: "Peters, Niculae & Martins 2019, arXiv:1905.05702, §3; threshold by monotone Newton in place of the paper's bisection",
		Params: []Param{
			{Name: "alpha", Doc: "α: the larger, the sparser; above 2 the gradient is not Lipschitz", Default: 1.5, Min: 1.001, Max: 4, Probe: []float64{1.05, 1.25, 1.75, 2, 2.5}},
		},
		Formulas: entmaxFormulas,
		Theory:   func(v Values) Theory { return entmaxTheory(v.Num("alpha"), 1) },
		Form:     func(v Values) Form { return entmaxForm(v.Num("alpha"), 1) },
	})
}

// entmaxForm is the Fenchel–Young loss of λΩ_α on the simplex, where
// Ω_α = (Σ p^α − 1)/(α(α−1)).
//
//	p_i = [x_i − ξ]_+^{1/(α−1)} with Σ p = 1,   x = (α−1) z/λ
//	ℓ = λ/(α(α−1)) · [(α−1) Σ p^α + Σ_k t_k^α − α Σ_k t_k (x_k − ξ)]
//	∂ℓ/∂z = p − t
//
// The form follows from Ω*(z) + Ω(t) − ⟨z,t⟩ with ⟨x,p⟩ = Σ p^α + ξ; no two of
// its terms grow with the scores unless the loss does. λ = 1 is entmax, λ = α
// Tsallis' normalisation.
func entmaxForm(alpha, lambda float64) Form {
	a := alpha - 1
	q := 1 / a
	f := Separable{
		Reach: lambda / a,
		Map: func(x float64) (p, dp float64) {
			p = positivePow(x*a/lambda, q)
			return p, p * q / x
		},
		Omega: func(p float64) float64 { return lambda * (math.Pow(p, alpha) - p) / (alpha * a) },
	}.Form().with(kernel.Entmax{Alpha: alpha, Lambda: lambda})
	f.Node = func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		return entmaxNode(alpha, lambda, z, t)
	}
	return f
}

// positivePow returns x^q for x > 0, without the general power where it can.
func positivePow(x, q float64) float64 {
	switch {
	case q == 1 || x == 1:
		return x
	case q == 2:
		return x * x
	}
	return math.Pow(x, q)
}

// entmaxNode states λ/(α(α−1))·[(α−1)Σ[d]_+^{α/(α−1)} + Σt^α − αΣ t d] with
// d = x − ξ(x).
func entmaxNode(alpha, lambda float64, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	a := alpha - 1
	s := e.N(graph.Scale(z, 1/lambda))
	d := e.N(graph.SubRow(e.N(graph.Scale(s, a)), e.N(graph.EntmaxThreshold(s, alpha))))
	pAlpha := e.N(graph.RowSum(e.N(graph.PowPositive(d, alpha/a))))
	tAlpha := e.N(targetPower(t, z, alpha))
	sum := e.N(graph.Sub(
		e.N(graph.Add(e.N(graph.Scale(pAlpha, a)), tAlpha)),
		e.N(graph.Scale(e.N(graph.TargetDot(d, t)), alpha))))
	return e.N(graph.Scale(sum, lambda/(alpha*a))), e.Err
}

// EntmaxAt returns the entmax losses [B] of scores z [B,K] under targets t at an
// α [B] that is a node above 1 and receives a gradient: a learnable α, one for
// all rows by graph.Repeat or one a row. The gradient by α goes through p as
// [EntmaxAlphaGrad] does.
func EntmaxAt(z, alpha *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	z = e.N(fromPeak(z))
	a := e.N(graph.AddScalar(alpha, -1))
	d := e.N(graph.SubRow(e.N(graph.MulRow(z, a)), e.N(graph.ThresholdBy(z, alpha))))
	pAlpha := e.N(graph.RowSum(e.N(graph.PowPositiveBy(d, e.N(graph.Div(alpha, a))))))
	tAlpha := e.N(graph.RowSum(e.N(graph.PowPositiveBy(e.N(graph.TargetMatrix(t, z)), alpha))))
	sum := e.N(graph.Sub(
		e.N(graph.Add(e.N(graph.Mul(pAlpha, a)), tAlpha)),
		e.N(graph.Mul(e.N(graph.TargetDot(d, t)), alpha))))
	return e.N(graph.Div(sum, e.N(graph.Mul(alpha, a)))), e.Err
}

// EntmaxAlphaGrad stores in dst the derivative ∂p/∂α of p = entmax_α(z) at fixed
// z, for α > 1; dst may be p:
//
//	∂p_i/∂α = (p_i − ũ_i)/(α−1)² − (p_i ln p_i − ũ_i Σ p ln p)/(α−1)
//
// with ũ = u/Σu and u_i = p_i^{2−α} on the support; it is 0 off the support.
// Source: Correia, Niculae & Martins 2019, arXiv:1909.00015, proposition 1.
func EntmaxAlphaGrad(dst, p []float64, alpha float64) {
	a := alpha - 1
	var u, ent float64
	for _, pi := range p {
		if pi > 0 {
			u += math.Pow(pi, 2-alpha)
			ent += pi * math.Log(pi)
		}
	}
	for i, pi := range p {
		if !(pi > 0) {
			dst[i] = 0
			continue
		}
		ui := math.Pow(pi, 2-alpha) / u
		dst[i] = (pi-ui)/(a*a) - (pi*math.Log(pi)-ui*ent)/a
	}
}

// entmaxTheory is the theory of the Fenchel–Young loss of λΩ_α.
func entmaxTheory(alpha, lambda float64) Theory {
	th := Theory{
		Props:           NonNegative | ShiftInvariant | FenchelYoungForm | Simplex | Convex | SparseGradient,
		Smoothness:      Constant(1 / lambda),         // Ω_α is 1-strongly convex for α ≤ 2
		Tight:           0.999 * math.Pow(2, alpha-2), // p = (½, ½)
		MapOrder:        OrderWeak,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Link: func(t []float64) []float64 {
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = lambda * math.Pow(ti, alpha-1) / (alpha - 1)
			}
			return z
		},
		// ∇² = (diag u − uuᵀ/Σu)/λ with u = t^{2−α}
		Condition: func(t []float64) float64 {
			return spread(t, func(ti float64) float64 { return math.Pow(ti, 2-alpha) })
		},
		Calibrated: true,
		Margin:     lambda / (alpha - 1),
		Support:    Support{NearTop, lambda / (alpha - 1)},
		Cost:       "O(K) expected",
	}
	if alpha > 2 {
		th.Smoothness, th.Tight = Constant(math.Inf(1)), 0
	}
	return th
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "entmax",
		Doc:    "Fenchel-Young loss of the α-entmax map, between softmax (α→1) and sparsemax (α=2)",
		Source: "Peters, Niculae & Martins 2019, arXiv:1905.05702, §3; threshold by monotone Newton in place of the paper's bisection",
		Params: []Param{
			{Name: "alpha", Doc: "α: the larger, the sparser; above 2 the gradient is not Lipschitz. learned trains it, from alpha-start and within alpha-min and alpha-max, through the loss's nodes, which takes a multiple of the time that a number's closed form does", Default: 1.5, Min: 1.001, Max: 4, Probe: []float64{1.05, 1.25, 1.75, 2, 2.5}, Hint: entmaxHint,
				Learn: &Learn{Start: 1.5, Min: 1.05, Max: 2}}, // Correia, Niculae & Martins 2019 train α in (1, 2)
			negativesParam,
		},
		Trained: func(v Values, learned map[string]*gorgonia.Node, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return weighedYoung(v).node(z, t)(EntmaxAt(z, learned["alpha"], t))
		},
		Formulas: entmaxFormulas,
		Theory:   func(v Values) Theory { return weighedYoung(v).theory(entmaxTheory(v.Num("alpha"), 1)) },
		Form:     func(v Values) Form { return weighedYoung(v).form(entmaxForm(v.Num("alpha"), 1)) },
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
	f := Separable{
		Reach: lambda / a,
		Map: func(x float64) (p, dp float64) {
			p = positivePow(x*a/lambda, 1/a)
			return p, p / (a * x)
		},
		Omega: func(p float64) float64 { return lambda * (math.Pow(p, alpha) - p) / (alpha * a) },
	}.Form()
	f.Analytic = withEntmaxRow(f.Analytic, alpha, lambda)
	f.Node = func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		return entmaxNode(alpha, lambda, z, t)
	}
	return f
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
		Link:            eachLink(func(ti float64) float64 { return lambda * math.Pow(ti, alpha-1) / (alpha - 1) }),
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

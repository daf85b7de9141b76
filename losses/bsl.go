package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "bsl",
		Doc:    "bilateral softmax loss: temperatures of their own for the positive and for the negatives",
		Source: "Wu et al. 2024, ICDE, BSL: Understanding and improving softmax loss for recommendation, arXiv:2312.12882, eq. 16; of one positive, as in the IR-Benchmark code",
		Params: []Param{
			{Name: "tau1", Doc: "temperature τ₁ of the positive; of one positive, as here, it divides the whole loss, and tau2 alone is the temperature of scores", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.3}},
			{Name: "tau2", Doc: "temperature τ₂ of the negatives", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.2}},
		},
		Unit:     func(v Values) float64 { return v.Num("tau2") },
		Formulas: bslFormulas,
		Theory:   func(v Values) Theory { return bslTheory(v.Num("tau1"), v.Num("tau2")) },
		Form:     func(v Values) Form { return bslForm(v.Num("tau1"), v.Num("tau2")) },
	})
}

// bslForm is, over the negatives j of the positive y,
//
//	ℓ = −z_y/τ₁ + (τ₂/τ₁) log Σ_j e^{z_j/τ₂}
//	∂ℓ/∂z_j = p_j/τ₁,   p = softmax(z/τ₂) over the negatives,   ∂ℓ/∂z_y = −1/τ₁
//
// With τ₁ = τ₂ = τ it is sl, ℓ = log Σ_j e^{(z_j−z_y)/τ}: the cross-entropy is
// log1p(e^ℓ).
func bslForm(t1, t2 float64) Form {
	return Rivals{
		Tau: t2,
		Value: func(lead, _ float64) (v, byLead, byLabel float64) {
			return t2 / t1 * lead, t2 / t1, 0
		},
		Node: func(e *graph.Expr, lead, _ *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Scale(lead, t2/t1))
		},
	}.Form()
}

func bslTheory(t1, t2 float64) Theory {
	return Theory{
		Props: AffineInTarget | ShiftInvariant | Convex,
		// Of log Σ e^{z/τ₂} over the negatives, at p = (½, ½); with one negative the
		// loss is linear.
		Smoothness: func(k int) float64 {
			if k == 2 {
				return 0
			}
			return 1 / (2 * t1 * t2)
		},
		Tight:           0.999,
		PopulationOrder: OrderWeak, // a class with t > ½ runs off, and the others tie
		ZeroOne:         true,
		Margin:          math.Inf(1),
		Cost:            "O(K) a positive",
	}
}

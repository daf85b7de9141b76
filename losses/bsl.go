package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "bsl",
		Doc:    "bilateral softmax loss: temperatures of their own for the positive and for the negatives; with the weight of the negatives 1 a multiple of sl",
		Source: "Wu et al. 2024, ICDE, BSL: Understanding and improving softmax loss for recommendation, arXiv:2312.12882, eq. 16; of one positive, as in the IR-Benchmark code; the weight of the negatives as in its own repository",
		Params: []Param{
			{Name: "tau1", Doc: "temperature τ₁ of the positive; of one positive, as here, it divides the whole loss, which is (τ₂/τ₁) times sl at τ₂: an optimizer that divides by the size of the gradient, as Adam, takes the same steps at any tau1", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.3}},
			{Name: "tau2", Doc: "temperature τ₂ of the negatives", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.2}},
			negativesParam,
			positivesParam(asApart),
		},
		Unit:     func(v Values) float64 { return v.Num("tau2") },
		Formulas: bslFormulas,
		Theory:   func(v Values) Theory { return affineIn(v, bslTheory(v.Num("tau1"), v.Num("tau2"), v.Num("negatives"))) },
		Form:     func(v Values) Form { return bslForm(v, v.Num("tau1"), v.Num("tau2")) },
	})
}

// bslForm is, over the negatives j of the positive y,
//
//	ℓ = −z_y/τ₁ + ω (τ₂/τ₁) log Σ_j e^{z_j/τ₂}
//	∂ℓ/∂z_j = ω p_j/τ₁,   p = softmax(z/τ₂) over the negatives,   ∂ℓ/∂z_y = −1/τ₁
//
// With ω = 1 and τ₁ = τ₂ = τ it is sl, ℓ = log Σ_j e^{(z_j−z_y)/τ}: the cross-entropy is
// log1p(e^ℓ). The mean over the negatives in place of the sum, as published, is another
// constant.
func bslForm(v Values, t1, t2 float64) Form {
	omega := v.Num("negatives")
	return Rivals{
		Tau:   t2,
		Apart: areApart(v),
		Value: func(lead, label float64) (v, byLead, byLabel float64) {
			return t2 / t1 * (omega*lead + (omega-1)*label), t2 / t1 * omega, t2 / t1 * (omega - 1)
		},
		Node: func(e *graph.Expr, lead, label *gorgonia.Node) *gorgonia.Node {
			v := e.N(graph.Scale(lead, omega*t2/t1))
			if omega != 1 {
				v = e.N(graph.Add(v, e.N(graph.Scale(label, (omega-1)*t2/t1))))
			}
			return v
		},
	}.Form()
}

func bslTheory(t1, t2, omega float64) Theory {
	th := Theory{
		Props: ShiftInvariant | Convex,
		// Of log Σ e^{z/τ₂} over the negatives, at p = (½, ½); with one negative the
		// loss is linear.
		Smoothness: func(k int) float64 {
			if k == 2 {
				return 0
			}
			return omega / (2 * t1 * t2)
		},
		Tight:           0.999,
		PopulationOrder: OrderWeak, // a class with t > ½ runs off, and the others tie
		ZeroOne:         true,
		Margin:          math.Inf(1),
		Cost:            "O(K) a positive",
	}
	if omega != 1 {
		// All scores together fall to their bound where ω > 1, and rise where it is below:
		// at the bound the classes tie whose t is below, or above, ω/(K − 1 + ω).
		th.Props &^= ShiftInvariant
		th.ZeroOne = false
	}
	return th
}

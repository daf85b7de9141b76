package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
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
		New:      func(v Values) graph.Analytic { return bslRows(v.Num("tau1"), v.Num("tau2")) },
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			t1, t2 := v.Num("tau1"), v.Num("tau2")
			return contrastNode(z, t, func(e *graph.Expr, _, x, s, some *gorgonia.Node) *gorgonia.Node {
				lse := e.N(graph.FillMasked(e.N(graph.LogSumExp(e.N(graph.Scale(x, 1/t2)))), 0))
				return e.N(graph.Sub(
					e.N(graph.Scale(lse, t2/t1)),
					e.N(graph.Scale(e.N(graph.Mul(s, some)), 1/t1))))
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			t1, t2 := v.Num("tau1"), v.Num("tau2")
			return contrastRef(z, t, func(s float64, negatives []float64) float64 {
				return slRef(t2, s, negatives) * t2 / t1
			})
		},
	})
}

// bslRows is, over the negatives j of the positive y,
//
//	ℓ = −z_y/τ₁ + (τ₂/τ₁) log Σ_j e^{z_j/τ₂}
//	∂ℓ/∂z_j = p_j/τ₁,   p = softmax(z/τ₂) over the negatives,   ∂ℓ/∂z_y = −1/τ₁
//
// With τ₁ = τ₂ = τ it is sl, ℓ = log Σ_j e^{(z_j−z_y)/τ}: the cross-entropy is
// log1p(e^ℓ).
func bslRows(t1, t2 float64) graph.Analytic {
	return graph.Analytic{F32: bslContrast[float32](t1, t2), F64: bslContrast[float64](t1, t2),
		Fused: kernel.Stream(kernel.LogSumExpRivals{Tau: t2, Value: func(rivals, label float64) (v, byRivals, byLabel float64) {
			if math.IsInf(rivals, -1) {
				return 0, 0, 0
			}
			return t2 / t1 * (rivals - label), t2 / t1, -t2 / t1
		}})}
}

func bslContrast[T Float](t1, t2 float64) contrast[T] {
	return func(dz, z []T, y int, weight float64, work []T) float64 {
		loss, sum := leads(z, y, t2, work)
		if sum == 0 {
			return 0
		}
		scale := weight / (t1 * sum)
		for j := range z {
			if j != y {
				add(&dz[j], scale*float64(work[j]))
			}
		}
		add(&dz[y], -weight/t1)
		return loss * t2 / t1
	}
}

// leads returns log Σ_{j≠y} e^{(z_j−z_y)/τ} and, in work and with their sum,
// numbers in proportion to its terms; the sum is 0 where there is no term.
func leads[T Float](z []T, y int, tau float64, work []T) (lse, sum float64) {
	top := math.Inf(-1)
	for j, s := range z {
		if j != y {
			top = max(top, float64(s))
		}
	}
	work[y] = 0
	if math.IsInf(top, -1) {
		return top, 0
	}
	for j, s := range z {
		if j != y {
			e := math.Exp((float64(s) - top) / tau) // 0 at a mask
			work[j] = T(e)
			sum += e
		}
	}
	return (top-float64(z[y]))/tau + math.Log(sum), sum
}

func bslTheory(t1, t2 float64) Theory {
	return Theory{
		Props: ShiftInvariant | Convex,
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

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "bce",
		Doc:    "binary cross-entropy of every class against the rest (one-vs-all)",
		Source: "Rifkin & Klautau 2004, JMLR 5, 101-141; as a Fenchel-Young loss: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §3.4",
		// Hot: what a one-vs-all loss learns of a class is whether a context has it. Shares
		// of 1/m would put all minimisers near 0, for positives as for the rest.
		Params:   []Param{labelsParam("hot")},
		Formulas: bceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(0)
			th.Props = oneVsAllProps(v, th.Props)
			return th
		},
		Form: func(v Values) Form {
			hot := hotLabels(v)
			f := OneVsAll{Phi: logistic, Hot: hot, Node: logisticNode}.Form().with(kernel.Stream(kernel.Logistic{Beta: 1, Hot: hot}))
			f.Predict = func(p, z []float64) { sigmoids(0, p, z) }
			return f
		},
	})
}

// oneVsAllTheory is that of Σ_j softplus(D_j) − ⟨D, t⟩ with D = z − shift, whose
// minimiser has σ(D) = t.
func oneVsAllTheory(shift float64) Theory {
	return Theory{
		Props:           NonNegative | FenchelYoungForm | Convex,
		Smoothness:      Constant(0.25), // at D = 0
		Tight:           0.999,
		MapOrder:        OrderStrict,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Link:            eachLink(func(ti float64) float64 { return shift + math.Log(ti/(1-ti)) }),
		Condition:       func(t []float64) float64 { return spread(t, bernoulli) },
		Calibrated:      true,
		Margin:          math.Inf(1),
		Cost:            "O(K)",
	}
}

// logistic is φ = softplus(z) − t·z without the cancellation at a large z, and φ′ = σ(z) − t:
//
//	ℓ = Σ_j softplus(z_j) − ⟨z,t⟩,   ∂ℓ/∂z = σ(z) − t
//
// is the Fenchel–Young loss of Σ p log p + (1−p) log(1−p) on the unit cube. With hot
// labels t is replaced by the indicator of its positives.
func logistic(t, z float64) (v, dv float64) {
	e := math.Exp(-math.Abs(z))
	if z >= 0 {
		return math.Log1p(e) + (1-t)*z, (1-t)/(1+e) - t*e/(1+e)
	}
	return math.Log1p(e) - t*z, (1-t)*e/(1+e) - t/(1+e)
}

func logisticNode(e *graph.Expr, t, z *gorgonia.Node) *gorgonia.Node {
	return e.N(graph.Sub(e.N(graph.Softplus(z)), e.N(graph.Mul(t, z))))
}

// sigmoids stores σ(z − shift) in p.
func sigmoids(shift float64, p, z []float64) {
	for j, s := range z {
		p[j] = Sigmoid(s - shift)
	}
}

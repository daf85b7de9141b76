package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Nce is bce of D = z − log Z₀. Over a positive and k draws from the noise q,
// with z = s − log(k q), it is noise-contrastive estimation, whose minimiser is
// s = log t + log Z₀ whatever q; with z = s it is negative sampling, whose
// minimiser is log(t/(k q)).
//
//	ℓ = Σ_j softplus(D_j) − ⟨D, t⟩,   ∂ℓ/∂z = σ(D) − t
func init() {
	Register(Spec{
		Name:   "nce",
		Doc:    "noise-contrastive estimation: is a candidate the positive or noise; scores are log-ratios to the noise",
		Source: "Gutmann & Hyvärinen 2012, JMLR 13, 307-361, eq. 3; Mnih & Teh 2012, arXiv:1206.6426, eq. 8",
		Params: []Param{
			{Name: "log-z", Doc: "log of the normaliser Z₀ of e^z, subtracted from each score", Default: 0, Min: -100, Max: 100, Probe: []float64{2}},
			labelsParam("mean"), // whose minimiser over all classes is the row's distribution
		},
		Formulas: nceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(v.Num("log-z"))
			th.Tight = 0.99
			th.Props = oneVsAllProps(v, th.Props)
			return th
		},
		Form: func(v Values) Form {
			shift := v.Num("log-z")
			f := OneVsAll{
				Hot: hotLabels(v),
				Phi: func(t, z float64) (v, dv float64) { return logistic(t, z-shift) },
				Node: func(e *graph.Expr, t, z *gorgonia.Node) *gorgonia.Node {
					return logisticNode(e, t, e.N(graph.AddScalar(z, -shift)))
				},
			}.Form().with(kernel.Stream(kernel.Logistic{Shift: shift, Beta: 1, Hot: hotLabels(v)}))
			f.Predict = func(p, z []float64) { sigmoids(shift, p, z) }
			return f
		},
	})
}

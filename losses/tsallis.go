package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// Tsallis is entmax under the textbook normalisation of the entropy,
// Ω = (Σ p^α − 1)/(α−1), which is α times entmax's: p(z) = entmax_α(z/α) and
// ℓ(z,t) = α·ℓ_entmax(z/α, t).
func init() {
	Register(Spec{
		Name:   "tsallis",
		Doc:    "Fenchel-Young loss of Tsallis' entropy in its textbook normalisation: entmax at scores z/α",
		Source: "Tsallis 1988, J. Stat. Phys. 52, 479-487, eq. 1; as a Fenchel-Young loss: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §4.3",
		Params: []Param{
			{Name: "alpha", Doc: "α: the larger, the sparser; above 2 the gradient is not Lipschitz", Default: 1.5, Min: 1.001, Max: 4, Probe: []float64{1.25, 2}},
		},
		Formulas: tsallisFormulas,
		Theory:   func(v Values) Theory { return entmaxTheory(v.Num("alpha"), v.Num("alpha")) },
		New: func(v Values) graph.Analytic {
			a := v.Num("alpha")
			return entmaxRows(a, a)
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return entmaxNode(v.Num("alpha"), v.Num("alpha"), z, t)
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			return entmaxRef(v.Num("alpha"), v.Num("alpha"), z, t)
		},
		Predict: func(v Values, p, z []float64) { entmaxMap(v.Num("alpha"), v.Num("alpha"), p, z) },
	})
}

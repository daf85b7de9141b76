package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// RG² is RG× at β = 0: a squared loss with target K·t − 1, and so the link to
// weighted matrix factorisation.
func init() {
	Register(Spec{
		Name:     "rg2",
		Doc:      "quadratic surrogate of softmax: its Taylor polynomial at 0 without the squared-mean term (RG²)",
		Source:   "Pu et al. 2024, ICML (pu24a); journal version arXiv:2506.09454",
		Formulas: rg2Formulas,
		Theory:   func(Values) Theory { return rgTheory(1, 0) },
		New: func(Values) graph.Analytic {
			return graph.Analytic{F32: rg[float32]{1, 0}, F64: rg[float64]{1, 0}, Fused: kernel.RG{A: 1}}
		},
		Node: func(_ Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return rgNode(1, 0, z, t)
		},
		Ref:     func(_ Values, z []float64, t Target[float64]) float64 { return rgRef(1, 0, z, t) },
		Predict: func(_ Values, p, z []float64) { rgMap(1, 0, p, z) },
	})
}

package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The cosine softmax is softmax with the temperature that cosines call for.
func init() {
	Register(Spec{
		Name:   "cosine",
		Doc:    "cross-entropy of the tempered softmax of cosines; takes cosines",
		Source: "Wang, Xiang, Cheng & Yuille 2017, arXiv:1704.06369, eq. 6; temperatures: Wang & Isola 2020, arXiv:2005.10242",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ, which divides the cosines", Default: 0.2, Min: 0.01, Max: 10, Probe: []float64{0.05, 0.5}},
		},
		Domain:   Cosines,
		Formulas: cosineFormulas,
		Theory: func(v Values) Theory {
			th := softmaxTheory(v.Num("tau"), 0)
			th.Tight = 0.9 // the other classes cannot get out of the way beyond −1
			return th
		},
		New: func(v Values) graph.Analytic {
			tau := v.Num("tau")
			return graph.Analytic{F32: softmax[float32]{1 / tau, 0}, F64: softmax[float64]{1 / tau, 0}, Fused: kernel.Softmax{Tau: float32(tau)}}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return softmaxNode(1/v.Num("tau"), 0, z, t)
		},
		Ref:     func(v Values, z []float64, t Target[float64]) float64 { return softmaxRef(1/v.Num("tau"), 0, z, t) },
		Predict: func(v Values, p, z []float64) { softmaxMap(1/v.Num("tau"), p, z) },
	})
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "sl",
		Doc:    "sampled softmax loss without the positive in the sum: log of the mean exponential lead of the negatives",
		Source: "Wu et al. 2024, TOIS, On the effectiveness of sampled softmax loss for item recommendation, arXiv:2201.02327; the positive excluded as in the IR-Benchmark code",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ, which divides the scores", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.2}},
		},
		Unit:     func(v Values) float64 { return v.Num("tau") },
		Formulas: slFormulas,
		Theory:   func(v Values) Theory { return bslTheory(v.Num("tau"), v.Num("tau")) },
		New: func(v Values) graph.Analytic {
			return bslRows(v.Num("tau"), v.Num("tau"))
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, func(e *graph.Expr, _, x, s, some *gorgonia.Node) *gorgonia.Node {
				return slNode(e, v.Num("tau"), x, s, some)
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, func(s float64, negatives []float64) float64 { return slRef(v.Num("tau"), s, negatives) })
		},
	})
}

// slNode states log Σ_j e^{(z_j−z_y)/τ} over the negatives, 0 where there are
// none.
func slNode(e *graph.Expr, tau float64, x, s, some *gorgonia.Node) *gorgonia.Node {
	lse := e.N(graph.FillMasked(e.N(graph.LogSumExp(e.N(graph.Scale(x, 1/tau)))), 0))
	return e.N(graph.Sub(lse, e.N(graph.Scale(e.N(graph.Mul(s, some)), 1/tau))))
}

// slRef adds the terms of log Σ_j e^{(z_j−s)/τ} one at a time.
func slRef(tau, s float64, negatives []float64) float64 {
	acc := math.Inf(-1)
	for _, x := range negatives {
		d := (x - s) / tau
		acc = max(acc, d) + math.Log1p(math.Exp(-math.Abs(acc-d)))
	}
	return acc
}

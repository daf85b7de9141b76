package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The loss is, over K candidates that are not masked,
//
//	ℓ = (1/K) Σ_j [β t_j softplus(−z_j) + (1−t_j) softplus(z_j)]
//	∂ℓ/∂z_j = [(1−t_j) σ(z_j) − β t_j σ(−z_j)]/K
//
// With β = 1 it is bce over K. With hot labels t is replaced by the indicator of its
// positives.
func init() {
	Register(Spec{
		Name:   "gbce",
		Doc:    "generalised binary cross-entropy: the positive's probability to the power β makes up for sampled negatives",
		Source: "Petrov & Macdonald 2023, RecSys, gSASRec: Reducing overconfidence in sequential recommendation trained with negative sampling, arXiv:2308.07192, eq. 8",
		Params: []Param{
			{Name: "beta", Doc: "power β; of k negatives of C classes and calibration t it is r(t(1−1/r)+1/r), r = k/(C−1)", Default: 1, Min: 1e-6, Max: 1, Probe: []float64{0.7}},
			labelsParam("hot"),
		},
		Formulas: gbceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(math.Log(v.Num("beta")))
			th.Props = oneVsAllProps(v, th.Props&^FenchelYoungForm|AffineInTarget) // the gradient is no map of z less the truth
			th.Smoothness = func(k int) float64 { return 1 / float64(4*k) }        // at scores 0
			th.Condition = nil
			return th
		},
		Form: func(v Values) Form {
			beta := v.Num("beta")
			f := OneVsAll{
				Mean: true, Hot: hotLabels(v),
				Phi: func(t, z float64) (v, dv float64) {
					v, dv = logistic(0, z)
					if t > 0 {
						positive, slope := logistic(1, z)
						v, dv = (1-t)*v+beta*t*positive, (1-t)*dv+beta*t*slope
					}
					return v, dv
				},
				Node: func(e *graph.Expr, t, z *gorgonia.Node) *gorgonia.Node {
					up := e.N(graph.Softplus(z))
					down := e.N(graph.Mul(t, e.N(graph.Softplus(e.N(graph.Neg(z))))))
					return e.N(graph.Add(e.N(graph.Sub(up, e.N(graph.Mul(t, up)))), e.N(graph.Scale(down, beta))))
				},
			}.Form().with(kernel.Stream(kernel.Logistic{Beta: beta, Mean: true, Hot: hotLabels(v)}))
			// The minimiser has σ(z)/(1−σ(z)) = βt/(1−t).
			f.Predict = func(p, z []float64) { sigmoids(math.Log(beta), p, z) }
			return f
		},
	})
}

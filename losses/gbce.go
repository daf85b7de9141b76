package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "gbce",
		Doc:    "generalised binary cross-entropy: the positive's probability to the power β makes up for sampled negatives",
		Source: "Petrov & Macdonald 2023, RecSys, gSASRec: Reducing overconfidence in sequential recommendation trained with negative sampling, arXiv:2308.07192, eq. 8",
		Params: []Param{
			{Name: "beta", Doc: "power β; of k negatives of C classes and calibration t it is r(t(1−1/r)+1/r), r = k/(C−1)", Default: 1, Min: 1e-6, Max: 1, Probe: []float64{0.7}},
		},
		Formulas: gbceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(math.Log(v.Num("beta")))
			th.Props &^= FenchelYoungForm                                   // the gradient is no map of z less the truth
			th.Smoothness = func(k int) float64 { return 1 / float64(4*k) } // at scores 0
			th.Condition = nil
			return th
		},
		New: func(v Values) graph.Analytic {
			beta := v.Num("beta")
			return graph.Analytic{F32: gbce[float32]{beta}, F64: gbce[float64]{beta}, Fused: kernel.Stream(kernel.Logistic{Beta: beta, Mean: true})}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			truth := e.N(graph.TargetMatrix(t, z))
			up := e.N(graph.Softplus(z))
			down := e.N(graph.Softplus(e.N(graph.Neg(z))))
			sum := e.N(graph.Add(
				e.N(graph.RowSum(e.N(graph.Sub(up, e.N(graph.Mul(truth, up)))))),
				e.N(graph.Scale(e.N(graph.RowDot(truth, down)), v.Num("beta")))))
			return e.N(graph.Div(sum, e.N(graph.RowCount(z)))), e.Err
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			return oneVsAllRef(z, dense(t, len(z)), v.Num("beta")) / float64(len(z))
		},
		// The minimiser has σ(z)/(1−σ(z)) = βt/(1−t).
		Predict: func(v Values, p, z []float64) {
			shift := math.Log(v.Num("beta"))
			for j, s := range z {
				p[j] = kernel.Sigmoid(s - shift)
			}
		},
	})
}

// gbce is, over K candidates that are not masked,
//
//	ℓ = (1/K) Σ_j [β t_j softplus(−z_j) + (1−t_j) softplus(z_j)]
//	∂ℓ/∂z_j = [(1−t_j) σ(z_j) − β t_j σ(−z_j)]/K
//
// With β = 1 it is bce over K.
type gbce[T Float] struct{ beta float64 }

func (gbce[T]) WorkLen(int) int { return 0 }

func (l gbce[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	inv := 1 / float64(finite(z))
	var loss float64
	at := 0 // the next positive: positions increase
	for j, s := range z {
		x, w := float64(s), 0.0
		if at < len(t.Pos) && int(t.Pos[at]) == j {
			w = float64(t.Weight[at])
			loss += l.beta * w * kernel.Softplus(-x)
			at++
		}
		loss += (1 - w) * kernel.Softplus(x) // 0 at a mask
		g := (1 - w) * kernel.Sigmoid(x)
		if w > 0 {
			g -= l.beta * w * kernel.Sigmoid(-x)
		}
		dz[j] = T(g * inv)
	}
	return T(loss * inv)
}

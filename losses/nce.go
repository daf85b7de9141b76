package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "nce",
		Doc:    "noise-contrastive estimation: is a candidate the positive or noise; scores are log-ratios to the noise",
		Source: "Gutmann & Hyvärinen 2012, JMLR 13, 307-361, eq. 3; Mnih & Teh 2012, arXiv:1206.6426, eq. 8",
		Params: []Param{
			{Name: "log-z", Doc: "log of the normaliser Z₀ of e^z, subtracted from each score", Default: 0, Min: -100, Max: 100, Probe: []float64{2}},
		},
		Formulas: nceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(v.Num("log-z"))
			th.Tight = 0.99
			return th
		},
		New: func(v Values) graph.Analytic {
			shift := v.Num("log-z")
			return graph.Analytic{F32: nce[float32]{shift}, F64: nce[float64]{shift}, Fused: kernel.Stream(kernel.Logistic{Shift: shift, Beta: 1})}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			d := e.N(graph.AddScalar(z, -v.Num("log-z")))
			return e.N(graph.Sub(e.N(graph.RowSum(e.N(graph.Softplus(d)))), e.N(graph.TargetDot(d, t)))), e.Err
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			d := make([]float64, len(z))
			for j, s := range z {
				d[j] = s - v.Num("log-z")
			}
			return oneVsAllRef(d, dense(t, len(z)), 1)
		},
		Predict: func(v Values, p, z []float64) {
			for j, s := range z {
				p[j] = kernel.Sigmoid(s - v.Num("log-z"))
			}
		},
	})
}

// nce is bce of D = z − log Z₀. Over a positive and k draws from the noise q,
// with z = s − log(k q), it is noise-contrastive estimation, whose minimiser is
// s = log t + log Z₀ whatever q; with z = s it is negative sampling, whose
// minimiser is log(t/(k q)).
//
//	ℓ = Σ_j softplus(D_j) − ⟨D, t⟩,   ∂ℓ/∂z = σ(D) − t
type nce[T Float] struct{ logZ float64 }

func (nce[T]) WorkLen(k int) int { return k }

func (l nce[T]) Eval(dz, z []T, t Target[T], work []T) T {
	for j, s := range z {
		work[j] = T(float64(s) - l.logZ)
	}
	return bce[T]{}.Eval(dz, work[:len(z)], t, nil)
}

// EvalShared implements graph.SharedNegatives: negatives count once, at the weights' sum.
func (l nce[T]) EvalShared(dpos, dneg, pos, neg, weight []T) T {
	var loss, mass float64
	for i, s := range pos {
		w, d := float64(weight[i]), float64(s)-l.logZ
		mass += w
		loss += w * kernel.Softplus(-d)
		dpos[i] = T(-w * kernel.Sigmoid(-d))
	}
	for j, s := range neg {
		d := float64(s) - l.logZ
		loss += mass * kernel.Softplus(d) // 0 at a mask
		dneg[j] = T(mass * kernel.Sigmoid(d))
	}
	if math.IsInf(loss, 1) {
		return nan[T]()
	}
	return T(loss)
}

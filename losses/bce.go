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
		Params: []Param{
			{Name: "labels", Doc: "truth of a positive with target weight t: t itself, or 1 (multi-hot)", Choices: Enum("weight", "hot"), DefaultString: "weight"},
		},
		Formulas: bceFormulas,
		Theory: func(v Values) Theory {
			th := oneVsAllTheory(0)
			if v.String("labels") == "hot" {
				th.Props &^= FenchelYoungForm // the gradient does not follow the weights
			}
			return th
		},
		New: func(v Values) graph.Analytic {
			hot := v.String("labels") == "hot"
			return graph.Analytic{F32: bce[float32]{hot}, F64: bce[float64]{hot}, Fused: kernel.Stream(kernel.Logistic{Beta: 1, Hot: hot})}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			truth := e.N(graph.TargetMatrix(t, z))
			if v.String("labels") == "hot" {
				truth = e.N(graph.PowPositive(truth, 0))
			}
			return e.N(graph.Sub(
				e.N(graph.RowSum(e.N(graph.Softplus(z)))),
				e.N(graph.RowDot(truth, z)))), e.Err
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			truth := dense(t, len(z))
			if v.String("labels") == "hot" {
				for _, k := range t.Pos {
					truth[k] = 1
				}
			}
			return oneVsAllRef(z, truth, 1)
		},
		Predict: func(_ Values, p, z []float64) {
			for j, s := range z {
				p[j] = kernel.Sigmoid(s)
			}
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
		Link: func(t []float64) []float64 {
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = shift + math.Log(ti/(1-ti))
			}
			return z
		},
		Condition:  func(t []float64) float64 { return spread(t, bernoulli) },
		Calibrated: true,
		Margin:     math.Inf(1),
		Cost:       "O(K)",
	}
}

// oneVsAllRef returns −Σ_j [β t_j log σ(z_j) + (1−t_j) log(1−σ(z_j))] of truths t,
// with log σ(x) = min(x,0) − log(1+e^{−|x|}).
func oneVsAllRef(z, t []float64, beta float64) float64 {
	var loss float64
	for j, s := range z {
		tail := math.Log(1 + math.Exp(-math.Abs(s)))
		loss -= t[j]*beta*(min(s, 0)-tail) + (1-t[j])*(min(-s, 0)-tail)
	}
	return loss
}

// bce is the one-vs-all loss over the candidates that are not masked.
//
//	ℓ = Σ_j softplus(z_j) − ⟨z,t⟩,   ∂ℓ/∂z = σ(z) − t
//
// It is the Fenchel–Young loss of Σ p log p + (1−p) log(1−p) on the unit cube.
// With hot labels t is replaced by the indicator of its positives.
type bce[T Float] struct{ hot bool }

func (bce[T]) WorkLen(int) int { return 0 }

func (l bce[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	var loss float64
	at := 0 // the next positive: positions increase
	for j, s := range z {
		x, w := float64(s), 0.0
		if at < len(t.Pos) && int(t.Pos[at]) == j {
			w = float64(t.Weight[at])
			if l.hot {
				w = 1
			}
			at++
		}
		// softplus(x) − w·x without the cancellation at a large x.
		e := math.Exp(-math.Abs(x)) // 0 at a mask
		loss += math.Log1p(e)
		if x >= 0 {
			loss += (1 - w) * x
			dz[j] = T((1-w)/(1+e) - w*e/(1+e))
		} else {
			if w > 0 {
				loss -= w * x
			}
			dz[j] = T((1-w)*e/(1+e) - w/(1+e))
		}
	}
	return T(loss)
}

package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "bpr",
		Doc:    "Bayesian personalised ranking: the logistic loss of each negative against the positive, averaged",
		Source: "Rendle et al. 2009, UAI, arXiv:1205.2618, §4.1; weighted negatives: Lian et al. 2020, WWW, Personalized ranking with importance sampling, §3",
		Params: []Param{
			{Name: "weights", Doc: "of the negatives: equal, or softmax of their scores (WBPR; corrected scores make them importance weights)", Choices: Enum("equal", "softmax"), DefaultString: "equal"},
		},
		Formulas: bprFormulas,
		Theory: func(v Values) Theory {
			th := Theory{
				Props: NonNegative | ShiftInvariant | Simplex | Convex,
				// A star of n = K−1 edges with weights at most 1/(4n): its Laplacian has the
				// largest eigenvalue n+1 times the weight, at equal scores.
				Smoothness:      func(k int) float64 { return float64(k) / float64(4*(k-1)) },
				Tight:           0.999,
				MapOrder:        OrderStrict,
				PopulationOrder: OrderStrict,
				ZeroOne:         true,
				Link:            logs,
				Calibrated:      true,
				Margin:          math.Inf(1),
				Cost:            "O(K) a positive",
			}
			if v.String("weights") == "softmax" {
				th.Props &^= Convex
				// With a_j = w_j(σ_j + s_j − ℓ), Σ|a| ≤ A = 1 + 2 ln n because Σ w_i w_j
				// |z_i − z_j| ≤ 2H(w); rows of the Hessian sum to at most 3A + 2.5.
				th.Smoothness = func(k int) float64 { return 5.5 + 6*math.Log(float64(k-1)) }
				th.Tight = 0
				th.Link = nil
				th.Calibrated = false
				th.Support.Of = ButSigns // a negative's loss below the mean is one whose weight is to grow
			}
			return th
		},
		New: func(v Values) graph.Analytic {
			if v.String("weights") == "softmax" {
				return graph.Analytic{F32: contrast[float32](wbpr[float32]), F64: contrast[float64](wbpr[float64]), Fused: kernel.Stream(kernel.Weighted{})}
			}
			return graph.Analytic{F32: contrast[float32](bpr[float32]), F64: contrast[float64](bpr[float64]), Fused: kernel.Stream(kernel.Pairwise{})}
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, func(e *graph.Expr, z, x, s, some *gorgonia.Node) *gorgonia.Node {
				pair := e.N(graph.Softplus(e.N(graph.SubRow(x, s)))) // 0 at the label
				if v.String("weights") == "softmax" {
					return e.N(graph.RowDot(e.N(graph.Softmax(x)), pair))
				}
				n := e.N(graph.Clamp(e.N(graph.RowCount(x)), 1, math.MaxFloat32))
				return e.N(graph.Div(e.N(graph.RowSum(pair)), n))
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, func(s float64, negatives []float64) float64 {
				var num, den float64
				top := slices.Max(negatives)
				for _, x := range negatives {
					w := 1.0
					if v.String("weights") == "softmax" {
						w = math.Exp(x - top)
					}
					// −log σ(s−x) = log(1 + e^{x−s})
					d := x - s
					num += w * (max(d, 0) + math.Log(1+math.Exp(-math.Abs(d))))
					den += w
				}
				return num / den
			})
		},
		Predict: func(_ Values, p, z []float64) { softmaxMap(1, p, z) },
	})
}

// logs is the link z = log t.
func logs(t []float64) []float64 {
	z := make([]float64, len(t))
	for i, ti := range t {
		z[i] = math.Log(ti)
	}
	return z
}

// bpr is, over the n negatives j of the positive y,
//
//	ℓ = (1/n) Σ_j softplus(z_j − z_y),   ∂ℓ/∂z_j = σ(z_j − z_y)/n
//
// and the entry of y makes the sum 0.
func bpr[T Float](dz, z []T, y int, weight float64, _ []T) float64 {
	n := finite(z) - 1
	if n == 0 {
		return 0
	}
	scale := weight / float64(n)
	var loss, sum float64
	for j, s := range z {
		if j == y || masked(s) {
			continue
		}
		d := float64(s) - float64(z[y])
		loss += kernel.Softplus(d)
		g := scale * kernel.Sigmoid(d)
		sum += g
		add(&dz[j], g)
	}
	add(&dz[y], -sum)
	return loss / float64(n)
}

// wbpr weighs negatives by w = softmax(z) over the negatives alone:
//
//	ℓ = Σ_j w_j s_j,   s_j = softplus(z_j − z_y)
//	∂ℓ/∂z_j = w_j (σ(z_j − z_y) + s_j − ℓ),   ∂ℓ/∂z_y = −Σ_j w_j σ(z_j − z_y)
func wbpr[T Float](dz, z []T, y int, weight float64, work []T) float64 {
	top := math.Inf(-1)
	for j, s := range z {
		if j != y {
			top = max(top, float64(s))
		}
	}
	if math.IsInf(top, -1) {
		return 0
	}
	var sum, loss float64
	for j, s := range z {
		if j == y || masked(s) {
			continue
		}
		e := math.Exp(float64(s) - top)
		work[j] = T(e)
		sum += e
		loss += e * kernel.Softplus(float64(s)-float64(z[y]))
	}
	loss /= sum
	var along float64
	for j, s := range z {
		if j == y || masked(s) {
			continue
		}
		d := float64(s) - float64(z[y])
		w := weight * float64(work[j]) / sum
		along += w * kernel.Sigmoid(d)
		add(&dz[j], w*(kernel.Sigmoid(d)+kernel.Softplus(d)-loss))
	}
	add(&dz[y], -along)
	return loss
}

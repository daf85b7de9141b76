package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "ccl",
		Doc:    "cosine contrastive loss: draws positives to cosine 1 and negatives below a margin (SimpleX); takes cosines",
		Source: "Mao et al. 2021, CIKM (SimpleX), arXiv:2109.12613, eq. 2",
		Params: []Param{
			{Name: "margin", Doc: "cosine m up to which a negative costs nothing; 0 to 0.9 in the paper, 0.2 best of 0, 0.2 and 0.5 on MovieLens-1M", Default: 0.2, Min: 0, Max: 1, Probe: []float64{0.8}},
			{Name: "weight", Doc: "weight w of the mean over the negatives; 1 to 1000 in the paper, 10 best of 3, 10, 50 and 150 on MovieLens-1M", Default: 10, Min: 0, Max: 1e4, Probe: []float64{1, 150}},
		},
		Domain:   Cosines,
		Formulas: cclFormulas,
		Theory: func(v Values) Theory {
			m, w := v.Num("margin"), v.Num("weight")
			return Theory{
				Props:           NonNegative | Convex | SparseGradient,
				Smoothness:      Constant(math.Inf(1)), // the gradient jumps at the margin
				PopulationOrder: OrderWeak,             // cosines are 1 or m, and nothing between
				Link: func(t, count []float64) []float64 {
					k := classes(t, count)
					z := make([]float64, len(t))
					for i, ti := range t {
						z[i] = m
						if ti > w*(1-ti)/(k-1) {
							z[i] = 1
						}
					}
					return z
				},
				Margin:  math.Inf(1),
				Support: Support{AboveScore, m},
				Cost:    "O(K)",
			}
		},
		New: func(v Values) graph.Analytic {
			m, w := v.Num("margin"), v.Num("weight")
			return withKernel(graph.FromStream(ccl[float32]{margin: m, weight: w}, ccl[float64]{margin: m, weight: w}), kernel.Stream(kernel.Contrastive{Margin: m, Weight: w}))
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			hinge := e.N(graph.Relu(e.N(graph.AddScalar(z, -v.Num("margin")))))
			positive := e.N(graph.PowPositive(e.N(graph.TargetMatrix(t, z)), 0))
			sum := e.N(graph.Sub(e.N(graph.RowSum(hinge)), e.N(graph.RowDot(hinge, positive))))
			n := e.N(graph.Sub(e.N(graph.RowCount(z)), e.N(graph.RowSum(positive))))
			mean := e.N(graph.Div(sum, e.N(graph.Clamp(n, 1, math.MaxFloat32)))) // 0 where there is no negative
			lack := e.N(graph.AddScalar(e.N(graph.Neg(e.N(graph.TargetDot(z, t)))), 1))
			return e.N(graph.Add(lack, e.N(graph.Scale(mean, v.Num("weight"))))), e.Err
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			var loss, sum float64
			at, n := 0, 0
			for j, c := range z {
				if at < len(t.Pos) && int(t.Pos[at]) == j {
					loss += t.Weight[at] * (1 - c)
					at++
					continue
				}
				sum += max(c-v.Num("margin"), 0)
				n++
			}
			if n > 0 {
				loss += v.Num("weight") * sum / float64(n)
			}
			return loss
		},
	})
}

// ccl is, with n candidates that are neither positive nor masked,
//
//	ℓ = Σ_k t_k (1 − c_k) + (w/n) Σ_{j∉P} [c_j − m]_+
//	∂ℓ/∂c = −t on the positives P, (w/n) 1[c_j > m] elsewhere
//
// Without negatives the second term is 0.
type ccl[T Float] struct {
	graph.Additive[T]
	margin, weight float64
}

func (ccl[T]) Layout() graph.Layout { return graph.Layout{Sums: 1, Params: 1} }

func (l ccl[T]) Start(params []float64, t *graph.RowTarget[T]) {
	params[0] = l.weight / float64(max(t.Classes-len(t.Pos), 1))
}

func (l ccl[T]) Fold(sums, _ []float64, z []T, _ int) {
	var sum float64
	for _, c := range z {
		if d := float64(c) - l.margin; d > 0 {
			sum += d
		}
	}
	sums[0] += sum
}

func (ccl[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) float64 {
	loss := params[0] * sums[0]
	for i, c := range t.Z {
		w := float64(t.Weight[i])
		loss += w * (1 - float64(c))
		t.Grad[i] = -w
	}
	return loss
}

func (l ccl[T]) Map(dz, z []T, params []float64, _ int) {
	for j, c := range z {
		g := 0.0
		if float64(c) > l.margin {
			g = params[0]
		}
		dz[j] = T(g)
	}
}

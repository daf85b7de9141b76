package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// weightedPairwise is bpr with negatives weighed by w = softmax(z) over the negatives alone:
//
//	ℓ = Σ_j w_j s_j,   s_j = softplus(z_j − z_y)
//	∂ℓ/∂z_j = w_j (σ(z_j − z_y) + s_j − ℓ),   ∂ℓ/∂z_y = −Σ_j w_j σ(z_j − z_y)
func weightedPairwise(apart bool) Form {
	return Form{
		Analytic: graph.FromStream(wbpr[float32]{apart}, wbpr[float64]{apart}),
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, apart, func(e *graph.Expr, _, x, s, _ *gorgonia.Node) *gorgonia.Node {
				return e.N(graph.RowDot(e.N(graph.Softmax(x)), e.N(graph.Softplus(e.N(graph.SubRow(x, s))))))
			})
		},
		Ref: func(z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, apart, func(s float64, negatives []float64) float64 {
				var num, den float64
				top := slices.Max(negatives)
				for _, x := range negatives {
					w, d := math.Exp(x-top), x-s
					num += w * (max(d, 0) + math.Log(1+math.Exp(-math.Abs(d)))) // −log σ(s−x)
					den += w
				}
				return num / den
			})
		},
	}
}

// wbpr keeps the largest score m, Σ e^{z−m} and Σ s e^{z−m}; its parameters are the
// label's score, log Σ e^z and ℓ.
type wbpr[T Float] struct{ apart bool }

func (l wbpr[T]) Layout() graph.Layout {
	return graph.Layout{Sums: 3, Params: 3, Each: true, Balanced: true, Apart: l.apart}
}

func (wbpr[T]) Start(params []float64, t *graph.RowTarget[T]) { params[0] = float64(t.Z[0]) }

func (wbpr[T]) Init(sums, _ []float64) { sums[0] = math.Inf(-1) }

func (wbpr[T]) Fold(sums, params []float64, z []T, _ int) {
	own := [3]float64{math.Inf(-1)}
	for _, s := range z {
		own[0] = max(own[0], float64(s))
	}
	for _, s := range z {
		if !Masked(s) {
			e := math.Exp(float64(s) - own[0])
			own[1] += e
			own[2] += e * Softplus(float64(s)-params[0])
		}
	}
	wbpr[T]{}.Merge(sums, own[:])
}

func (wbpr[T]) Merge(dst, src []float64) {
	m := max(dst[0], src[0])
	if math.IsInf(m, -1) {
		return
	}
	a, b := math.Exp(dst[0]-m), math.Exp(src[0]-m)
	dst[0], dst[1], dst[2] = m, dst[1]*a+src[1]*b, dst[2]*a+src[2]*b
}

func (wbpr[T]) Solve(sums, params []float64, _ *graph.RowTarget[T]) float64 {
	if sums[1] == 0 { // there is no negative
		return 0
	}
	params[1], params[2] = sums[0]+math.Log(sums[1]), sums[2]/sums[1]
	return params[2]
}

func (wbpr[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		d := float64(s) - params[0]
		dz[j] = T(math.Exp(float64(s)-params[1]) * (Sigmoid(d) + Softplus(d) - params[2]))
	}
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The loss is, over the n negatives j of the positive y,
//
//	ℓ = (1/n) Σ_j softplus(z_j − z_y),   ∂ℓ/∂z_j = σ(z_j − z_y)/n
//
// and the entry of y makes the sum 0. See wbpr.go for softmax weights.
func init() {
	Register(Spec{
		Name:   "bpr",
		Doc:    "Bayesian personalised ranking: the logistic loss of each negative against the positive, averaged",
		Source: "Rendle et al. 2009, UAI, arXiv:1205.2618, §4.1; weighted negatives: Lian et al. 2020, WWW, Personalized ranking with importance sampling, §3",
		Params: []Param{
			{Name: "weights", Doc: "of the negatives: equal, or softmax of their scores (WBPR; corrected scores make them importance weights)", Choices: Enum("equal", "softmax"), DefaultString: "equal"},
			positivesParam(asApart), // pairs of an item that the user has and one that the user has not: §4.1, D_S
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
				Link:            eachLink(math.Log),
				Calibrated:      true,
				Margin:          math.Inf(1),
				Cost:            "O(K) a positive",
			}
			if areApart(v) {
				// A row of several positives has stars of fewer edges, down to one.
				th.Smoothness, th.Tight = Constant(0.5), 0.57
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
			return affineIn(v, th)
		},
		Form: func(v Values) Form {
			apart := areApart(v)
			f := Pairwise{
				Apart: apart,
				Phi:   func(x float64) (v, dv float64) { return Softplus(x), Sigmoid(x) },
				Node:  func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node { return e.N(graph.Softplus(x)) },
			}.Form().with(tiles(kernel.Pairwise{}, apart))
			if v.String("weights") == "softmax" {
				f = weightedPairwise(apart).with(tiles(kernel.Weighted{}, apart))
			}
			f.Predict = func(p, z []float64) { softmaxMap(1, p, z) }
			return f
		},
	})
}

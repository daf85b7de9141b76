package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "z-loss",
		Doc:    "softplus of the label's standardised score: invariant to shift and scale of the scores",
		Source: "de Brébisson & Vincent 2016, arXiv:1604.08859, eq. 4",
		Params: []Param{
			{Name: "a", Doc: "sharpness of the softplus; 0.5 best of 0.5 and 1 on MovieLens-1M", Default: 0.5, Min: 1e-3, Max: 100, Probe: []float64{1}},
			{Name: "b", Doc: "standard deviations above the mean that the label is drawn to; 8 best of 4, 8 and 16 on MovieLens-1M", Default: 8, Min: -100, Max: 1000, Probe: []float64{4}},
		},
		Formulas: zLossFormulas,
		Theory: func(v Values) Theory {
			return Theory{
				Props:           AffineInTarget | NonNegative | ShiftInvariant,
				Smoothness:      Constant(math.Inf(1)), // 1/std² as the scores close up
				PopulationOrder: OrderStrict,
				ZeroOne:         true,
				Margin:          math.Inf(1),
				Support:         Support{Of: ButSigns},
				Cost:            "O(K), or O(d²) through WᵀW: Σz, Σz² and the target's score decide",
			}
		},
		New: func(v Values) graph.Analytic {
			a, b := v.Num("a"), v.Num("b")
			return withKernel(graph.FromStream(zLoss[float32]{a: a, b: b}, zLoss[float64]{a: a, b: b}), kernel.ZLoss{A: a, B: b, Variance: zVariance})
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				d := e.N(graph.FillMasked(e.N(graph.SubRow(z, e.N(graph.RowMean(z)))), 0))
				variance := e.N(graph.Div(e.N(graph.RowSum(e.N(graph.Square(d)))), e.N(graph.RowCount(z))))
				std := e.N(graph.Sqrt(e.N(graph.AddScalar(variance, zVariance))))
				score := e.N(graph.Div(e.N(graph.TargetDot(d, y)), std))
				x := e.N(graph.Scale(e.N(graph.AddScalar(score, -v.Num("b"))), -v.Num("a")))
				return e.N(graph.Scale(e.N(graph.Softplus(x)), 1/v.Num("a"))), e.Err
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			k := float64(len(z))
			var pairs, loss float64 // Var = Σ_{i<j} (z_i − z_j)²/K²
			for i, s := range z {
				for _, r := range z[:i] {
					pairs += (s - r) * (s - r)
				}
			}
			std := math.Sqrt(pairs/(k*k) + zVariance)
			for i, y := range t.Pos {
				lead := 0.0 // z_y − mean
				for _, s := range z {
					lead += (z[y] - s) / k
				}
				loss += t.Weight[i] * Softplus(v.Num("a")*(v.Num("b")-lead/std)) / v.Num("a")
			}
			return loss
		},
	})
}

// zVariance is added to the variance, so that equal scores have a gradient.
const zVariance = 1e-12

// zLoss is the mean over the positives y, by their weights, of
//
//	ℓ(z,y) = softplus(a(b − x_y))/a,   x = (z − μ)/σ,   σ² = Var + 1e-12
//	∂ℓ/∂z = −sigmoid(a(b − x_y)) · [(e_y − 1/K)/σ − x_y x/(Kσ)]
//
// with mean μ and variance over the K candidates that are not masked. The
// gradient grows without bound as the scores close up.
type zLoss[T Float] struct {
	moments[T]
	a, b float64
}

func (zLoss[T]) Layout() graph.Layout { return graph.Layout{Sums: 3, Params: 3} }

func (l zLoss[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	m := withTargets(sums, t.Z)
	k, std := m[count], math.Sqrt(m[squares]/m[count]+zVariance)
	// Σ_k w_k σ'_k and Σ_k w_k σ'_k x_k are all that the other entries need.
	var slope, moment float64
	for i, z := range t.Z {
		w, x := float64(t.Weight[i]), (float64(z)-m[mean])/std
		arg := l.a * (l.b - x)
		loss += w * Softplus(arg) / l.a
		slope += w * Sigmoid(arg)
		moment += w * Sigmoid(arg) * x
	}
	params[0], params[1], params[2] = m[mean], slope/(k*std), moment/(k*std*std)
	for i, z := range t.Z {
		d := float64(z) - m[mean]
		t.Grad[i] = params[1] + params[2]*d - float64(t.Weight[i])*Sigmoid(l.a*(l.b-d/std))/std
	}
	return loss
}

func (l zLoss[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		dz[j] = T(params[1] + params[2]*(float64(s)-params[0]))
	}
}

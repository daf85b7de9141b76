package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "psl",
		Doc:    "pairwise softmax loss: sl with a surrogate of slower growth for the exponential; takes cosines",
		Source: "Yang et al. 2024, NeurIPS, PSL: Rethinking and improving softmax loss from pairwise perspective for recommendation, arXiv:2411.00163, eq. 8",
		Params: []Param{
			{Name: "act", Doc: "surrogate φ: tanh x + 1, [x + 1]_+ or arctan x + 1", Choices: Enum("tanh", "relu", "atan"), DefaultString: "tanh"},
			{Name: "tau", Doc: "τ, which divides differences of cosines, at most 2: from 2.1 on every φ is positive", Default: 2.5, Min: 2.1, Max: 100, Probe: []float64{4}},
			{Name: "tau-star", Doc: "τ*, whose inverse is the power of φ; the temperature near equal scores is ττ*", Default: 0.1, Min: 0.01, Max: 100, Probe: []float64{0.7}},
			positivesParam(asApart),
		},
		Domain:   Cosines,
		Formulas: pslFormulas,
		Theory: func(v Values) Theory {
			return affineIn(v, pslTheory(surrogates[v.String("act")], v.Num("tau"), v.Num("tau-star")))
		},
		New: func(v Values) graph.Analytic {
			phi := map[string]kernel.Phi{"tanh": kernel.Tanh, "relu": kernel.Relu, "atan": kernel.Atan}[v.String("act")]
			a := graph.FromStream(newPSL[float32](v), newPSL[float64](v))
			return withKernel(a, tiles(kernel.Surrogate{Phi: phi, Tau: v.Num("tau"), Power: 1 / v.Num("tau-star"), Floor: pslFloor}, areApart(v)))
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, areApart(v), func(e *graph.Expr, _, x, s, some *gorgonia.Node) *gorgonia.Node {
				x = e.N(graph.Scale(e.N(graph.SubRow(x, s)), 1/v.Num("tau")))
				// 0 at the label and at masks, 1 elsewhere.
				in := e.N(graph.Sub(e.N(graph.FillMasked(x, 0)), e.N(graph.FillMasked(x, 1))))
				in = e.N(graph.AddScalar(in, 1))
				x = e.N(graph.FillMasked(x, 0))
				switch v.String("act") {
				case "tanh":
					x = e.N(graph.Tanh(x))
				case "atan":
					x = e.N(graph.Atan(x))
				}
				phi := e.N(graph.Clamp(e.N(graph.AddScalar(x, 1)), pslFloor, math.MaxFloat32))
				sum := e.N(graph.RowDot(e.N(graph.PowPositive(phi, 1/v.Num("tau-star"))), in))
				none := e.N(graph.AddScalar(e.N(graph.Neg(some)), 1))
				return e.N(graph.Log(e.N(graph.Add(sum, none))))
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, areApart(v), func(s float64, negatives []float64) float64 {
				var sum float64
				for _, x := range negatives {
					x = (x - s) / v.Num("tau")
					switch v.String("act") {
					case "tanh": // 1 + tanh x = 2e^{2x}/(e^{2x}+1)
						x = 2*math.Exp(2*x)/(math.Exp(2*x)+1) - 1
					case "atan":
						x = math.Atan2(x, 1)
					}
					sum += math.Pow(max(1+x, pslFloor), 1/v.Num("tau-star"))
				}
				return math.Log(sum)
			})
		},
	})
}

// pslFloor is the least value of a surrogate. Cosines never get there; scores
// beyond cosines would take log 0 of a row in which no negative has φ > 0.
const pslFloor = 1e-6

// surrogates are φ and φ'/φ.
var surrogates = map[string]func(x float64) (phi, slope float64){
	"tanh": func(x float64) (float64, float64) {
		return 2 * Sigmoid(2*x), 2 * Sigmoid(-2*x) // (1 − tanh²)/(1 + tanh) = 1 − tanh
	},
	"relu": func(x float64) (float64, float64) { return 1 + x, 1 / (1 + x) },
	"atan": func(x float64) (float64, float64) {
		phi := 1 + math.Atan(x)
		return phi, 1 / ((1 + x*x) * phi)
	},
}

// psl is, over the negatives j of the positive y,
//
//	ℓ = log Σ_j φ(x_j)^{1/τ*},   x_j = (z_j − z_y)/τ
//	∂ℓ/∂z_j = p_j (φ'/φ)(x_j) / (ττ*),   p_j ∝ φ(x_j)^{1/τ*}
//
// and the entry of y makes the sum 0. φ is bounded below by 1e-6, with slope 0
// there. relu with the positive in the sum and τ = τ* = 1 is rankmax.
//
// The sums are those of the exponentials of log φ/τ*; the parameters are z_y and ℓ.
type psl[T Float] struct {
	surrogate  func(x float64) (phi, slope float64)
	tau, power float64
	apart      bool
}

func newPSL[T Float](v Values) psl[T] {
	return psl[T]{surrogates[v.String("act")], v.Num("tau"), 1 / v.Num("tau-star"), areApart(v)}
}

// at returns log φ(x)/τ* and φ'/φ.
func (l psl[T]) at(x float64) (u, slope float64) {
	phi, slope := l.surrogate(x)
	if phi <= pslFloor {
		phi, slope = pslFloor, 0
	}
	return l.power * math.Log(phi), slope
}

func (l psl[T]) Layout() graph.Layout {
	return graph.Layout{Sums: 2, Params: 2, Each: true, Balanced: true, Apart: l.apart}
}

func (psl[T]) Start(params []float64, t *graph.RowTarget[T]) { params[0] = float64(t.Z[0]) }

func (psl[T]) Init(sums, _ []float64) { sums[0] = math.Inf(-1) }

func (l psl[T]) Fold(sums, params []float64, z []T, _ int) {
	for _, s := range z {
		if Masked(s) {
			continue
		}
		u, _ := l.at((float64(s) - params[0]) / l.tau)
		if u > sums[0] {
			sums[1] *= math.Exp(sums[0] - u)
			sums[0] = u
		}
		sums[1] += math.Exp(u - sums[0])
	}
}

func (psl[T]) Merge(dst, src []float64) { mergeExps(dst, src, 1) }

func (psl[T]) Solve(sums, params []float64, _ *graph.RowTarget[T]) float64 {
	if sums[1] == 0 { // there is no negative
		return 0
	}
	params[1] = sums[0] + math.Log(sums[1])
	return params[1]
}

func (l psl[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		if !Masked(s) {
			u, slope := l.at((float64(s) - params[0]) / l.tau)
			dz[j] = T(math.Exp(u-params[1]) * slope * l.power / l.tau)
		}
	}
}

func pslTheory(surrogate func(x float64) (phi, slope float64), tau, star float64) Theory {
	// ℓ = log Σ e^{u_j}, u_j = log φ(x_j)/τ*: along v, v'Hv = Σ p_j u''_j d_j² +
	// Var_p(u'_j d_j) with d_j = v_j − v_y, d_j² ≤ 2‖v‖². The largest |u'| and |u''|
	// are taken on a grid of the differences of cosines, |u''| as the steepest secant
	// of u'.
	const cells = 400
	var first, second float64
	last := 0.0
	for i := range cells + 1 {
		x := (4*float64(i)/cells - 2) / tau
		_, u := surrogate(x)
		u /= tau * star
		first = max(first, u)
		if i > 0 {
			second = max(second, math.Abs(u-last)*cells/4)
		}
		last = u
	}
	return Theory{
		Props:           ShiftInvariant,
		Smoothness:      Constant(2.1 * (second + first*first)), // a twentieth for the grid
		PopulationOrder: OrderWeak,                              // scores end at the bounds of cosines, and tie there
		ZeroOne:         true,
		Margin:          math.Inf(1),
		Cost:            "O(K) a positive, two powers each",
	}
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "rgx",
		Doc:    "second-order Taylor polynomial of softmax at 0, with a parameter β on its squared-mean term (RG×)",
		Source: "Pu et al. 2024, ICML (pu24a); journal version arXiv:2506.09454; variant=code is the objective of the published code",
		Params: []Param{
			{Name: "beta", Doc: "β: 1 is the exact Taylor polynomial, 0 is rg2", Default: 1, Min: 0, Max: 1, Probe: []float64{0, 0.5}},
			{Name: "variant", Doc: "exact subtracts (β/2)·mean², code shrinks ½·mean of squares by 1−β, which leaves nothing at β = 1", Choices: Enum("exact", "code"), DefaultString: "exact"},
		},
		Formulas: rgFormulas,
		Theory:   func(v Values) Theory { return rgTheory(rgCoefficients(v)) },
		Form:     func(v Values) Form { return rgForm(rgCoefficients(v)) },
	})
}

// rgCoefficients returns a and b of rg at v.
func rgCoefficients(v Values) (a, b float64) {
	beta := v.Num("beta")
	if v.String("variant") == "code" {
		return 1 - beta, 0
	}
	return 1, beta
}

// rg is a quadratic that touches softmax's cross-entropy at 0. Over the K
// candidates that are not masked,
//
//	ℓ = log K + mean(z) + (a/2) mean(z²) − (b/2) mean(z)² − ⟨z,t⟩
//	∂ℓ/∂z = (1 + a z − b·mean(z))/K − t
//
// RG× has a = 1 and b = β, RG² a = 1 and b = 0, and the published code of RG×
// a = 1 − β and b = 0.
type rg[T Float] struct {
	moments[T]
	a, b float64
}

func rgForm(a, b float64) Form {
	return Form{
		Analytic: withKernel(graph.FromStream(rg[float32]{a: a, b: b}, rg[float64]{a: a, b: b}), kernel.RG{A: a, B: b}),
		Node:     func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) { return rgNode(a, b, z, t) },
		Ref:      func(z []float64, t Target[float64]) float64 { return rgRef(a, b, z, t) },
		Predict: func(p, z []float64) { // the truth whose minimiser z is
			m := withTargets(make([]float64, 3), z)
			for j, s := range z {
				p[j] = (1 + a*s - b*m[mean]) / m[count]
			}
		},
	}
}

func (rg[T]) Layout() graph.Layout { return graph.Layout{Sums: 3, Params: 2} }

func (l rg[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) float64 {
	m := withTargets(sums, t.Z)
	k := m[count]
	params[0], params[1] = (1-l.b*m[mean])/k, l.a/k
	// mean(z²) = Var + mean², so that b = 1 cancels no digits.
	loss := math.Log(k) + l.a*m[squares]/k/2 + (l.a-l.b)*m[mean]*m[mean]/2
	for i, z := range t.Z {
		w := float64(t.Weight[i])
		loss += w * (m[mean] - float64(z)) // the difference first: an offset has no digits of it
		t.Grad[i] = params[0] + params[1]*float64(z) - w
	}
	return loss
}

func (rg[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		dz[j] = T(params[0] + params[1]*float64(s))
	}
}

func rgNode(a, b float64, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	x, k := e.N(graph.FillMasked(z, 0)), e.N(graph.RowCount(z))
	mean := e.N(graph.Div(e.N(graph.RowSum(x)), k))
	square := e.N(graph.Div(e.N(graph.RowSum(e.N(graph.Square(x)))), k))
	sum := e.N(graph.Add(e.N(graph.Log(k)), mean))
	sum = e.N(graph.Add(sum, e.N(graph.Scale(square, a/2))))
	sum = e.N(graph.Sub(sum, e.N(graph.Scale(e.N(graph.Square(mean)), b/2))))
	return e.N(graph.Sub(sum, e.N(graph.TargetDot(z, t)))), e.Err
}

// rgRef sums over pairs: mean(z)² and mean(z²) from Σ_{i,j} z_i z_j and Σ_i z_i².
func rgRef(a, b float64, z []float64, t Target[float64]) float64 {
	k := float64(len(z))
	loss := math.Log(k)
	var square, pairs float64
	for _, s := range z {
		loss += s / k
		square += s * s
		for _, r := range z {
			pairs += s * r
		}
	}
	loss += a/2*square/k - b/2*pairs/(k*k)
	for i, y := range t.Pos {
		loss -= t.Weight[i] * z[y]
	}
	return loss
}

func rgTheory(a, b float64) Theory {
	th := Theory{
		Props:           FenchelYoungForm | Convex,
		Smoothness:      func(k int) float64 { return a / float64(k) },
		Tight:           0.999,
		MapOrder:        OrderStrict,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Link: func(t, count []float64) []float64 {
			k := classes(t, count)
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = (k*ti - 1) / a
			}
			return z
		},
		Condition: func([]float64) float64 { // a/K across 1, (a−b)/K along it
			if a == b {
				return 1
			}
			return max(a, a-b) / min(a, a-b)
		},
		Calibrated: true,
		Margin:     math.Inf(1),
		Support:    Support{Of: ButSigns},
		Cost:       "O(K), or O(d²) through WᵀW: Σz, Σz² and the target's score decide",
	}
	if a == b {
		th.Props |= ShiftInvariant
	}
	if a == 0 {
		// A linear loss: nothing holds the scores of the frequent classes back.
		th.Props |= Simplex // p = 1/K
		th.MapOrder, th.PopulationOrder = OrderWeak, OrderWeak
		th.Support.Of = Everywhere // (1 + 0)/K
		th.ZeroOne, th.Calibrated, th.Link, th.Condition = false, false, nil, nil
	}
	return th
}

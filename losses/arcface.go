package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "arcface",
		Doc:    "softmax of scaled cosines with an additive margin on the label's angle; takes cosines",
		Source: "Deng, Guo, Xue & Zafeiriou 2019, arXiv:1801.07698, eq. 3; beyond π − m the straight line of its published code",
		Params: []Param{
			{Name: "scale", Doc: "factor of the cosines; 64 in the paper, 5 best of 5, 8 and 30 on MovieLens-1M", Default: 5, Min: 0.1, Max: 300, Probe: []float64{30}},
			{Name: "margin", Doc: "margin m added to the label's angle, in radians; 0.5 in the paper", Default: 0.1, Min: 0, Max: 1.5, Probe: []float64{0.5}},
		},
		Domain:   Cosines,
		Formulas: arcfaceFormulas,
		Theory: func(v Values) Theory {
			return Theory{
				Props:      AffineInTarget | NonNegative | Simplex,
				Smoothness: Constant(math.Inf(1)), // a' = sin(θ+m)/sin θ
				MapOrder:   OrderStrict,
				// The pull on an angle grows without bound as it closes, so that free
				// cosines of unlike classes meet at 1, or at the jump.
				PopulationOrder: OrderWeak,
				Margin:          math.Inf(1),
				Cost:            "O(K)",
			}
		},
		Form: func(v Values) Form {
			m := v.Num("margin")
			f := Margin{
				Scale: v.Num("scale"),
				Lower: func(c float64) (a, da float64) { return arcLower(m, c) },
				Node:  func(e *graph.Expr, c *gorgonia.Node) *gorgonia.Node { return arcNode(e, m, c) },
			}.Form()
			f.Predict = func(p, z []float64) { softmaxMap(v.Num("scale"), p, z) }
			return f
		},
	})
}

// arcEdge bounds the label's cosine, at which the gradient would be infinite. It
// is a float32 number, so that both precisions clamp at the same place.
const arcEdge = 1 - 0x1p-23

// arcLower returns a(c) = cos(θ+m) for c = cos θ and its derivative
// sin(θ+m)/sin θ; where θ+m would pass π, c − m sin m, which is lower by
// cos m + m sin m − 1 at the change. Beyond arcEdge a is constant.
func arcLower(m, c float64) (a, da float64) {
	x := min(max(c, -arcEdge), arcEdge)
	if x != c {
		defer func() { da = 0 }()
	}
	sinM, cosM := math.Sincos(m)
	if x <= -cosM {
		return x - m*sinM, 1
	}
	sin := math.Sqrt((1 - x) * (1 + x))
	return x*cosM - sin*sinM, cosM + x*sinM/sin
}

// arcNode is a(c) as a graph.
func arcNode(e *graph.Expr, m float64, c *gorgonia.Node) *gorgonia.Node {
	c = e.N(graph.Clamp(c, -arcEdge, arcEdge))
	// sin θ = √((1−c)(1+c)); cos(θ+m) = c cos m − sin θ sin m.
	sin := e.N(graph.Sqrt(e.N(graph.Mul(e.N(graph.AddScalar(e.N(graph.Neg(c)), 1)), e.N(graph.AddScalar(c, 1))))))
	turned := e.N(graph.Sub(e.N(graph.Scale(c, math.Cos(m))), e.N(graph.Scale(sin, math.Sin(m)))))
	line := e.N(graph.AddScalar(c, -m*math.Sin(m)))
	// The indicator of θ < π − m chooses between the two.
	near := e.N(graph.PowPositive(e.N(graph.AddScalar(c, math.Cos(m))), 0))
	return e.N(graph.Add(line, e.N(graph.Mul(near, e.N(graph.Sub(turned, line))))))
}

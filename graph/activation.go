package graph

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The activations of networks. The gradient of each is one node, which is the product of
// the upstream gradient and a derivative.

// slope is the elementwise g·f'(at), where at is the operand of an activation or its
// value; by returns the gradient by at of that, upstream of which is gg.
func slope(name string, g, at node, cost int, f32 func(dst, g, at []float32), f func(at float64) float64, by func(e *Expr, g, at, gg node) node) (node, error) {
	return binaryOf(name, g, at, zippedAt(costVector, f32), zippedAt(cost, slopes(f)), func(e *Expr, g, at, _, gg node) (node, node) {
		return e.N(slope(name, gg, at, cost, f32, f, by)), by(e, g, at, gg)
	})
}

// slopes returns g·f(at) on slices.
func slopes(f func(at float64) float64) func(dst, g, at []float64) {
	return func(dst, g, at []float64) {
		for i, v := range g {
			dst[i] = kernel.Product(v, f(at[i]))
		}
	}
}

// Relu returns max(x, 0), with gradient 0 at and below the kink.
func Relu(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("relu", x, relu, kernel.ReluEach, func(e *Expr, x, _, g node) node { return e.N(reluBack(g, x)) })
}

func relu(x float64) float64 {
	if x <= 0 {
		return 0
	}
	return x // a NaN too
}

// reluBack returns g where x is positive or NaN, and 0 elsewhere. x has no gradient.
func reluBack(g, x node) (node, error) {
	return apply(spec{name: "relu gradient", shape: g.Shape(), fixed: []int{1}, f32: zipped(kernel.ReluBack[float32]), f64: zipped(kernel.ReluBack[float64]),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(reluBack(g, in[1])), nil)
		}}, g, x)
}

// Tanh returns tanh x. Its gradient 1 − y² is that of the rounded value y: at float32 it has
// an error of 2⁻²³ or so beside 1, which is all of it where |x| > 9.
func Tanh(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("tanh", x, math.Tanh, kernel.TanhEach, func(e *Expr, _, y, g node) node { return e.N(tanhBack(g, y)) })
}

// tanhBack returns g·(1 − y²).
func tanhBack(g, y node) (node, error) {
	return slope("tanh gradient", g, y, 1, kernel.TanhBack, func(y float64) float64 { return 1 - y*y },
		func(e *Expr, g, y, gg node) node { return e.N(Mul(e.N(Mul(gg, g)), e.N(Scale(y, -2)))) })
}

// Sigmoid returns σ(x) = 1/(1+e⁻ˣ). Its second derivative, which has a zero at 0, is the
// difference of two rounded values near it.
func Sigmoid(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("sigmoid", x, kernel.Sigmoid, kernel.SigmoidEach, func(e *Expr, x, _, g node) node { return e.N(sigmoidBack(g, x)) })
}

// sigmoidBack returns g·σ(x)σ(−x), in which nothing cancels near 1.
func sigmoidBack(g, x node) (node, error) {
	return slope("sigmoid gradient", g, x, costMath, kernel.SigmoidBack, func(x float64) float64 { return kernel.Sigmoid(x) * kernel.Sigmoid(-x) },
		func(e *Expr, g, x, gg node) node { // σ″ = σ′(σ(−x) − σ(x))
			turn := e.N(Sub(e.N(Sigmoid(e.N(Neg(x)))), e.N(Sigmoid(x))))
			return e.N(Mul(e.N(sigmoidBack(e.N(Mul(gg, g)), x)), turn))
		})
}

// GELU returns x·Φ(x), with the normal distribution Φ: exactly, and not by the
// approximation with tanh. It is 0 at −Inf, and at float32 within 8 units of the last
// place for x ≥ −5. Source: D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, 2016.
func GELU(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("gelu", x, gelu, kernel.GELUEach,
		func(e *Expr, x, _, g node) node { return e.N(geluBack(g, x)) })
}

// geluBack returns g·(Φ(x) + x·φ(x)).
func geluBack(g, x node) (node, error) {
	return slope("gelu gradient", g, x, costMath, kernel.GELUBack, geluSlope, func(e *Expr, g, x, gg node) node { // the derivative of that is φ(x)·(2 − x²)
		square := e.N(Square(x))
		phi := e.N(Scale(e.N(Exp(e.N(Scale(square, -0.5)))), 1/math.Sqrt(2*math.Pi)))
		return e.N(Mul(e.N(Mul(gg, g)), e.N(Mul(phi, e.N(AddScalar(e.N(Neg(square)), 2))))))
	})
}

func gelu(x float64) float64      { return kernel.Product(x, normal(x)) }
func geluSlope(x float64) float64 { return normal(x) + kernel.Product(x, density(x)) }

// normal and density are Φ and φ.
func normal(x float64) float64  { return math.Erfc(-x/math.Sqrt2) / 2 }
func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

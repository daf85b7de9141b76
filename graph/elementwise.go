package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

type node = *gorgonia.Node

// vec is the data of an input.
func vec[T Float](in any) []T { return in.([]T) }

// costMath is the rough cost of a math function in scalar operations.
const costMath = 16

// mapped is the body that applies f, which takes a slice to one of its length.
func mapped[T Float](cost int, f func(dst, x []T)) body[T] {
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		return parallel(len(dst), cost*len(dst), func(_, lo, hi int) error {
			f(dst[lo:hi], x[lo:hi])
			return nil
		})
	}
}

// eachOf applies f, evaluated in float64, to each element.
func eachOf[T Float](f func(float64) float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x {
			dst[i] = T(f(float64(v)))
		}
	}
}

// unary is the elementwise y = f(x) with gradient diff(x, y, g).
func unary(name string, x node, f func(float64) float64, diff func(e *Expr, x, y, g node) node) (node, error) {
	return unaryOf(name, x, costMath, eachOf[float32](f), eachOf[float64](f), diff)
}

// unaryOf is unary of a function on slices, for those that need no float64.
func unaryOf(name string, x node, cost int, f32 func(dst, x []float32), f64 func(dst, x []float64), diff func(e *Expr, x, y, g node) node) (node, error) {
	if x == nil {
		return nil, fmt.Errorf("graph: %s: operand 0 is nil", name)
	}
	s := spec{name: name, shape: x.Shape(), f32: mapped(cost, f32), f64: mapped(cost, f64)}
	if diff == nil {
		s.constant = true
	} else {
		s.diff = func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(diff(&e, in[0], out, g))
		}
	}
	return apply(s, x)
}

// Elementwise functions of one operand of any shape. Each is exact to rounding
// at both precisions and differentiable any number of times.

// Neg returns −x.
func Neg(x *gorgonia.Node) (*gorgonia.Node, error) { return Scale(x, -1) }

// Scale returns c·x.
func Scale(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unaryOf("scale", x, 1, times[float32](c), times[float64](c),
		func(e *Expr, _, _, g node) node { return e.N(Scale(g, c)) })
}

func times[T Float](c float64) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x {
			dst[i] = mul(T(c), v)
		}
	}
}

// AddScalar returns x + c.
func AddScalar(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unary("addscalar", x, func(x float64) float64 { return x + c },
		func(_ *Expr, _, _, g node) node { return g })
}

// Exp returns eˣ.
func Exp(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("exp", x, math.Exp, func(e *Expr, _, y, g node) node { return e.N(Mul(g, y)) })
}

// Expm1 returns eˣ − 1.
func Expm1(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("expm1", x, math.Expm1, func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Exp(x)))) })
}

// Log returns ln x.
func Log(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("log", x, math.Log, func(e *Expr, x, _, g node) node { return e.N(Div(g, x)) })
}

// Log1p returns ln(1+x).
func Log1p(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("log1p", x, math.Log1p, func(e *Expr, x, _, g node) node { return e.N(Div(g, e.N(AddScalar(x, 1)))) })
}

// Square returns x².
func Square(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unaryOf("square", x, 1, square[float32], square[float64],
		func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Scale(x, 2)))) })
}

func square[T Float](dst, x []T) {
	for i, v := range x {
		dst[i] = v * v
	}
}

// Sqrt returns √x; the derivative at 0 is infinite.
func Sqrt(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("sqrt", x, math.Sqrt, func(e *Expr, _, y, g node) node { return e.N(Div(g, e.N(Scale(y, 2)))) })
}

// Abs returns |x|; the derivative at 0 is 0.
func Abs(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("abs", x, math.Abs, func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Sign(x)))) })
}

// Sign returns −1, 0 or 1; it has no gradient.
func Sign(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("sign", x, func(x float64) float64 {
		if x == 0 || math.IsNaN(x) {
			return x
		}
		return math.Copysign(1, x)
	}, nil)
}

// Tanh returns tanh x.
func Tanh(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("tanh", x, math.Tanh, func(e *Expr, _, y, g node) node {
		return e.N(Mul(g, e.N(AddScalar(e.N(Neg(e.N(Square(y)))), 1)))) // 1 − y²
	})
}

// Atan returns arctan x.
func Atan(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("atan", x, math.Atan, func(e *Expr, x, _, g node) node {
		return e.N(Div(g, e.N(AddScalar(e.N(Square(x)), 1))))
	})
}

// Sigmoid returns σ(x) = 1/(1+e⁻ˣ).
func Sigmoid(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("sigmoid", x, kernel.Sigmoid, func(e *Expr, x, y, g node) node {
		return e.N(Mul(g, e.N(Mul(y, e.N(Sigmoid(e.N(Neg(x)))))))) // σ(x)σ(−x): no cancellation near 1
	})
}

// Softplus returns ln(1+eˣ).
func Softplus(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("softplus", x, kernel.Softplus,
		func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Sigmoid(x)))) })
}

// Relu returns max(x, 0), with gradient 0 at and below the kink.
func Relu(x *gorgonia.Node) (*gorgonia.Node, error) { return PowPositive(x, 1) }

// PowPositive returns [x]₊^q: x^q where x > 0 and 0 elsewhere, for any q. q = 0 is
// the indicator of x > 0, which has no gradient; q = 1 is the rectifier. The
// derivative is q[x]₊^{q−1}, hence 0 at and below the kink.
func PowPositive(x *gorgonia.Node, q float64) (*gorgonia.Node, error) {
	if math.IsNaN(q) || math.IsInf(q, 0) {
		return nil, fmt.Errorf("graph: powpositive: exponent %g is not finite", q)
	}
	pow := power(q)
	f := func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		return pow(x) // of a NaN too
	}
	if q == 0 {
		return unary("powpositive", x, f, nil)
	}
	return unary("powpositive", x, f, func(e *Expr, x, _, g node) node {
		return e.N(Mul(g, e.N(Scale(e.N(PowPositive(x, q-1)), q))))
	})
}

// Pow returns x^q, NaN where math.Pow is.
func Pow(x *gorgonia.Node, q float64) (*gorgonia.Node, error) {
	if q == 0 {
		return unary("pow", x, power(0), nil)
	}
	return unary("pow", x, power(q), func(e *Expr, x, _, g node) node {
		return e.N(Mul(g, e.N(Scale(e.N(Pow(x, q-1)), q))))
	})
}

// power returns x ↦ x^q, fast at the exponents of the family.
func power(q float64) func(float64) float64 {
	switch q {
	case 0:
		return func(x float64) float64 {
			if math.IsNaN(x) { // math.Pow would hide it
				return x
			}
			return 1
		}
	case 1:
		return func(x float64) float64 { return x }
	case 2:
		return func(x float64) float64 { return x * x }
	}
	return func(x float64) float64 { return math.Pow(x, q) }
}

// Clamp returns min(max(x, lo), hi); the gradient is 0 outside (lo, hi).
func Clamp(x *gorgonia.Node, lo, hi float64) (*gorgonia.Node, error) {
	if !(lo < hi) {
		return nil, fmt.Errorf("graph: clamp: empty interval [%g, %g]", lo, hi)
	}
	return unary("clamp", x, func(x float64) float64 { return min(max(x, lo), hi) },
		func(e *Expr, x, _, g node) node {
			inside := e.N(unary("inside", x, func(x float64) float64 {
				if lo < x && x < hi {
					return 1
				}
				return 0
			}, nil))
			return e.N(Mul(g, inside))
		})
}

// FillMasked returns x with c in place of −Inf, where the gradient is 0: how a
// masked candidate is kept out of functions that are not 0 at −Inf.
func FillMasked(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unary("fillmasked", x, func(x float64) float64 {
		if math.IsInf(x, -1) {
			return c
		}
		return x
	}, func(e *Expr, x, _, g node) node { return e.N(maskLike(g, x)) })
}

// maskLike returns g with 0 where ref is −Inf. ref has no gradient.
func maskLike(g, ref node) (node, error) {
	f32, f64 := maskBody[float32](), maskBody[float64]()
	return apply(spec{name: "masklike", shape: g.Shape(), f32: f32, f64: f64, fixed: []int{1},
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(maskLike(g, in[1])), nil)
		}}, g, ref)
}

func maskBody[T Float]() body[T] {
	return func(dst []T, in []any) error {
		g, ref := vec[T](in[0]), vec[T](in[1])
		for i := range dst {
			dst[i] = g[i]
			if masked(ref[i]) {
				dst[i] = 0
			}
		}
		return nil
	}
}

func masked[T Float](x T) bool { return math.IsInf(float64(x), -1) }

// mul is the product in which 0·(±Inf) = 0, as in measure theory: what has
// weight 0 contributes nothing. It keeps a masked score, −Inf, out of every
// sum that gives it probability 0. A NaN stays one.
func mul[T Float](a, b T) T {
	p := a * b
	if p != p && a == a && b == b {
		return 0
	}
	return p
}

// binary is the elementwise y = f(a,b) of two operands of one shape.
func binary(name string, a, b node, f32 func(dst, a, b []float32), f64 func(dst, a, b []float64),
	diff func(e *Expr, a, b, y, g node) (ga, gb node)) (node, error) {
	if a == nil || b == nil {
		return nil, fmt.Errorf("graph: %s: an operand is nil", name)
	}
	if !slices.Equal(a.Shape(), b.Shape()) {
		return nil, fmt.Errorf("graph: %s: shapes %v and %v differ", name, a.Shape(), b.Shape())
	}
	if err := wantFloats(name, a, b); err != nil {
		return nil, err
	}
	return apply(spec{name: name, shape: a.Shape(), f32: zipped(f32), f64: zipped(f64),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			ga, gb := diff(&e, in[0], in[1], out, g)
			return e.grads(ga, gb)
		}}, a, b)
}

func zipped[T Float](f func(dst, a, b []T)) body[T] {
	return func(dst []T, in []any) error {
		a, b := vec[T](in[0]), vec[T](in[1])
		return parallel(len(dst), len(dst), func(_, lo, hi int) error {
			f(dst[lo:hi], a[lo:hi], b[lo:hi])
			return nil
		})
	}
}

func adds[T Float](dst, a, b []T) {
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

func subs[T Float](dst, a, b []T) {
	for i, v := range a {
		dst[i] = v - b[i]
	}
}

func muls[T Float](dst, a, b []T) {
	for i, v := range a {
		dst[i] = mul(v, b[i])
	}
}

func divs[T Float](dst, a, b []T) {
	for i, v := range a {
		dst[i] = v / b[i]
	}
}

// Add returns a + b for operands of one shape.
func Add(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("add", a, b, adds[float32], adds[float64], func(_ *Expr, _, _, _, g node) (node, node) { return g, g })
}

// Sub returns a − b for operands of one shape.
func Sub(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("sub", a, b, subs[float32], subs[float64], func(e *Expr, _, _, _, g node) (node, node) {
		return g, e.N(Neg(g))
	})
}

// Mul returns the elementwise product of operands of one shape, where
// 0·(±Inf) = 0: a masked candidate of weight 0 contributes nothing.
func Mul(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("mul", a, b, muls[float32], muls[float64], func(e *Expr, a, b, _, g node) (node, node) {
		return e.N(Mul(g, b)), e.N(Mul(g, a))
	})
}

// Div returns the elementwise quotient of operands of one shape.
func Div(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("div", a, b, divs[float32], divs[float64], func(e *Expr, _, b, y, g node) (node, node) {
		ga := e.N(Div(g, b))
		return ga, e.N(Neg(e.N(Mul(ga, y))))
	})
}

// Sum returns the sum of all elements, a scalar, accumulated in float64 in
// index order.
func Sum(x *gorgonia.Node) (*gorgonia.Node, error) {
	if x == nil {
		return nil, fmt.Errorf("graph: sum: operand 0 is nil")
	}
	return apply(spec{name: "sum", shape: tensor.ScalarShape(), f32: sumBody[float32], f64: sumBody[float64],
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(fill(g, in[0].Shape())))
		}}, x)
}

func sumBody[T Float](dst []T, in []any) error {
	var s float64
	for _, x := range vec[T](in[0]) {
		s += float64(x)
	}
	dst[0] = T(s)
	return nil
}

// fill returns the scalar v in every element of shape: the adjoint of Sum.
func fill(v node, shape tensor.Shape) (node, error) {
	return apply(spec{name: "fill", shape: shape, f32: fillBody[float32], f64: fillBody[float64],
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(Sum(g)))
		}}, v)
}

func fillBody[T Float](dst []T, in []any) error {
	v := vec[T](in[0])[0]
	for i := range dst {
		dst[i] = v
	}
	return nil
}

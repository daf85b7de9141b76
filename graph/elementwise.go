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

// The rough costs of a math function in scalar operations, and of one on a vector of
// float32.
const (
	costMath   = 16
	costVector = 2
)

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

// unary is the elementwise y = f(x) with gradient diff(x, y, g); f32 is f at float32.
func unary(name string, x node, f func(float64) float64, f32 func(dst, x []float32), diff func(e *Expr, x, y, g node) node) (node, error) {
	return unaryOf(name, x, mapped(costVector, f32), mapped(costMath, eachOf[float64](f)), diff)
}

// unaryOf is unary of bodies.
func unaryOf(name string, x node, f32 body[float32], f64 body[float64], diff func(e *Expr, x, y, g node) node) (node, error) {
	if x == nil {
		return nil, fmt.Errorf("graph: %s: operand 0 is nil", name)
	}
	s := spec{name: name, shape: x.Shape(), f32: f32, f64: f64}
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

// Elementwise functions of one operand of any shape, differentiable any number of
// times. At float64 each is exact to rounding. At float32 those of one arithmetic operation are
// too; Exp, Expm1, Log, Log1p, Softplus, Sigmoid, Tanh and Atan are within 4 units of
// the last place, and Pow and PowPositive within (4+2|q·log₂x|)·2⁻²⁴ of the value; what
// is below 2⁻¹²⁶ may be 0.

// Neg returns −x.
func Neg(x *gorgonia.Node) (*gorgonia.Node, error) { return Scale(x, -1) }

// Scale returns c·x.
func Scale(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unary("scale", x, func(x float64) float64 { return kernel.Product(c, x) },
		func(dst, x []float32) { kernel.MulScalarEach(dst, x, float32(c)) },
		func(e *Expr, _, _, g node) node { return e.N(Scale(g, c)) })
}

// AddScalar returns x + c.
func AddScalar(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unary("addscalar", x, func(x float64) float64 { return x + c },
		func(dst, x []float32) { kernel.AddScalarEach(dst, x, float32(c)) },
		func(_ *Expr, _, _, g node) node { return g })
}

// Exp returns eˣ.
func Exp(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("exp", x, math.Exp, func(dst, x []float32) { kernel.Exp(dst, x, 0) }, func(e *Expr, _, y, g node) node { return e.N(Mul(g, y)) })
}

// Expm1 returns eˣ − 1.
func Expm1(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("expm1", x, math.Expm1, kernel.Expm1Each, func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Exp(x)))) })
}

// Log returns ln x.
func Log(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("log", x, math.Log, kernel.Log[float32], func(e *Expr, x, _, g node) node { return e.N(Div(g, x)) })
}

// Log1p returns ln(1+x).
func Log1p(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("log1p", x, math.Log1p, kernel.Log1pEach, func(e *Expr, x, _, g node) node { return e.N(Div(g, e.N(AddScalar(x, 1)))) })
}

// Square returns x².
func Square(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("square", x, func(x float64) float64 { return x * x }, kernel.SquareEach,
		func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Scale(x, 2)))) })
}

// Sqrt returns √x; the derivative at 0 is infinite.
func Sqrt(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("sqrt", x, math.Sqrt, kernel.SqrtEach, func(e *Expr, _, y, g node) node { return e.N(Div(g, e.N(Scale(y, 2)))) })
}

// Abs returns |x|; the derivative at 0 is 0.
func Abs(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("abs", x, math.Abs, kernel.AbsEach, func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Sign(x)))) })
}

// Sign returns −1, 0 or 1; it has no gradient.
func Sign(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unaryOf("sign", x, mapped(1, kernel.SignEach[float32]), mapped(1, kernel.SignEach[float64]), nil)
}

// Atan returns arctan x.
func Atan(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("atan", x, math.Atan, kernel.AtanEach, func(e *Expr, x, _, g node) node {
		return e.N(Div(g, e.N(AddScalar(e.N(Square(x)), 1))))
	})
}

// Softplus returns ln(1+eˣ).
func Softplus(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("softplus", x, kernel.Softplus, kernel.SoftplusEach,
		func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(Sigmoid(x)))) })
}

// PowPositive returns [x]₊^q: x^q where x > 0 and 0 elsewhere, for any q. q = 0 is
// the indicator of x > 0, which has no gradient; q = 1 is [Relu]. The derivative is
// q[x]₊^{q−1}, hence 0 at and below the kink.
func PowPositive(x *gorgonia.Node, q float64) (*gorgonia.Node, error) {
	if math.IsNaN(q) || math.IsInf(q, 0) {
		return nil, fmt.Errorf("graph: powpositive: exponent %g is not finite", q)
	}
	if q == 1 {
		return Relu(x)
	}
	f := func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		return power(x, q) // of a NaN too
	}
	f32 := func(dst, x []float32) { powPositive(dst, x, float32(q)) }
	if q == 0 {
		return unary("powpositive", x, f, f32, nil)
	}
	return unary("powpositive", x, f, f32, func(e *Expr, x, _, g node) node {
		return e.N(Mul(g, e.N(Scale(e.N(PowPositive(x, q-1)), q))))
	})
}

// powPositive stores [x]₊^q in dst, which is not x.
func powPositive(dst, x []float32, q float32) {
	if q == 0 {
		kernel.StepEach(dst, x)
		return
	}
	kernel.ReluEach(dst, x)
	switch q {
	case 1:
	case 2:
		kernel.SquareEach(dst, dst)
	case 0.5:
		kernel.SqrtEach(dst, dst)
	default:
		kernel.Pow(dst, dst, q)
	}
	if q < 0 {
		kernel.ReluBack(dst, dst, x) // what 0 has become infinite of
	}
}

// Pow returns x^q, NaN where math.Pow is.
func Pow(x *gorgonia.Node, q float64) (*gorgonia.Node, error) {
	f := func(x float64) float64 { return power(x, q) }
	f32 := func(dst, x []float32) { powers(dst, x, q) }
	if q == 0 {
		return unary("pow", x, f, f32, nil)
	}
	return unary("pow", x, f, f32, func(e *Expr, x, _, g node) node {
		return e.N(Mul(g, e.N(Scale(e.N(Pow(x, q-1)), q))))
	})
}

// power returns x^q, fast at the exponents of the family.
func power(x, q float64) float64 {
	switch q {
	case 0:
		if math.IsNaN(x) { // math.Pow would hide it
			return x
		}
		return 1
	case 1:
		return x
	case 2:
		return x * x
	}
	return math.Pow(x, q)
}

// powers stores x^q in dst, which is not x.
func powers(dst, x []float32, q float64) {
	switch q {
	case 0:
		for i, v := range x {
			if dst[i] = 1; v != v {
				dst[i] = v
			}
		}
		return
	case 1:
		copy(dst, x)
		return
	case 2:
		kernel.SquareEach(dst, x)
		return
	case -1:
		for i, v := range x {
			dst[i] = 1 / v
		}
		return
	}
	if e := math.Abs(q); e < math.SmallestNonzeroFloat32 || e > math.MaxFloat32 { // another exponent at float32
		for i, v := range x {
			dst[i] = float32(math.Pow(float64(v), q))
		}
		return
	}
	whole := q == math.Trunc(q)
	kernel.AbsEach(dst, x)
	kernel.Pow(dst, dst, float32(q))
	odd := math.Mod(q, 2) != 0
	for i, v := range x {
		switch {
		case whole && odd:
			dst[i] = float32(math.Copysign(float64(dst[i]), float64(v)))
		case !whole && v < 0 && !masked(v): // math.Pow has a value at −Inf
			dst[i] = float32(math.NaN())
		}
	}
}

// Clamp returns min(max(x, lo), hi); the gradient is 0 outside (lo, hi).
func Clamp(x *gorgonia.Node, lo, hi float64) (*gorgonia.Node, error) {
	if !(lo < hi) {
		return nil, fmt.Errorf("graph: clamp: empty interval [%g, %g]", lo, hi)
	}
	return unary("clamp", x, func(x float64) float64 { return min(max(x, lo), hi) },
		func(dst, x []float32) { kernel.ClampEach(dst, x, float32(lo), float32(hi)) },
		func(e *Expr, x, _, g node) node {
			return e.N(Mul(g, e.N(unaryOf("inside", x, mapped(1, inside[float32](lo, hi)), mapped(1, inside[float64](lo, hi)), nil))))
		})
}

func inside[T Float](lo, hi float64) func(dst, x []T) {
	return func(dst, x []T) { kernel.InsideEach(dst, x, T(lo), T(hi)) }
}

// FillMasked returns x with c in place of −Inf, where the gradient is 0: how a
// masked candidate is kept out of functions that are not 0 at −Inf.
func FillMasked(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	return unary("fillmasked", x, func(x float64) float64 {
		if math.IsInf(x, -1) {
			return c
		}
		return x
	}, func(dst, x []float32) { kernel.FillMaskedEach(dst, x, float32(c)) },
		func(e *Expr, x, _, g node) node { return e.N(maskLike(g, x)) })
}

// maskLike returns g with 0 where ref is −Inf. ref has no gradient.
func maskLike(g, ref node) (node, error) {
	return apply(spec{name: "masklike", shape: g.Shape(), f32: zipped(kernel.MaskLike[float32]), f64: zipped(kernel.MaskLike[float64]), fixed: []int{1},
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(maskLike(g, in[1])), nil)
		}}, g, ref)
}

func masked[T Float](x T) bool { return math.IsInf(float64(x), -1) }

// binary is the elementwise y = f(a,b) of two operands of one shape.
func binary(name string, a, b node, f32 func(dst, a, b []float32), f64 func(dst, a, b []float64),
	diff func(e *Expr, a, b, y, g node) (ga, gb node)) (node, error) {
	return binaryOf(name, a, b, zipped(f32), zipped(f64), diff)
}

// binaryOf is binary of bodies.
func binaryOf(name string, a, b node, f32 body[float32], f64 body[float64], diff func(e *Expr, a, b, y, g node) (ga, gb node)) (node, error) {
	if a == nil || b == nil {
		return nil, fmt.Errorf("graph: %s: an operand is nil", name)
	}
	if !slices.Equal(a.Shape(), b.Shape()) {
		return nil, fmt.Errorf("graph: %s: shapes %v and %v differ", name, a.Shape(), b.Shape())
	}
	if err := wantFloats(name, a, b); err != nil {
		return nil, err
	}
	return apply(spec{name: name, shape: a.Shape(), f32: f32, f64: f64,
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			ga, gb := diff(&e, in[0], in[1], out, g)
			return e.grads(ga, gb)
		}}, a, b)
}

func zipped[T Float](f func(dst, a, b []T)) body[T] { return zippedAt(1, f) }

// zippedAt is the body that applies f, at that cost of an element, to two operands.
func zippedAt[T Float](cost int, f func(dst, a, b []T)) body[T] {
	return func(dst []T, in []any) error {
		a, b := vec[T](in[0]), vec[T](in[1])
		return parallel(len(dst), cost*len(dst), func(_, lo, hi int) error {
			f(dst[lo:hi], a[lo:hi], b[lo:hi])
			return nil
		})
	}
}

// Add returns a + b for operands of one shape.
func Add(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("add", a, b, kernel.AddEach, kernel.AddEach, func(_ *Expr, _, _, _, g node) (node, node) { return g, g })
}

// Sub returns a − b for operands of one shape.
func Sub(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("sub", a, b, kernel.SubEach, kernel.SubEach, func(e *Expr, _, _, _, g node) (node, node) {
		return g, e.N(Neg(g))
	})
}

// Mul returns the elementwise product of operands of one shape, where
// 0·(±Inf) = 0: a masked candidate of weight 0 contributes nothing.
func Mul(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("mul", a, b, kernel.MulEach, kernel.MulEach, func(e *Expr, a, b, _, g node) (node, node) {
		return e.N(Mul(g, b)), e.N(Mul(g, a))
	})
}

// Div returns the elementwise quotient of operands of one shape.
func Div(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("div", a, b, kernel.DivEach, kernel.DivEach, func(e *Expr, _, b, y, g node) (node, node) {
		ga := e.N(Div(g, b))
		return ga, e.N(Neg(e.N(Mul(ga, y))))
	})
}

// Sum returns the sum of all elements, a scalar, kept in float64: that of pieces, in their
// order.
func Sum(x *gorgonia.Node) (*gorgonia.Node, error) {
	if x == nil {
		return nil, fmt.Errorf("graph: sum: operand 0 is nil")
	}
	return apply(spec{name: "sum", shape: tensor.ScalarShape(), f32: sumBody[float32](), f64: sumBody[float64](),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(fill(g, in[0].Shape())))
		}}, x)
}

func sumBody[T Float]() body[T] {
	part := make([]float64, parts)
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		clear(part)
		err := parallel(len(x), len(x), func(_, lo, hi int) error {
			part[pieceOf(lo, len(x))] = kernel.SumWide(x[lo:hi])
			return nil
		})
		s := 0.0
		for _, p := range part {
			s += p
		}
		dst[0] = T(s)
		return err
	}
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
	return parallel(len(dst), len(dst), func(_, lo, hi int) error {
		kernel.FillEach(dst[lo:hi], v)
		return nil
	})
}

package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// LayerNorm returns (x−m)/√(s²+eps)∘gain + bias [B,K], with the mean m and the variance
// s² (over K) of each row of x [B,K], and gain and bias [K]; eps is above 0. One pass
// over x makes the value, and one over x and the gradient by it makes those of x, gain and bias.
// Those of gain and bias add up the sums of 32 pieces of the rows, in their order. Source: J. L.
// Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, 2016.
func LayerNorm(x, gain, bias *gorgonia.Node, eps float64) (*gorgonia.Node, error) {
	const name = "layer norm"
	if err := wantDims(name, "x", x, 2); err != nil {
		return nil, err
	}
	for i, v := range []node{gain, bias} {
		what := []string{"gain", "bias"}[i]
		if err := wantDims(name, what, v, 1); err != nil {
			return nil, err
		}
		if v.Shape()[0] != x.Shape()[1] {
			return nil, fmt.Errorf("graph: %s: x is %v and %s is %v; want [B,K] and [K]", name, x.Shape(), what, v.Shape())
		}
	}
	if !(eps > 0) || math.IsInf(eps, 1) {
		return nil, fmt.Errorf("graph: %s: eps = %g; want a positive number", name, eps)
	}
	b, k := x.Shape()[0], x.Shape()[1]
	return apply(spec{name: name, shape: x.Shape(), f32: normalized[float32](k, eps), f64: normalized[float64](k, eps),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			return layerNormGrads(in[0], in[1], g, b, k, eps)
		}}, x, gain, bias)
}

// normalized is the body of LayerNorm over pieces of the rows of x.
func normalized[T Float](k int, eps float64) body[T] {
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		return parallel(len(x)/k, 4*len(x), func(_, lo, hi int) error {
			kernel.LayerNorm(dst[lo*k:hi*k], x[lo*k:hi*k], vec[T](in[1]), vec[T](in[2]), T(eps))
			return nil
		})
	}
}

// layerNormGrads returns the gradients by x, gain and bias, which one op computes.
func layerNormGrads(x, gain, g node, b, k int, eps float64) (gorgonia.Nodes, error) {
	s32, s64 := &normGrad[float32]{b: b, k: k, eps: float32(eps)}, &normGrad[float64]{b: b, k: k, eps: eps}
	var e Expr
	work := e.N(apply(spec{name: "layer norm gradient", shape: tensor.Shape{1}, f32: s32.backward, f64: s64.backward,
		scratch: either(x, s32.scratch, s64.scratch)}, x, gain, g))
	// Of the derivatives of the gradients each is that of the same expression as nodes.
	by := []gorgonia.Nodes{{x, gain, g}, {x, g}, {g}}
	grads := make(gorgonia.Nodes, 3)
	for i, like := range []node{x, gain, gain} {
		grads[i] = e.N(apply(spec{name: fmt.Sprint("layer norm d", []string{"x", "gain", "bias"}[i]), shape: like.Shape(), fixed: []int{0},
			borrowed32: func() ([]float32, Gradient[float32]) { return s32.grad[i], Gradient[float32]{} },
			borrowed64: func() ([]float64, Gradient[float64]) { return s64.grad[i], Gradient[float64]{} },
			diff: func(in gorgonia.Nodes, _, gg node) (gorgonia.Nodes, error) {
				var e Expr
				return e.grads(append(gorgonia.Nodes{nil}, derivativeOf(&e, layerNormGradient(&e, i, x, gain, g, eps), gg, by[i]...)...)...)
			}}, append(gorgonia.Nodes{work}, by[i]...)...))
	}
	return e.grads(grads...)
}

// layerNormGradient returns the gradient by operand i as nodes.
func layerNormGradient(e *Expr, i int, x, gain, g node, eps float64) node {
	if i == 2 {
		return e.N(ColSum(g))
	}
	centred := e.N(SubRow(x, e.N(RowMean(x))))
	sd := e.N(Sqrt(e.N(AddScalar(e.N(RowMean(e.N(Square(centred)))), eps))))
	unit := e.N(DivRow(centred, sd))
	if i == 1 {
		return e.N(ColSum(e.N(Mul(g, unit))))
	}
	h := e.N(MulCols(g, gain))
	along := e.N(MulRow(unit, e.N(RowMean(e.N(Mul(h, unit))))))
	return e.N(DivRow(e.N(Sub(e.N(SubRow(h, e.N(RowMean(h)))), along)), sd))
}

// normGrad computes the three gradients.
type normGrad[T Float] struct {
	b, k int
	eps  T
	grad [3][]T
	part []T // [parts,2K]: those of gain and bias, of each piece
}

func (s *normGrad[T]) scratch() int64 { return bytesOf[T]((s.b + 2 + 2*parts) * s.k) }

func (s *normGrad[T]) backward(_ []T, in []any) error {
	x, gain, g, k := vec[T](in[0]), vec[T](in[1]), vec[T](in[2]), s.k
	if s.part == nil {
		s.grad = [3][]T{make([]T, s.b*k), make([]T, k), make([]T, k)}
		s.part = make([]T, parts*2*k)
	}
	clear(s.part)
	err := parallel(s.b, 8*len(x), func(_, lo, hi int) error {
		sums := s.part[pieceOf(lo, s.b)*2*k:][:2*k]
		kernel.LayerNormBack(s.grad[0][lo*k:hi*k], sums[:k], sums[k:], x[lo*k:hi*k], gain, g[lo*k:hi*k], s.eps)
		return nil
	})
	clear(s.grad[1])
	clear(s.grad[2])
	for sums := s.part; len(sums) > 0; sums = sums[2*k:] {
		kernel.Axpy(1, sums[:k], s.grad[1])
		kernel.Axpy(1, sums[k:2*k], s.grad[2])
	}
	return err
}

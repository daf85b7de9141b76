package graph

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Reshape returns a copy of x, whose shape has as many elements.
func Reshape(x *gorgonia.Node, shape ...int) (*gorgonia.Node, error) {
	if x == nil {
		return nil, errors.New("graph: reshape: operand 0 is nil")
	}
	if size(shape) != x.Shape().TotalSize() || len(shape) == 0 {
		return nil, fmt.Errorf("graph: reshape: %v to %v", x.Shape(), shape)
	}
	if x.Dims() == 0 {
		return nil, errors.New("graph: reshape: a scalar has no shape to change")
	}
	return apply(spec{name: "reshape", shape: slices.Clone(shape), f32: copyBody[float32], f64: copyBody[float64],
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(Reshape(g, in[0].Shape()...)))
		}}, x)
}

func copyBody[T Float](dst []T, in []any) error {
	copy(dst, vec[T](in[0]))
	return nil
}

// inner returns the number of elements behind one index of that axis.
func inner(s tensor.Shape, axis int) int { return tensor.Shape(s[axis+1:]).TotalSize() }

// Concat joins xs along an axis; their other axes agree.
func Concat(axis int, xs ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(xs) == 0 || slices.Contains(xs, nil) {
		return nil, errors.New("graph: concat: an operand is missing")
	}
	if axis < 0 || axis >= xs[0].Dims() {
		return nil, fmt.Errorf("graph: concat: axis %d of %v", axis, xs[0].Shape())
	}
	if err := wantFloats("concat", xs...); err != nil {
		return nil, err
	}
	shape := xs[0].Shape().Clone()
	ends := []int{shape[axis]}
	for i, x := range xs[1:] {
		s := x.Shape().Clone()
		if len(s) == len(shape) {
			s[axis] = xs[0].Shape()[axis]
		}
		if !s.Eq(xs[0].Shape()) {
			return nil, fmt.Errorf("graph: concat: operand %d is %v, operand 0 %v, along axis %d", i+1, x.Shape(), xs[0].Shape(), axis)
		}
		shape[axis] += x.Shape()[axis]
		ends = append(ends, shape[axis])
	}
	width := inner(shape, axis)
	return apply(spec{name: "concat", shape: shape, f32: concatBody[float32](shape[axis], ends, width), f64: concatBody[float64](shape[axis], ends, width),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			gs := make(gorgonia.Nodes, len(in))
			lo := 0
			for i, hi := range ends {
				gs[i] = e.N(Slice(g, axis, lo, hi))
				lo = hi
			}
			return e.grads(gs...)
		}}, xs...)
}

func concatBody[T Float](n int, ends []int, width int) body[T] {
	return func(dst []T, in []any) error {
		lo := 0
		for i, hi := range ends {
			x, w := vec[T](in[i]), (hi-lo)*width
			for o := 0; o*w < len(x); o++ {
				copy(dst[(o*n+lo)*width:], x[o*w:(o+1)*w])
			}
			lo = hi
		}
		return nil
	}
}

// Slice returns a copy of the indices lo to hi−1 of an axis of x.
func Slice(x *gorgonia.Node, axis, lo, hi int) (*gorgonia.Node, error) {
	if x == nil {
		return nil, errors.New("graph: slice: operand 0 is nil")
	}
	if axis < 0 || axis >= x.Dims() || lo < 0 || hi <= lo || hi > x.Shape()[axis] {
		return nil, fmt.Errorf("graph: slice: [%d:%d] of axis %d of %v", lo, hi, axis, x.Shape())
	}
	n, width := x.Shape()[axis], inner(x.Shape(), axis)
	shape := x.Shape().Clone()
	shape[axis] = hi - lo
	return apply(spec{name: "slice", shape: shape, f32: sliceBody[float32](n, lo, hi, width), f64: sliceBody[float64](n, lo, hi, width),
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(pad(g, axis, lo, n)))
		}}, x)
}

func sliceBody[T Float](n, lo, hi, width int) body[T] {
	return func(dst []T, in []any) error {
		x, w := vec[T](in[0]), (hi-lo)*width
		for o := 0; o*w < len(dst); o++ {
			copy(dst[o*w:(o+1)*w], x[(o*n+lo)*width:])
		}
		return nil
	}
}

// pad puts x at index lo of an axis of n indices, 0 elsewhere: the adjoint of
// Slice.
func pad(x node, axis, lo, n int) (node, error) {
	m, width := x.Shape()[axis], inner(x.Shape(), axis)
	shape := x.Shape().Clone()
	shape[axis] = n
	return apply(spec{name: "pad", shape: shape, f32: padBody[float32](n, lo, m, width), f64: padBody[float64](n, lo, m, width),
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(Slice(g, axis, lo, lo+m)))
		}}, x)
}

func padBody[T Float](n, lo, m, width int) body[T] {
	return func(dst []T, in []any) error {
		x, w := vec[T](in[0]), m*width
		clear(dst)
		for o := 0; o*w < len(x); o++ {
			copy(dst[(o*n+lo)*width:], x[o*w:(o+1)*w])
		}
		return nil
	}
}

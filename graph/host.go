package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// HostIntsOf returns an Int32 node of that shape whose value f computes from the value
// of h [B,d] in each run: how candidates that depend on the encodings come into
// a graph. It has no gradient. f writes every entry of dst and runs on one
// goroutine at a time.
func HostIntsOf[T Float](h *gorgonia.Node, f func(dst []int32, h []T) error, shape ...int) (*gorgonia.Node, error) {
	const name = "host ints of"
	if err := wantDims(name, "h", h, 2); err != nil {
		return nil, err
	}
	if h.Dtype() != dtypeFor[T]() {
		return nil, fmt.Errorf("graph: %s: h is %v, and the function takes %v", name, h.Dtype(), dtypeFor[T]())
	}
	if err := made(name, f != nil, shape); err != nil {
		return nil, err
	}
	return apply(spec{name: name, shape: tensor.Shape(shape), constant: true,
		i32: func(dst []int32, in []any) error { return f(dst, vec[T](in[0])) }}, h)
}

// HostInts returns an Int32 node of that shape whose value f computes after the
// draws: what else is known of them. It has no gradient.
func HostInts(draws *gorgonia.Node, f func(dst []int32) error, shape ...int) (*gorgonia.Node, error) {
	if err := made("host ints", f != nil, shape); err != nil {
		return nil, err
	}
	return apply(spec{name: "host ints", shape: tensor.Shape(shape), constant: true,
		i32: func(dst []int32, _ []any) error { return f(dst) }}, draws)
}

// HostFloats is HostInts of a node at precision T: log q of the draws.
func HostFloats[T Float](draws *gorgonia.Node, f func(dst []T) error, shape ...int) (*gorgonia.Node, error) {
	if err := made("host floats", f != nil, shape); err != nil {
		return nil, err
	}
	dt := dtypeFor[T]()
	s := spec{name: "host floats", shape: tensor.Shape(shape), constant: true, dtype: &dt}
	switch f := any(f).(type) {
	case func([]float32) error:
		s.f32 = func(dst []float32, _ []any) error { return f(dst) }
	case func([]float64) error:
		s.f64 = func(dst []float64, _ []any) error { return f(dst) }
	}
	return apply(s, draws)
}

// made returns an error unless a node of that shape can be made by a function.
func made(name string, f bool, shape []int) error {
	switch {
	case !f:
		return fmt.Errorf("graph: %s: the function is nil", name)
	case len(shape) == 0:
		return fmt.Errorf("graph: %s: no shape; use shape 1 for one number", name)
	}
	return nil
}

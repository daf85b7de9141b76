package graph

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// An Op is an op that a caller states in Go, as the fused ops of this package are stated:
// [Apply] makes a node of it in any Gorgonia graph, which owns its value, is never merged
// with another, turns panics of the functions into errors of the run, is counted by
// [Program.Bytes] and differentiated by [Grad] and gorgonia.Grad.
type Op struct {
	// Name is what errors call the op and what its hash begins with. It has the numbers that
	// the op is made with, as in "clip:c=2".
	Name string

	// Shape is that of the value; none is a scalar.
	Shape []int

	// F32 and F64 compute the value at either precision: they store it in dst, row by row,
	// which keeps that of the run before until then. What in holds is read-only. One that is
	// nil makes operands of that precision an error.
	F32 func(r Run, dst []float32, in []Operand[float32]) error
	F64 func(r Run, dst []float64, in []Operand[float64]) error

	// Fixed are the operands that have no derivative; those of Int32 have none in any case.
	Fixed []int

	// Diff returns the gradient by each operand, of its shape, for the gradient g by the value
	// out: nil for those without a derivative. They are nodes, of Ops again where they are
	// fused; what several of them share can be one Op whose value [Slice] cuts. Diff nil is
	// an op that cannot be differentiated.
	Diff func(in []*gorgonia.Node, out, g *gorgonia.Node) ([]*gorgonia.Node, error)

	// Scratch, unless it is nil, returns the bytes that the functions keep beside the value.
	Scratch func() int64
}

// An Operand is what an Op reads of one of its operands, row by row: Ints of one that is
// Int32, else Floats.
type Operand[T Float] struct {
	Floats []T
	Ints   []int32
}

// A Run is the run that asks for a value.
type Run struct {
	Train bool // of a training, and not of an evaluation
	Step  int  // of the training, as [Program.SetStep] and [SetStep] say
}

// Apply returns the node of o over in. Operands are of one precision, apart from those of
// Int32, and at least one is floating-point.
func Apply(o Op, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	if o.Name == "" {
		return nil, errors.New("graph: an op without a name")
	}
	if len(in) == 0 {
		return nil, fmt.Errorf("graph: %s: no operands", o.Name)
	}
	if slices.ContainsFunc(o.Shape, func(n int) bool { return n < 1 }) {
		return nil, fmt.Errorf("graph: %s: shape %v is empty", o.Name, o.Shape)
	}
	for _, i := range o.Fixed {
		if i < 0 || i >= len(in) {
			return nil, fmt.Errorf("graph: %s: operand %d of %d is fixed", o.Name, i, len(in))
		}
	}
	for i, x := range in {
		if x != nil && (x.Dtype() == tensor.Float32 && o.F32 == nil || x.Dtype() == tensor.Float64 && o.F64 == nil) {
			return nil, fmt.Errorf("graph: %s: operand %d is %v, at which the op has no function", o.Name, i, x.Dtype())
		}
	}
	self := new(*op)
	s := spec{name: o.Name, shape: slices.Clone(tensor.Shape(o.Shape)), f32: ownBody(self, o.F32), f64: ownBody(self, o.F64), fixed: o.Fixed, scratch: o.Scratch}
	if o.Diff != nil {
		s.diff = func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			grads, err := o.Diff(in, out, g)
			if err != nil {
				return nil, err
			}
			return grads, ownGrads(o.Name, out.Op().(*op), in, grads)
		}
	}
	n, err := apply(s, in...)
	if err == nil {
		*self = n.Op().(*op)
	}
	return n, err
}

// ownGrads returns what is wrong with the gradients of an op.
func ownGrads(name string, o *op, in, grads gorgonia.Nodes) error {
	if len(grads) != len(in) {
		return fmt.Errorf("graph: %s: %d gradients for %d operands", name, len(grads), len(in))
	}
	for i, g := range grads {
		switch {
		case g != nil && !o.wrt[i]:
			return fmt.Errorf("graph: %s: a gradient of operand %d, which has no derivative", name, i)
		case g == nil && o.wrt[i]:
			return fmt.Errorf("graph: %s: no gradient of operand %d", name, i)
		case g != nil && rowsOf(g) == nil:
			if err := fitsGradient(in[i], g); err != nil {
				return fmt.Errorf("graph: %s: operand %d: %w", name, i, err)
			}
		}
	}
	return nil
}

func ownBody[T Float](self **op, f func(r Run, dst []T, in []Operand[T]) error) body[T] {
	var operands []Operand[T]
	return func(dst []T, in []any) error {
		operands = operands[:0]
		for _, x := range in {
			switch x := x.(type) {
			case []T:
				operands = append(operands, Operand[T]{Floats: x})
			case []int32:
				operands = append(operands, Operand[T]{Ints: x})
			}
		}
		m := (*self).now()
		return f(Run{Train: m.train, Step: m.step}, dst, operands)
	}
}

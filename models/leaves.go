package models

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
)

// leaves makes leaves at the precision of a builder.
type leaves interface {
	table(t *Table, shape ...int) *gorgonia.Node
	indices(name string, n int) (*gorgonia.Node, []int32)
	floats(name string, shape ...int) (*gorgonia.Node, func(lo int, values []float32))
	dtype() tensor.Dtype
	hostFloats(after *gorgonia.Node, f func(dst []float32), n int) (*gorgonia.Node, error)
	plan() bool
	err() error
}

// leavesOf are the leaves of a builder; values returns a table's data at precision T.
type leavesOf[T graph.Float] struct {
	b      *graph.Builder[T]
	values func(*Table) []T
}

func (l leavesOf[T]) table(t *Table, shape ...int) *gorgonia.Node {
	if t.Frozen {
		return l.b.Constant(t.Name, l.values(t), shape...)
	}
	return l.b.Param(t.Name, l.values(t), shape...)
}

func (l leavesOf[T]) indices(name string, n int) (*gorgonia.Node, []int32) {
	return l.b.Indices(name, n)
}

func (l leavesOf[T]) floats(name string, shape ...int) (*gorgonia.Node, func(lo int, values []float32)) {
	node, x := l.b.Input(name, shape...)
	return node, func(lo int, values []float32) {
		for i, v := range values {
			x[lo+i] = T(v)
		}
	}
}

// hostFloats is a node of numbers that f makes after a node has run.
func (l leavesOf[T]) hostFloats(after *gorgonia.Node, f func(dst []float32), n int) (*gorgonia.Node, error) {
	var x []float32
	return graph.HostFloats(after, func(dst []T) error {
		if x == nil {
			x = make([]float32, n)
		}
		f(x)
		for i, v := range x {
			dst[i] = T(v)
		}
		return nil
	}, n)
}

// dtype returns the builder's precision.
func (leavesOf[T]) dtype() tensor.Dtype {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

func (l leavesOf[T]) plan() bool { return l.b.Plan() }

func (l leavesOf[T]) err() error { return l.b.Err() }

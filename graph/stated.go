package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A stated op is stated twice: as one op that computes its value, with another that
// computes all of its gradients, and as nodes. What a training runs is the ops; the
// derivatives of the gradients are those of the nodes, so that it may be differentiated any
// number of times; and a test holds the two together.
type stated struct {
	name  string
	shape tensor.Shape
	f32   body[float32]
	f64   body[float64]
	fixed []int

	through int // the operand to which the gradient goes on as it is, 0 for none

	drops bool
	need  *need // set in the runs in which forward is to leave something for backward
	self  *op   // which knows how its machine runs

	// A backward stores in grads the gradients by the operands, nil where none is asked for,
	// of what is in behind them: the value, then the gradient by it.
	back32 func(grads [][]float32, in []any) error
	back64 func(grads [][]float64, in []any) error

	// scratch and backScratch return what forward and backward keep beside the value and
	// the gradients.
	scratch, backScratch func() int64

	// nodes returns the value as nodes of the operands.
	nodes func(in gorgonia.Nodes) (node, error)
}

// apply adds the op over in to their graph.
func (s *stated) apply(in ...node) (node, error) {
	n, err := apply(spec{name: s.name, shape: s.shape, f32: s.f32, f64: s.f64, fixed: s.fixed, drops: s.drops, wants: s.need.wants, scratch: s.scratch,
		diff: s.grads}, in...)
	if err == nil {
		s.self = n.Op().(*op)
	}
	return n, err
}

// grads returns the gradients by in, which one op computes.
func (s *stated) grads(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
	s.need.derive()
	g32, g64 := newStatedGrads(s, in, s.back32), newStatedGrads(s, in, s.back64)
	var e Expr
	work := e.N(apply(spec{name: s.name + " gradient", shape: tensor.Shape{1}, constant: true, f32: g32.run, f64: g64.run,
		wants:   both(g32.wants, g64.wants),
		scratch: func() int64 { return either(out, g32.scratch, g64.scratch)() + s.backScratch() }}, slices.Concat(in, gorgonia.Nodes{out, g})...))
	grads := make(gorgonia.Nodes, len(in))
	by := slices.Concat(in, gorgonia.Nodes{g})
	fixed := []int{0}
	for _, i := range s.fixed {
		fixed = append(fixed, i+1)
	}
	for i, x := range in {
		if !s.differentiable(x, i) {
			continue
		}
		if s.through == i && i > 0 {
			grads[i] = g
			continue
		}
		grads[i] = e.N(apply(spec{name: fmt.Sprintf("%s d%d", s.name, i), shape: x.Shape().Clone(), fixed: fixed,
			borrowed32: func() ([]float32, Gradient[float32]) { return g32.grad[i], Gradient[float32]{} },
			borrowed64: func() ([]float64, Gradient[float64]) { return g64.grad[i], Gradient[float64]{} },
			onKept: func(bool) {
				s.need.onKept(false)
				g32.want[i], g64.want[i] = true, true
			},
			diff: func(_ gorgonia.Nodes, _, gg node) (gorgonia.Nodes, error) { return s.second(i, in, g, gg) },
		}, slices.Concat(gorgonia.Nodes{work}, by)...))
	}
	return e.grads(grads...)
}

// differentiable reports whether operand i has a gradient.
func (s *stated) differentiable(x node, i int) bool {
	return x.Dtype() != tensor.Int32 && !slices.Contains(s.fixed, i)
}

// second returns the gradients of the op of the gradient by operand i, whose operands are
// its work, in and g, of gg by it.
func (s *stated) second(i int, in gorgonia.Nodes, g, gg node) (gorgonia.Nodes, error) {
	var e Expr
	// Each operand is a variable of its own, also where one node is several.
	own := slices.Clone(in)
	var wrt gorgonia.Nodes
	at := make([]int, len(in))
	for j, x := range in {
		if s.differentiable(x, j) {
			own[j] = e.N(Identity(x))
			at[j] = len(wrt)
			wrt = append(wrt, own[j])
		}
	}
	if e.Err != nil {
		return nil, e.Err
	}
	y := e.N(s.nodes(own))
	first := derivativeOf(&e, y, g, wrt...)
	if e.Err != nil {
		return nil, e.Err
	}
	second := derivativeOf(&e, first[at[i]], gg, slices.Concat(wrt, gorgonia.Nodes{g})...)
	if e.Err != nil {
		return nil, e.Err
	}
	grads := make(gorgonia.Nodes, len(in)+2)
	for j, x := range in {
		if s.differentiable(x, j) {
			grads[j+1] = second[at[j]]
		}
	}
	grads[len(grads)-1] = second[len(wrt)]
	return e.grads(grads...)
}

// statedGrads are the gradients of one application of the derivative.
type statedGrads[T Float] struct {
	back func(grads [][]T, in []any) error
	size []int  // of each operand, 0 of those that have no gradient
	want []bool // by which operands there are gradients to compute
	grad [][]T
	out  [][]T
}

func newStatedGrads[T Float](of *stated, in gorgonia.Nodes, back func(grads [][]T, in []any) error) *statedGrads[T] {
	s := &statedGrads[T]{back: back, size: make([]int, len(in)), want: make([]bool, len(in)), grad: make([][]T, len(in)), out: make([][]T, len(in))}
	for i, x := range in {
		if of.differentiable(x, i) && (i == 0 || i != of.through) {
			s.size[i] = x.Shape().TotalSize()
		}
	}
	s.wants(true)
	return s
}

func (s *statedGrads[T]) wants(all bool) {
	for i, n := range s.size {
		s.want[i] = all && n > 0
	}
}

func (s *statedGrads[T]) scratch() int64 {
	n := 0
	for i, w := range s.want {
		if w {
			n += s.size[i]
		}
	}
	return bytesOf[T](n)
}

func (s *statedGrads[T]) run(_ []T, in []any) error {
	for i, w := range s.want {
		s.out[i] = nil
		if w {
			if s.grad[i] == nil {
				s.grad[i] = kernel.Make[T](s.size[i])
			}
			s.out[i] = s.grad[i]
		}
	}
	return s.back(s.out, in)
}

package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A TrainedDefinition is a [Definition] with parameters that are trained: numbers, each of
// which it gets as a vector [B] that holds it for every row. It must use them all.
type TrainedDefinition func(z *gorgonia.Node, t *Targets, params []*gorgonia.Node) (*gorgonia.Node, error)

// FromTrained is [FromNode] of a loss with parameters that are trained: params, nodes [1]
// of the graph of the ops, such as the leaf of a [Scalar]'s table. They receive gradients,
// Σ_b g_b ∂ℓ_b/∂param, which symbolic differentiation of the definition gives row by row
// and which are added up in float64 in the order of rows.
//
// The form goes with the graph of params, and its RowLosses alone have no values of them:
// outside of the ops their Eval gives NaN.
func FromTrained(text string, d TrainedDefinition, params ...*gorgonia.Node) Analytic {
	return Analytic{Text: text, F32: &nodeLoss[float32]{definition: d, params: params}, F64: &nodeLoss[float64]{definition: d, params: params}}
}

// untrained returns d as one without parameters.
func (d Definition) untrained() TrainedDefinition {
	return func(z *gorgonia.Node, t *Targets, _ []*gorgonia.Node) (*gorgonia.Node, error) { return d(z, t) }
}

// trained are the parameters of the definition of one op; nil where it has none. The op
// itself does not read them. hold puts their values where its blocks find them, before it
// runs, and link gives them the gradient that the blocks left behind.
type trained struct {
	params []node
	f32    trainedRun[float32]
	f64    trainedRun[float64]
}

// A trainedRun is what a run has of trained parameters, P of them.
type trainedRun[T Float] struct {
	value []T // [P]
	grad  []T // [B,P]: ∂ℓ_b/∂parameter
}

// trainedOf returns the parameters of the definition that l is, if any, for a new op.
func trainedOf(l Analytic) *trained {
	if n, ok := l.F32.(*nodeLoss[float32]); ok && len(n.params) > 0 {
		return &trained{params: n.params}
	}
	return nil
}

// hold returns x, an operand of the op, as a node that has noted the parameters' values
// when it is computed.
func (p *trained) hold(x node) (node, error) {
	if p == nil {
		return x, nil
	}
	const name = "trained parameters"
	for i, n := range p.params {
		what := fmt.Sprintf("number %d", i)
		if err := wantDims(name, what, n, 1); err != nil {
			return nil, err
		}
		if n.Shape()[0] != 1 {
			return nil, fmt.Errorf("graph: %s: %s is %v; want [1]", name, what, n.Shape())
		}
	}
	return apply(spec{name: name, shape: x.Shape(), fixed: fixedAfter(1, len(p.params)), f32: p.f32.hold, f64: p.f64.hold,
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{g}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, append([]node{x}, p.params...)...)
}

func (r *trainedRun[T]) hold(dst []T, in []any) error {
	copy(dst, vec[T](in[0]))
	r.value = r.value[:0]
	for _, v := range in[1:] {
		r.value = append(r.value, vec[T](v)[0])
	}
	return nil
}

// run has the blocks of the op, one of which is nil, take the parameters.
func (p *trained) run(n32 *nodeRows[float32], n64 *nodeRows[float64]) {
	if p == nil {
		return
	}
	if n32 != nil {
		n32.trained = &p.f32
	}
	if n64 != nil {
		n64.trained = &p.f64
	}
}

// link returns the losses of the op as a node that gives the parameters their gradient.
// needs are what the op asks before it leaves gradients behind.
func (p *trained) link(loss node, needs ...*need) (node, error) {
	if p == nil {
		return loss, nil
	}
	kept := func(byRows bool) {
		for _, n := range needs {
			n.onKept(byRows)
		}
	}
	rows := loss.Shape()[0]
	room := either(loss, func() int64 { return bytesOf[float32](rows * len(p.params)) }, func() int64 { return bytesOf[float64](rows * len(p.params)) })
	return apply(spec{name: "loss of trained parameters", shape: loss.Shape(), f32: passOn[float32], f64: passOn[float64], scratch: room,
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			for _, n := range needs {
				n.derive()
			}
			var e Expr
			grads := gorgonia.Nodes{g}
			for i := range p.params {
				// The loss is an operand to run this op after it.
				grads = append(grads, e.N(apply(spec{name: "trained parameter's gradient", shape: tensor.Shape{1},
					f32: p.f32.sum(i), f64: p.f64.sum(i), onKept: kept}, in[0], g)))
			}
			return e.grads(grads...)
		}}, append([]node{loss}, p.params...)...)
}

func passOn[T Float](dst []T, in []any) error {
	copy(dst, vec[T](in[0]))
	return nil
}

// sum is the body of Σ_b g_b ∂ℓ_b/∂parameter number i.
func (r *trainedRun[T]) sum(i int) body[T] {
	return func(dst []T, in []any) error {
		var s float64
		for b, g := range vec[T](in[1]) {
			s += kernel.Product(float64(g), float64(r.grad[b*len(r.value)+i]))
		}
		dst[0] = T(s)
		return nil
	}
}

// clear makes the gradients of rows 0; nothing of a nil r.
func (r *trainedRun[T]) clear(rows int) {
	if r == nil {
		return
	}
	r.room(rows)
	clear(r.grad)
}

func (r *trainedRun[T]) room(rows int) {
	if len(r.grad) != rows*len(r.value) {
		r.grad = kernel.Make[T](rows * len(r.value))
	}
}

// set makes the gradient of a row, of so many, that of the block's; nothing of a nil r.
func (r *trainedRun[T]) set(rows, row int, dparam []T) {
	if r == nil || dparam == nil {
		return
	}
	r.room(rows)
	copy(r.grad[row*len(r.value):], dparam)
}

// add adds w times that of the block's to the gradient of a row; nothing of a nil r.
func (r *trainedRun[T]) add(row int, w T, dparam []T) {
	if r == nil {
		return
	}
	kernel.Axpy(w, dparam, r.grad[row*len(r.value):][:len(r.value)])
}

// byParam returns the gradients by the parameters of row i of the block that ran last, nil
// if it ran without; they are valid until the next call.
func (r *nodeRows[T]) byParam(i int, grad bool) []T {
	if !grad || r.params == 0 {
		return nil
	}
	r.ofRow = r.ofRow[:0]
	for _, n := range r.dparam {
		var v T
		if len(r.target[i].Pos) > 0 { // what a definition gives padding is nobody's
			v = r.program[1].Value(n)[i]
		}
		r.ofRow = append(r.ofRow, v)
	}
	return r.ofRow
}

package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"strings"
	"sync/atomic"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A body computes one op at precision T. dst is the op's own buffer and keeps
// the previous run's content; in holds the inputs' data, []T or []int32, which
// a body must not modify. It may fail or panic: both become the error of the
// run.
type body[T Float] func(dst []T, in []any) error

// An op is every Gorgonia op of this package: a body at both precisions and a
// derivative. It owns its output buffer, which it makes on its first run, so a
// node that a Program prunes costs no memory and a step allocates none.
type op struct {
	name  string
	dtype tensor.Dtype // of the output
	shape tensor.Shape // of the output; () is a scalar
	types []hm.Type    // of the inputs
	wrt   []bool       // which inputs carry a derivative

	i32 func(dst []int32, in []any) error // of an index-valued op

	// diff returns one gradient node per input, nil where wrt is false, built of
	// differentiable nodes. An op whose wrt has a true and whose diff is nil has
	// no derivative of the order asked for, which is an error.
	diff func(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error)

	// rows, if set, makes the op a row-sparse gradient; see rowSparse.
	rows *rowSparse

	// wants, if set, tells an op that works for others what to work for in the runs
	// that follow: for all that was derived of it, as a machine that runs a whole graph
	// needs, or for nothing but what onKept then asks for. All is the state outside of
	// a Program's runs.
	wants func(all bool)

	// onKept, if set, runs before each run of a Program that keeps the node, once wants
	// was called for all of its nodes. byRows says that all who read the node's value take
	// the rows of it that are not zero in its place.
	onKept func(byRows bool)

	// scratch, if set, returns the bytes that the op keeps beside its output for what
	// it is to work for.
	scratch func() int64

	// matrix, if set, is what the op makes a matrix of.
	matrix *bagMatrix

	// holds is a constant that ops of one Program share the memory of; nil without.
	holds *Sparse

	// sinkable, if set, says that what the node is can be handed over by blocks instead.
	sinkable *sinkable

	// What a node has from another op, in place of a body.
	borrowed32 borrowed[float32]
	borrowed64 borrowed[float64]

	// drops says that the op draws a dropout.
	drops bool

	// How the op runs: by the Program that runs, and nil outside of its runs, when own
	// counts. Only dropouts and the ops of callers read it.
	mode *mode
	own  mode

	id  uint64
	run func(in []gorgonia.Value) (gorgonia.Value, error)
	in  []any // the inputs' data in a run

	// copies holds the data of inputs whose value is not in the order of rows.
	copies []any
}

// opIDs numbers the ops of the process. Gorgonia merges nodes whose hashes
// agree; two of our ops never are the same, as each owns a buffer.
var opIDs atomic.Uint64

func (o *op) Arity() int            { return len(o.types) }
func (o *op) ReturnsPtr() bool      { return false } // gives each node a register of its own
func (o *op) CallsExtern() bool     { return false } // and no preallocated one
func (o *op) OverwritesInput() int  { return -1 }
func (o *op) String() string        { return fmt.Sprintf("%s#%d", o.name, o.id) }
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "fenchel.%s#%d", o.name, o.id) }
func (o *op) DiffWRT(int) []bool    { return o.wrt }

// Type is built anew on each call: Gorgonia recycles the value it gets.
func (o *op) Type() hm.Type {
	types := append([]hm.Type{}, o.types...)
	return hm.NewFnType(append(types, typeOf(o.dtype, o.shape))...)
}

func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }

// SymDiff is for gorgonia.Grad, which takes each gradient for a value of the shape
// of its operand, and knows no row-sparse ones. It derives users before operands, so an
// operand that has a gradient already has that of another cost.
func (o *op) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	for i, n := range in {
		if o.wrt[i] && n.Deriv() != nil {
			return nil, fmt.Errorf("graph: %s: gorgonia.Grad was called before for a cost that depends on %s, of which it would return that gradient; add the costs up, or use Grad", o.name, describe(n))
		}
	}
	grads, err := o.derive(in, out, grad)
	var e Expr
	for i, g := range grads {
		if g != nil && rowsOf(g) != nil {
			grads[i] = e.N(denseRows(g, in[i], nil))
		}
	}
	return grads, errors.Join(err, e.Err)
}

// derive is SymDiff for Grad of this package.
func (o *op) derive(in gorgonia.Nodes, out, grad node) (gorgonia.Nodes, error) {
	if o.diff == nil {
		return nil, fmt.Errorf("graph: %s has no derivative; for second derivatives compose the loss from nodes", o.name)
	}
	return o.diff(in, out, grad)
}

// DoDiff is for a LispMachine, which takes an op without it for a constant and its
// gradient for 0.
func (o *op) DoDiff(gorgonia.ExecutionContext, gorgonia.Nodes, *gorgonia.Node) error {
	return fmt.Errorf("graph: %s: a LispMachine does not differentiate it; use Grad and a TapeMachine, or a Program", o.name)
}

// A mode is what a machine tells all ops of its graph.
type mode struct {
	train bool
	step  int
}

// SetTraining is for gorgonia.NewTapeMachine, which tells all ops of its graph
// whether it trains.
func (o *op) SetTraining(train bool) error {
	o.own.train = train
	return nil
}

// now returns the mode of the machine that runs.
func (o *op) now() mode {
	if o.mode != nil {
		return *o.mode
	}
	return o.own
}

// Do runs the op. A machine runs it in a goroutine of its own, where a panic
// would end the process.
func (o *op) Do(in ...gorgonia.Value) (v gorgonia.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("graph: %s: %v", o.name, r)
		}
	}()
	return o.run(in)
}

func typeOf(dt tensor.Dtype, s tensor.Shape) hm.Type {
	if s.Dims() == 0 {
		return dt
	}
	return gorgonia.TensorType{Dims: s.Dims(), Of: dt}
}

// borrowed returns the result of another op, which owns the memory: dense, or as
// the rows that are not zero, in which case the dense slice may be nil.
type borrowed[T Float] func() (dense []T, rows Gradient[T])

// A spec says what apply makes an op of. One of i32, the pair f32, f64 and the
// pair borrowed32, borrowed64 is set.
type spec struct {
	name       string
	shape      tensor.Shape
	f32        body[float32]
	f64        body[float64]
	i32        func(dst []int32, in []any) error
	diff       func(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error)
	fixed      []int // inputs without a derivative; index-valued inputs have none anyway
	constant   bool  // no input has a derivative
	wants      func(all bool)
	onKept     func(byRows bool)
	scratch    func() int64
	holds      *Sparse
	sinkable   *sinkable
	drops      bool
	dtype      *tensor.Dtype     // of the output where no input is Float
	borrowed32 borrowed[float32] // in place of f32 and f64
	borrowed64 borrowed[float64]
}

// apply adds the node of s over in to their graph. Gorgonia's compiler takes two
// nodes of one 32-bit hash for one; where the hash of the new node is taken
// already, as it once in some thousand large graphs is, another instance id gives
// another hash, and the first node stays behind unused.
func apply(s spec, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	for {
		o, n, err := applyOnce(s, in...)
		if err != nil {
			return nil, err
		}
		if n.Op() == o && !bookOf(n.Graph()).taken(n) {
			return n, nil
		}
	}
}

func applyOnce(s spec, in ...*gorgonia.Node) (*op, *gorgonia.Node, error) {
	o := &op{name: s.name, shape: s.shape, i32: s.i32, diff: s.diff, wants: s.wants, onKept: s.onKept, scratch: s.scratch, holds: s.holds, sinkable: s.sinkable, drops: s.drops, borrowed32: s.borrowed32, borrowed64: s.borrowed64,
		id: opIDs.Add(1), wrt: make([]bool, len(in)), in: make([]any, len(in))}
	if len(s.shape) > 0 && size(s.shape) < 1 {
		return nil, nil, fmt.Errorf("graph: %s: shape %v is empty", s.name, s.shape)
	}
	known := false
	var home *gorgonia.ExprGraph // constants that nobody added to a graph have none
	for i, n := range in {
		if n == nil {
			return nil, nil, fmt.Errorf("graph: %s: operand %d is nil", s.name, i)
		}
		if len(n.Shape()) != n.Dims() {
			return nil, nil, fmt.Errorf("graph: %s: operand %d has %d axes of unknown size; want a shape, by gorgonia.WithShape", s.name, i, n.Dims())
		}
		if g := n.Graph(); g != nil {
			if home != nil && g != home {
				return nil, nil, fmt.Errorf("graph: %s: operand %d, %s, belongs to another graph than those before", s.name, i, describe(n))
			}
			home = g
		}
		dt := n.Dtype()
		o.types = append(o.types, typeOf(dt, n.Shape()))
		switch dt {
		case tensor.Int32:
			continue
		case tensor.Float32, tensor.Float64:
		default:
			return nil, nil, fmt.Errorf("graph: %s: operand %d is %v; want Float32, Float64 or Int32", s.name, i, dt)
		}
		if known && dt != o.dtype {
			return nil, nil, fmt.Errorf("graph: %s: operand %d is %v, those before are %v", s.name, i, dt, o.dtype)
		}
		o.dtype, known = dt, true
		o.wrt[i] = !s.constant
	}
	for _, i := range s.fixed {
		o.wrt[i] = false
	}
	if s.dtype != nil {
		if known && o.dtype != *s.dtype {
			return nil, nil, fmt.Errorf("graph: %s: targets are %v; want %v", s.name, o.dtype, *s.dtype)
		}
		o.dtype = *s.dtype
	}
	switch {
	case s.i32 != nil:
		o.dtype = tensor.Int32
		o.run = runInt(o)
	case o.dtype == tensor.Float32 && s.borrowed32 != nil:
		o.run = runBorrowed(o, s.borrowed32)
	case o.dtype == tensor.Float64 && s.borrowed64 != nil:
		o.run = runBorrowed(o, s.borrowed64)
	case o.dtype == tensor.Float32:
		o.run = runFloat(o, s.f32)
	case o.dtype == tensor.Float64:
		o.run = runFloat(o, s.f64)
	default:
		return nil, nil, fmt.Errorf("graph: %s: no floating-point operand", s.name)
	}
	n, err := gorgonia.ApplyOp(o, in...)
	if err != nil {
		return nil, nil, fmt.Errorf("graph: %s: %w", s.name, err)
	}
	return o, n, nil
}

// runFloat adapts a body to Gorgonia's values.
func runFloat[T Float](o *op, f body[T]) func([]gorgonia.Value) (gorgonia.Value, error) {
	var buf []T
	var out gorgonia.Value
	return func(in []gorgonia.Value) (gorgonia.Value, error) {
		if out == nil {
			buf = kernel.Make[T](o.shape.TotalSize())
			out = tensorOf(buf, o.shape)
		}
		if err := o.load(in); err != nil {
			return nil, err
		}
		if err := f(buf, o.in); err != nil {
			return nil, fmt.Errorf("graph: %s: %w", o.name, err)
		}
		switch v := out.(type) {
		case *gorgonia.F32:
			*v = gorgonia.F32(buf[0])
		case *gorgonia.F64:
			*v = gorgonia.F64(buf[0])
		}
		return out, o.reshape(out)
	}
}

// reshape gives out its shape back: a stock Reshape, as stock broadcasts use
// it, changes its operand's.
func (o *op) reshape(out gorgonia.Value) error {
	if v, ok := out.(*tensor.Dense); ok && !v.Shape().Eq(o.shape) {
		if err := v.Reshape(o.shape...); err != nil {
			return fmt.Errorf("graph: %s: %w", o.name, err)
		}
	}
	return nil
}

// runBorrowed adapts a borrowed result. Where the result is rows the node has no value to
// speak of, and nobody reads it.
func runBorrowed[T Float](o *op, h borrowed[T]) func([]gorgonia.Value) (gorgonia.Value, error) {
	var out, none gorgonia.Value = nil, tensorOf([]T{T(math.NaN())}, tensor.Shape{1})
	return func([]gorgonia.Value) (gorgonia.Value, error) {
		dense, _ := h()
		if dense == nil {
			return none, nil
		}
		if out == nil { // the owner makes the memory once
			out = tensorOf(dense, o.shape)
		}
		return out, o.reshape(out)
	}
}

// borrowedOf returns the borrowed result of n at precision T, or nil.
func borrowedOf[T Float](n node) borrowed[T] {
	o, ok := n.Op().(*op)
	if !ok {
		return nil
	}
	if h, ok := any(o.borrowed32).(borrowed[T]); ok {
		return h
	}
	return any(o.borrowed64).(borrowed[T])
}

func runInt(o *op) func([]gorgonia.Value) (gorgonia.Value, error) {
	var buf []int32
	var out gorgonia.Value
	return func(in []gorgonia.Value) (gorgonia.Value, error) {
		if out == nil {
			buf = make([]int32, o.shape.TotalSize())
			out = tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(buf))
		}
		if err := o.load(in); err != nil {
			return nil, err
		}
		if err := o.i32(buf, o.in); err != nil {
			return nil, fmt.Errorf("graph: %s: %w", o.name, err)
		}
		return out, nil
	}
}

// tensorOf wraps data, which stays shared, as a Gorgonia value.
func tensorOf[T Float](data []T, s tensor.Shape) gorgonia.Value {
	if s.Dims() > 0 {
		return tensor.New(tensor.WithShape(s...), tensor.WithBacking(data))
	}
	if _, ok := any(data).([]float32); ok {
		return gorgonia.NewF32(0)
	}
	return gorgonia.NewF64(0)
}

// dtypeFor returns the dtype of T.
func dtypeFor[T Float]() tensor.Dtype {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

// wantDims returns an error unless n is a floating-point node of that many axes.
func wantDims(name, what string, n *gorgonia.Node, dims int) error {
	if err := wantShape(name, what, n, dims); err != nil {
		return err
	}
	if n.Dtype() == tensor.Int32 {
		return fmt.Errorf("graph: %s: %s is Int32; want floating-point", name, what)
	}
	return nil
}

// wantFloats returns an error unless all of xs are floating-point nodes.
func wantFloats(name string, xs ...node) error {
	for i, x := range xs {
		if x.Dtype() == tensor.Int32 {
			return fmt.Errorf("graph: %s: operand %d is Int32; want floating-point", name, i)
		}
	}
	return nil
}

// wantInts returns an error unless n is a vector of indices.
func wantInts(name, what string, n node) error {
	if err := wantShape(name, what, n, 1); err != nil {
		return err
	}
	if n.Dtype() != tensor.Int32 {
		return fmt.Errorf("graph: %s: %s is %v; want Int32", name, what, n.Dtype())
	}
	return nil
}

// wantShape returns an error unless n is a node of that many axes, of known sizes:
// Gorgonia knows nodes that have axes and no shape yet.
func wantShape(name, what string, n node, dims int) error {
	if n == nil {
		return fmt.Errorf("graph: %s: %s is nil", name, what)
	}
	if n.Dims() != dims {
		return fmt.Errorf("graph: %s: %s is %v; want %s", name, what, n.Shape(), [...]string{"a scalar", "a vector", "a matrix"}[dims])
	}
	if len(n.Shape()) != dims {
		return fmt.Errorf("graph: %s: %s has %d axes of unknown size; want a shape, by gorgonia.WithShape", name, what, dims)
	}
	return nil
}

// Expr composes nodes without an error check after each: N passes a node on
// and keeps the first error.
//
//	var e graph.Expr
//	p := e.N(graph.Exp(e.N(graph.SubRow(z, e.N(graph.LogSumExp(z))))))
//	return p, e.Err
type Expr struct{ Err error }

// N returns n and remembers the first err. After an error it returns nil, which
// every function of this package rejects.
func (e *Expr) N(n *gorgonia.Node, err error) *gorgonia.Node {
	if e.Err == nil && err != nil {
		e.Err = err
	}
	if e.Err != nil {
		return nil
	}
	return n
}

// grads returns the gradients of a derivative and the error of their expression.
func (e *Expr) grads(g ...*gorgonia.Node) (gorgonia.Nodes, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	return g, nil
}

// describe names n in an error: its op, or the name of a leaf.
func describe(n *gorgonia.Node) string {
	if o, ok := n.Op().(*op); ok {
		return o.name
	}
	if n.Op() == nil {
		return fmt.Sprintf("leaf %q", n.Name())
	}
	s, _, _ := strings.Cut(fmt.Sprint(n.Op()), "\n")
	return s
}

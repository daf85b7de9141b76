package graph

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Builder collects the leaves of one graph at precision T: float32 to train,
// float64 to check. Mistakes (a name twice, data of the wrong length) stick, and
// Train and Eval return them; the leaf of a mistake is nil, which every function
// of this package rejects.
//
// Leaves take their data from slices that stay the caller's: what the caller
// writes between runs is what the next run sees.
type Builder[T Float] struct {
	g      *gorgonia.ExprGraph
	names  map[string]bool
	params gorgonia.Nodes
	plan   bool
	held   int64 // bytes of the leaves whose memory is the Builder's
	errs   []error
}

// NewBuilder returns an empty Builder.
func NewBuilder[T Float]() *Builder[T] {
	return &Builder[T]{g: gorgonia.NewGraph(), names: map[string]bool{}}
}

// NewPlan returns an empty Builder of graphs that are compiled to ask for their
// size, by [Program.Bytes], and never run: what Params hold is not read, and may
// be absent, and the slices behind inputs, indices and targets are nil.
func NewPlan[T Float]() *Builder[T] {
	b := NewBuilder[T]()
	b.plan = true
	return b
}

// Plan reports whether NewPlan made b.
func (b *Builder[T]) Plan() bool { return b.plan }

// Graph returns the graph, for ops of one's own.
func (b *Builder[T]) Graph() *gorgonia.ExprGraph { return b.g }

// Param returns a leaf that Train differentiates, over data, which is not
// copied and which a run never modifies. Several graphs may share data.
func (b *Builder[T]) Param(name string, data []T, shape ...int) *gorgonia.Node {
	if b.plan {
		data = nil
	}
	n := leaf(b, name, data, shape)
	if n != nil {
		b.params = append(b.params, n)
	}
	return n
}

// Constant returns a leaf over data that Train does not differentiate: weights that
// stay as they are. data is not copied, and a run never modifies it.
func (b *Builder[T]) Constant(name string, data []T, shape ...int) *gorgonia.Node {
	if b.plan {
		data = nil
	}
	return leaf(b, name, data, shape)
}

// Input returns a constant leaf and its backing slice, zero at first.
func (b *Builder[T]) Input(name string, shape ...int) (*gorgonia.Node, []T) {
	data := hold[T](b, size(shape))
	return leaf(b, name, data, shape), data
}

// hold returns n elements for a leaf, and counts them: without making them in a plan.
func hold[E float32 | float64 | int32, T Float](b *Builder[T], n int) []E {
	n = max(n, 0)
	b.held += int64(n) * int64(dtypeOf[E]().Size())
	if b.plan {
		return nil
	}
	return make([]E, n)
}

// Indices returns an integer leaf [n] and its backing slice, zero at first.
func (b *Builder[T]) Indices(name string, n int) (*gorgonia.Node, []int32) {
	data := hold[int32](b, n)
	return leaf(b, name, data, []int{n}), data
}

// IndexMatrix returns an integer leaf [rows,cols] and its backing slice, zero at
// first.
func (b *Builder[T]) IndexMatrix(name string, rows, cols int) (*gorgonia.Node, []int32) {
	data := hold[int32](b, rows*cols)
	return leaf(b, name, data, []int{rows, cols}), data
}

// Targets returns the target leaves of a batch of rows with room for capacity
// positions in all, and the data behind them: all rows padding at first.
func (b *Builder[T]) Targets(name string, rows, capacity int) (*Targets, *TargetData[T]) {
	if rows < 1 || capacity < 1 {
		b.errs = append(b.errs, fmt.Errorf("targets %q: %d rows with %d positions; want at least 1", name, rows, capacity))
		return &Targets{}, &TargetData[T]{}
	}
	d := &TargetData[T]{name: name, ptr: hold[int32](b, rows+1), pos: hold[int32](b, capacity), weight: hold[T](b, capacity)}
	t := &Targets{
		Rows:   rows,
		data:   d,
		ptr:    closed(b, d, leaf(b, name+".ptr", d.ptr, []int{rows + 1})),
		pos:    leaf(b, name+".pos", d.pos, []int{capacity}),
		weight: leaf(b, name+".weight", d.weight, []int{capacity}),
	}
	return t, d
}

// closed returns the row pointers of d, those of the rows that were not given too,
// as a run begins: an Append that wrote them would make a batch cost O(B²). ptr, the
// leaf that holds them, is nil after a mistake.
func closed[T Float](b *Builder[T], d *TargetData[T], ptr node) node {
	if ptr == nil {
		return nil
	}
	n, err := apply(spec{name: "row pointers", shape: ptr.Shape(), i32: func(dst []int32, in []any) error {
		d.close()
		copy(dst, in[0].([]int32))
		return nil
	}}, ptr)
	if err != nil {
		b.errs = append(b.errs, err)
	}
	return n
}

// leaf adds a named leaf over data. Gorgonia takes two leaves of one name and
// type for the same one, hence the books kept here; and it reads a slice of one
// element without a shape as a scalar, hence the explicit shape.
func leaf[T Float, E float32 | float64 | int32](b *Builder[T], name string, data []E, shape []int) *gorgonia.Node {
	fail := func(format string, args ...any) *gorgonia.Node {
		b.errs = append(b.errs, fmt.Errorf("leaf %q: %w", name, fmt.Errorf(format, args...)))
		return nil
	}
	switch {
	case name == "":
		return fail("a leaf needs a name")
	case b.names[name]:
		return fail("the name is taken")
	case len(shape) == 0:
		return fail("a scalar leaf is not supported; use shape 1")
	case size(shape) < 1:
		return fail("shape %v is empty", shape)
	case size(shape) != len(data) && !b.plan:
		return fail("%d elements for shape %v", len(data), shape)
	}
	b.names[name] = true
	if b.plan && data == nil {
		return gorgonia.NewTensor(b.g, dtypeOf[E](), len(shape), gorgonia.WithShape(slices.Clone(shape)...), gorgonia.WithName(name))
	}
	v := tensor.New(tensor.WithShape(slices.Clone(shape)...), tensor.WithBacking(data))
	return gorgonia.NewTensor(b.g, v.Dtype(), len(shape), gorgonia.WithShape(slices.Clone(shape)...), gorgonia.WithName(name), gorgonia.WithValue(v))
}

// dtypeOf returns the dtype of a leaf's elements.
func dtypeOf[E float32 | float64 | int32]() tensor.Dtype {
	var zero E
	switch any(zero).(type) {
	case float32:
		return tensor.Float32
	case float64:
		return tensor.Float64
	}
	return tensor.Int32
}

// size is the number of elements of a shape, −1 if an axis is not positive.
func size(shape []int) int {
	n := 1
	for _, s := range shape {
		if s < 1 {
			return -1
		}
		n *= s
	}
	return n
}

// Err returns what went wrong so far: what Train and Eval would return.
func (b *Builder[T]) Err() error {
	if len(b.errs) == 0 {
		return nil
	}
	return fmt.Errorf("graph: %w", errors.Join(b.errs...))
}

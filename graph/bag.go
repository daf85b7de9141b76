package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Bag returns the weighted sums of rows of w [R,d], one for each bag [B,d]:
//
//	y_i = Σ_j value_j · w[id_j],   ptr_i ≤ j < ptr_{i+1}
//
// ptr [B+1] are the bounds of the bags, which start at 0 and never fall; ids [M], Int32 as ptr,
// and values [M], at the precision of w, are those of all bags end to end. What is
// beyond the last bound is room that a batch left unused, and is not read. values
// nil is 1 everywhere. An empty bag gives zeros, and so does the id −1. Other bounds,
// and ids outside [−1,R), make the run fail with an error that names the place.
//
// The gradient by a leaf w is row-sparse, as that of [Lookup]; that by values is
// ⟨w[id_j], g_i⟩. The node may be differentiated any number of times.
func Bag(w, ptr, ids, values *gorgonia.Node) (*gorgonia.Node, error) {
	if ptr == nil {
		return nil, fmt.Errorf("graph: bag: ptr is nil; want the bounds of the bags [B+1]")
	}
	b, err := newBags("bag", w, ptr, ids, values)
	if err != nil {
		return nil, err
	}
	return b.read(w, values)
}

// bags are which rows of a matrix [r,d] are read, by which of n bags. Three ops are
// the derivatives of one form, linear in each of w [r,d], g [n,d] and v [M],
//
//	T(w, g, v) = Σ_j v_j ⟨w[id_j], g[bag of j]⟩
//
// by g (read), by w (write) and by v (dots), and so are their own derivatives.
type bags struct {
	name     string
	ptr, ids node // ptr nil: bag j is id j
	r, d, n  int
}

func newBags(name string, w, ptr, ids, values node) (*bags, error) {
	if err := wantDims(name, "w", w, 2); err != nil {
		return nil, err
	}
	if err := wantInts(name, "ids", ids); err != nil {
		return nil, err
	}
	b := &bags{name: name, ptr: ptr, ids: ids, r: w.Shape()[0], d: w.Shape()[1], n: ids.Shape()[0]}
	if ptr != nil {
		if err := wantInts(name, "ptr", ptr); err != nil {
			return nil, err
		}
		if b.n = ptr.Shape()[0] - 1; b.n < 1 {
			return nil, fmt.Errorf("graph: %s: ptr is %v; want the bounds of the bags [B+1]", name, ptr.Shape())
		}
	}
	if values != nil {
		if err := wantDims(name, "values", values, 1); err != nil {
			return nil, err
		}
		if !slices.Equal(values.Shape(), ids.Shape()) {
			return nil, fmt.Errorf("graph: %s: %v values for %v ids", name, values.Shape(), ids.Shape())
		}
	}
	return b, nil
}

// in returns the inputs of an op over the operands x and, unless it is nil, v.
func (b *bags) in(v node, x ...node) []node {
	in := append(x, b.ids)
	if b.ptr != nil {
		in = append(in, b.ptr)
	}
	if v != nil {
		in = append(in, v)
	}
	return in
}

// read returns Σ_j v_j w[id_j] of each bag, [n,d]; v nil is 1.
func (b *bags) read(w, v node) (node, error) {
	return apply(spec{name: b.name, shape: tensor.Shape{b.n, b.d}, f32: readBags[float32](b), f64: readBags[float64](b),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			grads[0] = e.N(b.writeRows(g, v))
			if v != nil {
				grads[len(in)-1] = e.N(b.dots(w, g))
			}
			return e.grads(grads...)
		}}, b.in(v, w)...)
}

// write returns Σ_j v_j g[bag of j] of each id, [r,d].
func (b *bags) write(g, v node) (node, error) {
	s32, s64 := &bagRows[float32]{bags: b}, &bagRows[float64]{bags: b}
	return apply(spec{name: b.name + " dW", shape: tensor.Shape{b.r, b.d}, f32: s32.dense, f64: s64.dense, scratch: either(g, s32.scratch, s64.scratch),
		diff: func(in gorgonia.Nodes, _, up node) (gorgonia.Nodes, error) {
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			grads[0] = e.N(b.read(up, v))
			if v != nil {
				grads[len(in)-1] = e.N(b.dots(up, g))
			}
			return e.grads(grads...)
		}}, b.in(v, g)...)
}

// writeRows is write as a row-sparse gradient.
func (b *bags) writeRows(g, v node) (node, error) {
	s32, s64 := &bagRows[float32]{bags: b}, &bagRows[float64]{bags: b}
	n, err := rowsNode(b.name+" dW", &s32.sums, &s64.sums, nil, s32.rows, s64.rows, b.in(v, g)...)
	if err != nil {
		return nil, err
	}
	o := n.Op().(*op)
	o.scratch = either(g, s32.scratch, s64.scratch)
	o.rows.dense = func() (node, error) { return b.write(g, v) }
	return n, nil
}

// dots returns ⟨w[id_j], g[bag of j]⟩ [M], 0 where nothing is read.
func (b *bags) dots(w, g node) (node, error) {
	return apply(spec{name: b.name + " dots", shape: b.ids.Shape().Clone(), f32: dotBags[float32](b), f64: dotBags[float64](b),
		diff: func(in gorgonia.Nodes, _, up node) (gorgonia.Nodes, error) {
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			grads[0] = e.N(b.writeRows(g, up))
			grads[1] = e.N(b.read(w, up))
			return e.grads(grads...)
		}}, b.in(nil, w, g)...)
}

// bounds returns the bounds and the ids of a run, checked, whose inputs are in after
// the operands. Without ptr the bounds are nil, and each id is a bag.
func (b *bags) bounds(in []any) (ptr, ids []int32, err error) {
	ids = in[0].([]int32)
	if b.ptr != nil {
		ptr = in[1].([]int32)
		last := int32(0)
		for i, p := range ptr {
			if p < last || int(p) > len(ids) || i == 0 && p != 0 {
				return nil, nil, fmt.Errorf("bound %d at place %d: bounds start at 0, never fall and end at %d at most", p, i, len(ids))
			}
			last = p
		}
		ids = ids[:last]
	}
	for j, id := range ids {
		if id < -1 || int(id) >= b.r {
			return nil, nil, fmt.Errorf("id %d at place %d is outside [-1,%d)", id, j, b.r)
		}
	}
	return ptr, ids, nil
}

// span returns the places of bag i.
func span(ptr []int32, i int) (lo, hi int) {
	if ptr == nil {
		return i, i + 1
	}
	return int(ptr[i]), int(ptr[i+1])
}

// valuesOf returns v of an op whose operands are the first n of in, nil without one.
func (b *bags) valuesOf(n int, in []any) any {
	if n++; b.ptr != nil { // ids
		n++
	}
	if len(in) > n {
		return in[n]
	}
	return nil
}

func readBags[T Float](b *bags) body[T] {
	return func(dst []T, in []any) error {
		w := vec[T](in[0])
		ptr, ids, err := b.bounds(in[1:])
		if err != nil {
			return err
		}
		v, _ := b.valuesOf(1, in).([]T)
		return parallel(b.n, 2*len(ids)*b.d, func(_, from, to int) error {
			for i := from; i < to; i++ {
				y := dst[i*b.d : (i+1)*b.d]
				clear(y)
				lo, hi := span(ptr, i)
				for j := lo; j < hi; j++ {
					if ids[j] < 0 {
						continue
					}
					row := w[int(ids[j])*b.d:][:b.d]
					switch {
					case v != nil:
						kernel.Axpy(v[j], row, y)
					case hi-lo == 1:
						copy(y, row)
					default:
						kernel.Axpy(1, row, y)
					}
				}
			}
			return nil
		})
	}
}

func dotBags[T Float](b *bags) body[T] {
	return func(dst []T, in []any) error {
		w, g := vec[T](in[0]), vec[T](in[1])
		ptr, ids, err := b.bounds(in[2:])
		if err != nil {
			return err
		}
		clear(dst)
		return parallel(b.n, 2*len(ids)*b.d, func(_, from, to int) error {
			for i := from; i < to; i++ {
				lo, hi := span(ptr, i)
				for j := lo; j < hi; j++ {
					if ids[j] >= 0 {
						dst[j] = kernel.Dot(w[int(ids[j])*b.d:][:b.d], g[i*b.d:(i+1)*b.d])
					}
				}
			}
			return nil
		})
	}
}

// bagRows is one application of write.
type bagRows[T Float] struct {
	*bags
	sums    RowSums[T]
	grouped groupedTerms[T]
	at      []int32 // the bag of each place
	ones    []T     // in place of v
	g       []T     // a copy: sums are read when the machine may have given away the memory of nodes
}

// scratch is what file makes.
func (s *bagRows[T]) scratch() int64 {
	m := s.ids.Shape()[0]
	return termBytes[T](m, s.r) + 4*int64(m) + bytesOf[T](m+s.n*s.d)
}

// file leaves the terms of g, the first of in, in s.sums.
func (s *bagRows[T]) file(g []T, in []any) error {
	ptr, ids, err := s.bounds(in[1:])
	if err != nil {
		return err
	}
	if ptr == nil && s.valuesOf(1, in) == nil {
		s.grouped.Group(ids, s.r)
		s.sums.set(s.grouped.Row, s.d, rowPart[T]{ptr: s.grouped.Ptr, src: s.grouped.Place, from: g})
		return nil
	}
	s.at = resize(s.at, len(ids))
	for i := range s.n {
		lo, hi := span(ptr, i)
		for j := lo; j < hi; j++ {
			s.at[j] = int32(i)
		}
	}
	v, given := s.valuesOf(1, in).([]T)
	if !given {
		for len(s.ones) < len(ids) {
			s.ones = append(s.ones, 1)
		}
		v = s.ones
	}
	s.grouped.fill(ids, s.r, s.at, 1, v, nil)
	s.sums.set(s.grouped.Row, s.d, s.grouped.part(g))
	return nil
}

func (s *bagRows[T]) rows(_ []T, in []any) error {
	s.g = append(s.g[:0], vec[T](in[0])...)
	return s.file(s.g, in)
}

func (s *bagRows[T]) dense(dst []T, in []any) error {
	if err := s.file(vec[T](in[0]), in); err != nil {
		return err
	}
	clear(dst)
	return parallel(len(s.sums.Rows), s.sums.terms()*s.d, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			s.sums.Sum(dst[int(s.sums.Rows[i])*s.d:][:s.d], i, i+1)
		}
		return nil
	})
}

package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// DenseRows returns bags as the rows of a matrix [B,d]: row i has values[j] in column ids[j]
// for ptr_i ≤ j < ptr_{i+1}, added up where a column comes again, and zeros elsewhere. It is
// [Bag] with the identity in place of a table. ptr [B+1], ids [M] and values [M], or nil for
// ones, of precision of, are as there, but for the id −1, which no column has.
//
// Under a fused [LinearLoss] at float32 whose bags have room for an eighth of B·d numbers at
// most there is no such matrix: its products take what the bags hold alone, and Precision is
// not heeded. The node may be differentiated by values any number of times.
func DenseRows(ptr, ids, values *gorgonia.Node, d int, of tensor.Dtype) (*gorgonia.Node, error) {
	const name = "dense rows"
	if err := wantInts(name, "ptr", ptr); err != nil {
		return nil, err
	}
	if err := wantInts(name, "ids", ids); err != nil {
		return nil, err
	}
	b := ptr.Shape()[0] - 1
	if b < 1 || d < 1 {
		return nil, fmt.Errorf("graph: %s: ptr is %v and d is %d; want the bounds of the bags [B+1], and a column or more", name, ptr.Shape(), d)
	}
	m := &bagMatrix{ptr: ptr, ids: ids, values: values, b: b, d: d}
	in := []node{ptr, ids}
	s := spec{name: name, shape: tensor.Shape{b, d}, f32: fillMatrix[float32](m), f64: fillMatrix[float64](m)}
	if values == nil {
		s.dtype = &of
	} else {
		if err := wantDims(name, "values", values, 1); err != nil {
			return nil, err
		}
		if !slices.Equal(values.Shape(), ids.Shape()) {
			return nil, fmt.Errorf("graph: %s: %v values for %v ids", name, values.Shape(), ids.Shape())
		}
		in = append(in, values)
		s.diff = func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(nil, nil, e.N(m.gather(g)))
		}
	}
	n, err := apply(s, in...)
	if err != nil {
		return nil, err
	}
	n.Op().(*op).matrix = m
	return n, nil
}

// A bagMatrix is what a node of DenseRows is made of.
type bagMatrix struct {
	ptr, ids, values node
	b, d             int
}

// matrixOf returns what h is made of where a product with its entries alone is less work, and
// nil elsewhere.
func matrixOf(h node) *bagMatrix {
	o, ok := h.Op().(*op)
	if !ok || o.matrix == nil || o.matrix.ids.Shape()[0] > o.matrix.b*o.matrix.d/8 {
		return nil
	}
	return o.matrix
}

// first returns the input of a LinearLoss that stands in for the matrix: the values, or the
// bounds where these are 1.
func (m *bagMatrix) first() node {
	if m.values != nil {
		return m.values
	}
	return m.ptr
}

// gather returns of each entry the number of g [B,d] in its place, 0 of room that is unused.
func (m *bagMatrix) gather(g node) (node, error) {
	return apply(spec{name: "dense rows gather", shape: m.ids.Shape().Clone(), f32: gatherEntries[float32](m), f64: gatherEntries[float64](m),
		diff: func(_ gorgonia.Nodes, _, up node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(DenseRows(m.ptr, m.ids, up, m.d, up.Dtype())), nil, nil)
		}}, g, m.ptr, m.ids)
}

// entries returns the bounds and the ids of a run, checked.
func (m *bagMatrix) entries(in []any) (ptr, ids []int32, err error) {
	b := bags{ptr: m.ptr, r: m.d}
	ptr, ids, err = b.bounds([]any{in[1], in[0]})
	if err == nil {
		if j := slices.Index(ids, -1); j >= 0 {
			err = fmt.Errorf("id -1 at place %d is no column", j)
		}
	}
	return ptr, ids, err
}

func fillMatrix[T Float](m *bagMatrix) body[T] {
	return func(dst []T, in []any) error {
		ptr, ids, err := m.entries(in)
		if err != nil {
			return err
		}
		var v []T
		if len(in) > 2 {
			v = vec[T](in[2])
		}
		kernel.Parallel(m.b, func(_, i int) {
			row := dst[i*m.d:][:m.d]
			clear(row)
			for j := ptr[i]; j < ptr[i+1]; j++ {
				if v == nil {
					row[ids[j]]++
				} else {
					row[ids[j]] += v[j]
				}
			}
		})
		return nil
	}
}

func gatherEntries[T Float](m *bagMatrix) body[T] {
	return func(dst []T, in []any) error {
		g := vec[T](in[0])
		ptr, ids, err := m.entries(in[1:])
		if err != nil {
			return err
		}
		clear(dst)
		for i := range m.b {
			for j := ptr[i]; j < ptr[i+1]; j++ {
				dst[j] = g[i*m.d+int(ids[j])]
			}
		}
		return nil
	}
}

package graph

import (
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A row-sparse gradient is a node whose value is a token of shape [1]; its rows
// are with its op, where Program reads them. Grad adds such nodes up, to each
// other and to dense ones, and makes dense what must pass through a node.
type rowSparse struct {
	s32 *RowSums[float32]
	s64 *RowSums[float64]

	// dense, if set, returns the same gradient as a matrix that can be differentiated
	// again.
	dense func() (node, error)

	// terms, if set, are what a sum adds up: see sumOfRows. It reads their matrices
	// after the run; lent says of which the memory keeps them until then, and the
	// others it copies. A Program finds that out when it compiles.
	terms gorgonia.Nodes
	lent  []bool
}

// rowsNode is the node of a row-sparse gradient that its body, run after in,
// leaves in *s32 or *s64.
func rowsNode(name string, s32 *RowSums[float32], s64 *RowSums[float64], onKept func(bool), f32 body[float32], f64 body[float64], in ...node) (node, error) {
	n, err := apply(spec{name: name, shape: tensor.Shape{1}, f32: f32, f64: f64, onKept: onKept}, in...)
	if err != nil {
		return nil, err
	}
	n.Op().(*op).rows = &rowSparse{s32: s32, s64: s64}
	return n, nil
}

// rowsOf returns the row-sparse gradient that n is, or nil.
func rowsOf(n node) *rowSparse {
	if o, ok := n.Op().(*op); ok {
		return o.rows
	}
	return nil
}

// addsRows reports whether n takes its operands by rows where they have such.
func addsRows(n node) bool {
	r := rowsOf(n)
	return r != nil && r.terms != nil
}

// mayBeRows reports whether the value of n may be the rows that are not zero, which
// another op lends.
func mayBeRows(n node) bool {
	o, ok := n.Op().(*op)
	return ok && (o.borrowed32 != nil || o.borrowed64 != nil)
}

// sumsOf returns the rows of r at precision T.
func sumsOf[T Float](r *rowSparse) *RowSums[T] {
	if s, ok := any(r.s32).(*RowSums[T]); ok {
		return s
	}
	return any(r.s64).(*RowSums[T])
}

// A sumOfRows adds up the terms of a gradient: row-sparse ones, matrices, and what an
// op finds to be one or the other in each run.
type sumOfRows[T Float] struct {
	sums  RowSums[T]
	of    *rowSparse
	dim   int // numbers of a row
	rows  []*RowSums[T]
	dense [][]T
	term  []RowSums[T] // of each term that lends rows
	kept  [][]T        // the copy of each term that is not lent
	count []int32      // 0, 1, 2, …
}

// addRows returns the sum of terms, of a gradient by n, as a row-sparse one: a
// term that is a matrix is not added to another, and copied only where it is not lent.
func addRows(n node, terms gorgonia.Nodes) (node, error) {
	if len(terms) == 1 {
		return terms[0], nil
	}
	of := &rowSparse{terms: terms, lent: make([]bool, len(terms))}
	dim := n.Shape().TotalSize() / n.Shape()[0]
	s32, s64 := &sumOfRows[float32]{of: of, dim: dim}, &sumOfRows[float64]{of: of, dim: dim}
	of.s32, of.s64 = &s32.sums, &s64.sums
	sum, err := rowsNode("sum of rows", of.s32, of.s64, nil, s32.body, s64.body, terms...)
	if err != nil {
		return nil, err
	}
	o := sum.Op().(*op)
	o.rows, o.scratch = of, either(n, s32.scratch, s64.scratch)
	return sum, nil
}

// scratch is the copies of matrices.
func (s *sumOfRows[T]) scratch() int64 {
	n := 0
	for i, t := range s.of.terms {
		if rowsOf(t) == nil && !s.of.lent[i] {
			n += t.Shape().TotalSize()
		}
	}
	return bytesOf[T](n)
}

func (s *sumOfRows[T]) body(_ []T, in []any) error {
	s.rows, s.dense = s.rows[:0], s.dense[:0]
	if s.term == nil {
		s.term, s.kept = make([]RowSums[T], len(in)), make([][]T, len(in))
	}
	for i, t := range s.of.terms {
		if r := rowsOf(t); r != nil {
			s.rows = append(s.rows, sumsOf[T](r))
			continue
		}
		if h := borrowedOf[T](t); h != nil {
			if dense, rows := h(); dense == nil {
				s.rows = append(s.rows, s.lentRows(i, rows))
				continue
			}
		}
		x := vec[T](in[i])
		if !s.of.lent[i] {
			s.kept[i] = append(s.kept[i][:0], x...)
			x = s.kept[i]
		}
		s.dense = append(s.dense, x)
	}
	s.sums.sum(s.rows, s.dense, s.dim)
	return nil
}

// lentRows returns the rows that term i lends.
func (s *sumOfRows[T]) lentRows(i int, g Gradient[T]) *RowSums[T] {
	for len(s.count) <= len(g.Rows) {
		s.count = append(s.count, int32(len(s.count)))
	}
	n := len(g.Rows)
	s.term[i].set(g.Rows, s.dim, rowPart[T]{ptr: s.count[:n+1], src: s.count[:n], from: g.Data})
	return &s.term[i]
}

// denseRows returns the row-sparse gradient g of n as a matrix, added to dense where
// that is not nil.
func denseRows(g, n, dense node) (node, error) {
	r := rowsOf(g)
	in := []node{g, n} // sums may read n, whose memory a stock op may take before them
	if dense != nil {
		in = append(in, dense)
	}
	return apply(spec{name: "dense rows", shape: slices.Clone(n.Shape()), f32: denseRowsBody(r.s32), f64: denseRowsBody(r.s64)}, in...)
}

func denseRowsBody[T Float](s *RowSums[T]) body[T] {
	var rows [][]T // of goroutines: a sum of all rows would be as large as what it is added to
	return func(dst []T, in []any) error {
		if len(in) > 2 {
			copy(dst, vec[T](in[2]))
		} else {
			clear(dst)
		}
		for len(rows) < kernel.Workers() {
			rows = append(rows, nil)
		}
		d := s.Dim
		return parallel(len(s.Rows), (len(s.Rows)+s.terms())*d, func(worker, lo, hi int) error {
			row := resize(rows[worker], d)
			rows[worker] = row
			for i := lo; i < hi; i++ {
				s.Sum(row, i, i+1)
				kernel.Axpy(1, row, dst[int(s.Rows[i])*d:][:d])
			}
			return nil
		})
	}
}

// sumRows adds up gradients of n of which at least one is, or may be, row-sparse. That
// by a leaf stays by rows, unless again asks for one that can be differentiated again;
// any other is made a matrix where there is a dense term.
func sumRows(n node, terms gorgonia.Nodes, again bool) (node, error) {
	var sparse, dense gorgonia.Nodes
	for _, t := range terms {
		if rowsOf(t) != nil {
			sparse = append(sparse, t)
			continue
		}
		if err := fitsGradient(n, t); err != nil {
			return nil, err
		}
		dense = append(dense, t)
	}
	if n.Op() == nil && (!again || len(dense) == 0) {
		return addRows(n, terms)
	}
	var e Expr
	var rest node
	if len(dense) > 0 {
		rest = e.N(sumTerms(n, dense, again))
	}
	return e.N(denseRows(e.N(addRows(n, sparse)), n, rest)), e.Err
}

package graph

import (
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// RowSums are the rows of a row-sparse gradient that are not zero, each a sum
// that is taken when it is asked for: an updater that adds a row up where it moves
// it spares the memory, and the traffic, of all of them. Where the gradient has a
// dense term too, as that of a table which is read by rows and by a matrix product,
// they are all rows.
//
// They are borrowed: valid until the next Run of their Program, and as long as
// the parameter has the value of the run in the rows that are still to be read.
type RowSums[T Float] struct {
	Rows []int32 // unique and ascending; nil: all rows
	Dim  int

	dense []T     // a term of all rows; Rows is then nil
	few   []int32 // the rows of parts, where that is so

	parts []rowPart[T] // those with unit first
	data  []T          // all of them, once they were asked for
	ready bool         // data are
}

// A rowPart is what one op adds to the rows of a gradient: to row i the rows
// src[o] of from [·,Dim], each times coef[o], for ptr[i] ≤ o < ptr[i+1].
type rowPart[T Float] struct {
	ptr  []int32
	src  []int32
	coef []T // nil is 1 everywhere
	from []T

	// unit, if set, is the matrix of the parameter: what is added is then the
	// gradient of the rows divided by max(‖row‖₂, 1e-12).
	unit []T
}

// Sum stores rows lo to hi, numbers of s.Rows, in dst [hi−lo,Dim]. It may be
// called on several goroutines.
func (s *RowSums[T]) Sum(dst []T, lo, hi int) {
	d := s.Dim
	dst = dst[:(hi-lo)*d]
	if s.ready {
		copy(dst, s.data[lo*d:hi*d])
		return
	}
	if s.dense != nil {
		copy(dst, s.dense[lo*d:hi*d])
		from, _ := slices.BinarySearch(s.few, int32(lo))
		for i := from; i < len(s.few) && int(s.few[i]) < hi; i++ {
			s.addTo(dst[(int(s.few[i])-lo)*d:][:d], i)
		}
		return
	}
	s.add(dst, s.Rows, lo, hi)
}

// addTo adds the sums of parts of row few[i] to row.
func (s *RowSums[T]) addTo(row []T, i int) {
	if s.parts[0].unit != nil { // what passes through a norm is added up apart
		sum := make([]T, s.Dim)
		s.add(sum, s.few, i, i+1)
		kernel.Axpy(1, sum, row)
		return
	}
	for _, p := range s.parts {
		kernel.AddRows(row, s.Dim, p.ptr[i:i+2], p.src, p.coef, p.from)
	}
}

// add stores the sums of parts of rows lo to hi, numbers of rows, in dst.
func (s *RowSums[T]) add(dst []T, rows []int32, lo, hi int) {
	d := s.Dim
	clear(dst)
	for i, p := range s.parts {
		kernel.AddRows(dst, d, p.ptr[lo:hi+1], p.src, p.coef, p.from)
		if p.unit == nil || i+1 < len(s.parts) && s.parts[i+1].unit != nil {
			continue
		}
		for r, id := range rows[lo:hi] {
			throughNorm(dst[r*d:][:d], p.unit[int(id)*d:][:d])
		}
	}
}

// throughNorm replaces the gradient g of w/max(‖w‖₂, 1e-12) by that of w.
func throughNorm[T Float](g, w []T) {
	// (g − ⟨g, ŵ⟩ŵ)/‖w‖. At the floor of the norm, which is w = 0, the second
	// term is 0 too.
	inv := invNorm(w)
	kernel.Axpy(-inv*inv*kernel.Dot(g, w), w, g)
	kernel.Scale(inv, g)
}

// all returns every row, summed once.
func (s *RowSums[T]) all() []T {
	if !s.ready {
		n := len(s.Rows)
		if s.dense != nil {
			n = len(s.dense) / s.Dim
		}
		s.data = resize(s.data, n*s.Dim)
		_ = parallel(n, (n+s.terms())*s.Dim, func(_, lo, hi int) error { // cannot fail
			s.Sum(s.data[lo*s.Dim:hi*s.Dim], lo, hi)
			return nil
		})
		s.ready = true
	}
	return s.data
}

// terms returns how many rows of matrices the sums add up.
func (s *RowSums[T]) terms() int {
	n := 0
	for _, p := range s.parts {
		n += len(p.src)
	}
	return n
}

// set makes s the sums of one op.
func (s *RowSums[T]) set(rows []int32, dim int, p rowPart[T]) {
	if rows == nil {
		rows = []int32{} // nil would mean dense
	}
	s.Rows, s.Dim, s.ready = rows, dim, false
	s.parts = append(s.parts[:0], p)
}

// setDense makes s the sum of a and of a matrix.
func (s *RowSums[T]) setDense(a *RowSums[T], dense []T) {
	s.Rows, s.Dim, s.ready = nil, a.Dim, false
	s.dense, s.few, s.parts = dense, a.Rows, a.parts
}

// merge makes s the sum of a and b.
func (s *RowSums[T]) merge(a, b *RowSums[T]) {
	s.Dim, s.ready = a.Dim, false
	if s.Rows == nil {
		s.Rows = []int32{}
	}
	s.Rows = s.Rows[:0]
	parts := slices.Concat(a.parts, b.parts)
	for len(s.parts) < len(parts) {
		s.parts = append(s.parts, rowPart[T]{})
	}
	s.parts = s.parts[:len(parts)]
	for k, p := range parts {
		p.ptr = s.parts[k].ptr[:0]
		s.parts[k] = p
	}
	i, j := 0, 0
	for i < len(a.Rows) || j < len(b.Rows) {
		id := min(a.rowOr(i), b.rowOr(j))
		s.Rows = append(s.Rows, int32(id))
		for k := range parts {
			at := i
			if k >= len(a.parts) {
				at = j
			}
			s.parts[k].ptr = append(s.parts[k].ptr, parts[k].ptr[at])
		}
		if a.rowOr(i) == id {
			i++
		}
		if b.rowOr(j) == id {
			j++
		}
	}
	for k, p := range parts {
		s.parts[k].ptr = append(s.parts[k].ptr, p.ptr[len(p.ptr)-1])
	}
	slices.SortStableFunc(s.parts, func(p, q rowPart[T]) int {
		switch {
		case p.unit != nil && q.unit == nil:
			return -1
		case p.unit == nil && q.unit != nil:
			return 1
		}
		return 0
	})
}

// rowOr returns row i, or what is beyond any where there is none.
func (s *RowSums[T]) rowOr(i int) int64 {
	if i < len(s.Rows) {
		return int64(s.Rows[i])
	}
	return 1 << 32
}

// A row-sparse gradient is a node whose value is a token of shape [1]; its rows
// are with its op, where Program reads them. Grad adds such nodes up, to each
// other and to dense ones, and makes dense what must pass through a node.
type rowSparse struct {
	s32 *RowSums[float32]
	s64 *RowSums[float64]

	// dense, if set, returns the same gradient as a matrix that can be differentiated
	// again.
	dense func() (node, error)
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

// sumsOf returns the rows of r at precision T.
func sumsOf[T Float](r *rowSparse) *RowSums[T] {
	if s, ok := any(r.s32).(*RowSums[T]); ok {
		return s
	}
	return any(r.s64).(*RowSums[T])
}

// mergeRows returns a + b, both row-sparse with rows of one width.
func mergeRows(a, b node) (node, error) {
	ra, rb := rowsOf(a), rowsOf(b)
	var s32 RowSums[float32]
	var s64 RowSums[float64]
	return rowsNode("merge rows", &s32, &s64, nil, mergeBody(ra.s32, rb.s32, &s32), mergeBody(ra.s64, rb.s64, &s64), a, b)
}

func mergeBody[T Float](a, b, to *RowSums[T]) body[T] {
	return func([]T, []any) error {
		to.merge(a, b)
		return nil
	}
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
	return func(dst []T, in []any) error {
		if len(in) > 2 {
			copy(dst, vec[T](in[2]))
		} else {
			clear(dst)
		}
		data, d := s.all(), s.Dim
		for i, id := range s.Rows {
			kernel.Axpy(1, data[i*d:(i+1)*d], dst[int(id)*d:(int(id)+1)*d])
		}
		return nil
	}
}

// withDense returns the sum of g, row-sparse, and of a matrix, without a copy of that.
func withDense(g, dense node) (node, error) {
	if _, own := dense.Op().(*op); !own { // whose memory another op may take before it is read
		var err error
		if dense, err = Identity(dense); err != nil {
			return nil, err
		}
	}
	r := rowsOf(g)
	var s32 RowSums[float32]
	var s64 RowSums[float64]
	return rowsNode("dense and rows", &s32, &s64, nil, withDenseBody(r.s32, &s32), withDenseBody(r.s64, &s64), g, dense)
}

func withDenseBody[T Float](a, to *RowSums[T]) body[T] {
	return func(_ []T, in []any) error {
		to.setDense(a, vec[T](in[1]))
		return nil
	}
}

// sumRows adds up gradients of n of which at least one is row-sparse: to a
// row-sparse one if all are and n is a leaf, else to a dense one. again asks for one
// that is a matrix where there is a dense term.
func sumRows(n node, terms gorgonia.Nodes, again bool) (node, error) {
	var sparse node
	var dense gorgonia.Nodes
	var e Expr
	for _, t := range terms {
		switch {
		case rowsOf(t) == nil:
			dense = append(dense, t)
		case sparse == nil:
			sparse = t
		default:
			sparse = e.N(mergeRows(sparse, t))
		}
	}
	if e.Err != nil || len(dense) == 0 && n.Op() == nil {
		return sparse, e.Err
	}
	var rest node
	if len(dense) > 0 {
		rest = e.N(sumTerms(n, dense, again))
	}
	if !again && rest != nil && n.Op() == nil {
		return e.N(withDense(sparse, rest)), e.Err
	}
	return e.N(denseRows(sparse, n, rest)), e.Err
}

package graph

import (
	"slices"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// RowSums are the rows of a row-sparse gradient that are not zero, each a sum
// that is taken when it is asked for: an updater that adds a row up where it moves
// it spares the memory, and the traffic, of all of them. Where the gradient has a
// dense term too, as that of a table which is read by rows and by a matrix product,
// they are all rows; that term is then added in the same way, without a copy of its
// matrix.
//
// They are borrowed: valid until the next Run of their Program, and as long as
// the parameter has the value of the run in the rows that are still to be read.
type RowSums[T Float] struct {
	Rows []int32 // unique and ascending; nil: all rows
	Dim  int     // numbers of a row

	dense [][]T        // terms that have all rows: matrices of the parameter's shape
	few   []int32      // the rows of parts: Rows, unless there is a dense term
	parts []rowPart[T] // those with unit first

	// The memory of a merge: its rows, ptr of each of its parts and the term that the
	// part is from, and the row of each term that comes next.
	union []int32
	ptrs  [][]int32
	from  []int
	next  []int

	data  []T  // all of them, once they were asked for
	ready bool // data are
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
	if len(s.dense) == 0 {
		s.add(dst, lo, hi)
		return
	}
	copy(dst, s.dense[0][lo*d:hi*d])
	for _, x := range s.dense[1:] {
		kernel.Axpy(1, x[lo*d:hi*d], dst)
	}
	from, _ := slices.BinarySearch(s.few, int32(lo))
	for i := from; i < len(s.few) && int(s.few[i]) < hi; i++ {
		s.addTo(dst[(int(s.few[i])-lo)*d:][:d], i)
	}
}

// addTo adds the sums of parts of row few[i] to row.
func (s *RowSums[T]) addTo(row []T, i int) {
	if s.parts[0].unit != nil { // what passes through a norm is added up apart
		sum := make([]T, s.Dim)
		s.add(sum, i, i+1)
		kernel.Axpy(1, sum, row)
		return
	}
	for _, p := range s.parts {
		kernel.AddRows(row, s.Dim, p.ptr[i:i+2], p.src, p.coef, p.from)
	}
}

// add stores the sums of parts of rows few[lo:hi] in dst.
func (s *RowSums[T]) add(dst []T, lo, hi int) {
	d := s.Dim
	clear(dst)
	for i, p := range s.parts {
		kernel.AddRows(dst, d, p.ptr[lo:hi+1], p.src, p.coef, p.from)
		if p.unit == nil || i+1 < len(s.parts) && s.parts[i+1].unit != nil {
			continue
		}
		for r, id := range s.few[lo:hi] {
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
		n := len(s.few)
		if len(s.dense) > 0 {
			n = len(s.dense[0]) / s.Dim
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
	s.Rows, s.few, s.Dim, s.ready = rows, rows, dim, false
	s.parts = append(s.parts[:0], p)
}

// sum makes s the sum of rows, none of which has a dense term, and of matrices.
func (s *RowSums[T]) sum(rows []*RowSums[T], dense [][]T, dim int) {
	s.dense, s.Dim, s.ready = dense, dim, false
	s.merge(rows)
	s.Rows = s.few
	if len(dense) > 0 {
		s.Rows = nil
	}
}

// merge makes the parts of s those of all of terms, over the union of their rows.
func (s *RowSums[T]) merge(terms []*RowSums[T]) {
	s.parts, s.from = s.parts[:0], s.from[:0]
	for _, unit := range [...]bool{true, false} {
		for k, t := range terms {
			for _, p := range t.parts {
				if (p.unit != nil) == unit {
					s.parts, s.from = append(s.parts, p), append(s.from, k)
				}
			}
		}
	}
	if len(terms) == 1 {
		s.few = terms[0].few
		return
	}
	for len(s.ptrs) < len(s.parts) {
		s.ptrs = append(s.ptrs, nil)
	}
	for k := range s.parts {
		s.ptrs[k] = s.ptrs[k][:0]
	}
	if s.union == nil {
		s.union = []int32{} // nil would mean dense
	}
	s.union, s.next = s.union[:0], resize(s.next, len(terms))
	clear(s.next)
	for {
		id := noRow
		for k, t := range terms {
			id = min(id, t.rowOr(s.next[k]))
		}
		for k, p := range s.parts { // beyond the last row too: it ends there
			s.ptrs[k] = append(s.ptrs[k], p.ptr[s.next[s.from[k]]])
		}
		if id == noRow {
			break
		}
		s.union = append(s.union, int32(id))
		for k, t := range terms {
			if t.rowOr(s.next[k]) == id {
				s.next[k]++
			}
		}
	}
	s.few = s.union
	for k := range s.parts {
		s.parts[k].ptr = s.ptrs[k]
	}
}

// noRow is beyond all rows.
const noRow int64 = 1 << 32

// rowOr returns row few[i], or noRow where there is none.
func (s *RowSums[T]) rowOr(i int) int64 {
	if i < len(s.few) {
		return int64(s.few[i])
	}
	return noRow
}

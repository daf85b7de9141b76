package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Sparse is a constant sparse matrix [R,C], in compressed rows, together with its
// transpose: what [SpMM] multiplies by. It is immutable and may be part of any number of
// graphs, which share its memory.
type Sparse struct {
	rows, cols int
	ptr, id    []int32
	value      []float32
	cut        []int // rows at which the work is cut into parts, of about as many entries each
	transposed *Sparse
}

// NewSparse returns the matrix [rows,cols] whose row i has the numbers values[p] in the
// columns ids[p] for ptr[i] ≤ p < ptr[i+1]; ptr [rows+1] begins at 0, does not fall and ends
// at len(ids). values nil is 1 each. Numbers of one place are added. The matrix keeps the
// slices, which must not be written to; beside them it takes 8 bytes an entry for its
// transpose.
func NewSparse(rows, cols int, ptr, ids []int32, values []float32) (*Sparse, error) {
	switch {
	case rows < 1 || cols < 1:
		return nil, fmt.Errorf("graph: a sparse matrix of [%d,%d], want at least one row and one column", rows, cols)
	case len(ptr) != rows+1:
		return nil, fmt.Errorf("graph: a sparse matrix of %d rows with %d bounds, want %d", rows, len(ptr), rows+1)
	case values != nil && len(values) != len(ids):
		return nil, fmt.Errorf("graph: a sparse matrix with %d values for %d entries", len(values), len(ids))
	case ptr[0] != 0 || int(ptr[rows]) != len(ids):
		return nil, fmt.Errorf("graph: the bounds of a sparse matrix run from %d to %d, want 0 to %d, the number of its entries", ptr[0], ptr[rows], len(ids))
	}
	for i := range rows {
		if ptr[i] > ptr[i+1] {
			return nil, fmt.Errorf("graph: the bounds of a sparse matrix fall at row %d, from %d to %d", i, ptr[i], ptr[i+1])
		}
	}
	for p, id := range ids {
		if id < 0 || int(id) >= cols {
			return nil, fmt.Errorf("graph: entry %d of a sparse matrix is in column %d of %d", p, id, cols)
		}
	}
	if values == nil {
		values = make([]float32, len(ids))
		for p := range values {
			values[p] = 1
		}
	}
	for p, v := range values {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("graph: entry %d of a sparse matrix is %v", p, v)
		}
	}
	a := &Sparse{rows: rows, cols: cols, ptr: ptr, id: ids, value: values, cut: evenCuts(ptr)}
	a.transposed = a.transpose()
	a.transposed.transposed = a
	return a, nil
}

// transpose returns the transposed matrix, the entries of each row in the order of a's rows.
func (a *Sparse) transpose() *Sparse {
	t := &Sparse{rows: a.cols, cols: a.rows, ptr: make([]int32, a.cols+1), id: make([]int32, len(a.id)), value: make([]float32, len(a.id))}
	for _, j := range a.id {
		t.ptr[j+1]++
	}
	for j := range a.cols {
		t.ptr[j+1] += t.ptr[j]
	}
	next := make([]int32, a.cols)
	copy(next, t.ptr)
	for i := range a.rows {
		for p := a.ptr[i]; p < a.ptr[i+1]; p++ {
			q := &next[a.id[p]]
			t.id[*q], t.value[*q] = int32(i), a.value[p]
			*q++
		}
	}
	t.cut = evenCuts(t.ptr)
	return t
}

// evenCuts returns where compressed rows are cut into up to parts pieces of about the same
// number of entries and rows: the first of each piece, and the end.
func evenCuts(ptr []int32) []int {
	n := len(ptr) - 1
	cut, all := []int{0}, n+int(ptr[n])
	for i := 1; i < n; i++ {
		if k := len(cut); k < parts && (i+int(ptr[i]))*parts >= all*k {
			cut = append(cut, i)
		}
	}
	return append(cut, n)
}

// Rows returns R.
func (a *Sparse) Rows() int { return a.rows }

// Cols returns C.
func (a *Sparse) Cols() int { return a.cols }

// Len returns the number of entries.
func (a *Sparse) Len() int { return len(a.id) }

// T returns the transposed matrix [C,R], which was made with a.
func (a *Sparse) T() *Sparse { return a.transposed }

// Bytes returns the memory of the matrix and of its transpose.
func (a *Sparse) Bytes() int64 {
	return 16*int64(len(a.id)) + 4*int64(a.rows+a.cols+2)
}

// SpMM returns the product a·x of a sparse matrix a [R,C] and x [C,d]:
//
//	y_i = Σ_j a_ij · x_j   [R,d]
//
// Terms are added in the order of a's entries, whatever the number of processors. The
// gradient by x is aᵀ·g, and so the node may be differentiated any number of times; a is a
// constant. It is what [Bag] gives of a's rows as leaves, without the grouping by ids that
// the gradient of bags makes anew in each run.
func SpMM(a *Sparse, x *gorgonia.Node) (*gorgonia.Node, error) {
	const name = "spmm"
	if a == nil || a.transposed == nil {
		return nil, fmt.Errorf("graph: %s: the sparse matrix is nil; NewSparse makes one", name)
	}
	if err := wantDims(name, "x", x, 2); err != nil {
		return nil, err
	}
	if x.Shape()[0] != a.cols {
		return nil, fmt.Errorf("graph: %s: a is [%d,%d] and x is %v; want [%d,d]", name, a.rows, a.cols, x.Shape(), a.cols)
	}
	d := x.Shape()[1]
	return apply(spec{name: name, shape: tensor.Shape{a.rows, d}, holds: a,
		f32: func(dst []float32, in []any) error { return product(a, dst, vec[float32](in[0]), a.value) },
		f64: func(dst []float64, in []any) error {
			value := make([]float64, len(a.value))
			for p, v := range a.value {
				value[p] = float64(v)
			}
			return product(a, dst, vec[float64](in[0]), value)
		},
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(SpMM(a.transposed, g)))
		}}, x)
}

// product stores a·x in y, the entries of a being value.
func product[T Float](a *Sparse, y, x, value []T) error {
	d := len(y) / a.rows
	pieces := len(a.cut) - 1
	return parallel(pieces, (2*len(a.id)+a.rows)*d, func(_, from, to int) error {
		lo, hi := a.cut[from], a.cut[to]
		clear(y[lo*d : hi*d])
		kernel.AddRows(y[lo*d:hi*d], d, a.ptr[lo:hi+1], a.id, value, x)
		return nil
	})
}

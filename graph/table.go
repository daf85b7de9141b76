package graph

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Table holds Rows vectors of Dim numbers outside any graph: embeddings of
// users, items, words. A step gathers the rows it needs into a Param, and
// applies the Param's gradient to those rows alone.
//
// Not safe for concurrent use while a method that writes runs.
type Table[T Float] struct {
	Name      string
	Rows, Dim int
	Data      []T // [Rows,Dim]

	group grouping // of Apply
	sums  []T
}

// NewTable returns a table of zeros.
func NewTable[T Float](name string, rows, dim int) *Table[T] {
	return &Table[T]{Name: name, Rows: rows, Dim: dim, Data: make([]T, rows*dim)}
}

// Row returns row id, which is the table's memory.
func (t *Table[T]) Row(id int32) []T { return t.Data[int(id)*t.Dim : (int(id)+1)*t.Dim] }

// Gather copies the rows ids, in order, to dst [len(ids),Dim]; a negative id
// gives zeros (a padding row). An id beyond the table is an error.
func (t *Table[T]) Gather(dst []T, ids []int32) error {
	if len(dst) < len(ids)*t.Dim {
		panic(fmt.Sprintf("graph: gather of %d rows of %d into %d elements", len(ids), t.Dim, len(dst)))
	}
	if err := t.check(ids); err != nil {
		return err
	}
	return parallel(len(ids), len(ids)*t.Dim, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			row := dst[i*t.Dim : (i+1)*t.Dim]
			if ids[i] < 0 {
				clear(row)
				continue
			}
			copy(row, t.Row(ids[i]))
		}
		return nil
	})
}

func (t *Table[T]) check(ids []int32) error {
	for i, id := range ids {
		if int(id) >= t.Rows {
			return fmt.Errorf("graph: table %s: id %d (number %d of the batch) outside [0,%d)", t.Name, id, i, t.Rows)
		}
	}
	return nil
}

// An Updater is a row-sparse optimizer: it moves the rows g.Rows of t (all where
// nil) against g.Data, and keeps what state it needs per table. g is borrowed
// for the call.
type Updater[T Float] interface {
	Update(t *Table[T], g Gradient[T]) error
}

// Apply hands u the gradient grads [len(ids),Dim] of the gathered rows ids:
// unique rows, ascending, each the sum over its occurrences in the order of the
// batch. Negative ids are left out.
func (t *Table[T]) Apply(u Updater[T], ids []int32, grads []T) error {
	if len(grads) < len(ids)*t.Dim {
		panic(fmt.Sprintf("graph: apply of %d elements as %d rows of %d", len(grads), len(ids), t.Dim))
	}
	if err := t.check(ids); err != nil {
		return err
	}
	g := &t.group
	g.of(ids)
	if n := len(g.ids) * t.Dim; cap(t.sums) < n {
		t.sums = make([]T, n)
	}
	t.sums = t.sums[:len(g.ids)*t.Dim]
	err := parallel(len(g.ids), len(g.places)*t.Dim, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			sum := t.sums[i*t.Dim : (i+1)*t.Dim]
			for j, at := range g.places[g.start[i]:g.start[i+1]] {
				row := grads[int(at)*t.Dim : (int(at)+1)*t.Dim]
				if j == 0 {
					copy(sum, row)
				} else {
					kernel.Axpy(1, row, sum)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return u.Update(t, Gradient[T]{Rows: g.ids, Data: t.sums})
}

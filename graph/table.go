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

	order kernel.Order // of Apply
	sums  RowSums[T]
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

// A SumUpdater is an Updater that can add up the rows of a row-sparse gradient as
// it moves them. The result is that of Update.
type SumUpdater[T Float] interface {
	Updater[T]
	UpdateSums(t *Table[T], s *RowSums[T]) error
}

// move hands u the gradient s.
func (t *Table[T]) move(u Updater[T], s *RowSums[T]) error {
	if su, ok := u.(SumUpdater[T]); ok {
		return su.UpdateSums(t, s)
	}
	return u.Update(t, Gradient[T]{Rows: s.Rows, Data: s.all()})
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
	t.order.File(ids, t.Rows)
	t.sums.set(t.order.Row, t.Dim, rowPart[T]{ptr: t.order.Ptr, src: t.order.Place, from: grads})
	return t.move(u, &t.sums)
}

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

	// Of Apply: ids with the place they came from, the unique ones, where each of
	// these starts among the keys, and their sums.
	keys, spare []uint64
	unique      []int32
	starts      []int32
	sums        []T
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
	t.keys = t.keys[:0]
	for i, id := range ids {
		if id >= 0 {
			t.keys = append(t.keys, uint64(id)<<32|uint64(i))
		}
	}
	t.keys, t.spare = radixSort(t.keys, t.spare, t.Rows) // by id, then by place
	if t.unique == nil {
		t.unique = []int32{} // nil rows would mean dense
	}
	t.unique, t.starts = t.unique[:0], t.starts[:0]
	for i, key := range t.keys {
		if id := int32(key >> 32); i == 0 || id != t.unique[len(t.unique)-1] {
			t.unique, t.starts = append(t.unique, id), append(t.starts, int32(i))
		}
	}
	t.starts = append(t.starts, int32(len(t.keys)))
	t.sums = resize(t.sums, len(t.unique)*t.Dim)
	err := parallel(len(t.unique), len(t.keys)*t.Dim, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			sum := t.sums[i*t.Dim : (i+1)*t.Dim]
			clear(sum)
			for _, key := range t.keys[t.starts[i]:t.starts[i+1]] {
				at := int(uint32(key))
				kernel.Axpy(1, grads[at*t.Dim:(at+1)*t.Dim], sum)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return u.Update(t, Gradient[T]{Rows: t.unique, Data: t.sums})
}

package models

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
)

// A Scorer ranks classes for contexts: a model with a head is one, and so is whatever
// orders classes without vectors, such as their popularity. Evaluations and predictions
// know Scorers alone.
type Scorer interface {
	// Rankings calls each(i, top) for row q.Rows[i], in order: top holds the q.K best
	// classes, fewer where fewer are left, in the order in which it ranks them, ties by
	// lower id. What a row gets does not depend on the rows beside it, nor on the
	// number of processors. ctx's error ends it early.
	Rankings(ctx context.Context, q Query, each func(i int, top Top)) error
}

// A Query says what is to be ranked.
type Query struct {
	Contexts *data.Frame // what the rankings are for
	Rows     []int32     // of Contexts
	Classes  int         // C
	K        int         // 1 or more: how many classes of each ranking are asked for

	// LeftOut are classes that no ranking holds, strictly rising. Seen returns those that
	// the ranking of Rows[i] does not hold beside them, strictly rising; nil is none. It is
	// called in order, from one goroutine, and what it returns is read until it is
	// called for the row after the next Chunk.
	LeftOut []int32
	Seen    func(i int) []int32

	// Targets, if set, returns classes of Rows[i], in [0,Classes), whose log-probabilities
	// the ranking is to have: see Top.LogP. They are among all classes, also those that are
	// left out. It is called from several goroutines, and what it returns is read only. A
	// Scorer that gives no probabilities returns an error.
	Targets func(i int) []int32
}

// Validate returns what is wrong with the query.
func (q *Query) Validate() error {
	switch {
	case q == nil || q.Contexts == nil:
		return errors.New("models: a query without a frame of contexts")
	case q.Classes < 1 || q.Classes > math.MaxInt32:
		return fmt.Errorf("models: a query of %d classes, want 1 to %d", q.Classes, math.MaxInt32)
	case q.K < 1:
		return fmt.Errorf("models: k=%d is below 1", q.K)
	}
	if err := q.checkMask(q.LeftOut); err != nil {
		return fmt.Errorf("models: the classes that a query leaves out: %w", err)
	}
	for i, r := range q.Rows {
		if r < 0 || int(r) >= q.Contexts.Rows {
			return fmt.Errorf("models: row %d of a query is %d, outside [0,%d)", i, r, q.Contexts.Rows)
		}
	}
	return nil
}

// checkMask returns an error unless ids are classes, each larger than the one before:
// rankers walk along them, so that one out of place would end the mask without a word.
func (q *Query) checkMask(ids []int32) error {
	for j, id := range ids {
		switch {
		case id < 0 || int(id) >= q.Classes:
			return fmt.Errorf("class %d at place %d is outside [0,%d)", id, j, q.Classes)
		case j > 0 && id <= ids[j-1]:
			return fmt.Errorf("class %d at place %d follows %d; want each larger than the one before", id, j, ids[j-1])
		}
	}
	return nil
}

// Chunk returns the number of rows that are ranked together.
func (q *Query) Chunk() int { return Chunk(len(q.Rows), min(q.K, q.Classes), len(q.LeftOut)) }

// Chunk returns the number of rows of a query of so many rows, places and classes left
// out that are ranked together: it bounds memory, to some 64 bytes for each of the rows'
// k places and to 64 MiB for the classes that each leaves out as all do, and changes no
// number. A k below 1, which no valid query has, counts as 1.
func Chunk(rows, k, leftOut int) int {
	return min(rows, 4096, max(64, 1<<20/max(k, 1)), max(16, 1<<24/max(leftOut, 1)))
}

// Each calls f for the rows of q, Chunk at a time: rows are q.Rows[start:start+len(rows)],
// and masks[i] is what the ranking of rows[i] leaves out, strictly rising, until the next
// call. What Seen returns is checked before f is called.
func (q *Query) Each(ctx context.Context, f func(start int, rows []int32, masks [][]int32) error) error {
	if err := q.Validate(); err != nil {
		return err
	}
	size := q.Chunk()
	masks := make([][]int32, size)
	var room [][]int32
	if len(q.LeftOut) > 0 {
		room = make([][]int32, size)
	}
	for start := 0; start < len(q.Rows); start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := q.Rows[start:min(start+size, len(q.Rows))]
		for i := range rows {
			masks[i] = nil
			if q.Seen != nil {
				masks[i] = q.Seen(start + i)
				if err := q.checkMask(masks[i]); err != nil {
					return fmt.Errorf("models: what row %d of a query has seen: %w", start+i, err)
				}
			}
			if room != nil {
				room[i] = merge(room[i][:0], masks[i], q.LeftOut)
				masks[i] = room[i]
			}
		}
		if err := f(start, rows, masks[:len(rows)]); err != nil {
			return err
		}
	}
	return nil
}

// merge appends the union of two ascending lists to dst, ascending.
func merge(dst, a, b []int32) []int32 {
	dst = slices.Grow(dst, len(a)+len(b)) // at once: what grows bit by bit leaves as much behind
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			dst, a = append(dst, a[0]), a[1:]
		case b[0] < a[0]:
			dst, b = append(dst, b[0]), b[1:]
		default:
			dst, a, b = append(dst, a[0]), a[1:], b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

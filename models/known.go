package models

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// knownClasses says which draws the rows of a batch are known to like: those that are in
// the history of the row's context or among its targets.
type knownClasses struct {
	history *data.Field
	rows    []int32 // of the batch's examples, in the frame of contexts
	skip    []int32 // [B,K]: 1 where a draw is known, else 0
	stamp   []int32 // [C]: 1 + the last row of the batch that knows the class
}

// The fields of contexts whose ids are the classes that a context has in the train set:
// the second where the first, in the order of time, is not all of them.
const (
	historyField = "history"
	seenField    = "seen"
)

// newKnown returns that of batches of b rows with k draws each, and the bytes that it
// takes; in a plan it makes nothing.
func newKnown(contexts *data.Frame, classes, b, k int, plan bool) (*knownClasses, int64, error) {
	f, err := contexts.Field(seenField)
	if err != nil {
		f, err = contexts.Field(historyField)
	}
	if err == nil && f.Size > classes {
		err = fmt.Errorf("it has ids up to %d of %d classes", f.Size-1, classes)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("models: sampled: hits=seen leaves out what the field %q of contexts holds: %w", historyField, err)
	}
	n := &knownClasses{history: f}
	if !plan {
		n.rows, n.skip, n.stamp = make([]int32, 0, b), make([]int32, b*k), make([]int32, classes)
	}
	return n, 4 * (int64(b) + int64(b)*int64(k) + int64(classes)), nil
}

// of takes the contexts of a batch.
func (n *knownClasses) of(b *data.Batch) {
	n.rows = n.rows[:0]
	for i := range b.Len() {
		n.rows = append(n.rows, b.Row(i))
	}
}

// mark sets skip for draws.
func (n *knownClasses) mark(b *sampler.Batch, d *sampler.Draws) {
	clear(n.skip)
	clear(n.stamp)
	for i, row := range n.rows {
		own := int32(i) + 1
		know := func(classes []int32) {
			for _, c := range classes {
				n.stamp[c] = own
			}
		}
		if n.history.ID == nil && n.history.Lo == nil { // the row itself
			know([]int32{n.history.One(int(row))})
		} else {
			ids, _ := n.history.Row(int(row))
			know(ids)
		}
		lo, hi := b.Positives(i)
		know(b.Pos[lo:hi])
		ids, _ := d.Row(i)
		for j, id := range ids {
			if id >= 0 && n.stamp[id] == own {
				n.skip[i*d.K+j] = 1
			}
		}
	}
}

package models

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// Sequence returns the ids of a field that is in order, those of all rows end to end: where
// each row's are, ptr [S+1], the ids [N], and of each its place in its row, from 0, [N],
// all Int32. N is what the fullest batch needs, and what a batch leaves is padding, −1; so
// that shapes stay while the number of rows that fit varies. S is at least the number
// of rows; those beyond a batch's are empty.
//
// [Inputs.Last] makes encodings of what a model computes of the N positions.
func (in *Inputs) Sequence(field string) (ptr, ids, place *gorgonia.Node, err error) {
	f, nodes, err := in.ordered(field)
	if err != nil || nodes.bounds != nil {
		return nodes.bounds, nodes.events, nodes.place, err
	}
	name := in.name + "." + field
	n := max(in.positions(f), 1) // a leaf is not empty
	var bounds, events, places []int32
	nodes.bounds, bounds = in.g.leaves.indices(name+".bounds", in.contexts+1)
	nodes.events, events = in.g.leaves.indices(name+".events", n)
	nodes.place, places = in.g.leaves.indices(name+".place", n)
	in.filled(func(rows []int32) {
		at := 0
		for i := range in.contexts {
			if i < len(rows) {
				own, _ := f.Row(int(rows[i]))
				for k, id := range own {
					events[at+k], places[at+k] = id, int32(k)
				}
				at += len(own)
			}
			bounds[i+1] = int32(at)
		}
		pad(events[at:])
		pad(places[at:])
	})
	return nodes.bounds, nodes.events, nodes.place, nil
}

// Longest returns the most ids of a row of a field that is in order, 1 at least.
func (in *Inputs) Longest(field string) (int, error) {
	f, _, err := in.ordered(field)
	if err != nil {
		return 0, err
	}
	return max(f.Most(1), 1), nil
}

// Last returns the encodings [Rows(),d] of what a model has computed of the positions of a
// field that it reads by Sequence, x [N,d]: of each row the last position, zeros where it has
// none; in a graph of positions x itself.
func (in *Inputs) Last(field string, x *gorgonia.Node) (*gorgonia.Node, error) {
	f, nodes, err := in.ordered(field)
	switch {
	case err != nil:
		return nil, err
	case x == nil || nodes.bounds == nil:
		return nil, fmt.Errorf("models: the last position of field %q before Sequence has read it, or of no node", field)
	case in.room.Each:
		return x, nil
	}
	if nodes.last == nil {
		var last []int32
		nodes.last, last = in.g.leaves.indices(in.name+"."+field+".last", in.rows)
		in.filled(func(rows []int32) {
			at := 0
			for i := range last {
				last[i] = -1
				if i >= len(rows) {
					continue
				}
				if n := f.Len(int(rows[i])); n > 0 {
					at += n
					last[i] = int32(at - 1)
				}
			}
		})
	}
	return graph.Lookup(x, nodes.last)
}

// Lengths returns how many ids a field has in each row [Rows()], as numbers, 0 in rows of
// padding: what makes a mean of a Bag. Of positions those of a sequence count the ids up
// to their own.
func (in *Inputs) Lengths(field string) (*gorgonia.Node, error) {
	f, nodes, err := in.field(field)
	if err != nil || nodes.lengths != nil {
		return nodes.lengths, err
	}
	if d := in.drawn; d != nil {
		nodes.lengths, err = in.g.leaves.hostFloats(d.node, func(dst []float32) {
			clear(dst)
			for i, r := range d.rows() {
				dst[i] = float32(f.Len(int(r)))
			}
		}, in.rows)
		return nodes.lengths, err
	}
	n, set := in.g.leaves.floats(in.name+"."+field+".lengths", in.rows)
	nodes.lengths = n
	var x []float32
	in.filled(func(rows []int32) {
		x = x[:0]
		if in.room.Each {
			in.eachPosition(rows, func(_ int, row int32, place int) {
				if n := place + 1; field == in.room.Sequence {
					x = append(x, float32(n))
				} else {
					x = append(x, float32(f.Len(int(row))))
				}
			})
		} else {
			for _, r := range rows {
				x = append(x, float32(f.Len(int(r))))
			}
		}
		for len(x) < in.rows {
			x = append(x, 0)
		}
		set(0, x)
	})
	return n, nil
}

// Kept returns what [graph.Bag] takes as the values of a field that the model reads by Bag,
// with dropout: in training each id counts 0 with probability p, 0 ≤ p < 1, and else its
// value, or 1 where it has none, divided by 1−p; see [graph.Dropout], of which seed is.
func (in *Inputs) Kept(field string, p float64, seed uint64) (*gorgonia.Node, error) {
	_, ids, values, err := in.Bag(field)
	if err != nil {
		return nil, err
	}
	if values == nil {
		n := ids.Shape()[0]
		var set func(lo int, values []float32)
		values, set = in.g.leaves.floats(fmt.Sprintf("%s.%s.kept-%d", in.name, field, len(in.kept)), n)
		in.kept = append(in.kept, values)
		if !in.g.leaves.plan() {
			set(0, slices.Repeat([]float32{1}, n))
		}
	}
	return graph.Dropout(values, p, seed)
}

// ordered returns a field that is in order.
func (in *Inputs) ordered(field string) (*data.Field, *fieldNodes, error) {
	f, nodes, err := in.field(field)
	switch {
	case err != nil:
	case !f.Ordered:
		err = fmt.Errorf("models: field %q is a set, whose ids are in no order; the tasks next and last have it in the order of time", field)
	case in.drawn != nil || in.whole:
		err = errors.New("models: a sequence is of contexts, not of classes")
	case in.room.Each && field != in.room.Sequence:
		err = fmt.Errorf("models: the positions of this graph are those of field %q, not of %q", in.room.Sequence, field)
	}
	return f, nodes, err
}

// positions returns how many ids of a field batches have room for.
func (in *Inputs) positions(f *data.Field) int {
	if f.Name == in.room.Sequence {
		return in.room.Positions
	}
	return f.MostOf(in.contexts, in.room.Times)
}

// most returns how many ids the bags of a field may have together.
func (in *Inputs) most(f *data.Field) int {
	switch {
	case !in.room.Each:
		return in.positions(f)
	case f.Name == in.room.Sequence: // each position has those up to its own
		return in.room.Positions * (f.Most(1) + 1) / 2
	}
	return in.room.Positions * f.Most(1)
}

// eachPosition calls f for each position of rows: with the number of its row among them,
// the row, and the place in it. Who fills has checked the graph's field.
func (in *Inputs) eachPosition(rows []int32, f func(i int, row int32, place int)) {
	seq, err := in.frame.Field(in.room.Sequence)
	if err != nil {
		panic("models: " + err.Error())
	}
	for i, r := range rows {
		for place := range seq.Len(int(r)) {
			f(i, r, place)
		}
	}
}

// checkPositions returns an error of a batch that the graph has no room for.
func (in *Inputs) checkPositions(b *data.Batch) error {
	if in.room.Sequence == "" {
		return nil
	}
	seq, err := in.frame.Field(in.room.Sequence)
	if err != nil {
		return fmt.Errorf("models: the positions of a batch: %w", err)
	}
	n := 0
	for _, r := range b.Rows {
		n += seq.Len(int(r))
	}
	if n > in.room.Positions {
		return fmt.Errorf("models: %d positions in a batch of %d", n, in.room.Positions)
	}
	if len(in.at) > 0 && len(b.At) > len(in.at) {
		return fmt.Errorf("models: %d examples in a batch of %d", len(b.At), len(in.at))
	}
	for i, at := range b.At {
		if at < 0 || int(at) >= n {
			return fmt.Errorf("models: example %d of a batch is of position %d, of %d", i, at, n)
		}
		if in.room.All && int(at) != i {
			return fmt.Errorf("models: example %d of a batch is of position %d, where every position is one", i, at)
		}
	}
	return nil
}

// checkBags returns an error of a batch that has more ids than the leaves hold, as one may
// in which a row comes more often than the graph was told by Fit.
func (in *Inputs) checkBags(b *data.Batch) error {
	for i, name := range in.names {
		if in.nodes[i].ptr == nil || in.room.Each {
			continue
		}
		f, err := in.frame.Field(name)
		if err != nil {
			return err
		}
		n := 0
		for _, r := range b.Rows {
			n += f.Len(int(r))
		}
		if n > in.nodes[i].room {
			return fmt.Errorf("models: %d ids of field %q in a batch that has room for %d: a row comes more often than Graph.Fit was told", n, name, in.nodes[i].room)
		}
	}
	return nil
}

// examples returns the encodings [B,d] of examples among x [Rows(),d].
func (in *Inputs) examples(x *gorgonia.Node) (*gorgonia.Node, error) {
	if !in.room.Each || in.room.All {
		return x, nil
	}
	at, err := in.Once(exampleKey{}, func() (*gorgonia.Node, error) {
		n, at := in.g.leaves.indices(in.name+".at", in.room.Rows)
		if !in.g.leaves.plan() {
			in.at = at
		}
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	return graph.Lookup(x, at)
}

// exampleKey is the key of a graph's leaf of positions.
type exampleKey struct{}

// pad makes ids those of padding.
func pad(ids []int32) {
	for i := range ids {
		ids[i] = -1
	}
}

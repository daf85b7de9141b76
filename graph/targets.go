package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
)

// Targets are the target leaves of a graph: one Target per row, in compressed
// rows. Make them with [Builder.Targets] or, from leaves of one's own, with
// [LabelTargets] and [SparseTargets].
type Targets struct {
	Rows int // B

	// label is [B] Int32, one label a row, and −1 for a padding row. Where it is nil, row i
	// holds the positions pos[ptr[i]:ptr[i+1]] with weight[ptr[i]:ptr[i+1]].
	label            *gorgonia.Node
	ptr, pos, weight *gorgonia.Node
	data             any // behind them: *TargetData[T] at the precision of the graph
}

// LabelTargets returns targets of one label a row from label [B] Int32, where
// −1 marks a padding row.
func LabelTargets(label *gorgonia.Node) (*Targets, error) {
	if err := wantInts("targets", "label", label); err != nil {
		return nil, err
	}
	return &Targets{Rows: label.Shape()[0], label: label}, nil
}

// SparseTargets returns targets of any number of positions a row from nodes of the
// caller's: row i of B has the positions pos[j], strictly increasing, with the
// weights weight[j], above 0 and of sum 1, for ptr[i] ≤ j < ptr[i+1]. ptr is [B+1] Int32,
// starts at 0 and never falls; pos is [N] Int32, and weight [N] at the precision of the
// scores. A row of no positions is padding, and what is beyond ptr[B] is not read. A run
// that finds anything else fails with an error that names the row.
func SparseTargets(ptr, pos, weight *gorgonia.Node) (*Targets, error) {
	const name = "targets"
	if err := wantInts(name, "ptr", ptr); err != nil {
		return nil, err
	}
	if err := wantInts(name, "pos", pos); err != nil {
		return nil, err
	}
	if err := wantDims(name, "weight", weight, 1); err != nil {
		return nil, err
	}
	switch b := ptr.Shape()[0] - 1; {
	case b < 1:
		return nil, fmt.Errorf("graph: %s: ptr is %v; want the bounds of the rows [B+1]", name, ptr.Shape())
	case !slices.Equal(pos.Shape(), weight.Shape()):
		return nil, fmt.Errorf("graph: %s: %v weights for %v positions", name, weight.Shape(), pos.Shape())
	default:
		return &Targets{Rows: b, ptr: ptr, pos: pos, weight: weight}, nil
	}
}

// TargetData is the data of one batch of Targets. Fill it by SetLabels, or by
// Reset and one Append a row; rows not given are padding rows.
type TargetData[T Float] struct {
	name   string
	rows   int     // given so far
	ptr    []int32 // [B+1]; beyond rows stale until a run begins
	pos    []int32
	weight []T
}

// Reset makes all rows padding rows.
func (d *TargetData[T]) Reset() { d.rows = 0 } // ptr[0] is 0 always

// close makes the rows that were not given empty.
func (d *TargetData[T]) close() {
	end := d.ptr[d.rows]
	for i := d.rows + 1; i < len(d.ptr); i++ {
		d.ptr[i] = end
	}
}

// Append gives the next row its target: positions, which strictly increase, and their
// weights, which sum to 1. Positions of nil weights share it equally. A row without
// positions is a padding row. The data are copied, at a cost that does not grow with the
// rows of the batch. The run checks range and order.
func (d *TargetData[T]) Append(pos []int32, weight []T) error {
	if d.rows+1 >= len(d.ptr) {
		return fmt.Errorf("graph: targets %q: more than %d rows", d.name, max(len(d.ptr)-1, 0))
	}
	at := int(d.ptr[d.rows])
	switch {
	case len(pos) > len(d.pos)-at:
		return fmt.Errorf("graph: targets %q: row %d: %d positions after %d exceed the capacity %d", d.name, d.rows, len(pos), at, len(d.pos))
	case weight != nil && len(weight) != len(pos):
		return fmt.Errorf("graph: targets %q: row %d: %d positions with %d weights", d.name, d.rows, len(pos), len(weight))
	}
	copy(d.pos[at:], pos)
	for i := range pos {
		d.weight[at+i] = 1 / T(len(pos))
		if weight != nil {
			d.weight[at+i] = weight[i]
		}
	}
	d.rows++
	d.ptr[d.rows] = int32(at + len(pos))
	return nil
}

// SetLabels gives row i the one label y[i], −1 for a padding row.
func (d *TargetData[T]) SetLabels(y []int32) error {
	d.Reset()
	for i := range y {
		row := y[i : i+1]
		switch {
		case y[i] < -1:
			return fmt.Errorf("graph: targets %q: row %d: label %d; want a class, or −1 for padding", d.name, i, y[i])
		case y[i] == -1:
			row = nil
		}
		if err := d.Append(row, nil); err != nil {
			return err
		}
	}
	return nil
}

// Set gives row i the target rows[i].
func (d *TargetData[T]) Set(rows []Target[T]) error {
	d.Reset()
	for _, t := range rows {
		if err := d.Append(t.Pos, t.Weight); err != nil {
			return err
		}
	}
	return nil
}

// Valid returns how many rows are not padding.
func (d *TargetData[T]) Valid() int {
	n := 0
	for i := range d.rows {
		if d.ptr[i] < d.ptr[i+1] {
			n++
		}
	}
	return n
}

// TargetRows returns what the leaves of t hold, row by row: an empty target is padding.
// The slices are the leaves' memory, to be read alone; T is the precision of the graph.
func TargetRows[T Float](t *Targets) []Target[T] {
	var v view[T]
	if t.label != nil {
		v.read([]any{t.label.Value().Data()})
	} else {
		d := t.data.(*TargetData[T])
		d.close()
		v.read([]any{d.ptr, d.pos, d.weight})
	}
	rows := make([]Target[T], t.Rows)
	for i := range rows {
		rows[i] = v.row(i)
	}
	return rows
}

// leaves returns the nodes to pass as the last inputs of an op. A view then reads the
// op's inputs from their index on.
func (t *Targets) leaves() []node {
	if t.label != nil {
		return []node{t.label}
	}
	return []node{t.ptr, t.pos, t.weight}
}

// capacity returns how many positions there is room for.
func (t *Targets) capacity() int {
	if t.label != nil {
		return t.Rows
	}
	return t.pos.Shape()[0]
}

// fixed lists the inputs n, n+1, … that leaves takes, none of which has a derivative.
func (t *Targets) fixed(n int) []int {
	f := []int{}
	for i := range t.leaves() {
		f = append(f, n+i)
	}
	return f
}

// valid returns an error unless t is made of rows targets that fit to rows of
// scores.
func (t *Targets) valid(name string, rows int) error {
	if t == nil || t.Rows == 0 {
		return fmt.Errorf("graph: %s: no targets", name)
	}
	if slices.Contains(t.leaves(), nil) {
		return fmt.Errorf("graph: %s: targets without leaves; make them with Builder.Targets, whose Err says what went wrong, or LabelTargets", name)
	}
	if t.Rows != rows {
		return fmt.Errorf("graph: %s: targets of %d rows for %d rows", name, t.Rows, rows)
	}
	return nil
}

// A view reads the targets among an op's inputs.
type view[T Float] struct {
	label, ptr, pos []int32
	weight          []T
	one             [1]T
}

// read points v at the data of leaves.
func (v *view[T]) read(in []any) {
	if len(in) == 1 {
		v.label, v.one[0] = in[0].([]int32), 1
		return
	}
	v.ptr, v.pos, v.weight = in[0].([]int32), in[1].([]int32), in[2].([]T)
}

// row returns the target of row i, which shares memory with v.
func (v *view[T]) row(i int) Target[T] {
	if v.label != nil {
		if v.label[i] < 0 {
			return Target[T]{}
		}
		return Target[T]{Pos: v.label[i : i+1], Weight: v.one[:]}
	}
	lo, hi := v.ptr[i], v.ptr[i+1]
	return Target[T]{Pos: v.pos[lo:hi], Weight: v.weight[lo:hi]}
}

// padding reports whether row i is a padding row.
func (v *view[T]) padding(i int) bool {
	if v.label != nil {
		return v.label[i] < 0
	}
	return v.ptr[i] == v.ptr[i+1]
}

// massTol bounds |Σ weight − 1|. Float32 shares 1/m, for m up to 10^5, sum to 1 within
// it.
const massTol = 1e-3

// check returns an error that names the first row whose target is not a
// distribution over k candidates.
func (v *view[T]) check(rows, k int) error {
	if v.label != nil {
		for i, y := range v.label {
			if y < -1 || int(y) >= k {
				return fmt.Errorf("row %d: label %d outside [0,%d)", i, y, k)
			}
		}
		return nil
	}
	if v.ptr[0] != 0 {
		return fmt.Errorf("row 0: its positions start at %d; want 0", v.ptr[0])
	}
	for i := range rows {
		if lo, hi := v.ptr[i], v.ptr[i+1]; lo < 0 || hi < lo || int(hi) > len(v.pos) {
			return fmt.Errorf("row %d: positions [%d:%d] of %d", i, lo, hi, len(v.pos))
		}
		t := v.row(i)
		last, mass := int32(-1), 0.0
		for j, p := range t.Pos {
			w := float64(t.Weight[j])
			switch {
			case p < 0 || int(p) >= k:
				return fmt.Errorf("row %d: position %d outside [0,%d)", i, p, k)
			case p <= last:
				return fmt.Errorf("row %d: position %d after %d; want them strictly increasing", i, p, last)
			case !(w > 0) || math.IsInf(w, 1):
				return fmt.Errorf("row %d: position %d has weight %g; want a positive number", i, p, w)
			}
			last, mass = p, mass+w
		}
		if len(t.Pos) > 0 && !(math.Abs(mass-1) <= massTol) {
			return fmt.Errorf("row %d: the weights sum to %g; want 1", i, mass)
		}
	}
	return nil
}

package data

import (
	"errors"
	"fmt"
	"math"
)

// Targets are sparse distributions over classes, one a row: row i has the classes
// Class[Ptr[i]:Ptr[i+1]], strictly rising, at Weight, which sum to 1. Ptr nil is one
// class a row, and Weight nil the same weight for each class of a row. A row without
// a class is padding.
type Targets struct {
	Ptr    []int32 // [rows+1] or nil
	Class  []int32
	Weight []float32 // as long as Class, or nil
}

// Rows returns the number of rows.
func (t *Targets) Rows() int {
	if t.Ptr == nil {
		return len(t.Class)
	}
	return len(t.Ptr) - 1
}

// bounds returns where row i's classes are.
func (t *Targets) bounds(i int) (lo, hi int) {
	if t.Ptr == nil {
		return i, i + 1
	}
	return int(t.Ptr[i]), int(t.Ptr[i+1])
}

// first returns the first n rows.
func (t Targets) first(n int) Targets {
	_, end := t.bounds(n - 1)
	if t.Ptr != nil {
		t.Ptr = t.Ptr[:n+1]
	}
	if t.Class = t.Class[:end]; t.Weight != nil {
		t.Weight = t.Weight[:end]
	}
	return t
}

// Row returns the classes of row i.
func (t *Targets) Row(i int) []int32 {
	lo, hi := t.bounds(i)
	return t.Class[lo:hi:hi]
}

// Examples pair rows of a frame with what followed. An example is of a row as a whole, or,
// where Place says so, of one position of it: all positions of a row are encoded in one
// pass, each from what comes before it.
type Examples struct {
	Context *Frame  // what the rows are of
	Row     []int32 // of Context, [n]
	Targets Targets // [n]

	// Weight is a row's share in the mean Σwℓ/Σw, [n], each above 0; nil is 1 each. See
	// Weighted.
	Weight []float32

	// Seen names the field of Context whose classes a ranking leaves out; "" leaves
	// none out.
	Seen string

	// Sequence names the field of Context whose ids are the positions of a row, by which
	// batches may be measured; "" where rows have none. Place is the position that an
	// example follows, from 0, [n]; nil is none: an example is of its whole row. With
	// Place the examples of a row are one after the other, and their places rise.
	Sequence string
	Place    []int32
}

// Len returns the number of examples.
func (e *Examples) Len() int { return len(e.Row) }

// First returns the first n examples as a batch of its own, all where there are fewer.
func (e *Examples) First(n int) (*Batch, error) {
	switch {
	case e == nil || e.Len() == 0:
		return nil, errors.New("data: no examples to make a batch of")
	case n < 1:
		return nil, fmt.Errorf("data: a batch of the first %d examples, want at least 1", n)
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	n = min(n, e.Len())
	first := *e
	first.Row, first.Targets = e.Row[:n], e.Targets.first(n)
	if e.Weight != nil {
		first.Weight = e.Weight[:n]
	}
	if e.Place != nil {
		first.Place = e.Place[:n]
	}
	b := newBatch(&first)
	for _, u := range first.units() {
		b.add(&first, int(u.lo), int(u.hi))
	}
	return b, nil
}

// Only returns the examples whose rows keep says; what they are of is shared.
func (e *Examples) Only(keep func(row int32) bool) *Examples {
	out := *e
	t := &out.Targets
	out.Row, out.Weight, out.Place = []int32{}, nil, nil
	*t = Targets{Ptr: []int32{0}, Class: []int32{}}
	for i, r := range e.Row {
		if !keep(r) {
			continue
		}
		out.Row = append(out.Row, r)
		if e.Weight != nil {
			out.Weight = append(out.Weight, e.Weight[i])
		}
		if e.Place != nil {
			out.Place = append(out.Place, e.Place[i])
		}
		lo, hi := e.Targets.bounds(i)
		t.Class = append(t.Class, e.Targets.Class[lo:hi]...)
		if e.Targets.Weight != nil {
			t.Weight = append(t.Weight, e.Targets.Weight[lo:hi]...)
		}
		t.Ptr = append(t.Ptr, int32(len(t.Class)))
	}
	return &out
}

// OnlyClasses returns the examples with the classes among their targets that keep says,
// and without those that have none: what is left of a target sums to 1 again. What
// examples are of is shared.
func (e *Examples) OnlyClasses(keep func(class int32) bool) *Examples {
	out := *e
	out.Row, out.Weight, out.Place = []int32{}, nil, nil
	out.Targets = Targets{Ptr: []int32{0}, Class: []int32{}}
	t := &out.Targets
	for i, r := range e.Row {
		lo, hi := e.Targets.bounds(i)
		before, sum := len(t.Class), float32(0)
		for j := lo; j < hi; j++ {
			if !keep(e.Targets.Class[j]) {
				continue
			}
			t.Class = append(t.Class, e.Targets.Class[j])
			if e.Targets.Weight != nil {
				t.Weight = append(t.Weight, e.Targets.Weight[j])
				sum += e.Targets.Weight[j]
			}
		}
		if len(t.Class) == before {
			continue
		}
		for j := before; j < len(t.Weight); j++ {
			t.Weight[j] /= sum
		}
		t.Ptr, out.Row = append(t.Ptr, int32(len(t.Class))), append(out.Row, r)
		if e.Weight != nil {
			out.Weight = append(out.Weight, e.Weight[i])
		}
		if e.Place != nil {
			out.Place = append(out.Place, e.Place[i])
		}
	}
	return &out
}

// Validate returns what is wrong with examples over classes classes.
func (e *Examples) Validate(classes int) error {
	switch {
	case e == nil || e.Context == nil:
		return errors.New("data: examples without a frame of contexts")
	case classes < 1 || classes > math.MaxInt32:
		return fmt.Errorf("data: examples over %d classes, want 1 to %d", classes, math.MaxInt32)
	}
	if err := e.Context.Validate(); err != nil {
		return err
	}
	if e.Seen != "" {
		f, err := e.Context.Field(e.Seen)
		if err != nil {
			return err
		}
		if f.Size > classes {
			return fmt.Errorf("data: field %q, whose ids a ranking leaves out, has ids up to %d of %d classes", e.Seen, f.Size-1, classes)
		}
	}
	if err := e.check(); err != nil {
		return err
	}
	t := &e.Targets
	for i, r := range e.Row {
		if r < 0 || int(r) >= e.Context.Rows {
			return fmt.Errorf("data: example %d is of row %d, outside [0,%d)", i, r, e.Context.Rows)
		}
		if e.Weight != nil && !(e.Weight[i] > 0 && !math.IsInf(float64(e.Weight[i]), 0)) {
			return fmt.Errorf("data: example %d has weight %v, want above 0", i, e.Weight[i])
		}
		lo, hi := t.bounds(i)
		sum := 0.0
		for j := lo; j < hi; j++ {
			c := t.Class[j]
			if c < 0 || int(c) >= classes || j > lo && c <= t.Class[j-1] {
				return fmt.Errorf("data: example %d: class %d is outside [0,%d), or follows a larger one", i, c, classes)
			}
			if t.Weight != nil {
				if !(t.Weight[j] > 0) {
					return fmt.Errorf("data: example %d: class %d has weight %v, want above 0", i, c, t.Weight[j])
				}
				sum += float64(t.Weight[j])
			}
		}
		if t.Weight != nil && hi > lo && !(math.Abs(sum-1) <= 1e-4) {
			return fmt.Errorf("data: example %d: the weights of its classes sum to %g, want 1", i, sum)
		}
	}
	return nil
}

// checkBounds returns what is wrong with the lengths of the slices of e and with where the
// targets say that a row's classes are: what any reading of them relies on.
func (e *Examples) checkBounds() error {
	n, t := len(e.Row), &e.Targets
	switch {
	case t.Rows() != n:
		return fmt.Errorf("data: %d targets for %d examples", t.Rows(), n)
	case e.Weight != nil && len(e.Weight) != n:
		return fmt.Errorf("data: %d weights for %d examples", len(e.Weight), n)
	case t.Weight != nil && len(t.Weight) != len(t.Class):
		return fmt.Errorf("data: %d weights for %d classes of targets", len(t.Weight), len(t.Class))
	case t.Ptr != nil && (t.Ptr[0] != 0 || int(t.Ptr[n]) != len(t.Class)):
		return fmt.Errorf("data: the targets' bounds run from %d to %d, want 0 to %d", t.Ptr[0], t.Ptr[n], len(t.Class))
	}
	if e.Place != nil && len(e.Place) != n {
		return fmt.Errorf("data: %d places for %d examples", len(e.Place), n)
	}
	for i := range n {
		if lo, hi := t.bounds(i); lo < 0 || lo > hi || hi > len(t.Class) {
			return fmt.Errorf("data: example %d: the targets' bounds go from %d to %d, of %d classes in all", i, lo, hi, len(t.Class))
		}
	}
	return nil
}

// sequence returns the field that positions are of, nil without one.
func (e *Examples) sequence() (*Field, error) {
	if e.Sequence == "" {
		if e.Place != nil {
			return nil, errors.New("data: examples of positions without a field that has them (Sequence)")
		}
		return nil, nil
	}
	f, err := e.Context.Field(e.Sequence)
	if err == nil && f.Lo == nil {
		err = fmt.Errorf("data: field %q has one id a row, and no positions", f.Name)
	}
	return f, err
}

// check is checkBounds and then checkPlaces.
func (e *Examples) check() error {
	if err := e.checkBounds(); err != nil {
		return err
	}
	return e.checkPlaces()
}

// checkPlaces returns what is wrong with the positions of e.
func (e *Examples) checkPlaces() error {
	f, err := e.sequence()
	if err != nil || e.Place == nil {
		return err
	}
	seen := make([]bool, e.Context.Rows)
	for i, r := range e.Row {
		if r < 0 || int(r) >= e.Context.Rows {
			return fmt.Errorf("data: example %d is of row %d, outside [0,%d)", i, r, e.Context.Rows)
		}
		follows := i > 0 && e.Row[i-1] == r
		switch place := e.Place[i]; {
		case place < 0 || int(place) >= f.Len(int(r)):
			return fmt.Errorf("data: example %d is of position %d of row %d, which has %d", i, place, r, f.Len(int(r)))
		case follows && place <= e.Place[i-1]:
			return fmt.Errorf("data: example %d is of position %d, after one of position %d of the same row", i, place, e.Place[i-1])
		case !follows && seen[r]:
			return fmt.Errorf("data: example %d is of row %d, whose examples have ended before", i, r)
		}
		seen[r] = true
	}
	return nil
}

// A unit is what a batch has all of: an example, or all those of one row.
type unit struct{ lo, hi int32 } // of the examples

// units returns the examples as units, in order.
func (e *Examples) units() (all []unit) {
	for i := range e.Row {
		if e.Place != nil && i > 0 && e.Row[i-1] == e.Row[i] {
			all[len(all)-1].hi++
		} else {
			all = append(all, unit{int32(i), int32(i) + 1})
		}
	}
	return all
}

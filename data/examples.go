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

// Row returns the classes of row i.
func (t *Targets) Row(i int) []int32 {
	lo, hi := t.bounds(i)
	return t.Class[lo:hi:hi]
}

// Examples pair rows of a frame with what followed.
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
}

// Len returns the number of examples.
func (e *Examples) Len() int { return len(e.Row) }

// First returns the first n examples as a batch of its own, all where there are fewer.
func (e *Examples) First(n int) (*Batch, error) {
	if e == nil {
		return nil, errors.New("data: no examples to make a batch of")
	}
	b, err := NewBatches(e, min(n, e.Len()), 0)
	if err != nil {
		return nil, err
	}
	order := make([]int32, b.MaxRows())
	for i := range order {
		order[i] = int32(i)
	}
	return b.fill(order), nil
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
	if err := e.checkBounds(); err != nil {
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
	for i := range n {
		if lo, hi := t.bounds(i); lo < 0 || lo > hi || hi > len(t.Class) {
			return fmt.Errorf("data: example %d: the targets' bounds go from %d to %d, of %d classes in all", i, lo, hi, len(t.Class))
		}
	}
	return nil
}

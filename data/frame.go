package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Field is what rows read under one name: row i has the ids ID[Lo[i]:Hi[i]], in
// order, each in [0,Size), with Value beside them. Rows may overlap: all prefixes of
// a sequence share one ID.
//
// Lo and Hi nil mean that row i has the one id ID[i], −1 where it has none, and ID nil
// too that it is i. The slices are read only.
type Field struct {
	Name   string // unique in its frame
	Size   int
	Lo, Hi []int
	ID     []int32
	Value  []float32 // as long as ID; nil is 1 each

	// Ordered says that the order of a row's ids means something, as that of events does
	// in time, and that an id may come again.
	Ordered bool

	// Type is that of features, one of FeatureTypes, perhaps with a separator, or Sparse; "" of other
	// fields. Tokens are the names of ids, and Scale says, of numbers, what their values are:
	// one for each id. Nil where ids have no names, and where values are as they were given.
	Type   string
	Tokens []string
	Scale  []Scale
}

// Row returns the ids of row i and, where the field has them, their values. A field
// without ID has no slice to return: use One.
func (f *Field) Row(i int) (ids []int32, values []float32) {
	lo, hi := i, i+1
	if f.Lo != nil {
		lo, hi = f.Lo[i], f.Hi[i]
	}
	if f.Value != nil {
		values = f.Value[lo:hi]
	}
	return f.ID[lo:hi:hi], values
}

// One returns the id of row i of a field that has one in each row.
func (f *Field) One(i int) int32 {
	if f.ID == nil {
		return int32(i)
	}
	return f.ID[i]
}

// Len returns how many ids row i has.
func (f *Field) Len(i int) int {
	if f.Lo == nil {
		return 1
	}
	return f.Hi[i] - f.Lo[i]
}

// A Frame is rows of fields: what a model knows of contexts (users, views of them,
// documents) or of classes (items, labels, words). It is read only.
//
// A user is the field "user", never the row's number, since several rows may be
// views of one user. Rows of classes have the field "id" beside their features.
type Frame struct {
	Rows   int
	Fields []Field // each with Rows rows
}

// Field returns the field of that name; the error of an unknown one lists the
// choices.
func (f *Frame) Field(name string) (*Field, error) {
	if f == nil {
		return nil, fmt.Errorf("data: no field %q: the frame is nil", name)
	}
	i := slices.IndexFunc(f.Fields, func(x Field) bool { return x.Name == name })
	if i < 0 {
		var names []string
		for _, x := range f.Fields {
			names = append(names, x.Name)
		}
		return nil, fmt.Errorf("data: no field %q%s", name, registry.Offer(name, names))
	}
	return &f.Fields[i], nil
}

// Validate returns all that is wrong with the frame.
func (f *Frame) Validate() error {
	if f == nil {
		return errors.New("data: the frame is nil")
	}
	if f.Rows < 1 {
		return fmt.Errorf("data: a frame of %d rows, want at least 1", f.Rows)
	}
	var faults []error
	seen := map[string]bool{}
	for i := range f.Fields {
		x := &f.Fields[i]
		if x.Name == "" || seen[x.Name] {
			faults = append(faults, fmt.Errorf("data: field %d is named %q, want a name of its own", i, x.Name))
		}
		seen[x.Name] = true
		if err := x.validate(f.Rows); err != nil {
			faults = append(faults, fmt.Errorf("data: field %q: %w", x.Name, err))
		}
	}
	return errors.Join(faults...)
}

func (f *Field) validate(rows int) error {
	switch {
	case f.Size < 1 || f.Size > math.MaxInt32:
		return fmt.Errorf("%d ids, want 1 to 2³¹−1", f.Size)
	case (f.Lo == nil) != (f.Hi == nil):
		return errors.New("one of Lo and Hi is missing")
	case f.ID == nil && f.Lo != nil:
		return errors.New("bounds without ids")
	case f.ID == nil && rows > f.Size:
		return fmt.Errorf("row %d is no id below %d", rows-1, f.Size)
	case f.Lo == nil && f.ID != nil && len(f.ID) != rows:
		return fmt.Errorf("%d ids for %d rows of one id each", len(f.ID), rows)
	case f.Ordered && (f.Lo == nil || f.Value != nil):
		return errors.New("ids in order have bounds, and no values")
	case f.Lo != nil && (len(f.Lo) != rows || len(f.Hi) != rows):
		return fmt.Errorf("%d and %d bounds for %d rows", len(f.Lo), len(f.Hi), rows)
	case f.Value != nil && len(f.Value) != len(f.ID):
		return fmt.Errorf("%d values for %d ids", len(f.Value), len(f.ID))
	case f.Tokens != nil && len(f.Tokens) != f.Size:
		return fmt.Errorf("%d names for %d ids", len(f.Tokens), f.Size)
	case f.Scale != nil && (len(f.Scale) != f.Size || f.Value == nil):
		return fmt.Errorf("scales of %d ids with values, for %d ids and %d values", len(f.Scale), f.Size, len(f.Value))
	}
	for j, s := range f.Scale {
		if !(s.Deviation > 0) || math.IsInf(s.Deviation, 0) || math.IsNaN(s.Mean) || math.IsInf(s.Mean, 0) {
			return fmt.Errorf("the scale of id %d is %+v", j, s)
		}
	}
	for i := range f.Lo {
		if lo, hi := f.Lo[i], f.Hi[i]; lo < 0 || hi < lo || hi > len(f.ID) {
			return fmt.Errorf("row %d has ids %d to %d of %d", i, lo, hi, len(f.ID))
		}
	}
	for j, id := range f.ID {
		if id == -1 && f.Lo == nil {
			continue
		}
		if id < 0 || int(id) >= f.Size {
			return fmt.Errorf("id %d at place %d is outside [0,%d)", id, j, f.Size)
		}
	}
	for j, v := range f.Value {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("value %d is %v", j, v)
		}
	}
	return nil
}

// single reports whether each row has one id.
func (f *Field) single() bool { return f.Lo == nil }

// Most returns the largest number of ids that any rows rows, each of another, have
// together: what a batch needs room for.
func (f *Field) Most(rows int) int { return f.MostOf(rows, nil) }

// MostOf is Most of rows of which row i may come times[i] times; nil is once each.
func (f *Field) MostOf(rows int, times []int32) int {
	if f.single() {
		return rows
	}
	n := make([]int, len(f.Lo))
	for i := range n {
		n[i] = f.Len(i)
	}
	if times == nil {
		return largest(n, rows)
	}
	order := make([]int, len(n))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(n[b], n[a]) })
	sum := 0
	for _, i := range order {
		k := min(rows, int(times[i]))
		sum, rows = sum+k*n[i], rows-k
	}
	return sum
}

// largest returns the sum of the k largest of n, which it sorts.
func largest(n []int, k int) (sum int) {
	slices.Sort(n)
	for _, m := range n[max(0, len(n)-k):] {
		sum += m
	}
	return sum
}

// newField returns a field of rows without ids.
func newField(name string, size, rows int) Field {
	return Field{Name: name, Size: size, Lo: make([]int, rows), Hi: make([]int, rows), ID: []int32{}}
}

// add makes ids those of row i.
func (f *Field) add(i int, ids []int32) {
	f.Lo[i] = len(f.ID)
	f.ID = append(f.ID, ids...)
	f.Hi[i] = len(f.ID)
}

// at returns the field of other rows, each a row of f or nobody's, −1, which has no ids.
func (f *Field) at(rows []int32) Field {
	g := *f
	if f.single() {
		g.ID = make([]int32, len(rows))
		if f.Value != nil {
			g.Value = make([]float32, len(rows))
		}
		for i, r := range rows {
			if g.ID[i] = -1; r < 0 {
				continue
			}
			g.ID[i] = f.One(int(r))
			if f.Value != nil {
				g.Value[i] = f.Value[r]
			}
		}
		return g
	}
	g.Lo, g.Hi = make([]int, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		if r >= 0 {
			g.Lo[i], g.Hi[i] = f.Lo[r], f.Hi[r]
		}
	}
	return g
}

// fieldsAt returns the fields of other rows.
func fieldsAt(fields []Field, rows []int32) (all []Field) {
	for i := range fields {
		all = append(all, fields[i].at(rows))
	}
	return all
}

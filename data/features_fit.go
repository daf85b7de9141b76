package data

import (
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// fitted returns d with its features as the users and items have them that have a pair in
// train. Ids that none of those has leave the numbering, since nothing is learned of them but
// that what has them is never right, and the others move up in order; notes count them. Numbers
// are scaled to the mean 0 and the deviation 1; what they were is in [Field].Scale. A number
// that is one for all becomes 0, and one that none of them has stays. A value that is so
// far from the others that no float32 has it is an error.
func (d *Dataset) fitted() (*Dataset, error) {
	if len(d.UserFields) == 0 && len(d.ItemFields) == 0 {
		return d, nil
	}
	e := *d
	e.Notes = slices.Clone(d.Notes)
	active := make([]bool, d.Users)
	for _, u := range d.Train.Active() {
		active[u] = true
	}
	counts := d.Train.ItemCounts()
	for _, side := range []struct {
		name   string
		fields *[]Field
		train  func(i int) bool
	}{
		{UserSide, &e.UserFields, func(i int) bool { return active[i] }},
		{ItemSide, &e.ItemFields, func(i int) bool { return counts[i] > 0 }},
	} {
		var all []Field
		for _, f := range *side.fields {
			g, dropped, err := f.fitted(side.train)
			if err != nil {
				return nil, fmt.Errorf("data: %ss of %s: %w", side.name, d.Name, err)
			}
			if dropped > 0 {
				e.Notes = append(e.Notes, fmt.Sprintf("%s of the feature %s that no %s with a training pair has: left out", words.Count(dropped, "id"), f.Name, side.name))
			}
			if g.Size > 0 {
				all = append(all, g)
			}
		}
		*side.fields = all
	}
	return &e, nil
}

// fitted returns the field as rows of train have it, with Size 0 if they have no id, and how
// many ids it leaves out.
func (f *Field) fitted(train func(i int) bool) (g Field, dropped int, err error) {
	switch {
	case f.numeric() && f.Scale == nil:
		g, err = f.standardised(train)
		return g, 0, err
	case f.Tokens == nil || f.numeric():
		return *f, 0, nil
	}
	index := make([]int32, f.Size) // 1 of an id that is kept, and then its new number
	rows := len(f.Lo)
	if f.single() {
		rows = len(f.ID)
	}
	for i := range rows {
		if !train(i) {
			continue
		}
		ids, _ := f.Row(i)
		for _, id := range ids {
			if id >= 0 {
				index[id] = 1
			}
		}
	}
	g = *f
	g.Size, g.Tokens = 0, nil
	for id, kept := range index {
		if index[id] = -1; kept == 1 {
			index[id] = int32(g.Size)
			g.Tokens = append(g.Tokens, f.Tokens[id])
			g.Size++
		}
	}
	if dropped = f.Size - g.Size; dropped == 0 {
		return *f, 0, nil
	}
	g.ID = make([]int32, 0, len(f.ID))
	if f.single() {
		for _, id := range f.ID {
			if id >= 0 {
				id = index[id]
			}
			g.ID = append(g.ID, id)
		}
		return g, dropped, nil
	}
	g.Lo, g.Hi, g.Value = make([]int, rows), make([]int, rows), nil
	for i := range rows {
		ids, values := f.Row(i)
		g.Lo[i] = len(g.ID)
		for j, id := range ids {
			if index[id] < 0 {
				continue
			}
			if g.ID = append(g.ID, index[id]); values != nil {
				g.Value = append(g.Value, values[j])
			}
		}
		g.Hi[i] = len(g.ID)
	}
	return g, dropped, nil
}

// numeric reports whether the field is of numbers.
func (f *Field) numeric() bool {
	kind, _, err := cutType(f.Type)
	return err == nil && (kind == Float || kind == FloatSeq)
}

// standardised returns the field with the values of each id scaled by the rows of train.
func (f *Field) standardised(train func(i int) bool) (Field, error) {
	n, mean, square := make([]float64, f.Size), make([]float64, f.Size), make([]float64, f.Size)
	each := func(add func(id int32, x float64)) {
		for i := range f.Lo {
			if ids, values := f.Row(i); train(i) {
				for j, id := range ids {
					add(id, float64(values[j]))
				}
			}
		}
	}
	each(func(id int32, x float64) { n[id]++; mean[id] += x })
	for id := range mean {
		mean[id] /= math.Max(n[id], 1)
	}
	each(func(id int32, x float64) { square[id] += (x - mean[id]) * (x - mean[id]) })
	g := *f
	g.Value, g.Scale = make([]float32, len(f.Value)), make([]Scale, f.Size)
	for id := range g.Scale {
		g.Scale[id] = Scale{mean[id], math.Sqrt(square[id] / math.Max(n[id], 1))}
		// Below what float32 tells apart the deviation is rounding, and would make it large.
		if s := &g.Scale[id]; s.Deviation <= 1e-7*math.Abs(s.Mean) {
			s.Deviation = 1
		}
	}
	for j, id := range f.ID {
		if g.Value[j] = g.Scale[id].of(float64(f.Value[j])); math.IsInf(float64(g.Value[j]), 0) {
			return g, fmt.Errorf("feature %q: the value %g is too far from the others, whose mean is %g and deviation %g", f.Name, f.Value[j], g.Scale[id].Mean, g.Scale[id].Deviation)
		}
	}
	return g, nil
}

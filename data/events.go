package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// An Event is one interaction in memory.
type Event struct {
	User, Item string    // ids of the source, not empty
	Value      float32   // a rating, say; values count where any event has one that is not 0
	Time       time.Time // zero where there is none; then no event has one
}

// Events are a dataset in memory: what a program has in place of files.
type Events struct {
	Name string // of the dataset

	// Train holds all events where Valid and Test are nil.
	Train, Valid, Test []Event

	// UserFeatures and ItemFeatures are fields of contexts and of classes. A user or
	// item that no event has is left out.
	UserFeatures, ItemFeatures []Feature
}

// A Feature is a field of users or of items, by one of Of and Number.
type Feature struct {
	Name string // of the field

	// Of has ids: Of["Heat"]["crime"] = 1 says that the item Heat has the id crime with
	// value 1. Who asks with such a feature has a value of 1.
	Of map[string]map[string]float32

	// Number has a number, as in Number["Heat"] = 172: what a column of a file is that is a
	// [Float], and scaled as that is.
	Number map[string]float32
}

// MemorySource is the Source, and the Format, of a dataset that was never a file.
const MemorySource = "memory"

// FromEvents returns the dataset of events in memory, split by the split's text; ""
// is given where there are valid or test events, else the usual one of [Config].
// What the same events in a file would be, it is: the same numbering, duplicates
// dropped, notes.
func FromEvents(e Events, split string) (*Dataset, error) {
	ids := newIDTables()
	var parts [3]*Collector
	all := [3][]Event{e.Train, e.Valid, e.Test}
	hasValue := slices.ContainsFunc(slices.Concat(all[:]...), func(x Event) bool { return x.Value != 0 })
	hasTime := slices.ContainsFunc(slices.Concat(all[:]...), func(x Event) bool { return !x.Time.IsZero() })
	for p, events := range all {
		parts[p] = &Collector{ids: ids}
		parts[p].Has(hasValue, hasTime)
		for i, x := range events {
			if err := parts[p].event(x); err != nil {
				return nil, fmt.Errorf("data: %s event %d of %s: %w", partNames[p], i, e.Name, err)
			}
		}
	}
	if len(e.Train) == 0 {
		return nil, fmt.Errorf("data: %s has no train events", e.Name)
	}
	d, err := build(ids, parts)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", e.Name, err)
	}
	d.Name, d.Format, d.Given = EscapeID(e.Name), MemorySource, len(e.Valid)+len(e.Test) > 0
	if d.UserFields, err = fields(UserSide, e.UserFeatures, d.Users, d.UserName); err == nil {
		d.ItemFields, err = fields(ItemSide, e.ItemFeatures, d.Items, d.ItemName)
	}
	if err == nil {
		err = errors.Join(d.Contexts().Validate(), d.Classes().Validate())
	}
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", e.Name, err)
	}
	divide, err := splitterOf(split, d)
	if err != nil {
		return nil, err
	}
	if d, err = ApplySplit(d.noteValues(), divide); err != nil {
		return nil, err
	}
	if d, err = d.fitted(); err != nil {
		return nil, err
	}
	d.Made = Config{Source: MemorySource, Split: d.Split}
	return d, nil
}

// event adds x.
func (c *Collector) event(x Event) error {
	var m Moment
	if c.withTime {
		if x.Time.IsZero() {
			return errors.New("it has no time, and others have")
		}
		var err error
		if m, err = momentOf(x.Time); err != nil {
			return err
		}
	}
	return c.Add([]byte(x.User), []byte(x.Item), x.Value, m)
}

// fields makes the fields of n rows of features.
func fields(side string, features []Feature, n int, name func(int) string) ([]Field, error) {
	var all []Field
	for _, f := range features {
		if slices.Contains(reservedFields(side), f.Name) {
			return nil, fmt.Errorf("no feature can be called %q, as a field is that the interactions give", f.Name)
		}
		if (f.Of == nil) == (f.Number == nil) {
			return nil, fmt.Errorf("feature %q has both of Of and Number, or neither", f.Name)
		}
		if f.Number != nil {
			x := Field{Name: f.Name, Size: 1, Type: Float, Lo: make([]int, n), Hi: make([]int, n), ID: []int32{}, Value: []float32{}}
			for i := range n {
				x.Lo[i] = len(x.ID)
				if v, ok := f.Number[name(i)]; ok {
					x.ID, x.Value = append(x.ID, 0), append(x.Value, v)
				}
				x.Hi[i] = len(x.ID)
			}
			all = append(all, x)
			continue
		}
		index := map[string]int32{}
		for _, of := range f.Of {
			for id := range of {
				index[id] = 0
			}
		}
		if len(index) == 0 {
			return nil, fmt.Errorf("feature %q has no ids", f.Name)
		}
		tokens := slices.Sorted(maps.Keys(index))
		for i, id := range tokens {
			index[id] = int32(i)
		}
		x := Field{Name: f.Name, Size: len(index), Type: TokenSeq, Tokens: tokens, Lo: make([]int, n), Hi: make([]int, n), ID: []int32{}, Value: []float32{}}
		for i := range n {
			x.Lo[i] = len(x.ID)
			of := f.Of[name(i)]
			for _, id := range slices.Sorted(maps.Keys(of)) {
				x.ID, x.Value = append(x.ID, index[id]), append(x.Value, of[id])
			}
			x.Hi[i] = len(x.ID)
		}
		all = append(all, x)
	}
	return all, nil
}

// keep returns the field of the rows whose count is not 0, in order. Ids are shared.
func (f *Field) keep(count []int32) Field {
	g := *f
	g.Lo, g.Hi = nil, nil
	if f.single() {
		g.ID, g.Value = nil, nil
	}
	for i, n := range count {
		switch {
		case n == 0:
		case f.single():
			g.ID = append(g.ID, f.One(i))
			if f.Value != nil {
				g.Value = append(g.Value, f.Value[i])
			}
		default:
			g.Lo, g.Hi = append(g.Lo, f.Lo[i]), append(g.Hi, f.Hi[i])
		}
	}
	return g
}

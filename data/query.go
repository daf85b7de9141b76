package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Query is somebody who is in no file: what is known of him or her. The zero Query is
// somebody of whom nothing is.
type Query struct {
	History []int32 // items, the oldest first, with repeats

	// Features are those that are known, by field, each as a file of features has it:
	// the name of an id, such as "25"; of a list several, between blanks or what separates
	// them; of a number the number, and of several all of them; of points numbers with values,
	// as in "3:1 17:0.5".
	Features map[string]string
}

// A QueryError is what is wrong with one of several queries.
type QueryError struct {
	Query int   // which, from 0
	Err   error // what is wrong with it
}

// Error implements error.
func (e *QueryError) Error() string { return fmt.Sprintf("data: query %d: %v", e.Query, e.Err) }

// Unwrap returns Err.
func (e *QueryError) Unwrap() error { return e.Err }

// OfHistories is OfQueries of people of whom nothing is known but a history each.
func (t Task) OfHistories(d *Dataset, histories [][]int32) (*Frame, error) {
	queries := make([]Query, len(histories))
	for i, h := range histories {
		queries[i].History = h
	}
	return t.OfQueries(d, queries)
}

// OfQueries returns a frame of contexts of people who are in no file. Their field "user" is
// nobody, −1, and they have the features that their queries give. A field that users of d
// do not have, or a value that it has no id for, is a *QueryError.
func (t Task) OfQueries(d *Dataset, queries []Query) (*Frame, error) {
	if err := t.ready(d); err != nil {
		return nil, err
	}
	n := len(queries)
	if n == 0 {
		return nil, errors.New("data: no history and no features to make contexts of")
	}
	if !t.OfUsers() {
		return nil, fmt.Errorf("data: task %s: its contexts are no users, and have no histories", t)
	}
	if t.ByFeatures() {
		return t.ofFeatures(d, queries)
	}
	set, all := newField(historyField, d.Items, n), newField(historyField, d.Items, n)
	for i, q := range queries {
		for _, item := range q.History {
			if item < 0 || int(item) >= d.Items {
				return nil, &QueryError{i, fmt.Errorf("item %d is outside [0,%d)", item, d.Items)}
			}
		}
		set.add(i, slices.Compact(slices.Sorted(slices.Values(q.History))))
		if t.Ordered() {
			all.add(i, q.History[max(0, len(q.History)-t.Spec.Recent(t.Values)):])
		}
	}
	user := Field{Name: userField, Size: d.Users, ID: slices.Repeat([]int32{-1}, n)}
	f := &Frame{Rows: n, Fields: []Field{user, set}}
	if t.Ordered() {
		all.Ordered, set.Name = true, seenField
		if f.Fields = []Field{user, all, set}; d.Text {
			f.Fields = f.Fields[:2]
		}
	}
	features, err := d.featuresOf(queries)
	f.Fields = append(f.Fields, features...)
	if err != nil || t.Spec.Contexts == nil {
		return f, err
	}
	usual, err := t.Contexts(d, 0)
	if err != nil {
		return nil, err
	}
	for _, x := range usual.Fields { // what else the task's contexts have, these have none of
		if _, err := f.Field(x.Name); err != nil && x.Lo != nil {
			none := newField(x.Name, x.Size, n)
			none.Ordered = x.Ordered
			f.Fields = append(f.Fields, none)
		}
	}
	return f, nil
}

// ofFeatures is OfQueries of a task whose contexts are known by their features alone.
func (t Task) ofFeatures(d *Dataset, queries []Query) (*Frame, error) {
	for i, q := range queries {
		if len(q.History) > 0 {
			return nil, &QueryError{i, fmt.Errorf("task %s: contexts have no histories, and are known by their features", t)}
		}
	}
	features, err := d.featuresOf(queries)
	if err != nil {
		return nil, err
	}
	nobody := Field{Name: userField, Size: d.Users, ID: slices.Repeat([]int32{-1}, len(queries))}
	return &Frame{Rows: len(queries), Fields: append([]Field{nobody}, features...)}, nil
}

// featuresOf returns the fields of users that queries give.
func (d *Dataset) featuresOf(queries []Query) (all []Field, err error) {
	for i, q := range queries {
		for name := range q.Features {
			if err := d.hasUserField(name); err != nil {
				return nil, &QueryError{i, err}
			}
		}
	}
	for k := range d.UserFields {
		x, err := d.UserFields[k].ofQueries(queries)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// hasUserField returns an error that lists the choices unless users have a feature.
func (d *Dataset) hasUserField(name string) error {
	var names []string
	for _, f := range d.UserFields {
		if f.Name == name {
			return nil
		}
		names = append(names, f.Name)
	}
	if names == nil {
		return fmt.Errorf("no feature %q: the users of %s have none", name, d.Name)
	}
	return fmt.Errorf("users have no feature %q%s", name, registry.Offer(name, names))
}

// ofQueries returns the field of people who have what queries say.
func (f *Field) ofQueries(queries []Query) (Field, error) {
	g := *f
	g.ID, g.Value = nil, nil
	if !f.single() {
		g.ID, g.Lo, g.Hi = []int32{}, make([]int, len(queries)), make([]int, len(queries))
	}
	for i, q := range queries {
		ids, values, err := f.Parse(q.Features[f.Name])
		if err != nil {
			return g, &QueryError{i, err}
		}
		switch {
		case !f.single():
			g.Lo[i] = len(g.ID)
			g.ID, g.Value = append(g.ID, ids...), append(g.Value, values...)
			g.Hi[i] = len(g.ID)
		case len(ids) > 0:
			g.ID, g.Value = append(g.ID, ids[0]), append(g.Value, values...)
		default:
			g.ID, g.Value = append(g.ID, -1), append(g.Value, 0)
		}
	}
	if f.Value == nil && f.Type != Sparse { // values that are 1 all of a set need not be those of a query
		g.Value = nil
	} else if g.Value == nil {
		g.Value = []float32{}
	}
	return g, nil
}

// Parse returns the ids, and values, that a text of the field's Type gives a row; none of
// a blank one. The error of a name that no id has lists the names, or the first of them.
func (f *Field) Parse(text string) (ids []int32, values []float32, err error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil, nil
	}
	if f.Type == Sparse {
		return f.parseSparse(text)
	}
	kind, sep, err := cutType(f.Type)
	if err != nil {
		return nil, nil, fmt.Errorf("feature %q: %w: no text gives it", f.Name, err)
	}
	parts := []string{text}
	switch {
	case kind == Token || kind == Float:
	case sep == "":
		parts = strings.Fields(text)
	default:
		parts = strings.Split(text, sep)
	}
	for k, part := range parts {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if kind == Token || kind == TokenSeq {
			id := slices.Index(f.Tokens, part)
			if id < 0 {
				return nil, nil, fmt.Errorf("feature %q: nothing in training has %q%s", f.Name, shorten([]byte(part)), offerTokens(part, f.Tokens))
			}
			if ids = append(ids, int32(id)); f.Value != nil {
				values = append(values, 1)
			}
			continue
		}
		x, err := number([]byte(part))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("feature %q: %w", f.Name, err)
		case k >= f.Size:
			return nil, nil, fmt.Errorf("feature %q: %d numbers, and it has %d", f.Name, len(parts), f.Size)
		case f.Scale != nil:
			if x = f.Scale[k].of(float64(x)); math.IsInf(float64(x), 0) {
				return nil, nil, fmt.Errorf("feature %q: %s is too far from what training saw, whose mean is %g and deviation %g", f.Name, part, f.Scale[k].Mean, f.Scale[k].Deviation)
			}
		}
		ids, values = append(ids, int32(k)), append(values, x)
	}
	return ids, values, nil
}

// offerTokens ends the error of an unknown name: of many names with the first few.
func offerTokens(name string, tokens []string) string {
	const few = 30
	if len(tokens) <= few {
		return registry.Offer(name, tokens)
	}
	return registry.DidYouMean(name, tokens) + fmt.Sprintf("; of %d choices the first are %s", len(tokens), strings.Join(tokens[:few], ", "))
}

package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Param and Values are shared by all that is chosen by name.
//
// A Param declares a parameter. A number has Name, Doc, Default, the inclusive bounds Min
// and Max, Integer where it must be whole, and Probe, further numbers that tests run at; a
// string has Choices and DefaultString. Values are the settings of a list of parameters:
// v.Num(name), v.Int(name) and v.String(name) return one, and panic where none of that
// name and kind is declared.
type (
	Param  = registry.Param
	Values = registry.Values
)

// A TaskSpec is a registered way to make examples of a dataset: what a row of
// training is, and what is ranked in evaluation.
type TaskSpec struct {
	Name, Doc string  // registry key, and one line that says what it is
	Params    []Param // in the order of the text form

	// Train returns the examples of the train set, at least one.
	Train func(v Values, d *Dataset) (*Examples, error)

	// Rank returns what an evaluation of a split, one of [Splits], ranks: an example for
	// each context that has relevant classes in it, with those as targets. The contexts
	// are views of what is known before the split, and Seen is what rankings leave out.
	Rank func(v Values, d *Dataset, split string) (*Examples, error)

	// Contexts returns a frame with the fields of the contexts of Train's examples, with a row
	// for each user, of whom the first known of Splits are known; or, without a field
	// "history" of items, for whatever else its contexts are, such as words. Nil is of the
	// tasks whose contexts have the usual fields.
	Contexts func(v Values, d *Dataset, known int) (*Frame, error)

	// Spread returns how many classes follow one context on average, at least 1, however
	// many of them a row of training has: 1 where a context is a moment that one class
	// follows. Nil is the mean interactions of a user of the train set, of those that
	// have any.
	Spread func(v Values, d *Dataset) float64

	// Recent returns how many events the field "history" of a context has at the most,
	// the last ones, in the order of time and with repeats: what models read that know
	// order. Nil says that "history" is a set: all items, ascending.
	Recent func(v Values) int

	// ByFeatures says that contexts are known by their features alone: they have no field
	// "history", and rankings leave nothing out.
	ByFeatures bool
}

var tasks = registry.NewRegistry[TaskSpec]("data", "task")

// RegisterTask adds s to the tasks. It panics if s is incomplete, its name is
// malformed or the name is taken: mistakes of the program that its first run shows.
func RegisterTask(s TaskSpec) {
	var fault error
	if s.Doc == "" || s.Train == nil || s.Rank == nil {
		fault = errors.New("lacks one of Doc, Train and Rank")
	}
	tasks.Add(s.Name, s.Params, s, fault)
}

// Tasks returns the registered tasks, sorted by name.
func Tasks() []*TaskSpec { return tasks.All() }

// A Task is a registered task with its parameters: what a text denotes.
type Task struct{ registry.Choice[TaskSpec] }

// ChooseTask returns the task of that name at its default settings; the error of an
// unknown one lists the choices.
func ChooseTask(name string) (Task, error) {
	c, err := tasks.Choose(registry.Text{Name: name}, nil)
	return Task{c}, err
}

// ParseTask returns the task that text denotes, such as "next:len=50"; the error names
// what is wrong and lists the choices.
func ParseTask(text string) (Task, error) {
	c, err := tasks.Parse(text)
	return Task{c}, err
}

// Examples returns the train set's examples as the task that text denotes makes them.
func (d *Dataset) Examples(task string) (*Examples, error) {
	t, err := ParseTask(task)
	if err != nil {
		return nil, err
	}
	return t.ExamplesOf(d)
}

// ExamplesOf returns the examples of the train set of d.
func (t Task) ExamplesOf(d *Dataset) (*Examples, error) {
	return t.made(d, func(d *Dataset) (*Examples, error) { return t.Spec.Train(t.Values, d) })
}

// RankedOf returns what an evaluation of a split of d ranks; no example is no error.
func (t Task) RankedOf(d *Dataset, split string) (*Examples, error) {
	return t.made(d, func(d *Dataset) (*Examples, error) { return t.Spec.Rank(t.Values, d, split) })
}

// Ordered reports whether the histories of contexts are in the order of time.
func (t Task) Ordered() bool { return t.Spec != nil && t.Spec.Recent != nil }

// ByFeatures reports whether contexts are known by their features alone.
func (t Task) ByFeatures() bool { return t.Spec != nil && t.Spec.ByFeatures }

// OfUsers reports whether contexts are users, or views of them: documents, of running text.
func (t Task) OfUsers() bool {
	return t.Spec != nil && (t.Spec.Contexts == nil || t.Ordered())
}

// SeenOf names the field of contexts of d that rankings leave out; "" is none, as of running
// text, where a word may follow on itself.
func (t Task) SeenOf(d *Dataset) string {
	switch {
	case d.Text || t.ByFeatures():
		return ""
	case t.Ordered():
		return seenField
	}
	return historyField
}

// Contexts returns a frame of which row u is user u, of whom the first known of Splits
// are known, 0 to 3: as the task's examples have it.
func (t Task) Contexts(d *Dataset, known int) (*Frame, error) {
	if err := t.ready(d); err != nil {
		return nil, err
	}
	if known < 0 || known > len(Splits()) {
		return nil, fmt.Errorf("data: %d splits are known, of %d", known, len(Splits()))
	}
	if t.ByFeatures() {
		return d.featureContexts(), nil
	}
	if t.Spec.Contexts != nil {
		f, err := t.Spec.Contexts(t.Values, d, known)
		if err != nil {
			return nil, fmt.Errorf("data: task %s: %w", t, err)
		}
		return f, nil
	}
	if !t.Ordered() {
		return d.ContextsAfter(d.before(known)...), nil
	}
	return d.orderedContexts(known, t.Spec.Recent(t.Values)), nil
}

// SpreadOf returns the mean number of classes that follow one context of d; see
// TaskSpec.Spread. A set without training pairs has 1.
func (t Task) SpreadOf(d *Dataset) (float64, error) {
	if err := t.ready(d); err != nil {
		return 0, err
	}
	if t.Spec.Spread == nil {
		return float64(max(d.Train.Len(), 1)) / float64(max(len(d.Train.Active()), 1)), nil
	}
	m := t.Spec.Spread(t.Values, d)
	if !(m >= 1 && m <= float64(d.Items)) {
		return 0, fmt.Errorf("data: task %s: %g of %d classes follow a context; want 1 or more, and no more than there are", t, m, d.Items)
	}
	return m, nil
}

// ready returns an error unless t is a task and d a dataset.
func (t Task) ready(d *Dataset) error {
	if t.Spec == nil {
		return errors.New("data: a task of no name; ParseTask makes one of a text")
	}
	if err := d.Validate(); err != nil {
		return err
	}
	if t.Ordered() {
		if err := d.wantHistories(); err != nil {
			return fmt.Errorf("data: task %s: %w", t, err)
		}
	}
	return nil
}

// made returns the examples that f makes, as far as they are ones.
func (t Task) made(d *Dataset, f func(d *Dataset) (*Examples, error)) (*Examples, error) {
	if err := t.ready(d); err != nil {
		return nil, err
	}
	e, err := f(d)
	if err != nil {
		return nil, fmt.Errorf("data: task %s: %w", t, err)
	}
	if e == nil || e.Context == nil || e.Targets.Rows() != e.Len() {
		return nil, fmt.Errorf("data: task %s made no examples, or not a target for each, and no error", t)
	}
	return e, nil
}

// Splits lists the names of a dataset's parts.
func Splits() []string { return []string{"train", "valid", "test"} }

// The fields of contexts that a dataset makes.
const (
	userField    = "user"
	historyField = "history"
	seenField    = "seen"
)

// The fields of classes that a dataset makes.
const (
	idField   = "id"
	warmField = "warm"
)

// RankUsers is Rank of the tasks whose contexts are users: an example is a user with
// items in the split. What was known of the user before the split is left out; ranking
// train, nothing is.
func RankUsers(d *Dataset, split string) (*Examples, error) {
	if d == nil || d.Train == nil || d.Valid == nil || d.Test == nil {
		return nil, d.Validate()
	}
	part, err := splitNumber(split)
	if err != nil {
		return nil, err
	}
	e := &Examples{Context: d.ContextsAfter(d.before(max(part, 1))...), Seen: historyField}
	if part == 0 {
		e.Seen = ""
	}
	e.Row, e.Targets = d.Parts()[part].targets()
	return e, nil
}

// rankUsers is RankUsers as a TaskSpec has it.
func rankUsers(_ Values, d *Dataset, split string) (*Examples, error) { return RankUsers(d, split) }

// splitNumber returns the place of a split in Splits; the error lists the choices.
func splitNumber(split string) (int, error) {
	part := slices.Index(Splits(), split)
	if part < 0 {
		return 0, fmt.Errorf("unknown split %q%s", split, registry.Offer(split, Splits()))
	}
	return part, nil
}

// targets returns the users that have items, and these as their targets.
func (x *Interactions) targets() (users []int32, t Targets) {
	users, t = x.Active(), Targets{Ptr: []int32{0}, Class: x.item}
	for _, u := range users {
		t.Ptr = append(t.Ptr, int32(x.ptr[u+1]))
	}
	return users, t
}

// Contexts returns the frame of the users of d as training sees them: the field "user"
// is the user, "history" are the items of the train set, and features follow. Of users
// who are held out of training "history" are the items of Known.
func (d *Dataset) Contexts() *Frame { return d.ContextsAfter(d.before(1)...) }

// ContextsAfter is Contexts of users of whom other things are known: "history" are the
// items that they have in any of sets, without one nothing.
func (d *Dataset) ContextsAfter(sets ...*Interactions) *Frame {
	var known Field
	if len(sets) > 0 {
		known = history(sets)
	} else {
		known = newField(historyField, d.Items, d.Users)
	}
	return &Frame{Rows: d.Users, Fields: append([]Field{{Name: userField, Size: d.Users}, known}, d.UserFields...)}
}

// history returns the items that each user has in any of sets, ascending, as a field.
func history(sets []*Interactions) Field {
	full := slices.DeleteFunc(slices.Clone(sets), func(x *Interactions) bool { return x.Len() == 0 })
	switch len(full) {
	case 0:
		return sets[0].field(historyField)
	case 1:
		return full[0].field(historyField)
	}
	n := 0
	for _, x := range full {
		n += x.Len()
	}
	ptr, item := make([]int, full[0].users+1), make([]int32, 0, n)
	for u := range full[0].users {
		for _, x := range full {
			item = append(item, x.item[x.ptr[u]:x.ptr[u+1]]...)
		}
		row := item[ptr[u]:]
		slices.Sort(row)
		item = item[:ptr[u]+len(slices.Compact(row))]
		ptr[u+1] = len(item)
	}
	x := Interactions{users: full[0].users, items: full[0].items, ptr: ptr, item: item}
	return x.field(historyField)
}

// featureContexts is Contexts of users who are known by their features alone.
func (d *Dataset) featureContexts() *Frame {
	return &Frame{Rows: d.Users, Fields: append([]Field{{Name: userField, Size: d.Users}}, d.UserFields...)}
}

// Classes returns the frame of the items of d: the field "id" is the item, and, where
// items have features, "warm" is the item too, but of one without a pair in train, which is
// known by its features alone, nobody, −1. Features follow.
func (d *Dataset) Classes() *Frame {
	f := &Frame{Rows: d.Items, Fields: []Field{{Name: idField, Size: d.Items}}}
	if len(d.ItemFields) > 0 {
		f.Fields = append(f.Fields, Field{Name: warmField, Size: d.Items, ID: d.Train.warmIDs()})
	}
	f.Fields = append(f.Fields, d.ItemFields...)
	return f
}

// field returns the items of each user as a field.
func (x *Interactions) field(name string) Field {
	return Field{Name: name, Size: x.items, Lo: x.ptr[:x.users], Hi: x.ptr[1:], ID: x.item}
}

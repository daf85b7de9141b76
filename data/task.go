package data

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A TaskSpec is a registered way to make examples of a dataset: what a row of
// training is, and what is ranked in evaluation.
type TaskSpec struct {
	Name, Doc string // registry key, and one line that says what it is

	// Train returns the examples of the train set, at least one.
	Train func(d *Dataset) (*Examples, error)

	// Rank returns what an evaluation of a split, one of [Splits], ranks: an example for
	// each context that has relevant classes in it, with those as targets. The contexts
	// are views of what is known before the split, and Seen is what rankings leave out.
	Rank func(d *Dataset, split string) (*Examples, error)

	// Spread returns how many classes follow one context on average, at least 1, however
	// many of them a row of training has: 1 where a context is a moment that one class
	// follows. Nil is the mean interactions of a user of the train set, of those that
	// have any.
	Spread func(d *Dataset) float64
}

var tasks = registry.NewRegistry[TaskSpec]("data", "task")

// RegisterTask adds s to the tasks. It panics if s is incomplete, its name is
// malformed or the name is taken: mistakes of the program that its first run shows.
func RegisterTask(s TaskSpec) {
	var fault error
	if s.Doc == "" || s.Train == nil || s.Rank == nil {
		fault = errors.New("lacks one of Doc, Train and Rank")
	}
	tasks.Add(s.Name, nil, s, fault)
}

// Tasks returns the registered tasks, sorted by name.
func Tasks() []*TaskSpec { return tasks.All() }

// A Task is a registered task: what a text denotes.
type Task struct{ registry.Choice[TaskSpec] }

// ChooseTask returns the task of that name at its default settings; the error of an
// unknown one lists the choices.
func ChooseTask(name string) (Task, error) {
	c, err := tasks.Choose(registry.Text{Name: name}, nil)
	return Task{c}, err
}

// ParseTask returns the task that text denotes; the error of an unknown one lists the
// choices.
func ParseTask(text string) (Task, error) {
	c, err := tasks.Parse(text)
	return Task{c}, err
}

// Examples returns the train set's examples as the task of that name makes them.
func (d *Dataset) Examples(task string) (*Examples, error) {
	t, err := ParseTask(task)
	if err != nil {
		return nil, err
	}
	return t.ExamplesOf(d)
}

// ExamplesOf returns the examples of the train set of d.
func (t Task) ExamplesOf(d *Dataset) (*Examples, error) {
	return t.made(d, func(d *Dataset) (*Examples, error) { return t.Spec.Train(d) })
}

// RankedOf returns what an evaluation of a split of d ranks; no example is no error.
func (t Task) RankedOf(d *Dataset, split string) (*Examples, error) {
	return t.made(d, func(d *Dataset) (*Examples, error) { return t.Spec.Rank(d, split) })
}

// SpreadOf returns the mean number of classes that follow one context of d; see
// TaskSpec.Spread. A set without training pairs has 1.
func (t Task) SpreadOf(d *Dataset) (float64, error) {
	if t.Spec == nil {
		return 0, errors.New("data: a task of no name; ParseTask makes one of a text")
	}
	if err := d.Validate(); err != nil {
		return 0, err
	}
	if t.Spec.Spread == nil {
		return float64(max(d.Train.Len(), 1)) / float64(max(len(d.Train.Active()), 1)), nil
	}
	m := t.Spec.Spread(d)
	if !(m >= 1 && m <= float64(d.Items)) {
		return 0, fmt.Errorf("data: task %s: %g of %d classes follow a context; want 1 or more, and no more than there are", t, m, d.Items)
	}
	return m, nil
}

// made returns the examples that f makes, as far as they are ones.
func (t Task) made(d *Dataset, f func(d *Dataset) (*Examples, error)) (*Examples, error) {
	if t.Spec == nil {
		return nil, errors.New("data: a task of no name; ParseTask makes one of a text")
	}
	if err := d.Validate(); err != nil {
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

// RankUsers is Rank of the tasks whose contexts are users: an example is a user with
// items in the split. What was known of the user before the split is left out; ranking
// train, nothing is.
func RankUsers(d *Dataset, split string) (*Examples, error) {
	if d == nil || d.Train == nil || d.Valid == nil || d.Test == nil {
		return nil, d.Validate()
	}
	var x *Interactions
	e := &Examples{Seen: "history"}
	switch split {
	case "train":
		x, e.Context, e.Seen = d.Train, d.Contexts(), ""
	case "valid":
		x, e.Context = d.Valid, d.Contexts()
	case "test":
		x, e.Context = d.Test, d.ContextsAfter(d.Train, d.Valid)
	default:
		return nil, fmt.Errorf("unknown split %q%s", split, registry.Offer(split, Splits()))
	}
	e.Row, e.Targets = x.targets()
	return e, nil
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
// is the user, "history" are the items of the train set, and features follow.
func (d *Dataset) Contexts() *Frame { return d.ContextsAfter(d.Train) }

// ContextsAfter is Contexts of users of whom other things are known: "history" are the
// items that they have in any of sets, without one nothing.
func (d *Dataset) ContextsAfter(sets ...*Interactions) *Frame {
	var known Field
	if len(sets) > 0 {
		known = history(sets)
	} else {
		known = Field{Name: "history", Size: d.Items, Lo: make([]int, d.Users), Hi: make([]int, d.Users), ID: []int32{}}
	}
	return &Frame{Rows: d.Users, Fields: append([]Field{{Name: "user", Size: d.Users}, known}, d.UserFields...)}
}

// history returns the items that each user has in any of sets, ascending, as a field.
func history(sets []*Interactions) Field {
	full := slices.DeleteFunc(slices.Clone(sets), func(x *Interactions) bool { return x.Len() == 0 })
	switch len(full) {
	case 0:
		return sets[0].field("history")
	case 1:
		return full[0].field("history")
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
	return x.field("history")
}

// Classes returns the frame of the items of d: the field "id" is the item, and
// features follow.
func (d *Dataset) Classes() *Frame {
	return &Frame{Rows: d.Items, Fields: append([]Field{{Name: "id", Size: d.Items}}, d.ItemFields...)}
}

// field returns the items of each user as a field.
func (x *Interactions) field(name string) Field {
	return Field{Name: name, Size: x.items, Lo: x.ptr[:x.users], Hi: x.ptr[1:], ID: x.item}
}

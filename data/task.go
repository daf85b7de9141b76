package data

import (
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A TaskSpec is a registered way to make examples of a dataset: what a row of
// training is, and what is ranked in evaluation.
type TaskSpec struct {
	Name, Doc string

	// Train returns the examples of the train set, at least one.
	Train func(d *Dataset) (*Examples, error)
}

var tasks = registry.NewRegistry[TaskSpec]("data", "task")

// RegisterTask adds s to the tasks. It panics if s is incomplete, its name is
// malformed or the name is taken: mistakes of the program that its first run shows.
func RegisterTask(s TaskSpec) {
	var fault error
	if s.Doc == "" || s.Train == nil {
		fault = errors.New("lacks one of Doc and Train")
	}
	tasks.Add(s.Name, nil, s, fault)
}

// Tasks returns the registered tasks, sorted by name.
func Tasks() []*TaskSpec { return tasks.All() }

// ParseTask returns the task of that name; the error of an unknown one lists the
// choices.
func ParseTask(text string) (*TaskSpec, error) {
	s, _, err := tasks.Parse(text)
	return s, err
}

// Examples returns the train set's examples as the task of that name makes them.
func (d *Dataset) Examples(task string) (*Examples, error) {
	s, err := ParseTask(task)
	if err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	e, err := s.Train(d)
	if err != nil {
		return nil, fmt.Errorf("data: task %s: %w", task, err)
	}
	if e == nil || e.Context == nil || e.Targets.Rows() != e.Len() {
		return nil, fmt.Errorf("data: task %s made no examples, or not a target for each, and no error", task)
	}
	return e, nil
}

// Contexts returns the frame of the users of d: the field "user" is the user,
// "history" are the items of the train set, and features follow.
func (d *Dataset) Contexts() *Frame {
	return &Frame{Rows: d.Users, Fields: append([]Field{
		{Name: "user", Size: d.Users},
		d.Train.field("history"),
	}, d.UserFields...)}
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

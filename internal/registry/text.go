package registry

import (
	"strings"
	"sync/atomic"
)

// A Text is what a spec text says before it is looked up: a name, and settings in the
// order in which they were given.
type Text struct {
	Name     string
	Settings []Setting
}

// Read reads a spec text, "name" or "name:key=value,…". The error is of its settings; the
// name is there all the same.
func Read(text string) (Text, error) {
	Reading(text)
	return ReadOwn(text)
}

// ReadOwn is Read of a text that the program says itself, and no user.
func ReadOwn(text string) (Text, error) {
	name, settings := CutSpec(text)
	all, err := Settings(settings)
	return Text{name, all}, err
}

// String returns the spec text with all settings, also those that are the default.
func (t Text) String() string { return Join(t.Name, t.Settings) }

// reading is what Watch was given.
var reading atomic.Pointer[func(text string)]

// Reading says that a text which a user gives is read. Whoever reads such texts in another
// way than by Read or a Registry says so too.
func Reading(text string) {
	if f := reading.Load(); f != nil {
		(*f)(strings.TrimSpace(text))
	}
}

// Watch has f called, from any goroutine, with every text that is read, until stop: for
// tests that count how often one is.
func Watch(f func(text string)) (stop func()) {
	reading.Store(&f)
	return func() { reading.Store(nil) }
}

package settings

import (
	"errors"
	"fmt"
)

// Or returns values, or the defaults where there are none.
func Or[T any](values []T, defaults ...T) []T {
	if len(values) == 0 {
		return defaults
	}
	return values
}

// Faults collects what is wrong with a configuration. The zero value has none.
type Faults struct{ all []error }

// Add adds the error, unless it is nil.
func (f *Faults) Add(err error) {
	if err != nil {
		f.all = append(f.all, err)
	}
}

// Addf adds the error that the format makes.
func (f *Faults) Addf(format string, args ...any) { f.Add(fmt.Errorf(format, args...)) }

// Texts adds the error that check has of each text.
func (f *Faults) Texts(texts []string, check func(text string) error) {
	for _, text := range texts {
		f.Add(check(text))
	}
}

// Within adds a fault for each value of a setting that is outside [lo, hi].
func (f *Faults) Within(name string, lo, hi int, values ...int) {
	for _, v := range values {
		if v < lo || v > hi {
			f.Addf("%s: %d is outside [%d, %d]", name, v, lo, hi)
		}
	}
}

// Any reports whether there is a fault so far.
func (f *Faults) Any() bool { return len(f.all) > 0 }

// Err joins the faults; nil without any.
func (f *Faults) Err() error { return errors.Join(f.all...) }

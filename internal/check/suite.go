package check

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
)

// Suite runs f and returns all faults that its T found, joined, or nil: the frame of the
// public test suites, which return an error so that any program can run them.
func Suite(f func(t *T)) error {
	t := &T{}
	t.run(f)
	return errors.Join(t.faults...)
}

// A T runs checks by name and collects what they find. A fault ends its check and not
// the checks after it, and so does a panic in what is checked. It is of one goroutine.
type T struct {
	name   string // the names of the checks around, with slashes
	faults []error
}

// ended is the panic by which a check ends at its first fault.
type ended struct{}

// Run runs the check f and reports whether it found nothing.
func (t *T) Run(name string, f func(t *T)) bool {
	if t.name != "" {
		name = t.name + "/" + name
	}
	sub := &T{name: name}
	sub.run(f)
	t.faults = append(t.faults, sub.faults...)
	return len(sub.faults) == 0
}

func (t *T) run(f func(t *T)) {
	defer func() {
		switch r := recover().(type) {
		case nil, ended:
		default:
			t.add(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	f(t)
}

func (t *T) add(err error) {
	if t.name != "" {
		err = fmt.Errorf("%s: %w", t.name, err)
	}
	t.faults = append(t.faults, err)
}

// Fail ends the check with a fault.
func (t *T) Fail(format string, args ...any) {
	t.add(fmt.Errorf(format, args...))
	panic(ended{})
}

// True ends the check with a fault unless ok.
func (t *T) True(ok bool, format string, args ...any) {
	if !ok {
		t.Fail(format, args...)
	}
}

// NoError ends the check with the fault err if it is one; what says what was tried.
func (t *T) NoError(err error, what string) {
	if err != nil {
		t.Fail("%s: %w", what, err)
	}
}

// Equal ends the check with a fault unless got is deeply equal to want; a NaN is not
// equal to itself.
func (t *T) Equal(want, got any, format string, args ...any) {
	if !reflect.DeepEqual(want, got) {
		t.Fail("%s: got %v, want %v", fmt.Sprintf(format, args...), got, want)
	}
}

// AtMost ends the check with a fault unless x ≤ limit; a NaN is a fault.
func (t *T) AtMost(x, limit float64, format string, args ...any) {
	if !(x <= limit) {
		t.Fail("%s: %g is above %g", fmt.Sprintf(format, args...), x, limit)
	}
}

// AtLeast ends the check with a fault unless x ≥ limit; a NaN is a fault.
func (t *T) AtLeast(x, limit float64, format string, args ...any) {
	if !(x >= limit) {
		t.Fail("%s: %g is below %g", fmt.Sprintf(format, args...), x, limit)
	}
}

// Above ends the check with a fault unless x > limit; a NaN is a fault.
func (t *T) Above(x, limit float64, format string, args ...any) {
	if !(x > limit) {
		t.Fail("%s: %g is not above %g", fmt.Sprintf(format, args...), x, limit)
	}
}

package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A path is an implementation of the float32 kernels. A larger path is faster.
type path int

const (
	pathGo path = iota
	pathAVX2
	pathAVX512
)

var pathNames = [...]string{"go", "avx2", "avx512"}

func (p path) String() string { return pathNames[p] }

// Variable is the environment variable that forces a path.
const Variable = "FENCHEL_KERNEL"

var (
	fastest          = detect()
	active, startErr = choose(os.Getenv(Variable))
)

// choose returns the path of that name, or the fastest one for the empty name.
func choose(name string) (path, error) {
	if name == "" {
		return fastest, nil
	}
	i := slices.Index(pathNames[:], name)
	switch {
	case i < 0:
		return pathGo, fmt.Errorf("kernel: %s=%q is not a path; the choices here are %s", Variable, name, strings.Join(Paths(), ", "))
	case path(i) > fastest:
		return pathGo, fmt.Errorf("kernel: %s=%q is not supported by this processor or build; the choices here are %s", Variable, name, strings.Join(Paths(), ", "))
	}
	return path(i), nil
}

// Err returns the error of a bad FENCHEL_KERNEL, and nil otherwise. Programs
// report it before they start work.
func Err() error { return startErr }

// Path returns the name of the active path.
func Path() string { return active.String() }

// CPU returns the processor's name as Linux tells it, "" where it does not.
func CPU() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Paths returns the names of the paths that this processor and build support,
// fastest first.
func Paths() []string {
	var names []string
	for p := fastest; p >= pathGo; p-- {
		names = append(names, p.String())
	}
	return names
}

// Use makes the path of that name active until restore is called, so that tests
// and benchmarks run every path. It must not run beside kernels.
func Use(name string) (restore func(), err error) {
	p, err := choose(name)
	if err != nil {
		return nil, err
	}
	was, wasErr := active, startErr
	active, startErr = p, nil
	return func() { active, startErr = was, wasErr }, nil
}

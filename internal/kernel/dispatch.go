package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A path is an implementation of the float32 kernels.
type path int

const (
	pathGo path = iota
	pathNEON
	pathAVX2
	pathAVX512
)

var pathNames = [...]string{"go", "neon", "avx2", "avx512"}

func (p path) String() string { return pathNames[p] }

// tilePath is the name of the path avx512 with matrix tiles beside it, which take what
// may be rounded to bfloat16.
const tilePath = "avx512+amx"

// Variable is the environment variable that forces a path.
const Variable = "FENCHEL_KERNEL"

var (
	supported                             = detect() // fastest first
	hasTiles                              = supported[0] == pathAVX512 && detectTiles()
	active, tiles, activeCoarse, startErr = choose(os.Getenv(Variable))
)

// choose returns the path and the filter of that name, and whether tiles are used, or the
// fastest ones for the empty name.
func choose(name string) (p path, tiles bool, filter *coarseKind, err error) {
	if name == "" {
		name = Paths()[0]
	}
	base := name
	for _, k := range coarseKinds {
		if b, ok := strings.CutSuffix(name, "+"+k.name); ok {
			base, filter = b, k
		}
	}
	if slices.Contains(Paths(), name) {
		if base == tilePath {
			return pathAVX512, true, filter, nil
		}
		return path(slices.Index(pathNames[:], base)), false, filter, nil
	}
	what := "is not a path"
	if base == tilePath || slices.Contains(pathNames[:], base) {
		what = "is not supported by this processor or build"
	}
	return pathGo, false, nil, fmt.Errorf("kernel: %s=%q %s; the choices here are %s", Variable, name, what, strings.Join(Paths(), ", "))
}

// Err returns the error of a bad FENCHEL_KERNEL, and nil otherwise. Programs
// report it before they start work.
func Err() error { return startErr }

// Path returns the name of the active path, on which the bits of results depend; as a value
// of FENCHEL_KERNEL it forbids a filter.
func Path() string {
	if tiles {
		return tilePath
	}
	return active.String()
}

// Filter returns the name of the active filter, "none" if there is none.
func Filter() string {
	if activeCoarse == nil {
		return "none"
	}
	return activeCoarse.name
}

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

// Paths returns the names of the paths that this processor and build support, each with its
// filters and without one, fastest first.
func Paths() []string {
	var names []string
	add := func(name string, p path) {
		for _, k := range coarseOf(p) {
			names = append(names, name+"+"+k.name)
		}
		names = append(names, name)
	}
	if hasTiles {
		add(tilePath, pathAVX512)
	}
	for _, p := range supported {
		add(p.String(), p)
	}
	return names
}

// Use makes the path of that name active until restore is called, so that tests
// and benchmarks run every path. It must not run beside kernels.
func Use(name string) (restore func(), err error) {
	p, withTiles, k, err := choose(name)
	if err != nil {
		return nil, err
	}
	was, wasTiles, wasKind, wasErr := active, tiles, activeCoarse, startErr
	active, tiles, activeCoarse, startErr = p, withTiles, k, nil
	return func() { active, tiles, activeCoarse, startErr = was, wasTiles, wasKind, wasErr }, nil
}

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

// tilePath is the name of the path avx512 with matrix tiles beside it, which take what
// may be rounded to bfloat16.
const tilePath = "avx512+amx"

// Variable is the environment variable that forces a path.
const Variable = "FENCHEL_KERNEL"

var (
	fastest                 = detect()
	hasTiles                = fastest == pathAVX512 && detectTiles()
	active, tiles, startErr = choose(os.Getenv(Variable))
)

// choose returns the path of that name, and whether tiles are used, or the fastest one for
// the empty name.
func choose(name string) (p path, tiles bool, err error) {
	if name == "" {
		return fastest, hasTiles, nil
	}
	if slices.Contains(Paths(), name) {
		if name == tilePath {
			return pathAVX512, true, nil
		}
		return path(slices.Index(pathNames[:], name)), false, nil
	}
	what := "is not a path"
	if name == tilePath || slices.Contains(pathNames[:], name) {
		what = "is not supported by this processor or build"
	}
	return pathGo, false, fmt.Errorf("kernel: %s=%q %s; the choices here are %s", Variable, name, what, strings.Join(Paths(), ", "))
}

// Err returns the error of a bad FENCHEL_KERNEL, and nil otherwise. Programs
// report it before they start work.
func Err() error { return startErr }

// Path returns the name of the active path.
func Path() string {
	if tiles {
		return tilePath
	}
	return active.String()
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

// Paths returns the names of the paths that this processor and build support,
// fastest first.
func Paths() []string {
	var names []string
	if hasTiles {
		names = append(names, tilePath)
	}
	for p := fastest; p >= pathGo; p-- {
		names = append(names, p.String())
	}
	return names
}

// Use makes the path of that name active until restore is called, so that tests
// and benchmarks run every path. It must not run beside kernels.
func Use(name string) (restore func(), err error) {
	p, withTiles, err := choose(name)
	if err != nil {
		return nil, err
	}
	was, wasTiles, wasErr := active, tiles, startErr
	active, tiles, startErr = p, withTiles, nil
	return func() { active, tiles, startErr = was, wasTiles, wasErr }, nil
}

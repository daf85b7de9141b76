// Package metric holds the measures of a ranking: one file per metric, a
// registry, and the text form "recall@20" that flags, config files and reports
// share.
//
// A metric looks at one user's full ranking of all classes: by score
// descending, ties by lower id. Items whose score is masked (−Inf: those of the
// train split, and of valid when testing) are not in the ranking, nor are, unless asked
// for, those that have no pair in the train split. The relevant
// items are those of the split under test, ranked or not. The value of a split is the mean over
// the users that have at least one relevant item; the others are excluded and
// counted.
//
// Letters: K cut-off, r place in the ranking (1 is the top), rel the set of
// relevant items.
package metric

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Metric scores the ranking of one user. All fields are required.
type Metric struct {
	Name   string // registry key, lower case, e.g. "recall"
	Doc    string // one line with the formula
	Source string // where the definition is from

	// Score returns the value, in [0,1], of a ranking whose place r+1 holds a
	// relevant item iff hit[r]. len(hit) ≤ k: it is shorter where fewer than k
	// items are ranked. relevant = |rel| ≥ 1 and k ≥ 1. A relevant item that is
	// masked counts in |rel| and is never found. Score is pure and safe for
	// concurrent use.
	Score func(hit []bool, relevant, k int) float64

	// Ref returns the same value another way: from the places of all relevant
	// items in the full ranking, ascending from 1. An item that is not ranked has
	// a place beyond every k.
	Ref func(places []int, k int) float64
}

var registered = registry.NewRegistry[Metric]("metric", "metric")

// Register adds m to the registry. It panics if m is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(m Metric) { registered.Add(m.Name, nil, m, m.fault()) }

func (m *Metric) fault() error {
	if m.Doc == "" || m.Source == "" || m.Score == nil || m.Ref == nil {
		return errors.New("lacks one of Doc, Source, Score and Ref")
	}
	return nil
}

// All returns the registered metrics, sorted by name.
func All() []*Metric { return registered.All() }

// Names returns the registered names, sorted.
func Names() []string { return registered.Names() }

// Lookup returns the metric of that name; the error of an unknown name lists
// the choices.
func Lookup(name string) (*Metric, error) { return registered.Lookup(name) }

// MaxCutoff is the largest K: classes are numbered by int32, so none ranks more.
const MaxCutoff = math.MaxInt32

// At is a metric at a cut-off, such as recall@20.
type At struct {
	*Metric
	K int // from 1 to MaxCutoff
}

// String returns the canonical text: Parse(a.String()) equals a.
func (a At) String() string { return a.Name + "@" + strconv.Itoa(a.K) }

// Parse reads "name@K"; see [registry.Whole] for what K may look like. The error names
// what is wrong and lists the choices.
func Parse(text string) (At, error) {
	name, cut, ok := strings.Cut(strings.TrimSpace(text), "@")
	m, err := Lookup(name)
	if err != nil {
		return At{}, err
	}
	if !ok {
		return At{}, fmt.Errorf("metric: %q lacks its cut-off, as in %s@20", text, name)
	}
	k, err := registry.Whole(cut)
	if err != nil || k < 1 || k > MaxCutoff {
		return At{}, fmt.Errorf("metric: the cut-off of %q is not a whole number of at least 1 and at most %d", text, MaxCutoff)
	}
	return At{m, int(k)}, nil
}

// ParseAll reads several texts. A metric given twice is an error.
func ParseAll(texts []string) ([]At, error) {
	ats := make([]At, 0, len(texts))
	for _, text := range texts {
		a, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ats, a) {
			return nil, fmt.Errorf("metric: %s is given twice", a)
		}
		ats = append(ats, a)
	}
	return ats, nil
}

// MaxK returns the largest cut-off of ats: how deep a ranking must be known.
func MaxK(ats []At) int {
	k := 0
	for _, a := range ats {
		k = max(k, a.K)
	}
	return k
}

// hits counts the true entries of hit.
func hits(hit []bool) int {
	n := 0
	for _, h := range hit {
		if h {
			n++
		}
	}
	return n
}

// within counts the places up to k.
func within(places []int, k int) int {
	n := 0
	for _, p := range places {
		if p <= k {
			n++
		}
	}
	return n
}

package data

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Splitter divides a dataset's interactions into train, valid and test.
type Splitter interface {
	// Split returns three disjoint sets of d's shape whose union is all pairs of
	// d. It depends on d's pairs and the Splitter alone, and modifies nothing.
	Split(d *Dataset) (train, valid, test *Interactions, err error)

	// Notes returns what a reader of the sets that Split made should know, such as
	// how much of them the lot decided where times are to; nil as a rule.
	Notes(train, valid, test *Interactions) []string

	// String returns the canonical text; ParseSplit of it equals the Splitter.
	String() string
}

// A SplitKind is a registered way to split.
type SplitKind struct {
	Name     string                          // registry key, e.g. "ratio"
	Usage    string                          // text form, e.g. "ratio:TRAIN,VALID,TEST,seed=N"
	Doc      string                          // one line
	Examples []string                        // texts that help shows
	Text     bool                            // it divides running text
	New      func(a *Args) (Splitter, error) // reads the text's arguments
}

var splitKinds = registry.NewRegistry[SplitKind]("data", "split")

// RegisterSplit adds k to the kinds. It panics if k is incomplete, its name is malformed
// or the name is taken: mistakes of the program that its first run shows.
func RegisterSplit(k SplitKind) {
	var fault error
	if k.Usage == "" || k.Doc == "" || len(k.Examples) == 0 || k.New == nil {
		fault = errors.New("lacks one of Usage, Doc, Examples and New")
	}
	splitKinds.Add(k.Name, nil, k, fault)
}

// SplitKinds returns the registered kinds, sorted by name.
func SplitKinds() []*SplitKind { return splitKinds.All() }

// ParseSplit returns the split that text denotes, e.g.
// "ratio:0.8,0.1,0.1,seed=1". The error of an unknown name lists the choices.
func ParseSplit(text string) (Splitter, error) {
	registry.Reading(text)
	name, rest, _ := strings.Cut(strings.TrimSpace(text), ":")
	k, err := splitKinds.Lookup(strings.TrimSpace(name))
	if err != nil { // a usage says more than a name
		var usages []string
		for _, k := range SplitKinds() {
			usages = append(usages, k.Usage)
		}
		return nil, fmt.Errorf("data: unknown split %q%s; the choices are %s", name, registry.DidYouMean(name, splitKinds.Names()), strings.Join(usages, "; "))
	}
	a, err := parseArgs(rest)
	var s Splitter
	if err == nil {
		if s, err = k.New(a); err == nil {
			err = a.unused()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("data: split %q: %w; usage: %s", text, err, k.Usage)
	}
	return s, nil
}

// ApplySplit returns d with its interactions divided by s. It fails where
// nothing is left to train on.
func ApplySplit(d *Dataset, s Splitter) (*Dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("data: the split is nil; ParseSplit makes one of a text")
	}
	if d.Known != nil {
		return nil, fmt.Errorf("data: split %s: users are held out of %s already; split before", s, d.Name)
	}
	if d.Text {
		return d.applyTextSplit(s)
	}
	points, err := d.dividedPoints(s)
	if err != nil {
		return nil, fmt.Errorf("data: split %s: %w", s, err)
	}
	train, valid, test, err := s.Split(d)
	if err != nil {
		return nil, fmt.Errorf("data: split %s of %s: %w", s, d.Name, err)
	}
	e := *d
	e.Points = points
	e.Train, e.Valid, e.Test, e.Split = train, valid, test, s.String()
	if err := e.Validate(); err != nil { // what a Splitter of the caller's returns
		return nil, fmt.Errorf("data: split %s: %w", s, err)
	}
	e.Histories = d.Histories.divided(s, [3]*Interactions{train, valid, test})
	if train.Len() == 0 {
		return nil, fmt.Errorf("data: split %s of %s leaves nothing to train on", s, d.Name)
	}
	// A part that the split made is missing no more.
	e.Notes = slices.DeleteFunc(slices.Clone(d.Notes), func(note string) bool {
		return valid.Len() > 0 && note == d.noFile(1) || test.Len() > 0 && note == d.noFile(2)
	})
	e.Notes = append(e.Notes, s.Notes(train, valid, test)...)
	return &e, nil
}

// Args are the arguments of a text such as "0.8,0.1,0.1,seed=1": positional
// ones, then named ones.
type Args struct {
	pos   []string
	named map[string]string
	used  int      // positional arguments taken
	asked []string // names that Take was called with
}

func parseArgs(text string) (*Args, error) {
	a := &Args{named: map[string]string{}}
	if strings.TrimSpace(text) == "" {
		return a, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		key, val, named := strings.Cut(part, "=")
		key, val = strings.TrimSpace(key), strings.TrimSpace(val)
		switch {
		case key == "" || named && val == "":
			return nil, fmt.Errorf("%q is neither a value nor name=value", part)
		case !named && len(a.named) > 0:
			return nil, fmt.Errorf("%q follows a name=value", part)
		case !named:
			a.pos = append(a.pos, key)
		default:
			if _, dup := a.named[key]; dup {
				return nil, fmt.Errorf("%s is given twice", key)
			}
			a.named[key] = val
		}
	}
	return a, nil
}

// Next takes the next positional argument, "" where there is none.
func (a *Args) Next() string {
	if a.used == len(a.pos) {
		return ""
	}
	a.used++
	return a.pos[a.used-1]
}

// Take takes a named argument.
func (a *Args) Take(name string) (text string, ok bool) {
	a.asked = append(a.asked, name)
	text, ok = a.named[name]
	delete(a.named, name)
	return text, ok
}

// Uint takes a named whole number ≥ 0, or a default.
func (a *Args) Uint(name string, def uint64) (uint64, error) {
	text, ok := a.Take(name)
	if !ok {
		return def, nil
	}
	x, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s=%s is not a whole number from 0", name, text)
	}
	return x, nil
}

// Float takes a named finite number, or a default.
func (a *Args) Float(name string, def float64) (float64, error) {
	text, ok := a.Take(name)
	if !ok {
		return def, nil
	}
	return parseFinite(name, text)
}

func parseFinite(name, text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s %q is too large: numbers are at most %.4g", name, text, math.MaxFloat64)
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%s %q is not a finite number", name, text)
	}
	return x, nil
}

// ties takes ties=, one of choices, "" where it is not given.
func (a *Args) ties(choices ...string) (string, error) {
	text, ok := a.Take("ties")
	if ok && !slices.Contains(choices, text) {
		return "", fmt.Errorf("ties=%s is no choice; the choices are %s", text, strings.Join(choices, ", "))
	}
	return text, nil
}

// unused returns an error that names what was not taken.
func (a *Args) unused() error {
	if a.used < len(a.pos) {
		return fmt.Errorf("%q is one value too many", a.pos[a.used])
	}
	if len(a.named) > 0 {
		names := slices.Sorted(maps.Keys(a.named))
		for i, name := range names {
			names[i] += registry.DidYouMean(name, a.asked)
		}
		return fmt.Errorf("no argument is called %s", strings.Join(names, ", "))
	}
	return nil
}

// fractions takes three positional fractions, train above 0, that sum to 1.
func (a *Args) fractions() (f [3]float64, err error) {
	sum := 0.0
	for p, what := range partNames {
		text := a.Next()
		if text == "" {
			return f, fmt.Errorf("no %s fraction", what)
		}
		if f[p], err = parseFinite(what+" fraction", text); err != nil {
			return f, err
		}
		if f[p] < 0 || p == 0 && f[p] == 0 {
			return f, fmt.Errorf("%s fraction %s is too small", what, text)
		}
		sum += f[p]
	}
	// 0.7+0.2+0.1 misses 1 by rounding; a slip of the pen misses it by far more.
	if math.Abs(sum-1) > 1e-9 {
		return f, fmt.Errorf("the fractions sum to %g, want 1", sum)
	}
	return f, nil
}

func fractionText(f [3]float64) string {
	var parts []string
	for _, x := range f {
		parts = append(parts, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strings.Join(parts, ",")
}

// partition divides x by the part, 0 to 2, of each pair.
func partition(x *Interactions, part []uint8) (train, valid, test *Interactions) {
	pick := func(k uint8) *Interactions { return x.Filter(func(p int) bool { return part[p] == k }) }
	return pick(0), pick(1), pick(2)
}

// span returns the earliest and the latest time of the pairs from lo up to hi.
func (x *Interactions) span(lo, hi int) (least, most int64) {
	return slices.Min(x.time[lo:hi]), slices.Max(x.time[lo:hi])
}

// userRand returns the random source of one user, so that a user's split does
// not change with who else is in the file.
func userRand(seed uint64, u int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, mix(uint64(u))))
}

// mix spreads consecutive numbers over 64 bits: the finaliser of SplitMix64
// (Steele, Lea & Flood 2014, Fig. 19).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

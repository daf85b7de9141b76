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

// A List is the ranking of one example. It is read only.
type List struct {
	IDs []int32 // the classes, best first: fewer than K where fewer are ranked
	Hit []bool  // [len(IDs)] whether the class is relevant

	// Relevant are the relevant classes, ascending, at least one unless the metric is of
	// All examples. One that is left out of the ranking is among them and is never found.
	Relevant []int32

	// LogP are the log-probabilities of Relevant, one each, in nats: −Inf to 0. They are nil
	// unless the metric asks for them by LogProbs.
	LogP []float64

	// Grade are the grades of Relevant, such as ratings, one each: finite and at least 0. They
	// are nil unless the metric asks for them by Graded.
	Grade []float32
}

// Top returns the first k places of l.
func (l *List) Top(k int) List {
	k = max(0, min(k, len(l.IDs)))
	return List{l.IDs[:k], l.Hit[:k], l.Relevant, l.LogP, l.Grade}
}

// A Set is what a metric knows of what is ranked.
type Set struct {
	Classes int     // C
	Count   []int32 // [C] in how many training contexts a class is a positive
	Trained int     // the training contexts that have a positive

	// Contexts are all training contexts, those without a positive among them, such as points
	// without labels; 0 is Trained.
	Contexts int
}

// contexts is Contexts with its default in place.
func (s *Set) contexts() int { return max(s.Contexts, s.Trained) }

// Param and Values are those of all that is chosen by name.
//
// A Param declares a parameter. A number has Name, Doc, Default, the inclusive bounds Min
// and Max, Integer where it must be whole, and Probe, further numbers that tests run at; a
// string has Choices and DefaultString. Values are the settings of a list of parameters:
// v.Num(name), v.Int(name) and v.String(name) return one.
type (
	Param  = registry.Param
	Values = registry.Values
)

// A Metric measures the rankings of a set of examples. All texts are required, and the
// functions New and Ref, or With in their place.
type Metric struct {
	Name   string // registry key, lower case, e.g. "recall"; of one that Parse made with settings also these, "tail:ratio=0.2"
	Doc    string // one line with the formula
	Source string // where the definition is from

	// Params are what can be set of the metric, in the order of the text form, and With returns
	// New and Ref at such settings. Without parameters there is no With.
	Params []Param
	With   func(v Values) (New func(k int, s Set) Accumulator, Ref func(all []Whole, k int, s Set) float64)

	// All says that examples without a relevant class are measured too, of which Add takes a
	// ranking without hits.
	All bool

	// Pooled says that the value belongs to the examples together and no example has
	// one of its own; else it is the mean of what Add returns.
	Pooled bool

	// Beyond says that it measures something else than hits alone, such as which classes are
	// shown, or are hit: the best ranking by it is not the most accurate one.
	Beyond bool

	// LogProbs says that it asks for the log-probabilities of the relevant classes,
	// List.LogP: it measures models that have them alone, by all classes, whatever is left
	// out of the rankings. NoCutoff says that it reads nothing of the ranking: it has no
	// cut-off, and is written without one.
	LogProbs bool
	NoCutoff bool

	// Graded says that it asks for the grades of the relevant classes, List.Grade: it measures
	// examples that have them alone.
	Graded bool

	// Lower says that lower values are better. Unbounded says that values are above 1, or
	// infinite; the others are in [0,1].
	Lower     bool
	Unbounded bool

	// New returns what measures one set of examples at cut-off k ≥ 1, or 0 of one with NoCutoff.
	New func(k int, s Set) Accumulator

	// Ref returns the same value another way: from the whole rankings.
	Ref func(all []Whole, k int, s Set) float64
}

// An Accumulator measures the rankings of one set of examples. It is not safe for
// concurrent use.
type Accumulator interface {
	// Add takes the ranking of the next example, of at most the first K places, and
	// returns the example's value, in [0,1] unless Unbounded; 0 of a pooled metric.
	Add(l List) float64

	// Finish returns the value of the examples that were added, in [0,1] unless Unbounded: at
	// least one, and of a metric of All examples perhaps none that has a relevant class.
	Finish() float64
}

// A Whole is the ranking of one example down to its last class.
type Whole struct {
	IDs    []int32   // classes, best first
	Places []int     // of the relevant classes, ascending from 1; beyond every k where not ranked
	LogP   []float64 // of the relevant classes, ascending
	Grade  []float32 // likewise, where the metric is Graded

	Relevant []int32 // the relevant classes themselves, ascending
}

// Mean makes New of a metric whose value is the mean over examples of score: of the
// example's ranking of at most k places. The sum is in the order of the examples.
func Mean(score func(l List, k int, s Set) float64) func(k int, s Set) Accumulator {
	return func(k int, s Set) Accumulator {
		return &mean{score: func(l List) float64 { return score(l, k, s) }}
	}
}

type mean struct {
	score func(l List) float64
	sum   float64
	n     int
}

func (m *mean) Add(l List) float64 {
	v := m.score(l)
	m.sum += v
	m.n++
	return v
}

func (m *mean) Finish() float64 { return m.sum / float64(m.n) }

// hitMean is Mean of a score that depends on the places of relevant classes alone.
func hitMean(score func(hit []bool, relevant, k int) float64) func(k int, s Set) Accumulator {
	return Mean(func(l List, k int, _ Set) float64 { return score(l.Hit, len(l.Relevant), k) })
}

// placeMean makes Ref of such a metric.
func placeMean(score func(places []int, k int) float64) func(all []Whole, k int, s Set) float64 {
	return func(all []Whole, k int, _ Set) float64 {
		sum := 0.0
		for _, w := range all {
			sum += score(w.Places, k)
		}
		return sum / float64(len(all))
	}
}

var registered = registry.NewRegistry[Metric]("metric", "metric")

// Register adds m to the registry. It panics if m is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(m Metric) {
	fault := m.fault()
	if fault == nil && m.With != nil {
		var v Values
		if v, fault = registry.Parse(m.Params, ""); fault == nil {
			m.New, m.Ref = m.With(v)
		}
	}
	registered.Add(m.Name, m.Params, m, fault)
}

func (m *Metric) fault() error {
	switch {
	case m.Doc == "" || m.Source == "":
		return errors.New("lacks Doc or Source")
	case (m.With != nil) != (len(m.Params) > 0):
		return errors.New("has one of Params and With, and needs both or neither")
	case m.With != nil && (m.New != nil || m.Ref != nil):
		return errors.New("has With, which makes New and Ref, and one of these beside it")
	case m.With == nil && (m.New == nil || m.Ref == nil):
		return errors.New("lacks one of New and Ref")
	}
	return nil
}

// Settings returns the metric at its default settings and at one further setting for each
// probe of each parameter: the metrics that tests run. One without parameters is alone.
func (m *Metric) Settings() ([]*Metric, error) {
	all := []*Metric{m}
	if m.With == nil {
		return all, nil
	}
	vs, err := registry.Probes(m.Params)
	if err != nil {
		return nil, fmt.Errorf("metric: %s: %w", m.Name, err)
	}
	for _, v := range vs[1:] {
		all = append(all, m.at(v))
	}
	return all, nil
}

// at returns the metric at settings: m itself at the defaults.
func (m *Metric) at(v Values) *Metric {
	if m.With == nil {
		return m
	}
	text := registry.SpecText(m.Name, m.Params, v)
	if text == m.Name {
		return m
	}
	n := *m
	n.Name = text
	n.New, n.Ref = m.With(v)
	return &n
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

// At is a metric at a cut-off, such as recall@20, or one that has none, such as nll.
type At struct {
	*Metric
	K int // from 1 to MaxCutoff; 0 with NoCutoff
}

// OK reports whether a is what Parse makes.
func (a At) OK() bool {
	return a.Metric != nil && (a.NoCutoff && a.K == 0 || !a.NoCutoff && a.K >= 1)
}

// Better reports whether value x is better than y: NaN is not.
func (m *Metric) Better(x, y float64) bool {
	if m.Lower {
		return x < y
	}
	return x > y
}

// New returns what measures one set of examples.
func (a At) New(s Set) Accumulator { return topK{a.Metric.New(a.K, s), a.K} }

// topK hands on at most k places.
type topK struct {
	Accumulator
	k int
}

func (t topK) Add(l List) float64 { return t.Accumulator.Add(l.Top(t.k)) }

// String returns the canonical text: of two that have one text both measure alike. That of the
// zero At is "".
func (a At) String() string {
	if a.Metric == nil {
		return ""
	}
	if a.NoCutoff {
		return a.Name
	}
	return a.Name + "@" + strconv.Itoa(a.K)
}

// Parse reads "name@K", perhaps with settings, as in "tail:ratio=0.2@20", or the name alone of
// a metric with NoCutoff. K is in decimal digits, and leading zeros mean nothing. The error
// names what is wrong and lists the choices.
func Parse(text string) (At, error) {
	registry.Reading(text)
	spec, cut, ok := strings.Cut(strings.TrimSpace(text), "@")
	read, fault := registry.ReadOwn(spec)
	m, err := Lookup(read.Name)
	if err != nil {
		return At{}, err
	}
	if fault != nil {
		return At{}, fmt.Errorf("metric: %s: %w", m.Name, fault)
	}
	v, err := registry.Bind(m.Params, read.Settings)
	if err != nil {
		return At{}, fmt.Errorf("metric: %s: %w", m.Name, err)
	}
	m = m.at(v)
	switch {
	case m.NoCutoff && ok:
		return At{}, fmt.Errorf("metric: %s has no cut-off, and %q gives it one", m.Name, text)
	case m.NoCutoff:
		return At{Metric: m}, nil
	case !ok:
		return At{}, fmt.Errorf("metric: %q lacks its cut-off, as in %s@20", text, m.Name)
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
		if a.In(ats) {
			return nil, fmt.Errorf("metric: %s is given twice", a)
		}
		ats = append(ats, a)
	}
	return ats, nil
}

// In reports whether one of ats measures what a does.
func (a At) In(ats []At) bool {
	return slices.ContainsFunc(ats, func(b At) bool { return a.String() == b.String() })
}

// MaxK returns the largest cut-off of ats, at least 1: how deep a ranking must be known.
func MaxK(ats []At) int {
	k := 1
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

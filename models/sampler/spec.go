package sampler

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Props are facts that a Spec declares and the conformance test verifies in both
// directions: a declared fact holds at every probed setting, an undeclared one
// fails at each.
type Props uint

// The facts.
const (
	// Exact: each draw has class i with probability exp(LogQ_i), so that LogQ
	// normalises to 1. Where it is not declared, log q is an estimate or, for a
	// sampler that the literature uses uncorrected, a constant.
	Exact Props = 1 << iota

	// Adaptive: the draws of a row depend on its h and on W. An adaptive sampler
	// draws per row and never for the whole batch at once.
	Adaptive

	// FullSupport: every class is drawn sooner or later, not only the best ones or
	// those of the batch, so that no score escapes training.
	FullSupport

	// Distinct: the k draws are distinct classes (without replacement); k ≤ C.
	// Where it is not declared, draws repeat and k may exceed C.
	Distinct

	// InBatch: the draws depend on the positives of the batch. They are shared by
	// the batch, and Draws.From names the row that each came from.
	InBatch

	// Observes: the sampler learns from batches; see Observer.
	Observes

	// Refreshes: the sampler keeps a summary of W; see Refresher.
	Refreshes

	numProps = iota
)

var propNames = [numProps]string{
	"exact", "adaptive", "full-support", "distinct", "in-batch", "observes", "refreshes",
}

// Names lists the facts in p.
func (p Props) Names() []string {
	var names []string
	for i, n := range propNames {
		if p&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// Has reports whether p declares every fact in q.
func (p Props) Has(q Props) bool { return p&q == q }

// Growth says how the arithmetic of a step's draws grows with the number of
// classes C. The zero value is not a declaration.
type Growth int

// The classes of growth.
const (
	_ Growth = iota
	GrowthConstant
	GrowthLog
	GrowthLinear
)

// String returns g as a Landau symbol in the number C of classes.
func (g Growth) String() string {
	return [...]string{"undeclared", "O(1)", "O(log C)", "O(C)"}[g]
}

// A Spec is everything that the command line, the losses, the benchmarks and the
// tests know of a sampler. All fields but Params, Props and Fits are required.
type Spec struct {
	Name   string  // registry key, lower case, e.g. "log-uniform"
	Doc    string  // one line: what it is
	Source string  // paper and equation
	Params []Param // in the order in which the text form prints them
	Props  Props
	Growth Growth // of the draws of a step with C
	Cost   string // arithmetic and memory, e.g. "O(1) a draw; O(C) to build"

	// Fits returns an error where parameters leave no room for k draws of a row. Nil
	// where they do not bound them.
	Fits func(v Values, k int) error

	// Bytes returns what the distribution of the problem c holds, without making it.
	Bytes func(c Config, v Values) Footprint

	// New builds the distribution for the problem c, which is valid. An error
	// says what of c or v does not fit, e.g. that counts are needed.
	New func(c Config, v Values) (Proposal, error)
}

// A Config is the problem that a sampler serves.
type Config struct {
	C int // classes, ≥ 1
	D int // width d of h and of the rows of W; read by adaptive samplers only

	// Counts [C] says how often each class is a positive in training: finite and
	// ≥ 0. Nil where unknown; samplers that need it say so. The sampler keeps it;
	// nobody may change it afterwards.
	Counts []float64

	// Seed is that of what a sampler builds (random features, codebooks). Draws
	// have the batch's seed.
	Seed uint64
}

// Validate reports all faults at once.
func (c Config) Validate() error {
	var errs []error
	if c.C < 1 || c.C > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("%d classes: C is outside [1, %d]", c.C, math.MaxInt32))
	}
	if c.D < 0 {
		errs = append(errs, fmt.Errorf("width D=%d is negative", c.D))
	}
	if c.Counts != nil && len(c.Counts) != c.C {
		errs = append(errs, fmt.Errorf("%d counts for C=%d classes", len(c.Counts), c.C))
	}
	for i, n := range c.Counts {
		if !(n >= 0) || math.IsInf(n, 1) {
			errs = append(errs, fmt.Errorf("count %g of class %d is not a finite number ≥ 0", n, i))
			break
		}
	}
	return errors.Join(errs...)
}

var registered = registry.NewRegistry[Spec]("sampler", "sampler")

// Register adds s to the registry. It panics if s is incomplete, malformed, or
// its name is taken: mistakes of the program that its first run shows.
func Register(s Spec) { registered.Add(s.Name, s.Params, s, s.fault()) }

// All returns the registered specs, sorted by name.
func All() []*Spec { return registered.All() }

// Names returns the registered names, sorted.
func Names() []string { return registered.Names() }

// Lookup returns the spec of that name; the error of an unknown name lists the
// choices.
func Lookup(name string) (*Spec, error) { return registered.Lookup(name) }

func (s *Spec) fault() error {
	switch {
	case s.Doc == "" || s.Source == "" || s.Cost == "":
		return errors.New("lacks one of Doc, Source and Cost")
	case s.New == nil || s.Bytes == nil || s.Growth == 0:
		return errors.New("lacks one of New, Bytes and Growth")
	case s.Props.Has(Adaptive | InBatch):
		return errors.New("is both adaptive and in-batch: one draws per row, the other for the batch")
	}
	return nil
}

// A Choice is a sampler with its parameters: what a spec text such as
// "popularity:beta=0.5" denotes. It is immutable and safe for concurrent use.
type Choice struct{ registry.Choice[Spec] }

// Parse returns the sampler that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters. Parameters left out take
// their default. The error names what is wrong and lists the choices.
func Parse(text string) (Choice, error) {
	c, err := registered.Parse(text)
	return Choice{c}, err
}

// CheckDraws returns an error where the parameters of the sampler leave no room for k draws
// of a row, whatever it is made with.
func (c Choice) CheckDraws(k int) error {
	if c.Spec.Fits == nil {
		return nil
	}
	if err := c.Spec.Fits(c.Values, k); err != nil {
		return fmt.Errorf("sampler: %s: %w", c, err)
	}
	return nil
}

// At returns the sampler at v, which has its parameters, maybe among others.
func (s *Spec) At(v Values) Choice {
	return Choice{registry.NewChoice(s.Name, s, s.Params).At(v)}
}

// Probes returns the sampler at its default setting and at one further setting
// per probe of each parameter: the settings that tests run.
func (s *Spec) Probes() []Choice {
	var all []Choice
	for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
		all = append(all, Choice{c})
	}
	return all
}

// New builds the sampler for the problem c.
func (c Choice) New(cfg Config) (*Sampler, error) {
	err := cfg.Validate()
	if err == nil && c.Spec.Props.Has(Adaptive) && cfg.D < 1 {
		err = fmt.Errorf("is adaptive and needs the width D ≥ 1, got %d", cfg.D)
	}
	var p Proposal
	if err == nil {
		p, err = c.Spec.New(cfg, c.Values)
	}
	if err != nil {
		return nil, fmt.Errorf("sampler: %s: %w", c, err)
	}
	s := &Sampler{Choice: c, Config: cfg, proposal: p, workers: runtime.GOMAXPROCS(0)}
	// Declaration and behaviour must match both ways.
	var observes, refreshes bool
	s.observer, observes = p.(Observer)
	s.refresher, refreshes = p.(Refresher)
	var resumes bool
	s.stateful, resumes = p.(Stateful)
	if resumes != (observes || refreshes) || observes != c.Spec.Props.Has(Observes) || refreshes != c.Spec.Props.Has(Refreshes) {
		panic(fmt.Sprintf("sampler: %s declares %v but its methods differ", c, c.Spec.Props.Names()))
	}
	return s, nil
}

// needCounts is the error of a sampler whose Config lacks counts.
func needCounts(c Config) error {
	if c.Counts == nil {
		return errors.New("needs the counts of the classes, and there are none")
	}
	return nil
}

// Package compare trains losses side by side: every loss of a list, at every
// seed, on one split and one budget, and says how much of what it finds is more
// than chance.
//
// What it compares are variants: a loss, the candidates that its rows are scored
// against, and a model. Settings may be tuned on the valid split first, with the
// first seed; the runs of all seeds then use the best, and what tuning cost is in
// the result. Each run is a run folder of package train, named after a hash of
// its configuration, budget and split, with its outcome beside it: a comparison
// that is started again takes what is there and goes on with the rest.
//
// Differences from the baseline come with a bootstrap interval over users, paired
// (both losses on the same users) and over the mean of the seeds. It says what
// other users of the same kind would show of these trained models; what other
// seeds would show is the standard deviation beside it.
package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// Config says what to compare.
type Config struct {
	// Base is what all runs share. Its loss, candidates and seed stay empty: they
	// are what differs.
	Base train.Config

	// Losses are entries LOSS or LOSS@CANDIDATES, such as "entmax:alpha=1.3" or
	// "softmax@sampled:n=64", or one of Groups. Without @CANDIDATES a recipe has
	// its own and a loss has all classes.
	Losses []string

	// Models are texts of models; empty: Base.Model.Name.
	Models []string

	// Seeds are those of the runs; empty: 0, 1, 2. They differ.
	Seeds []uint64

	// Baseline is an entry of Losses that the others are held against; "": softmax if
	// it is there, else the first.
	Baseline string

	// Tune is the grid of each variant; see Axis. An axis of one value sets it.
	Tune []Axis

	// Budget ends every run alike.
	Budget Budget

	// Parallel is the number of runs at a time; 0: 1, so that each run's seconds are
	// its own. It changes no other number.
	Parallel int

	// Force runs even where Parallel runs at a time need more memory than there is.
	Force bool

	// Resamples of the bootstrap; 0: 2000. Seed of its draws is BootstrapSeed.
	Resamples     int
	BootstrapSeed uint64

	// Dir is the folder that the runs are kept in.
	Dir string

	// Runner executes one run; nil: Execute, in this process.
	Runner Runner
}

// Budget is what one run may use. The zero Budget is the epochs of Base; at most
// one field is set, and the schedule is then constant and patience 0.
type Budget struct {
	Steps   int     `json:"steps,omitempty"`   // training steps
	Seconds float64 `json:"seconds,omitempty"` // of training, without evaluation
}

func (b Budget) limited() bool { return b.Steps > 0 || b.Seconds > 0 }

// WithDefaults returns c with the defaults written out; the base stays as it is,
// because its defaults depend on the loss.
func (c Config) WithDefaults() Config {
	if len(c.Models) == 0 {
		c.Models = []string{c.Base.Model.Name}
	}
	c.Models = slices.Clone(c.Models)
	for i, model := range c.Models {
		c.Models[i] = train.Config{Model: train.ModelConfig{Name: model}}.WithDefaults().Model.Name
	}
	if len(c.Seeds) == 0 {
		c.Seeds = []uint64{0, 1, 2}
	}
	if c.Parallel == 0 {
		c.Parallel = 1
	}
	if c.Resamples == 0 {
		c.Resamples = 2000
	}
	return c
}

// Groups are the names that stand for several losses, with what they stand for.
func Groups() [][2]string {
	return [][2]string{
		{"exact", "every loss that is meant for all classes; others go with them as bpr@all"},
		{"sampled", "every recipe with its own candidates"},
		{"all", "both"},
	}
}

// expand replaces groups by their entries. A loss whose name is that of a
// recipe, such as bpr, is meant for draws: it is in sampled, and over all
// classes, which may cost a multiple of the others' time, only as bpr@all.
func expand(entries []string) (out []string) {
	exact := func() {
		for _, s := range losses.All() {
			if _, err := losses.LookupRecipe(s.Name); err != nil {
				out = append(out, s.Name)
			}
		}
	}
	sampled := func() {
		for _, c := range losses.Recipes() {
			out = append(out, c.Name)
		}
	}
	for _, e := range entries {
		switch e {
		case "exact":
			exact()
		case "sampled":
			sampled()
		case "all":
			exact()
			sampled()
		default:
			out = append(out, e)
		}
	}
	return out
}

// ParseLosses splits a list at its commas, but not at those between parameters:
// "softmax:tau=0.2,smoothing=0.1,rg2" has two entries, because no name of a loss
// has "=" before its ":".
func ParseLosses(text string) []string {
	var entries []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		key, _, isSetting := strings.Cut(part, "=")
		if isSetting && !strings.Contains(key, ":") && len(entries) > 0 {
			entries[len(entries)-1] += "," + part
		} else {
			entries = append(entries, part)
		}
	}
	return entries
}

// A Variant is one thing that is compared.
type Variant struct {
	Entry      string `json:"entry"` // of Config.Losses, groups expanded
	Loss       string `json:"loss"`
	Candidates string `json:"candidates"`
	Model      string `json:"model"`

	// Name is the entry, with the model where the comparison has several.
	Name string `json:"name"`

	choice    models.Choice
	canonical string // text of Loss
	given     string // candidates as the entry has them, "" without
}

// variants returns the variants in order: of each model, all losses.
func (c Config) variants() ([]Variant, error) {
	var all []Variant
	var faults []error
	for _, model := range c.Models {
		for _, entry := range expand(c.Losses) {
			loss, candidates, _ := models.CutCandidates(entry)
			candidates = strings.TrimSpace(candidates)
			v := Variant{Entry: entry, Loss: loss, Model: model, Name: entry, given: candidates}
			if len(c.Models) > 1 {
				v.Name += " " + model
			}
			var err error
			if v.choice, err = models.Resolve(entry, "", 0); err != nil {
				faults = append(faults, fmt.Errorf("losses: %q: %w", entry, err))
				continue
			}
			filled := train.Config{Loss: loss, Candidates: candidates}.WithDefaults()
			v.Candidates, v.canonical = filled.Candidates, filled.Loss
			if slices.ContainsFunc(all, func(w Variant) bool { return w.Name == v.Name }) {
				continue // named twice, as by a group and alone: one of it is enough
			}
			all = append(all, v)
		}
	}
	return all, errors.Join(faults...)
}

// An Axis is a setting and the values to try. Name is
//
//	temperature  of the scores; of losses of cosines their own: tau, or scale = 1/τ
//	reg          the solver's, or l2 of the optimizer
//	lr, l2, …    a parameter of the optimizer
//	model.dim …  any path of model or train
//
// A temperature that the text of a loss of cosines gives stays, and values that
// such a loss does not take are left out of its grid.
type Axis struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// ParseAxis reads "lr=0.003,0.01".
func ParseAxis(text string) (Axis, error) {
	name, list, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return Axis{}, fmt.Errorf("%q is not name=value,value", text)
	}
	a := Axis{Name: name}
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimSpace(v)
		if v == "" || slices.Contains(a.Values, v) {
			return Axis{}, fmt.Errorf("%s: value %q is empty or given twice", name, v)
		}
		a.Values = append(a.Values, v)
	}
	return a, nil
}

// A Setting is one value of an axis.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// grid returns the points of the axes that apply to a variant, at least one.
func (c Config) grid(v Variant) [][]Setting {
	points := [][]Setting{nil}
	for _, a := range c.Tune {
		if a.Name == "temperature" && temperatureOf(v.choice) == "" {
			continue
		}
		var next [][]Setting
		for _, p := range points {
			for _, value := range a.Values {
				if s := (Setting{a.Name, value}); s.suits(v) {
					next = append(next, append(slices.Clone(p), s))
				}
			}
		}
		if len(next) > 0 {
			points = next
		}
	}
	return points
}

// suits reports whether a loss takes the setting: a loss of cosines may take other
// temperatures than those of the grid.
func (s Setting) suits(v Variant) bool {
	at := temperatureOf(v.choice)
	if s.Name != "temperature" || at == "model" {
		return true
	}
	cfg := train.Config{Loss: v.Loss}
	if err := apply(&cfg, v, s); err != nil {
		return true // no number: an error of every loss's
	}
	_, err := models.Resolve(cfg.Loss, v.given, 0)
	return err == nil
}

// temperatureOf names where a loss's temperature is set: "model", the parameter
// "tau" or "scale" of the loss, or "" where it is not to be changed.
func temperatureOf(r models.Choice) string {
	if r.Loss.Spec.Domain != losses.Cosines {
		return "model"
	}
	for _, name := range []string{"tau", "scale"} {
		if slices.ContainsFunc(r.Loss.Spec.Params, func(p losses.Param) bool { return p.Name == name }) && !r.Sets(name) {
			return name
		}
	}
	return ""
}

// with returns the configuration of a variant at a point of its grid.
func (c Config) with(v Variant, point []Setting, seed uint64) (train.Config, error) {
	cfg := c.Base
	cfg.Model.Name, cfg.Loss, cfg.Candidates, cfg.Train.Seed = v.Model, v.Loss, v.given, seed
	if v.given == "" && v.choice.Recipe == nil {
		cfg.Candidates = "all"
	}
	if c.Budget.limited() {
		cfg.Train.Epochs = math.MaxInt32 // the budget ends the run
	}
	if t := c.Base.Model.Temperature; t != 0 && temperatureOf(v.choice) != "model" {
		// A loss of cosines has its own; scores divided by another are no cosines.
		cfg.Model.Temperature = 0
		if s := (Setting{"temperature", fmt.Sprint(t)}); s.suits(v) {
			point = append([]Setting{s}, point...)
		}
	}
	for _, s := range point {
		if err := apply(&cfg, v, s); err != nil {
			return cfg, fmt.Errorf("tune: %s: %w", s.Name, err)
		}
	}
	return cfg.WithDefaults(), nil
}

func apply(cfg *train.Config, v Variant, s Setting) error {
	filled := cfg.WithDefaults()
	solver, _ := registry.CutSpec(filled.Train.Solver)
	switch {
	case s.Name == "temperature":
		x, err := positive(s.Value)
		if err != nil {
			return err
		}
		switch at := temperatureOf(v.choice); at { // none: it stays
		case "model":
			cfg.Model.Temperature = x
		case "tau":
			cfg.Loss = registry.With(cfg.Loss, at, s.Value)
		case "scale":
			cfg.Loss = registry.With(cfg.Loss, at, fmt.Sprint(1/x))
		}
	case s.Name == "reg" && solverHas(solver, "reg"):
		cfg.Train.Solver = registry.With(filled.Train.Solver, "reg", s.Value)
	case slices.Contains(train.Paths(), s.Name):
		group, _, _ := strings.Cut(s.Name, ".")
		if s.Name == "train.seed" || group != "model" && group != "train" {
			return errors.New("only settings of model and train can be tuned")
		}
		return cfg.Set(s.Name, s.Value)
	default:
		name := s.Name
		if name == "reg" {
			name = "l2"
		}
		if filled.Train.Optimizer == "" {
			return fmt.Errorf("solver %s has no optimizer to set it of", filled.Train.Solver)
		}
		if strings.Contains(name, ".") {
			return fmt.Errorf("unknown setting; the choices are temperature, reg, a parameter of the optimizer, %s", strings.Join(train.Paths(), ", "))
		}
		cfg.Train.Optimizer = registry.With(filled.Train.Optimizer, name, s.Value)
	}
	return nil
}

func solverHas(solver, name string) bool {
	return slices.ContainsFunc(train.Solvers(), func(s *train.SolverSpec) bool {
		return s.Name == solver && slices.ContainsFunc(s.Params, func(p registry.Param) bool { return p.Name == name })
	})
}

func positive(text string) (float64, error) {
	x, err := registry.Real(text)
	if err != nil || !(x > 0) {
		return 0, fmt.Errorf("%q is not a number above 0", text)
	}
	return x, nil
}

// These bound what a slip of the keyboard can ask for.
const (
	MaxParallel  = 1024 // runs at a time: far more than share a machine well
	MaxSteps     = math.MaxInt32
	MinResamples = 100
	MaxResamples = 1_000_000
	maxSeeds     = 1000
)

// Validate reports all faults that show without the data.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Base.Loss != "" || c.Base.Candidates != "" || c.Base.Train.Seed != 0 {
		fault("base: loss, candidates and train.seed are what a comparison varies; leave them out")
	}
	if c.Budget.limited() && c.Base.Train.Epochs != 0 {
		fault("budget: epochs, steps and seconds exclude each other")
	}
	if c.Base.Model.Name != "" && len(c.Models) > 0 {
		fault("models: base has one too; leave it out")
	}
	c = c.WithDefaults()
	variants, err := c.variants()
	if err != nil {
		faults = append(faults, err)
	} else if len(variants) == 0 {
		fault("losses: none; name losses, or one of exact, sampled, all")
	}
	if sorted := slices.Sorted(slices.Values(c.Models)); len(slices.Compact(sorted)) != len(c.Models) {
		fault("models: one is given twice")
	}
	if len(c.Seeds) > maxSeeds {
		fault("seeds: %d of them, want at most %d", len(c.Seeds), maxSeeds)
	}
	if sorted := slices.Sorted(slices.Values(c.Seeds)); len(slices.Compact(sorted)) != len(c.Seeds) {
		fault("seeds: one is given twice")
	}
	if c.Parallel < 1 || c.Parallel > MaxParallel {
		fault("parallel: %d is outside [1, %d]", c.Parallel, MaxParallel)
	}
	if c.Resamples < MinResamples || c.Resamples > MaxResamples {
		fault("resamples: %d is outside [%d, %d]", c.Resamples, MinResamples, MaxResamples)
	}
	if c.Budget.Steps > MaxSteps {
		fault("budget: %d steps are above %d", c.Budget.Steps, MaxSteps)
	}
	if c.Budget.Steps < 0 || !(c.Budget.Seconds >= 0) || math.IsInf(c.Budget.Seconds, 0) || c.Budget.Steps > 0 && c.Budget.Seconds > 0 {
		fault("budget: %d steps, %g seconds; want one of them, above 0", c.Budget.Steps, c.Budget.Seconds)
	}
	if c.Dir == "" {
		fault("dir: no folder to keep the runs in")
	}
	for i, a := range c.Tune {
		if len(a.Values) == 0 {
			fault("tune: %s has no values", a.Name)
		}
		if slices.ContainsFunc(c.Tune[:i], func(b Axis) bool { return b.Name == a.Name }) {
			fault("tune: %s is given twice", a.Name)
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if _, err := c.baselines(variants); err != nil {
		faults = append(faults, err)
	}
	seen := map[string]bool{} // one fault may show in every variant
	for _, v := range variants {
		for _, point := range c.grid(v) {
			cfg, err := c.with(v, point, c.Seeds[0])
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil && c.Budget.limited() && (cfg.Train.Patience > 0 || cfg.Train.Schedule != "" && cfg.Train.Schedule != "constant") {
				err = errors.New("train.patience and train.schedule need a budget of epochs")
			}
			if err != nil && !seen[err.Error()] {
				seen[err.Error()] = true
				fault("%s: %w", v.Name, err)
			}
		}
	}
	return errors.Join(faults...)
}

// baselines returns for each variant the index of the one that it is held
// against, of the same model; a baseline is its own.
func (c Config) baselines(variants []Variant) ([]int, error) {
	// The entry itself, else one that means the same.
	find := func(entry, model string) int {
		loss, candidates, _ := models.CutCandidates(entry)
		same := train.Config{Loss: loss, Candidates: candidates}.WithDefaults()
		of := func(v Variant) bool { return model == "" || v.Model == model }
		if i := slices.IndexFunc(variants, func(v Variant) bool { return v.Entry == entry && of(v) }); i >= 0 {
			return i
		}
		return slices.IndexFunc(variants, func(v Variant) bool {
			return v.canonical == train.CanonicalLoss(loss, "") && v.Candidates == same.Candidates && of(v)
		})
	}
	entry := c.Baseline
	if entry == "" {
		entry = variants[0].Entry
		if find("softmax", "") >= 0 {
			entry = "softmax"
		}
	}
	if find(entry, "") < 0 {
		var names []string
		for _, v := range variants {
			names = append(names, v.Entry)
		}
		return nil, fmt.Errorf("baseline: %q is not compared; the choices are %s", entry, strings.Join(slices.Compact(names), ", "))
	}
	of := make([]int, len(variants))
	for i, v := range variants {
		of[i] = find(entry, v.Model)
	}
	return of, nil
}

// split returns the name of the split that is reported and its interactions:
// test, or valid where there is no test.
func split(set *data.Dataset) (string, *data.Interactions) {
	if set.Test.Len() > 0 {
		return "test", set.Test
	}
	return "valid", set.Valid
}

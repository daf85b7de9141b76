package compare

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/data"
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

	// Models are texts of models, whose tasks rank the same examples; empty: Base.Model.Name.
	Models []string

	// Seeds are those of the runs, all different; empty: 0, 1, 2.
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

	// Resamples is the number of resamples of the bootstrap; 0: 2000. BootstrapSeed is
	// the seed of its draws.
	Resamples     int
	BootstrapSeed uint64

	// Dir is the folder that the runs are kept in.
	Dir string

	// Runner executes one run; nil: executeHere, in this process.
	Runner Runner
}

// Budget is what one run may use. The zero Budget is the epochs of Base; one of Steps and
// Seconds is set at most, and the schedule is then constant and patience 0.
type Budget struct {
	Steps   int     `json:"steps,omitempty"`   // training steps
	Seconds float64 `json:"seconds,omitempty"` // of training, without evaluation
	Epochs  int     `json:"epochs,omitempty"`  // that end a run before its Steps or Seconds do; 0: none do
}

func (b Budget) limited() bool { return b.Steps > 0 || b.Seconds > 0 }

// WithDefaults returns c with the defaults written out; the base stays as it is,
// because its defaults depend on the loss, but for what is measured: what is usual of the
// first model is measured of all.
func (c Config) WithDefaults() Config {
	c.Models = slices.Clone(settings.Or(c.Models, c.Base.Model.Name))
	for i, model := range c.Models {
		c.Models[i] = train.Config{Model: train.ModelConfig{Name: model}}.WithDefaults().Model.Name
	}
	if len(c.Base.Eval.Metrics) == 0 {
		c.Base.Eval.Metrics = c.First().WithDefaults().Eval.Metrics
	}
	c.Seeds = settings.Or(c.Seeds, 0, 1, 2)
	c.Parallel = cmp.Or(c.Parallel, 1)
	c.Resamples = cmp.Or(c.Resamples, 2000)
	return c
}

// First returns Base with the first of Models: what all runs share, as a configuration that
// settings of its own kind of model fit.
func (c Config) First() train.Config {
	cfg := c.Base
	if len(c.Models) > 0 {
		cfg.Model.Name = c.Models[0]
	}
	return cfg
}

// These constants bound what a slip of the keyboard can ask for.
const (
	MaxParallel  = 1024 // runs at a time: far more than share a machine well
	MaxSteps     = math.MaxInt32
	MinResamples = 100
	MaxResamples = 1_000_000
	maxSeeds     = 1000
)

// Validate reports all faults that show without the data.
func (c Config) Validate() error {
	var faults settings.Faults
	fault := faults.Addf
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
		faults.Add(err)
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
	faults.Within("parallel", 1, MaxParallel, c.Parallel)
	faults.Within("resamples", MinResamples, MaxResamples, c.Resamples)
	if c.Budget.Steps > MaxSteps {
		fault("budget: %d steps are above %d", c.Budget.Steps, MaxSteps)
	}
	if c.Budget.Epochs != 0 && !c.Budget.limited() {
		fault("budget: epochs alone are those of base")
	}
	faults.Within("budget: epochs", 0, math.MaxInt32, c.Budget.Epochs)
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
	faults.Add(c.checkSearch())
	faults.Add(c.checkSpread())
	if faults.Any() {
		return faults.Err()
	}
	_, err = c.baselines(variants)
	faults.Add(err)
	seen := map[string]bool{} // one fault may show in every variant
	for _, v := range variants {
		for _, point := range c.grid(v) {
			cfg, err := c.with(v, point, c.Seeds[0])
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil && c.Budget.limited() && (cfg.Train.StopsEarly() || cfg.Train.Schedule != "" && cfg.Train.Schedule != "constant") {
				err = errors.New("train.patience and train.schedule need a budget of epochs")
			}
			if err != nil && !seen[err.Error()] {
				seen[err.Error()] = true
				fault("%s: %w", v.Name, err)
			}
		}
	}
	return faults.Err()
}

// split returns the name of the split that is reported and its interactions:
// test, or valid where there is no test.
func split(set *data.Dataset) (string, *data.Interactions) {
	if set.Test.Len() > 0 {
		return "test", set.Test
	}
	return "valid", set.Valid
}

package tune

import (
	"slices"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/train"
)

// Config says what to search.
type Config struct {
	Base train.Config // what all trials share
	Axes []Axis       // what they differ in; empty: those around Base

	Search string // one of Searches; "": "tpe". What it draws follows from Base's seed
	Prune  string // one of Prunings; "": "none"

	// Trials and Budget end the search, whichever comes first: so many trials, or so much
	// time in trials, those of earlier calls included. 0 is no limit; without both it is
	// DefaultTrials, and of a grid all of it.
	Trials int
	Budget time.Duration

	Dir string // that the search is kept in

	// Fits is asked before each trial; its error is why the trial fails. nil: each fits.
	Fits func(p *train.Plan) error
}

// DefaultTrials is how many trials there are where nothing says how many.
const DefaultTrials = 20

// MaxTrials bounds Config.Trials.
const MaxTrials = 100_000

// Validate reports all faults that show without the data.
func (c Config) Validate() error {
	var faults settings.Faults
	if c.Search != "" {
		if _, err := lookup(c.Search); err != nil {
			faults.Addf("search: %w", err)
		}
	}
	if c.Prune != "" {
		if err := checkPruning(c.Prune); err != nil {
			faults.Addf("prune: %w", err)
		}
	}
	faults.Within("trials", 0, MaxTrials, c.Trials)
	if c.Budget < 0 {
		faults.Addf("budget: %s is below 0", c.Budget)
	}
	if c.Dir == "" {
		faults.Addf("out: no folder to keep the search in")
	}
	for i, a := range c.Axes {
		if slices.ContainsFunc(c.Axes[:i], func(b Axis) bool { return a.key() == b.key() }) {
			faults.Addf("over: %s is given twice", a.key())
		}
	}
	plan, err := c.Base.Plan()
	if err != nil {
		faults.Add(err)
		return faults.Err()
	}
	if plan.Config.Train.On == train.BothSets {
		faults.Addf("train.on: %s leaves no valid set to choose by: search with %s, and train %s on both with --train-on %[1]s", train.BothSets, train.TrainSet, BestFile)
	}
	if !faults.Any() {
		if err := (space{c.Base, c.Axes}).check(); err != nil {
			faults.Addf("over: %w", err)
		}
	}
	return faults.Err()
}

// Events of a search.
type (
	// Began comes before the first trial.
	Began struct {
		Axes     []Axis
		Recalled int // trials that the folder had
		Trials   int // that there are to be; 0: as many as there is time for
	}
	// Trained follows each evaluated epoch of a trial.
	Trained struct {
		Trial    int
		Settings []Setting
		Epochs   int // there are to be
		Point
	}
	// Ended follows each trial.
	Ended struct {
		Trial
		Best bool // the best so far
	}
)

// Result is what a search found.
type Result struct {
	Metric string
	Axes   []Axis
	Trials []Trial
	Best   int    // index of the best trial; −1 where none was done
	File   string // the configuration of the best, "" without one
	Run    string // its run folder

	// Test is what the best reached on test; nil where there is none, or where the search
	// was interrupted.
	Test        []train.Value
	Stopped     string // why there are no more trials
	Interrupted bool
	Seconds     float64 // that the search took, earlier calls included
}

// Why says why no trial was done: how the last one that failed did.
func (r *Result) Why() string {
	for _, t := range slices.Backward(r.Trials) {
		if t.Reason != "" {
			return t.Reason
		}
	}
	return r.Stopped
}

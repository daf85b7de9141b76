// Package tune searches for the settings of a configuration whose run has the best value of
// the monitored metric on the valid split.
//
// A search is a sequence of trials, each a run of package train with a value for each axis,
// one after the other. What is tried follows from the seed and the trials before, so that a
// search is the same at any time; each trial that has ended is a line of a journal, and a
// search that is started again in its folder takes those and goes on. A trial that was cut
// off goes on from its run's last checkpoint.
//
// Test is measured once, at the end, of the best trial alone.
//
// Why the estimator is here and not a library's: of the Go libraries there is goptuna, whose
// TPE of v0.9.0 draws kernels, and choices, from the global source of math/rand, so that a
// seed does not decide what it tries, and sums the logarithms of kernels where it means to
// add their densities. On (x−2)² + (y+5)² over [−10, 10]², its best of 40 trials is .78 in
// the median of 200 seeds, and that of Optuna .15; see TestTPE for what this one's is.
package tune

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/lock"
	"github.com/fenchel-ml/fenchel/internal/memory"
	"github.com/fenchel-ml/fenchel/train"
)

// Config says what to search.
type Config struct {
	Base train.Config // what all trials share
	Axes []Axis       // what they differ in; empty: Around

	Search string // one of Searches; "": "tpe". What it draws follows from Base's seed
	Prune  string // one of Prunings; "": "none"

	// Trials and Budget end the search, whichever comes first: so many trials, or so much
	// time in trials, those of earlier calls included. 0 is no limit; without both it is
	// DefaultTrials, and of a grid all of it.
	Trials int
	Budget time.Duration

	Force bool   // runs trials even where their memory is not available
	Dir   string // that the search is kept in
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

// These are the ends of a search.
const (
	allTrials   = "all trials are done"
	noTime      = "the budget is used up"
	noMore      = "every combination of values has been tried"
	interrupted = "it was interrupted"
)

// available is what runs may take; tests put another in its place.
var available = memory.Available

// tuning is the state of Run.
type tuning struct {
	Config
	set     *data.Dataset
	space   space
	search  search
	plan    *train.Plan // of Base
	journal *journal
	observe func(any)
	started time.Time
	before  float64 // seconds that earlier calls took
}

// Run searches on set, the data of c.Base. Cancelling ctx ends it after the step under way;
// the result then holds what was found, and the error is nil. observe, which may be nil, is
// told of *Began, *Trained and *Ended.
func Run(ctx context.Context, c Config, set *data.Dataset, observe func(any)) (res *Result, err error) {
	if err := errors.Join(c.Validate(), set.Validate()); err != nil {
		return nil, err
	}
	if c.Search == "" {
		c.Search = "tpe"
	}
	if c.Prune == "" {
		c.Prune = NoPruning
	}
	if observe == nil {
		observe = func(any) {}
	}
	t := &tuning{Config: c, set: set, observe: observe}
	if t.search, err = lookup(c.Search); err != nil {
		return nil, err
	}
	if t.plan, err = c.Base.Plan(); err != nil {
		return nil, err
	}
	if t.plan, err = t.plan.On(set); err != nil {
		return nil, err
	}
	if set.Valid.Len() == 0 {
		return nil, fmt.Errorf("the valid split of %s has no interactions, and it is what settings are chosen by", set.Name)
	}
	if len(t.Axes) == 0 {
		if t.Axes, err = Around(c.Base, set); err != nil {
			return nil, fmt.Errorf("over: %w", err)
		}
	}
	if n := t.search.steps; n > 0 {
		t.Axes = slices.Clone(t.Axes)
		for i, a := range t.Axes {
			t.Axes[i] = a.cutInto(n)
		}
	}
	// What is usual of one model is measured of all.
	t.Base.Eval.Metrics, t.Base.Train.Monitor = t.plan.Config.Eval.Metrics, t.plan.Config.Train.Monitor
	t.space = space{t.Base, t.Axes}
	if t.Trials == 0 && t.Budget == 0 && t.search.steps == 0 {
		t.Trials = DefaultTrials
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	l, err := lock.Take(c.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	h := header{Version: journalVersion, Config: t.plan.Config.String(), Data: set.Hash(), Search: c.Search, Prune: c.Prune}
	for _, a := range t.Axes {
		h.Over = append(h.Over, a.String())
	}
	if t.journal, err = openJournal(c.Dir, h); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.journal.file.Close()) }()
	return t.run(ctx)
}

// run does the trials that are not done yet, and measures the best.
func (t *tuning) run(ctx context.Context) (*Result, error) {
	j := t.journal
	if err := t.recognise(); err != nil {
		return nil, err
	}
	t.before, t.started = j.spent, time.Now()
	t.observe(&Began{Axes: t.Axes, Recalled: len(j.trials), Trials: t.Trials})
	if err := t.tidy(); err != nil {
		return nil, err
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if t.Budget > 0 {
		limited, cancel = context.WithTimeout(ctx, t.Budget-time.Duration(t.before*float64(time.Second)))
	}
	defer cancel()
	res := &Result{Metric: t.plan.Monitor.String(), Axes: t.Axes}
	fresh := 0
	for {
		switch {
		case t.Trials > 0 && len(j.trials) >= t.Trials:
			res.Stopped = allTrials
		case ctx.Err() != nil:
			res.Stopped, res.Interrupted = interrupted, true
		case limited.Err() != nil:
			res.Stopped = noTime
		}
		if res.Stopped != "" {
			break
		}
		values, ok := t.next(j.trials)
		if !ok {
			res.Stopped = noMore
			break
		}
		trial, err := t.try(limited, values)
		if err != nil {
			return nil, err
		}
		if trial == nil { // it was cut off, and goes on another time
			continue
		}
		fresh++
		if err := j.append(trial); err != nil {
			return nil, err
		}
		j.trials = append(j.trials, *trial)
		best := t.best() == trial.Number
		if best {
			if err := t.saveBest(); err != nil {
				return nil, err
			}
		}
		if err := t.tidy(); err != nil {
			return nil, err
		}
		t.observe(&Ended{*trial, best})
	}
	res.Trials, res.Best, res.Seconds = j.trials, t.best(), t.seconds()
	if fresh > 0 || res.Stopped == noTime || res.Interrupted {
		if err := j.append(stop{res.Stopped, len(j.trials), res.Seconds}); err != nil {
			return nil, err
		}
	}
	if res.Best < 0 {
		return res, nil
	}
	if err := t.saveBest(); err != nil {
		return nil, err
	}
	res.File, res.Run = filepath.Join(t.Dir, BestFile), t.folder(res.Best)
	if res.Interrupted || t.set.Test.Len() == 0 {
		return res, nil
	}
	var err error
	if res.Test, err = t.test(ctx, res.Best); err == nil && res.Test == nil {
		res.Interrupted, res.Stopped = true, interrupted
	}
	return res, err
}

// seconds is how long the search has taken, earlier calls included.
func (t *tuning) seconds() float64 { return t.before + time.Since(t.started).Seconds() }

// recognise returns an error unless the trials on record are what this search tries.
func (t *tuning) recognise() error {
	for n, trial := range t.journal.trials {
		values, ok := t.next(t.journal.trials[:n])
		if ok {
			_, took, err := t.space.config(values)
			if err != nil {
				took = t.settings(values)
			}
			ok = slices.Equal(took, trial.Settings) && (err == nil || trial.State == Failed)
		}
		if !ok {
			return fmt.Errorf("%s: trial %d has %s, which is not what this search tries after those before it: the file was changed, or another version of the program wrote it; name another folder",
				filepath.Join(t.Dir, JournalFile), n, Text(trial.Settings))
		}
	}
	return nil
}

// next returns the values of the axes to try after some trials, or false where there are
// none left.
func (t *tuning) next(trials []Trial) ([]string, bool) {
	h := history{seed: t.Base.Train.Seed, axes: t.Axes}
	tried := map[string]bool{}
	rank := ranks(trials, t.plan.Monitor)
	for i, trial := range trials {
		o := observed{places: make([]float64, len(t.Axes)), rank: rank[i]}
		if trial.State == Failed {
			o.rank = math.Inf(1)
		}
		for k, a := range t.Axes {
			o.places[k] = -1
			for _, s := range trial.Settings {
				if s.Name == a.name {
					o.places[k], _ = a.place(s.Value)
				}
			}
		}
		h.tried = append(h.tried, o)
		tried[Text(trial.Settings)] = true
	}
	known := map[string]bool{} // whether values say what has been tried, by all of them
	places, ok := t.search.next(h, func(places []float64) bool {
		values := t.values(places)
		key := strings.Join(values, "\x00")
		was, ok := known[key]
		if !ok {
			_, settings, err := t.space.config(values)
			if err != nil { // it is told of as it is
				settings = t.settings(values)
			}
			was = tried[Text(settings)]
			known[key] = was
		}
		return !was
	})
	if !ok {
		return nil, false
	}
	return t.values(places), true
}

func (t *tuning) values(places []float64) []string {
	values := make([]string, len(places))
	for i, a := range t.Axes {
		values[i] = a.at(places[i])
	}
	return values
}

// settings are those of all axes.
func (t *tuning) settings(values []string) (all []Setting) {
	for i, a := range t.Axes {
		all = append(all, Setting{a.name, values[i]})
	}
	return all
}

// folder is the run folder of a trial.
func (t *tuning) folder(trial int) string {
	return filepath.Join(t.Dir, runsFolder, strconv.Itoa(trial))
}

// best returns the best trial, the first of equals; −1 without any.
func (t *tuning) best() int {
	best := -1
	for i, x := range t.journal.trials {
		if x.State == Done && (best < 0 || t.plan.Monitor.Better(float64(x.Value), float64(t.journal.trials[best].Value))) {
			best = i
		}
	}
	return best
}

// tidy removes the run folders of trials that have ended and are not the best.
func (t *tuning) tidy() error {
	entries, err := os.ReadDir(filepath.Join(t.Dir, runsFolder))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err == nil && n < len(t.journal.trials) && n != t.best() {
			if err := os.RemoveAll(t.folder(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// try runs the next trial, or goes on with it; nil where ctx cut it off.
func (t *tuning) try(ctx context.Context, values []string) (*Trial, error) {
	trial := &Trial{Number: len(t.journal.trials), State: Failed, Value: report.Number(math.NaN())}
	cfg, took, err := t.space.config(values)
	if trial.Settings = took; err != nil {
		trial.Settings, trial.Reason = t.settings(values), err.Error()
		return trial, nil
	}
	plan, err := cfg.Plan()
	if err == nil {
		err = t.fits(plan)
	}
	if err != nil {
		trial.Reason = err.Error()
		return trial, nil
	}
	folder, err := train.OpenFolder(t.folder(trial.Number))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if t.Prune != NoPruning || folder.Ended() { // what came before is not known here, or cannot be gone on with
		if err := folder.Clear(); err != nil {
			return nil, err
		}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	pruned := false
	r, err := folder.Train(running, plan, t.set, func(e train.Event) {
		done, ok := e.(*train.EpochDone)
		if !ok || done.Valid == nil {
			return
		}
		p := t.point(done)
		trial.Course = append(trial.Course, p)
		t.observe(&Trained{trial.Number, trial.Settings, plan.Config.Train.Epochs, p})
		if t.Prune == MedianPruning && done.Epoch < plan.Config.Train.Epochs && behind(trial.Course, t.journal.trials, t.plan.Monitor.Better) {
			pruned = true
			stop()
		}
	})
	if r == nil {
		var path *iofs.PathError
		var held *train.HeldError
		var system syscall.Errno
		if errors.As(err, &path) || errors.As(err, &held) || errors.As(err, &system) {
			return nil, err // of the machine, not of the settings
		}
		trial.Reason = err.Error()
		return trial, nil
	}
	trial.Epochs, trial.Seconds, trial.Course = r.Epochs, r.Seconds, nil
	for _, e := range r.History {
		if e.Valid != nil {
			trial.Course = append(trial.Course, t.point(e))
		}
	}
	switch {
	case err != nil:
		trial.Reason = err.Error()
	case pruned:
		trial.State = Pruned
		for _, p := range trial.Course {
			if !trial.Value.Finite() || t.plan.Monitor.Better(float64(p.Value), float64(trial.Value)) {
				trial.Value = p.Value
			}
		}
	case r.Interrupted:
		return nil, nil
	default:
		value, ok := r.Valid.Get(plan.Config.Train.Monitor)
		if !ok || math.IsNaN(value) || math.IsInf(value, 0) {
			trial.Reason = fmt.Sprintf("%s on valid is not a number", plan.Config.Train.Monitor)
			break
		}
		trial.State, trial.Value = Done, report.Number(value)
	}
	return trial, nil
}

func (t *tuning) point(e *train.EpochDone) Point {
	value, ok := e.Valid.Get(t.plan.Config.Train.Monitor)
	if !ok {
		value = math.NaN()
	}
	return Point{e.Epoch, report.Number(value)}
}

// fits returns an error where a trial is estimated to need more memory than there is.
func (t *tuning) fits(plan *train.Plan) error {
	parts, err := plan.Estimate(t.set)
	if err != nil {
		return err
	}
	have, source, known := available()
	held, _ := memory.Resident()
	if need := parts.Total() - held; known && !t.Force && need > have {
		return fmt.Errorf("it needs about %d MiB more than this process holds, and %d MiB are available (%s)", need>>20, have>>20, source)
	}
	return nil
}

// saveBest writes the configuration of the best trial, which is that of its run.
func (t *tuning) saveBest() error {
	best := t.journal.trials[t.best()]
	cfg, err := train.LoadConfig(t.folder(best.Number))
	if err != nil { // the folder is gone: all of it follows from the settings, too
		if cfg, err = t.configOf(best); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("# trial %d of fenchel tune: %s\n# %s on valid: %v\n%s", best.Number, data.EscapeText(Text(best.Settings)), t.plan.Monitor, float64(best.Value), cfg)
	return fs.WriteBytes(filepath.Join(t.Dir, BestFile), []byte(text))
}

// planOf returns the plan of a trial on record.
func (t *tuning) planOf(trial Trial) (*train.Plan, error) {
	values, ok := t.next(t.journal.trials[:trial.Number])
	if !ok {
		return nil, fmt.Errorf("trial %d is not of this search", trial.Number)
	}
	cfg, _, err := t.space.config(values)
	if err != nil {
		return nil, err
	}
	return cfg.Plan()
}

func (t *tuning) configOf(trial Trial) (train.Config, error) {
	plan, err := t.planOf(trial)
	if err == nil {
		plan, err = plan.On(t.set)
	}
	if err != nil {
		return train.Config{}, err
	}
	return plan.Config, nil
}

// test measures a trial on test, unless that has been done, and makes its folder that of a
// run that has ended. It returns nil where ctx ends it before.
func (t *tuning) test(ctx context.Context, best int) ([]train.Value, error) {
	trial := t.journal.trials[best]
	if was := t.journal.tested; was != nil && was.Trial == best {
		return was.Values, nil
	}
	plan, err := t.planOf(trial)
	if err != nil {
		return nil, err
	}
	folder, err := train.OpenFolder(t.folder(best))
	if err != nil {
		return nil, err
	}
	if folder.Ended() { // it was measured, and what it reached was lost: it is made again
		err = folder.Clear()
	}
	if err := errors.Join(err, folder.Close()); err != nil {
		return nil, err
	}
	r, err := plan.RunDir(ctx, t.folder(best), t.set, nil)
	if err != nil || r.Interrupted {
		return nil, err
	}
	if value, _ := r.Valid.Get(plan.Config.Train.Monitor); value != float64(trial.Value) {
		return nil, fmt.Errorf("%s: the run of trial %d reaches %v on valid, and %v is on record: another kernel or program made it", t.folder(best), best, value, float64(trial.Value))
	}
	return r.Test.Values, t.journal.append(tested{best, r.Test.Values})
}

package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/lock"
	"github.com/fenchel-ml/fenchel/train"
)

// These are the ends of a search.
const (
	allTrials   = "all trials are done"
	noTime      = "the budget is used up"
	noMore      = "every combination of values has been tried"
	interrupted = "it was interrupted"
)

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
		if t.Axes, err = axesAround(c.Base, set); err != nil {
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
	if res.Interrupted {
		return res, nil
	}
	values, ended, err := t.end(ctx, res.Best)
	if res.Test = values; err == nil && !ended {
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

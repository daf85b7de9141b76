package tune

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"path/filepath"
	"syscall"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/train"
)

// try runs the next trial, or goes on with it; nil where ctx cut it off.
func (t *tuning) try(ctx context.Context, values []string) (trial *Trial, err error) {
	trial = &Trial{Number: len(t.journal.trials), State: Failed, Value: report.Number(math.NaN())}
	cfg, took, err := t.space.config(values)
	if trial.Settings = took; err != nil {
		trial.Settings, trial.Reason = t.settings(values), err.Error()
		return trial, nil
	}
	plan, err := cfg.Plan()
	if err == nil && t.Fits != nil {
		err = t.Fits(plan)
	}
	if err != nil {
		trial.Reason = err.Error()
		return trial, nil
	}
	folder, err := train.OpenFolder(t.folder(trial.Number))
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := folder.Close(); e != nil {
			trial, err = nil, errors.Join(err, e)
		}
	}()
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

// end ends the run of the best trial, which measures test, unless that has been done. It
// reports false where ctx ends it before.
func (t *tuning) end(ctx context.Context, best int) ([]train.Value, bool, error) {
	trial := t.journal.trials[best]
	if was := t.journal.tested; was != nil && was.Trial == best {
		return was.Values, true, nil
	}
	plan, err := t.planOf(trial)
	if err != nil {
		return nil, false, err
	}
	folder, err := train.OpenFolder(t.folder(best))
	if err != nil {
		return nil, false, err
	}
	if folder.Ended() { // what it came to on test was lost: it is trained again
		err = folder.Clear()
	}
	if err := errors.Join(err, folder.Close()); err != nil {
		return nil, false, err
	}
	r, err := plan.RunDir(ctx, t.folder(best), t.set, nil)
	if err != nil || r.Interrupted {
		return nil, false, err
	}
	if value, _ := r.Valid.Get(plan.Config.Train.Monitor); value != float64(trial.Value) {
		return nil, false, fmt.Errorf("%s: the run of trial %d comes to %v on valid, and %v is on record: another kernel or program made it", t.folder(best), best, value, float64(trial.Value))
	}
	line := tested{Trial: best}
	if r.Test != nil {
		line.Values = r.Test.Values
	}
	return line.Values, true, t.journal.append(line)
}

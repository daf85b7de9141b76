package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/train"
)

// A Job is one run: all that decides its numbers, and where it is kept.
type Job struct {
	Config train.Config `json:"config"` // defaults written out
	Split  string       `json:"split"`  // hash of the data
	Budget Budget       `json:"budget"`

	Dir      string `json:"dir"`      // of all runs
	Parallel int    `json:"parallel"` // runs at a time; decides nothing but the seconds
}

// key names the run: what it is, and a hash of all that decides its numbers.
func (j Job) key() string {
	h := sha256.New()
	// The tag changes with the meaning of an outcome file.
	fmt.Fprintf(h, "fenchel compare 1\n%s\n%s\n%d %g\n", j.Config.String(), j.Split, j.Budget.Steps, j.Budget.Seconds)
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		if r == '+' { // of 1e+06, which is not 1e-06
			return -1
		}
		return '-'
	}, j.Config.Loss)
	return fmt.Sprintf("%s-s%d-%.12s", name[:min(len(name), 40)], j.Config.Train.Seed, hex.EncodeToString(h.Sum(nil)))
}

// folder is the run folder, and file the outcome beside it.
func (j Job) folder() string { return filepath.Join(j.Dir, j.key()) }
func (j Job) file() string   { return j.folder() + ".json" }

// An Outcome is what one run reached: what its file holds.
type Outcome struct {
	Key    string       `json:"key"`
	Config train.Config `json:"-"`
	Text   string       `json:"config"` // YAML of Config
	Split  string       `json:"split"`
	Budget Budget       `json:"budget"`

	// Failed says why there are no numbers: training became NaN or infinite.
	Failed string `json:"failed,omitempty"`

	Epochs          float64       `json:"epochs"` // a budget may end within one
	Steps           int           `json:"steps"`
	Seconds         float64       `json:"seconds"`           // of training, without evaluation
	SecondsPerEpoch report.Number `json:"seconds_per_epoch"` // median of the whole epochs; of less than one, in proportion
	Curve           []Point       `json:"curve"`
	Valid           []train.Value `json:"valid,omitempty"`
	Test            []train.Value `json:"test,omitempty"`
	Parameters      int           `json:"parameters"`
	Kernel          string        `json:"kernel"`              // what computed, as in "avx512+amx:bf16"
	Precision       string        `json:"precision,omitempty"` // what came of a precision below the highest

	// Peak is the largest resident memory in bytes from the moment the data were
	// loaded, which it includes; 0 where it was not measured, as with runs that share
	// a process.
	Peak     int64 `json:"peak_bytes,omitempty"`
	Parallel int   `json:"parallel"` // runs that shared the machine

	// Buckets is the recall of the relevant items of each popularity bucket, at the
	// cut-off of the first metric.
	Buckets []report.Number `json:"buckets,omitempty"`

	// PerUser[m][i] is metric m of the i-th user with relevant items of the reported
	// split; null of a pooled metric.
	PerUser [][]float64 `json:"per_user,omitempty"`
}

// A Point is where a run stood after an evaluation.
type Point struct {
	Epoch   float64       `json:"epoch"`
	Seconds float64       `json:"seconds"` // of training since the start
	Loss    report.Number `json:"loss"`    // mean over the epoch; null where a budget ends within one
	Valid   []train.Value `json:"valid,omitempty"`
}

// Progress is told after each epoch of a run.
type Progress struct {
	Epoch   int     `json:"epoch"`
	Epochs  int     `json:"epochs"` // 0 where another budget ends the run
	Seconds float64 `json:"seconds"`
	Metric  string  `json:"metric,omitempty"`
	Value   float64 `json:"value"`
}

// A Runner executes a job and returns its outcome, which it has also written to
// the job's file. A run that ctx ends returns ctx's error and leaves a folder that
// the next attempt goes on from. set is the job's data.
type Runner func(ctx context.Context, j Job, set *data.Dataset, progress func(Progress)) (*Outcome, error)

// recall returns the outcome that an earlier attempt left, or nil.
func recall(j Job) (*Outcome, error) {
	text, err := os.ReadFile(j.file())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	o := &Outcome{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("compare: %s: %w; remove it to run it again", j.file(), err)
	}
	if o.Key != j.key() || o.Text != j.Config.String() || o.Split != j.Split {
		return nil, fmt.Errorf("compare: %s is the outcome of another run; remove it to run it again", j.file())
	}
	o.Config = j.Config
	return o, nil
}

// executeHere runs a job in this process, or goes on with it where its folder holds
// its beginning; see Runner.
func executeHere(ctx context.Context, j Job, set *data.Dataset, progress func(Progress)) (*Outcome, error) {
	return execute(ctx, j, set, progress, func() int64 { return 0 })
}

// execute is executeHere in a process whose peak memory is that of the run.
func execute(ctx context.Context, j Job, set *data.Dataset, progress func(Progress), peak func() int64) (o *Outcome, err error) {
	plan, err := j.Config.Plan()
	if err != nil {
		return nil, err
	}
	if set, err = plan.SetOf(set); err != nil {
		return nil, err
	}
	folder, err := train.OpenFolder(j.folder())
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := folder.Close(); e != nil {
			o, err = nil, errors.Join(err, e)
		}
	}()
	if j.Budget.Seconds > 0 || folder.Ended() {
		// Seconds cannot be resumed: what was used is not known. And a run that ended
		// without an outcome was cut off in between; its weights alone are not enough.
		if err := folder.Clear(); err != nil {
			return nil, err
		}
	}
	r := &runner{Job: j, progress: progress}
	budget, stop := context.WithCancel(ctx)
	defer stop()
	r.stop = stop
	res, err := folder.Run(budget, plan, set, r.observe)
	o = &Outcome{Key: j.key(), Config: j.Config, Text: j.Config.String(), Split: j.Split, Budget: j.Budget, Parallel: j.Parallel, Parameters: r.parameters,
		Kernel: plan.Kernel(), Precision: plan.PrecisionNote()}
	switch {
	case res == nil:
		return nil, err
	case err != nil:
		o.Failed = err.Error()
		r.fill(o, res)
	case ctx.Err() != nil && res.Interrupted:
		return nil, ctx.Err()
	default:
		r.fill(o, res)
		// Training is over: a request to end that comes now would only lose it.
		if err := r.measure(context.WithoutCancel(ctx), o, res, set); err != nil {
			return nil, err
		}
	}
	o.Peak = peak()
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	if err := fs.WriteBytes(j.file(), append(text, '\n')); err != nil {
		return nil, err
	}
	// What a budget ended would otherwise look as if it were to go on.
	if err := folder.End(); err != nil {
		return nil, err
	}
	return o, nil
}

// runner watches a run and ends it at its budget.
type runner struct {
	Job
	progress func(Progress)
	stop     context.CancelFunc

	parameters, perEpoch int
	steps                int
	seconds              float64   // of whole epochs
	since                time.Time // the start of the epoch under way
	spent                float64   // at the last step
}

func (r *runner) observe(e train.Event) {
	switch e := e.(type) {
	case *train.Started:
		r.parameters, r.perEpoch = e.Parameters, e.Steps
		r.steps = e.Epoch*e.Steps + e.Step
		r.since = time.Now()
		if r.Budget.Steps > 0 && r.steps >= r.Budget.Steps {
			r.stop()
		}
	case *train.Stepped:
		r.steps++
		r.spent = r.seconds + time.Since(r.since).Seconds()
		if r.Budget.Steps > 0 && r.steps >= r.Budget.Steps || r.Budget.Seconds > 0 && r.spent >= r.Budget.Seconds {
			r.stop()
		}
	case *train.EpochDone:
		r.seconds += e.Seconds
		p := Progress{Epoch: e.Epoch, Epochs: r.Config.Train.Epochs, Seconds: r.seconds, Value: math.NaN()}
		if r.Budget.limited() && r.Budget.Epochs == 0 {
			p.Epochs = 0
		}
		if e.Valid != nil {
			if value, ok := e.Valid.Get(r.Config.Train.Monitor); ok { // the run has failed without
				p.Metric, p.Value = r.Config.Train.Monitor, value
			}
		}
		if r.progress != nil && p.Metric != "" {
			r.progress(p)
		}
		r.since = time.Now()
	}
}

// fill takes down the course of the run.
func (r *runner) fill(o *Outcome, res *train.Result) {
	var epochs []float64
	for _, e := range res.History {
		o.Seconds += e.Seconds
		epochs = append(epochs, e.Seconds)
		p := Point{Epoch: float64(e.Epoch), Seconds: o.Seconds, Loss: report.Number(e.Loss)}
		if e.Valid != nil {
			p.Valid = e.Valid.Values
		}
		o.Curve = append(o.Curve, p)
	}
	o.Epochs, o.Steps = float64(len(res.History)), len(res.History)*r.perEpoch
	o.SecondsPerEpoch = report.Number(statistics.Median(epochs))
	if res.Interrupted { // by the budget, maybe within an epoch
		o.Steps = r.steps
		o.Epochs = float64(r.steps) / float64(max(1, r.perEpoch))
		o.Seconds = max(o.Seconds, r.spent)
		if len(epochs) == 0 {
			o.SecondsPerEpoch = report.Number(o.Seconds / o.Epochs)
		}
	}
}

// measure evaluates the weights that the run ended with.
func (r *runner) measure(ctx context.Context, o *Outcome, res *train.Result, set *data.Dataset) error {
	var err error
	ats := res.Trained.Plan.Metrics
	valid := res.Valid
	if set.Valid.Len() > 0 && (valid == nil || res.Interrupted) {
		if valid, err = res.Trained.Evaluate(ctx, set, "valid", ats); err != nil {
			return notFinite(o, err)
		}
		if res.Interrupted {
			o.Curve = append(o.Curve, Point{Epoch: o.Epochs, Seconds: o.Seconds, Loss: report.Number(math.NaN()), Valid: valid.Values})
		}
	}
	if valid != nil {
		o.Valid = valid.Values
	}
	name, _ := split(set)
	reported := valid
	if name == "test" {
		if reported = res.Test; reported == nil {
			if reported, err = res.Trained.Evaluate(ctx, set, "test", ats); err != nil {
				return notFinite(o, err)
			}
		}
		o.Test = reported.Values
	}
	if reported == nil {
		return fmt.Errorf("compare: %s has neither test nor valid interactions", set.Name)
	}
	if o.PerUser = reported.PerExample; o.PerUser == nil {
		// Kept scores of an earlier epoch have their users' values only in the process
		// that measured them.
		if reported, err = res.Trained.Evaluate(ctx, set, name, ats); err != nil {
			return notFinite(o, err)
		}
		o.PerUser = reported.PerExample
	}
	o.Buckets, err = bucketRecall(ctx, res.Trained, set, name, cutoff(ats[0]))
	return err
}

// notFinite makes a failed outcome of an evaluation that met scores that are no
// numbers, which is all that can go wrong in one.
func notFinite(o *Outcome, err error) error {
	o.Failed = err.Error()
	return nil
}

package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Result is what a run reached.
type Result struct {
	Trained *Recommender // with the weights that Run says

	Epochs      int  // done, counting a resumed run's earlier ones
	BestEpoch   int  // from 1: the best value of the monitored metric; 0 if none was measured
	Interrupted bool // the context ended the run before its end, its last evaluation included; the weights are those of the moment
	Stopped     bool // early stopping ended the training

	// Valid are the metrics of Trained's weights on valid, or, if the run was
	// interrupted, the last that were measured. Test are those on test. Each is nil
	// where the split is empty or nothing was measured.
	Valid, Test *Scores

	History []*EpochDone // of every epoch, earlier ones of a resumed run too
	Seconds float64      // training and evaluation, counting a resumed run's earlier ones
}

// Run is [Plan.Run] of cfg's plan.
func Run(ctx context.Context, cfg Config, set *data.Dataset, obs Observer) (*Result, error) {
	p, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, set, obs)
}

// Run trains p on set. Cancelling ctx ends the run after the step under way:
// the result then holds what was reached, and the error is nil.
//
// If the loss or a gradient becomes NaN or infinite the run stops with an error
// that says where; the result beside it then holds the last good weights: of the
// best epoch with Patience, else of the last epoch done, else the first ones.
func (p *Plan) Run(ctx context.Context, set *data.Dataset, obs Observer) (res *Result, err error) {
	if err := p.agrees(set); err != nil {
		return nil, err
	}
	r, err := newRun(p, set, obs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.execute(ctx, "")
}

// run is the state of a run.
type run struct {
	set     *data.Dataset
	obs     Observer
	plan    *Plan // of trained
	trained *Recommender
	solver  solver
	dir     string // run folder, or ""

	progress
	kept     [][]float32 // weights to fall back to, as Recommender.Tables
	hash     string      // of the split; with a folder only
	started  time.Time   // of this process's part
	lastSave time.Time
	moved    bool // a step was done by this process
	untested bool // test is not to be measured

	extensible bool   // the folder keeps what more epochs begin with
	before     string // what computed the steps before, where it is not what does now
}

// progress is where a run stands: what a checkpoint saves of it.
type progress struct {
	Epoch, Step int // next step; Step may be the number of steps: to evaluate

	// Sums of the epoch under way.
	LossSum, GradSum float64
	Clipped          int     // steps whose gradient was clipped
	Weight           float64 // of the rows of LossSum
	TrainSeconds     float64

	History   []*EpochDone
	Best      float64 // value of the monitored metric, if BestEpoch > 0
	BestEpoch int
	NotBetter int // evaluations in a row that were not better
	Seconds   float64
}

// newRun returns a run at its first step; close ends it.
func newRun(p *Plan, set *data.Dataset, obs Observer) (*run, error) {
	if err := kernel.Err(); err != nil {
		return nil, err
	}
	set, err := p.SetOf(set)
	if err != nil {
		return nil, err
	}
	trained, err := p.New(set)
	if err != nil {
		return nil, err
	}
	p = trained.Plan // it says what the data decide
	if obs == nil {
		obs = func(Event) {}
	}
	if set.Train.Len() == 0 {
		return nil, fmt.Errorf("train: the train split of %s has no interactions", set.Name)
	}
	if p.Config.Train.StopsEarly() && set.Valid.Len() == 0 {
		return nil, fmt.Errorf("train: train.patience needs a valid split, and that of %s has no interactions", set.Name)
	}
	// What cannot be measured is said before training, and not at the end of it.
	for part, split := range data.Splits()[1:] {
		if set.Parts()[1+part].Len() == 0 {
			continue
		}
		if _, err := trained.Evaluation(set, split, p.Metrics); err != nil {
			return nil, err
		}
	}
	r := &run{set: set, obs: obs, plan: p, trained: trained, started: time.Now()}
	if r.solver, err = p.solver.Spec.new(p.solver.Values, r); err != nil {
		return nil, err
	}
	r.keep()
	return r, nil
}

func (r *run) close() error { return r.solver.close() }

// execute runs r from where it stands: of a folder from where that says, if dir is not
// "".
func (r *run) execute(ctx context.Context, dir string) (*Result, error) {
	if r.dir = dir; dir != "" {
		if err := r.openFolder(); err != nil {
			return nil, err
		}
	}
	r.obs(&Started{
		Plan: r.plan, Config: r.plan.Config, Users: r.set.Users, Items: r.set.Items, Pairs: r.set.Train.Len(), Parameters: r.trained.Parameters(),
		Steps: r.solver.steps(), Epoch: r.Epoch, Step: r.Step, Trained: r.trained, Before: r.before,
	})
	return r.loop(ctx)
}

// loop is the one training loop.
func (r *run) loop(ctx context.Context) (*Result, error) {
	c := r.plan.Config
	r.lastSave = time.Now()
	if r.solver.steps() < 1 {
		return nil, fmt.Errorf("train: an epoch of %s has no step", r.set.Name)
	}
	for r.Epoch < c.Train.Epochs && !r.stopped() {
		for r.Step < r.solver.steps() {
			if ctx.Err() != nil {
				return r.interrupted(r.result())
			}
			start := time.Now()
			o, err := r.solver.step(ctx, r.Epoch, r.Step)
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return r.interrupted(r.result())
			}
			var d *divergence
			if errors.As(err, &d) {
				return r.diverged(d)
			}
			if err != nil {
				return nil, err
			}
			r.moved = true
			r.TrainSeconds += time.Since(start).Seconds()
			r.LossSum += o.loss * o.weight
			r.Weight += o.weight
			r.GradSum += o.gradNorm
			if o.clipped {
				r.Clipped++
			}
			r.obs(&Stepped{Epoch: r.Epoch, Step: r.Step, Loss: o.loss, GradNorm: o.gradNorm})
			r.Step++
		}
		done := &EpochDone{
			Epoch: r.Epoch + 1, Loss: r.LossSum / r.Weight, GradNorm: r.GradSum / float64(r.solver.steps()),
			Clipped: float64(r.Clipped) / float64(r.solver.steps()),
			Seconds: r.TrainSeconds, Scalars: r.trained.Scalars(),
		}
		if r.set.Valid.Len() > 0 && (done.Epoch%c.Eval.Every == 0 || done.Epoch == c.Train.Epochs) {
			var err error
			if done.Valid, err = r.trained.Evaluate(ctx, r.set, "valid", r.plan.Metrics); err != nil {
				if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
					return r.interrupted(r.result()) // the epoch's evaluation is the next thing to do
				}
				return r.diverged(&divergence{err.Error()})
			}
			value, ok := done.Valid.of(r.plan.Monitor)
			if !ok {
				return nil, fmt.Errorf("train: train.monitor %s is not among what was measured (%s)", c.Train.Monitor, done.Valid)
			}
			if r.BestEpoch == 0 || r.plan.Monitor.Better(value, r.Best) {
				r.Best, r.BestEpoch, r.NotBetter, done.Best = value, done.Epoch, 0, true
			} else {
				r.NotBetter++
			}
		}
		// Without Patience the last epoch is kept, with it the best. An epoch that is
		// not evaluated is neither.
		if !c.Train.StopsEarly() || done.Best {
			if err := r.trained.finite(); err != nil {
				return r.diverged(&divergence{err.Error()})
			}
			r.keep()
		}
		r.History = append(r.History, done)
		r.Epoch++
		r.Step, r.LossSum, r.GradSum, r.Clipped, r.Weight, r.TrainSeconds = 0, 0, 0, 0, 0, 0
		r.obs(done)
		if r.dir != "" {
			if err := r.saveEpoch(); err != nil {
				return nil, err
			}
		}
	}
	return r.finish(ctx)
}

// stopped reports whether early stopping has ended the run: a function of what a
// checkpoint saves, so that a run that is taken up after its last epoch trains no
// further.
func (r *run) stopped() bool {
	c := r.plan.Config.Train
	return c.StopsEarly() && r.NotBetter >= *c.Patience
}

// finish restores the best weights if asked to, and measures them. What interrupts it
// leaves it to be done again.
func (r *run) finish(ctx context.Context) (*Result, error) {
	res := r.result()
	res.Stopped = r.stopped()
	if err := r.saveState(); err != nil {
		return nil, err
	}
	if r.plan.Config.Train.StopsEarly() {
		r.restore()
		res.Valid = r.History[r.BestEpoch-1].Valid
	}
	if r.untested {
		if err := r.saveCheckpoint(); err != nil { // from which the run goes on to its end
			return nil, err
		}
	} else if r.set.Test.Len() > 0 {
		var err error
		if res.Test, err = r.trained.Evaluate(ctx, r.set, "test", r.plan.Metrics); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return r.interrupted(res)
			}
			return nil, err
		}
	}
	res.Seconds = r.seconds()
	if r.dir != "" {
		if err := r.saveFinal(!r.untested); err != nil {
			return nil, err
		}
	}
	r.obs(&Finished{res})
	return res, nil
}

// interrupted ends the run where it stands, with res.
func (r *run) interrupted(res *Result) (*Result, error) {
	res.Interrupted = true
	if r.dir != "" {
		if err := errors.Join(r.saveCheckpoint(), r.saveFinal(false)); err != nil {
			return nil, err
		}
	}
	r.obs(&Finished{res})
	return res, nil
}

// diverged ends the run with the weights that were kept.
func (r *run) diverged(d *divergence) (*Result, error) {
	r.restore()
	kept := "the first weights"
	switch {
	case r.plan.Config.Train.StopsEarly() && r.BestEpoch > 0:
		kept = fmt.Sprintf("the weights of epoch %d", r.BestEpoch)
	case !r.plan.Config.Train.StopsEarly() && r.Epoch > 0:
		kept = fmt.Sprintf("the weights of epoch %d", r.Epoch)
	}
	c := r.plan.Config
	advice := "raise the solver's reg"
	if c.Train.Optimizer != "" {
		advice = fmt.Sprintf("lower the learning rate of train.optimizer (%s), warm it up (train.schedule), or raise model.temperature (%s)",
			c.Train.Optimizer, c.Model.Temperature)
		if r.Epoch == 0 && r.Step == 0 {
			advice = fmt.Sprintf("no weight has moved yet, so that the loss (%s), the data or model.temperature (%s) makes it", c.Loss, c.Model.Temperature)
		}
	}
	err := fmt.Errorf("train: epoch %d, step %d of %d: %s; %s; %s are kept", r.Epoch+1, min(r.Step+1, r.solver.steps()), r.solver.steps(), d.what, advice, kept)
	res := r.result()
	if r.dir != "" {
		err = errors.Join(err, r.saveFinal(false))
	}
	return res, err
}

func (r *run) result() *Result {
	res := &Result{Trained: r.trained, Epochs: r.Epoch, BestEpoch: r.BestEpoch, History: r.History, Seconds: r.seconds()}
	for _, e := range slices.Backward(r.History) {
		if e.Valid != nil {
			res.Valid = e.Valid
			break
		}
	}
	return res
}

func (r *run) seconds() float64 { return r.Seconds + time.Since(r.started).Seconds() }

// keep copies the weights as those to fall back to.
func (r *run) keep() {
	tables := r.trained.Tables()
	if r.kept == nil {
		r.kept = make([][]float32, len(tables))
		for i, t := range tables {
			r.kept[i] = make([]float32, len(t.Data))
		}
	}
	for i, t := range tables {
		copy(r.kept[i], t.Data)
	}
}

func (r *run) restore() {
	for i, t := range r.trained.Tables() {
		copy(t.Data, r.kept[i])
	}
}

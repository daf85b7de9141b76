package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/lock"
	"github.com/fenchel-ml/fenchel/internal/memory"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// An Observer is told what happens, one event at a time, from any goroutine. A
// nil Observer is none.
type Observer func(Event)

// An Event is one of *Planned, *Refused, *Progressed and *Ended.
type Event interface{ event() }

// Planned comes before the runs of a part: tuning, if there is any, then the
// comparison.
type Planned struct {
	Tuning   bool
	Variants int
	Runs     int // to be done
	Recalled int // that an earlier attempt did
}

// Progressed follows each evaluated epoch of a run.
type Progressed struct {
	Name string // of the variant, with the point of its grid
	Seed uint64
	Progress
}

// Ended follows each run that was done, failed or, with Err, could not be done.
type Ended struct {
	Name    string
	Seed    uint64
	Outcome *Outcome // nil with Err
	Err     error
	Done    int // of the part's runs, with this one
	Runs    int
}

// Refused follows Planned for each run that cannot begin: its settings do not fit the data.
// No part counts it.
type Refused struct {
	Name string
	Seed uint64
	Err  error
}

func (*Planned) event()    {}
func (*Refused) event()    {}
func (*Progressed) event() {}
func (*Ended) event()      {}

// task is a run that is wanted.
type task struct {
	variant, point int // point is of a grid
	settings       []Setting
	name           string
	job            Job
	set            *data.Dataset // the job's
	usualPatience  bool          // nobody gives another
	out            *Outcome
	err            error
}

// comparison is the state of Run.
type comparison struct {
	Config
	set      *data.Dataset // what the rows' runs learn from and are measured on
	hash     string        // of set
	tuned    *data.Dataset // of the runs that choose settings: set, but for a valid part of its own
	variants []Variant
	grids    [][][]Setting // by variant
	best     []int         // chosen point; while there is none, unchosen or allFailed
	searches []*Search
	tested   int // examples that the reported means are over
	observe  func(Event)
}

// What comparison.best has where no point is chosen.
const (
	unchosen  = -1 // an interruption left values out
	allFailed = -2
)

// Run compares on set, the data of c.Base. Cancelling ctx ends it after the steps
// under way: the result then holds what was reached, and the error is nil. A run
// that fails is reported in its row; the others go on.
//
// No other comparison can be at work in c.Dir meanwhile: the error names the process
// of one that is.
func Run(ctx context.Context, c Config, set *data.Dataset, obs Observer) (res *Result, err error) {
	if err := errors.Join(c.Validate(), set.Validate()); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	plan, err := c.First().Plan()
	if err != nil {
		return nil, err
	}
	tuned := set
	if set, err = plan.SetOf(set); err != nil {
		return nil, err
	}
	if tuned.Valid.Len() == 0 && len(c.Tune) > 0 {
		return nil, fmt.Errorf("compare: the valid split of %s has no interactions, and it is what settings are chosen on", set.Name)
	}
	if set.Valid.Len() == 0 && set.Test.Len() == 0 {
		return nil, fmt.Errorf("compare: %s has neither test nor valid interactions to measure (train.on=%s)", set.Name, plan.Config.Train.On)
	}
	variants, err := c.variants()
	if err != nil {
		return nil, err
	}
	if c.Runner == nil {
		c.Runner = executeHere
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	l, err := lock.Take(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	var mu sync.Mutex
	p := &comparison{Config: c, set: set, hash: set.Hash(), tuned: tuned, variants: variants, best: make([]int, len(variants)), observe: func(e Event) {
		if obs != nil {
			mu.Lock()
			defer mu.Unlock()
			obs(e)
		}
	}}
	for _, v := range variants {
		p.grids = append(p.grids, c.grid(v))
	}
	if p.tested, err = p.judged(); err != nil {
		return nil, err
	}
	if err := p.fits(); err != nil {
		return nil, err
	}
	var searched, trials []*task
	if c.searched() {
		if searched, err = p.search(ctx); err != nil {
			return nil, err
		}
	}
	for i, grid := range p.grids {
		for point := range grid {
			if len(grid) > 1 && p.best[i] >= 0 {
				t := p.trial(i, grid[point])
				t.point = point
				trials = append(trials, t)
			}
		}
	}
	if len(trials) > 0 {
		if err := p.execute(ctx, trials, true); err != nil {
			return nil, err
		}
		p.choose(trials)
	}
	trials = append(searched, trials...)
	var runs []*task
	for i := range variants {
		for _, seed := range c.Seeds {
			if p.best[i] >= 0 {
				runs = append(runs, p.task(i, p.grids[i][p.best[i]], seed))
			}
		}
	}
	if ctx.Err() == nil {
		if err := p.execute(ctx, runs, false); err != nil {
			return nil, err
		}
	} else if err := p.recall(runs); err != nil {
		return nil, err
	}
	return p.result(ctx, trials, runs)
}

// available is what runs may take; tests put another in its place.
var available = memory.Available

// fits returns an error where the largest run, Parallel times at once, is
// estimated to need more memory than there is.
func (p *comparison) fits() error {
	have, source, known := available()
	if !known || p.Force {
		return nil
	}
	var most int64
	name := ""
	for i, v := range p.variants {
		for _, point := range p.grids[i] {
			cfg := p.task(i, point, p.Seeds[0]).job.Config
			if p.Budget.limited() {
				cfg.Train.Epochs = cmp.Or(p.Budget.Epochs, p.First().WithDefaults().Train.Epochs) // not the number that a budget cuts short: each epoch's scores are counted
			}
			m, err := train.Estimate(cfg, p.set)
			if err != nil {
				continue // the run will say it, in its row
			}
			if n := m.Total(); n > most {
				most, name = n, v.Name
			}
		}
	}
	if need := most * int64(p.Parallel); need > have {
		advice := "a smaller model or batch"
		if n := have / most; n > 0 {
			advice = fmt.Sprintf("parallel %d", n)
		}
		return fmt.Errorf("compare: %d runs at a time, of which %s needs about %d MiB, are estimated to need %d MiB, and %d MiB are available (%s); %s would fit",
			p.Parallel, name, most>>20, need>>20, have>>20, source, advice)
	}
	return nil
}

// task is a run of a row.
func (p *comparison) task(variant int, settings []Setting, seed uint64) *task {
	t := p.named(variant, settings, seed)
	t.on(p.set, p.hash)
	return t
}

// trial is a task that chooses settings, with the first seed. Where the rows' runs train
// on valid too it trains on train alone: what it is measured on would be what it learned.
func (p *comparison) trial(variant int, settings []Setting) *task {
	t := p.named(variant, settings, p.Seeds[0])
	set, hash := p.set, p.hash
	if cfg := &t.job.Config; cfg.Train.On == train.BothSets {
		cfg.Protocol, cfg.Train.On = "", train.TrainSet // the protocol is that of the rows
		*cfg = cfg.WithDefaults()
		set, hash = p.tuned, p.tuned.Hash()
	}
	t.on(set, hash)
	return t
}

// named is a task as far as it does not depend on the data.
func (p *comparison) named(variant int, settings []Setting, seed uint64) *task {
	v := p.variants[variant]
	t := &task{variant: variant, settings: settings, name: v.Name, usualPatience: p.Base.Train.Patience == nil}
	for _, s := range settings {
		t.name += fmt.Sprintf(" %s=%s", s.Name, s.Value)
	}
	// Validate has seen every point.
	t.job = Job{Budget: p.Budget, Dir: p.Dir, Parallel: p.Parallel}
	t.job.Config, t.err = p.with(v, settings, seed)
	return t
}

// on gives a task its data, and its configuration the numbers that follow from them, so
// that a run is known by the temperature that it has and not by how that came about.
func (t *task) on(set *data.Dataset, hash string) {
	t.set, t.job.Split = set, hash
	if t.err != nil {
		return
	}
	plan, err := t.job.Config.Plan()
	if err == nil {
		plan, err = plan.On(set)
	}
	if t.err = err; err == nil {
		t.job.Config = plan.Config
		if t.usualPatience && set.Valid.Len() == 0 { // there is nothing to watch, and a run does without
			t.job.Config.Train.Patience = nil
		}
	}
}

// recall fills in what earlier attempts did.
func (p *comparison) recall(tasks []*task) error {
	for _, t := range tasks {
		var err error
		if t.out, err = recall(t.job); err != nil {
			return err
		}
		if t.out != nil && t.out.Failed == "" && !t.complete(p.tested) {
			return fmt.Errorf("compare: %s lacks numbers; remove it to run it again", t.job.file())
		}
	}
	return nil
}

// complete reports whether the outcome has every number that rows are made of, means over so
// many examples: a file may have been edited.
func (t *task) complete(examples int) bool {
	o := t.out
	name, _ := split(t.set)
	n := len(o.Config.Eval.Metrics)
	has := func(wanted bool, values []train.Value) bool { return !wanted || len(values) == n }
	ats, err := metric.ParseAll(o.Config.Eval.Metrics)
	paired := err == nil && len(o.PerUser) == n
	for m := 0; paired && m < n; m++ {
		paired = ats[m].Pooled && o.PerUser[m] == nil || len(o.PerUser[m]) == examples
	}
	points := !slices.ContainsFunc(o.Curve, func(x Point) bool { return len(x.Valid) != 0 && len(x.Valid) != n })
	return has(t.set.Valid.Len() > 0, o.Valid) && has(name == "test", o.Test) && points &&
		paired && len(o.Buckets) == len(buckets)
}

// execute does the tasks that are not done yet, as many at a time as asked for.
func (p *comparison) execute(ctx context.Context, tasks []*task, tuning bool) error {
	if err := p.recall(tasks); err != nil {
		return err
	}
	// Two variants may be one run under two names: it is done once.
	var todo []*task
	for _, t := range tasks {
		if t.out == nil && t.err == nil && !slices.ContainsFunc(todo, func(u *task) bool { return u.job.key() == t.job.key() }) {
			todo = append(todo, t)
		}
	}
	recalled := 0
	for _, t := range tasks {
		if t.out != nil {
			recalled++
		}
	}
	p.observe(&Planned{Tuning: tuning, Variants: len(p.variants), Runs: len(todo), Recalled: recalled})
	for _, t := range tasks {
		if t.err != nil {
			p.observe(&Refused{Name: t.name, Seed: t.job.Config.Train.Seed, Err: t.err})
		}
	}
	var mu sync.Mutex
	done := 0
	g := errgroup.Group{}
	g.SetLimit(p.Parallel)
	for _, t := range todo {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			seed := t.job.Config.Train.Seed
			out, err := p.Runner(ctx, t.job, t.set, func(x Progress) { p.observe(&Progressed{t.name, seed, x}) })
			if err != nil && ctx.Err() != nil {
				return nil // not an outcome: the next attempt goes on with it
			}
			mu.Lock()
			defer mu.Unlock()
			t.out, t.err = out, err
			done++
			p.observe(&Ended{Name: t.name, Seed: seed, Outcome: out, Err: err, Done: done, Runs: len(todo)})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, t := range tasks {
		if i := slices.IndexFunc(todo, func(u *task) bool { return u.job.key() == t.job.key() }); i >= 0 {
			t.out, t.err = todo[i].out, todo[i].err
		}
	}
	return nil
}

// valueOf returns the first metric of an outcome on valid, and whether it has one.
func valueOf(o *Outcome) (float64, bool) {
	if o == nil || o.Failed != "" || len(o.Valid) == 0 {
		return 0, false
	}
	return o.Valid[0].Value, true
}

// first returns the metric that decides.
func (p *comparison) first() metric.At {
	at, err := metric.Parse(p.First().WithDefaults().Eval.Metrics[0])
	if err != nil { // a mistake of this package: the configuration was read before
		panic("compare: " + err.Error())
	}
	return at
}

// choose takes the best point of each grid on valid, the first of equals.
func (p *comparison) choose(trials []*task) {
	for i, grid := range p.grids {
		if len(grid) == 1 || p.best[i] < 0 {
			continue
		}
		p.best[i] = unchosen
		best := 0.0
		whole := true
		for _, t := range trials {
			if t.variant != i {
				continue
			}
			whole = whole && (t.out != nil || t.err != nil)
			if v, ok := valueOf(t.out); ok && (p.best[i] < 0 || p.first().Better(v, best)) {
				p.best[i], best = t.point, v
			}
		}
		switch {
		case !whole:
			p.best[i] = unchosen // a choice among some would be another one
		case p.best[i] < 0:
			p.best[i] = allFailed
		}
	}
}

package compare

import (
	"context"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/train"
)

// A Result is what a comparison found.
type Result struct {
	Data     string `json:"data"`
	Split    string `json:"split_hash"`
	Reported string `json:"reported_split"` // test, or valid where there is no test

	Protocol train.Protocol `json:"protocol"` // of every number but those of tuning, which are on valid by runs on train

	Users       int         `json:"users"` // of the set
	Items       int         `json:"items"`
	Tested      int         `json:"users_reported"`           // that the reported means are over
	LeftOut     int         `json:"left_out_items,omitempty"` // that no ranking holds, by eval.items
	Metrics     []string    `json:"metrics"`                  // the first decides: tuning, order of rows, times
	Seeds       []uint64    `json:"seeds"`
	Budget      string      `json:"budget"`
	Parallel    int         `json:"parallel"`
	Resamples   int         `json:"resamples"`
	Tune        []Axis      `json:"tune,omitempty"`
	Searches    []*Search   `json:"searches,omitempty"` // of temperature=auto
	Buckets     []Bucket    `json:"buckets"`
	Rows        []Row       `json:"rows"` // by falling first metric of the reported split; without numbers last
	Pairs       []Pair      `json:"pairs"`
	References  []Reference `json:"references"`         // rankings without trained vectors
	ByModel     *ByModel    `json:"by_model,omitempty"` // of several models
	Best        *BestRun    `json:"best_run,omitempty"`
	Interrupted bool        `json:"interrupted"`

	TuneSeconds  float64 `json:"tune_seconds"`  // of training, all trials
	TrainSeconds float64 `json:"train_seconds"` // of training, all runs of the rows
}

// A Bucket is a share of the items by popularity.
type Bucket struct {
	Name  string `json:"name"`
	Items int    `json:"items"`
}

// A Row is what was found of one variant.
type Row struct {
	Variant
	Baseline int `json:"baseline"` // index of the row that it is held against

	Settings    []Setting `json:"settings,omitempty"` // of the grid, as the seeds' runs have them
	Trials      []Trial   `json:"trials,omitempty"`
	Edges       []string  `json:"edges,omitempty"` // names of the settings whose best value, or one as good, is the smallest or the largest that was tried
	TuneSeconds float64   `json:"tune_seconds"`

	Runs   []*Outcome `json:"runs"` // by seed; without numbers per user
	Done   int        `json:"done"` // runs with numbers
	Failed []string   `json:"failed,omitempty"`

	// NotJudged says why no interval and no verdict counts the row: it still rises. ""
	// where it is judged.
	NotJudged string `json:"not_judged,omitempty"`
	BelowPop  bool   `json:"below_pop,omitempty"` // in the first metric of the reported split

	// Over the runs with numbers; metrics in the order of Result.Metrics.
	Valid           []Stat        `json:"valid,omitempty"`
	Test            []Stat        `json:"test,omitempty"`
	SecondsPerEpoch Stat          `json:"seconds_per_epoch"`
	Seconds         Stat          `json:"seconds"`     // of training, a whole run
	ToOwn           Stat          `json:"to_own_best"` // seconds to 95 % of the run's own best valid value
	ToBest          report.Number `json:"to_best"`     // seconds in which the runs' mean comes to 95 % of the best mean of all rows; null where it does not
	Buckets         []Stat        `json:"bucket_recall,omitempty"`
	Peak            int64         `json:"peak_bytes,omitempty"` // the largest of the runs'

	// Against are the differences from the baseline on the reported split, by metric; nil
	// where one of the two is not judged.
	Against []Interval `json:"against_baseline,omitempty"`

	perUser   [][]float64 // mean over the runs with numbers
	resampled []float64   // first metric of each resample of the bootstrap; nil where the row has none
}

// reported returns the row's statistics of the split that is reported.
func (r *Row) reported(split string) []Stat {
	if split == "test" {
		return r.Test
	}
	return r.Valid
}

// A Trial is one point of a grid.
type Trial struct {
	Settings []Setting     `json:"settings"`
	Value    report.Number `json:"value"` // on valid; null if it failed
	Seconds  float64       `json:"seconds"`
	Failed   string        `json:"failed,omitempty"`
}

// share is the part of the best value that times are measured to.
const share = 0.95

// result puts the rows together.
func (p *comparison) result(ctx context.Context, trials, runs []*task) (*Result, error) {
	name, _ := split(p.set)
	r := &Result{
		Data: p.set.Name, Split: p.hash, Reported: name, Users: p.set.Users, Items: p.set.Items, Metrics: p.First().WithDefaults().Eval.Metrics,
		Seeds: p.Seeds, Parallel: p.Parallel, Resamples: p.Resamples, Tune: p.Tune, Searches: p.searches, Interrupted: ctx.Err() != nil,
	}
	r.Tested = p.tested
	plan, err := p.First().Plan()
	if err != nil {
		return nil, err
	}
	r.Protocol = plan.ProtocolOn(p.set)
	switch r.Protocol.Items {
	case train.WarmItems:
		r.LeftOut = len(p.set.ColdItems())
	case train.ColdItems:
		r.LeftOut = len(p.set.WarmItems())
	}
	switch {
	case p.Budget.Steps > 0:
		r.Budget = words.Count(p.Budget.Steps, "step")
	case p.Budget.Seconds > 0:
		r.Budget = fmt.Sprintf("%g seconds of training", p.Budget.Seconds)
	default:
		r.Budget = words.Count(p.First().WithDefaults().Train.Epochs, "epoch")
	}
	if p.Budget.Epochs > 0 {
		r.Budget += fmt.Sprintf(", %d epochs at most", p.Budget.Epochs)
	}
	_, items := bucketOf(p.set)
	for b, n := range items {
		r.Buckets = append(r.Buckets, Bucket{buckets[b], n})
	}
	of, err := p.baselines(p.variants)
	if err != nil {
		return nil, err
	}
	counted := map[string]bool{} // seconds of a run that two rows share count once
	for i, v := range p.variants {
		row := Row{Variant: v, Baseline: of[i]}
		tried := map[string]bool{}
		for _, t := range trials {
			if t.variant != i {
				continue
			}
			if t.out != nil { // a search and a grid may share a run
				if tried[t.out.Key] {
					continue
				}
				tried[t.out.Key] = true
			}
			tr := Trial{Settings: t.settings}
			value, ok := valueOf(t.out)
			switch {
			case ok:
				tr.Value = report.Number(value)
			case t.out == nil && t.err == nil:
				continue // interrupted
			default:
				tr.Value, tr.Failed = report.Number(math.NaN()), failure(t)
			}
			if t.out != nil {
				tr.Seconds = t.out.Seconds
				row.TuneSeconds += t.out.Seconds
			}
			row.Trials = append(row.Trials, tr)
		}
		r.TuneSeconds += row.TuneSeconds
		if p.best[i] >= 0 {
			row.Settings = p.grids[i][p.best[i]]
			row.Edges = p.edges(i, row.Trials)
		}
		if p.best[i] == allFailed {
			row.Failed = append(row.Failed, "in tuning: every value did, so that nothing was chosen")
		}
		var outs []*Outcome
		for _, t := range runs {
			if t.variant != i {
				continue
			}
			if why := failure(t); why != "" {
				row.Failed = append(row.Failed, fmt.Sprintf("seed %d: %s", t.job.Config.Train.Seed, why))
			}
			if t.out == nil {
				continue
			}
			outs = append(outs, t.out)
			if !counted[t.out.Key] {
				counted[t.out.Key] = true
				r.TrainSeconds += t.out.Seconds
			}
		}
		row.fill(outs, r)
		r.Rows = append(r.Rows, row)
	}
	if r.References, err = p.references(ctx); err != nil {
		return nil, err
	}
	r.judge()
	r.times()
	r.bootstrap(p.Resamples, p.BootstrapSeed)
	r.sort()
	r.best(p.Dir)
	r.byModel(p.Models)
	return r, nil
}

// failure says why a task has no numbers; "" where it has, or was not done.
func failure(t *task) string {
	switch {
	case t.err != nil:
		return t.err.Error()
	case t.out != nil:
		return t.out.Failed
	}
	return ""
}

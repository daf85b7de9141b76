package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/lock"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// small is a comparison that takes a fraction of a second.
func small(t *testing.T, entries ...string) (Config, *data.Dataset) {
	t.Helper()
	c := Config{Losses: entries, Seeds: []uint64{3, 4}, Resamples: 200, Dir: filepath.Join(t.TempDir(), "runs")}
	c.Base.Data.Source = "demo:users=120,items=60,per-user=20"
	c.Base.Model.Dim = 8
	c.Base.Train.Epochs = 4
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	return c, set
}

// numbers is a result without what the clock decides.
func numbers(t *testing.T, r *Result) string {
	t.Helper()
	var rows []any
	for _, row := range r.Rows {
		row.Variant.choice = models.Choice{}
		rows = append(rows, []any{row.Variant, row.Baseline, row.Settings, row.Done, row.Failed, row.Valid, row.Test, row.Buckets, row.Against})
	}
	text, err := json.Marshal(map[string]any{"rows": rows, "pairs": r.Pairs})
	require.NoError(t, err)
	return string(text)
}

func TestRun(t *testing.T) {
	c, set := small(t, "softmax", "entmax:alpha=1.3", "hinge", "sampled-softmax:n=8")
	c.Base.Train.Epochs, c.Base.Train.Optimizer, c.Base.Train.Schedule = 20, "adam:lr=0.1", "cosine"
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, res.Rows, 4)
	judged := 0 // schedule and epochs are such that most are
	for _, row := range res.Rows {
		if row.NotJudged == "" {
			judged++
		}
	}
	require.GreaterOrEqual(t, judged, 2)
	require.Len(t, res.Pairs, judged*(judged-1)/2)
	require.Equal(t, "test", res.Reported)
	seen := map[string]*Row{}
	for i := range res.Rows {
		row := &res.Rows[i]
		seen[row.Name] = row
		require.Equal(t, 2, row.Done)
		require.Len(t, row.Test, 2)
		require.Len(t, row.Runs[0].Curve, 20)
		require.Positive(t, float64(row.SecondsPerEpoch.Mean))
		require.Positive(t, float64(row.ToOwn.Mean))
		require.LessOrEqual(t, float64(row.ToOwn.Mean), float64(row.Seconds.Mean))
		require.Equal(t, "softmax", res.Rows[row.Baseline].Name)
		if i > 0 {
			require.LessOrEqual(t, float64(row.Test[0].Mean), float64(res.Rows[i-1].Test[0].Mean), "best first")
		}
		// A difference of rows is the difference of their means, and inside its interval.
		if len(row.Against) > 0 {
			d := row.Against[0]
			require.InDelta(t, float64(row.Test[0].Mean-res.Rows[row.Baseline].Test[0].Mean), float64(d.Difference), 1e-12)
			require.True(t, d.Low <= d.Difference && d.Difference <= d.High, d.String())
		}
		// Means per user average to the metric.
		require.InDelta(t, float64(row.Test[0].Mean), mean(row.perUser[0]), 1e-12)
	}
	require.Len(t, seen, 4)
	require.Empty(t, seen["softmax"].Against)
	require.Equal(t, losses.OrderStrict, seen["sampled-softmax:n=8"].Order())
	require.Equal(t, losses.OrderWeak, seen["hinge"].Order())
	require.True(t, res.Rows[0].ToBest.Finite(), "the best comes to 95 % of itself")

	// The numbers are those of the same run alone.
	cfg := c.Base
	natural := seen["softmax"].Runs[0].Config.Model.Temperature // what the runs have, not that it is the default
	tau, err := models.ParseTemperature(natural)
	require.NoError(t, err)
	require.InDelta(t, 1/math.Log(float64(set.Items)), tau.Value, 1e-12)
	require.Contains(t, fmt.Sprint(seen["softmax"].card(set.Items).Facts), "cosine scores over "+natural)
	cfg.Loss, cfg.Train.Seed = "hinge", 4
	alone, err := train.Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	require.Equal(t, alone.Test.Values, seen["hinge"].Runs[1].Test)

	// Again: nothing is left to do. With more at a time, in a fresh folder: the same.
	again, err := Run(t.Context(), c, set, func(e Event) {
		if p, ok := e.(*Planned); ok {
			require.Zero(t, p.Runs)
			require.Equal(t, 8, p.Recalled)
		}
	})
	require.NoError(t, err)
	require.Equal(t, numbers(t, res), numbers(t, again))
	c.Dir, c.Parallel = t.TempDir(), 3
	wide, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, numbers(t, res), numbers(t, wide))

	// An outcome that was tampered with is named, not used.
	o := seen["hinge"].Runs[0]
	path := filepath.Join(c.Dir, o.Key+".json")
	require.NoError(t, os.WriteFile(path, []byte(`{"key":"other"}`), 0o644))
	_, err = Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, path)
}

// TestInterrupt: what is cut off at any point ends, after a second attempt, with
// the numbers of an uninterrupted one.
// TestPooled: of a metric that no user has a value of there is no interval, and of one
// that measures no hits no verdict of theory: neither is a NaN, nor said all the same.
func TestPooled(t *testing.T) {
	c, set := small(t, "softmax", "hinge")
	for _, x := range []struct {
		metrics            []string
		interval, verdicts bool
		note, text         string
	}{
		{[]string{"coverage@10", "recall@5"}, false, false, "It has no interval", "coverage@10 measures something else than hits"},
		{[]string{"epc@5"}, true, false, "by a paired bootstrap over 120 users", "epc@5 measures something else than hits"},
		{[]string{"recall@5", "coverage@10"}, true, true, "by a paired bootstrap over 120 users", "Theory ranks losses by what their minimiser"},
	} {
		c.Base.Eval.Metrics = x.metrics
		c.Dir = filepath.Join(t.TempDir(), "runs")
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Equal(t, x.verdicts, len(res.verdicts()) > 0)
		table, notes := res.Table(true), res.Notes()
		require.Equal(t, x.interval, slices.Contains(table.Head, x.metrics[0]+" − baseline [95 %]"))
		require.Contains(t, notes[1], x.note)
		section, err := json.Marshal(res.Section().Blocks)
		require.NoError(t, err)
		require.Contains(t, string(section), x.text)
		for _, text := range []string{fmt.Sprint(table), fmt.Sprint(notes), string(section)} {
			require.NotContains(t, text, "NaN")
		}
	}
}

func TestInterrupt(t *testing.T) {
	c, set := small(t, "softmax", "rg2")
	c.Tune = []Axis{{"lr", []string{"0.003", "0.03"}}}
	whole, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.False(t, whole.Interrupted)
	for after := 1; after <= 15; after += 7 { // epochs: in tuning, between, in the runs
		c.Dir = t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		epochs := 0
		res, err := Run(ctx, c, set, func(e Event) {
			if _, ok := e.(*Progressed); ok {
				if epochs++; epochs == after {
					stop()
				}
			}
		})
		require.NoError(t, err)
		require.True(t, res.Interrupted)
		require.NoError(t, report.Report{Title: "t", Sections: []report.Section{res.Section()}}.Save(t.TempDir()))
		again, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Equal(t, numbers(t, whole), numbers(t, again), "after %d epochs", after)
	}
}

// TestTune: the chosen point is the best trial on valid, and its run is the first
// seed's.
func TestTune(t *testing.T) {
	c, set := small(t, "softmax", "cosine", "arcface", "am-softmax:scale=4")
	c.Tune = []Axis{{"temperature", []string{"0.1", "20"}}, {"lr", []string{"0.0001", "0.03"}}}
	planned := 0
	res, err := Run(t.Context(), c, set, func(e Event) {
		if p, ok := e.(*Planned); ok {
			planned += p.Runs
		}
	})
	require.NoError(t, err)
	require.Equal(t, 4+2+2+2+4, planned, "the first seed's run is one of the trials")
	for _, row := range res.Rows {
		require.Len(t, row.Trials, map[bool]int{true: 4, false: 2}[row.Entry == "softmax"], row.Entry)
		require.Positive(t, row.TuneSeconds)
		best := 0
		for i, trial := range row.Trials {
			if trial.Value > row.Trials[best].Value {
				best = i
			}
		}
		require.Equal(t, row.Trials[best].Settings, row.Settings)
		require.InDelta(t, float64(row.Trials[best].Value), row.Runs[0].Valid[0].Value, 0)
		want := map[string]string{"cosine": "cosine:tau=0.1", "arcface": "arcface:scale=10"}[row.Entry]
		if want == "" {
			want = row.Entry
		}
		require.Equal(t, want, row.Runs[0].Config.Loss)
	}
}

// TestFailed: a run that diverges is reported in its row, stays failed without
// being run again, and the others have their numbers.
func TestFailed(t *testing.T) {
	c, set := small(t, "softmax", "squared")
	c.Base.Model.Score = string(models.Dot)
	c.Base.Train.Optimizer = "sgd:lr=2000"
	for _, runs := range []int{4, 0} {
		res, err := Run(t.Context(), c, set, func(e Event) {
			if p, ok := e.(*Planned); ok {
				require.Equal(t, runs, p.Runs)
			}
		})
		require.NoError(t, err)
		require.Equal(t, "softmax", res.Rows[0].Name)
		require.Equal(t, 2, res.Rows[0].Done)
		require.Zero(t, res.Rows[1].Done)
		require.Len(t, res.Rows[1].Failed, 2)
		require.Regexp(t, `seed 3: .*epoch \d+, step \d+`, res.Rows[1].Failed[0])
		require.Contains(t, string(res.Markdown("x")), "squared failed, seed 3")
		require.NoError(t, report.Report{Title: "t", Sections: []report.Section{res.Section()}}.Save(t.TempDir()))
	}
}

// TestBudget: steps end a run exactly, within an epoch too; seconds end it at the
// first step after them.
func TestBudget(t *testing.T) {
	c, set := small(t, "softmax", "rg2")
	c.Base.Train.Epochs = 0
	c.Base.Train.Batch = 50 // 3 steps an epoch
	c.Budget.Steps = 7
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	for _, row := range res.Rows {
		for _, o := range row.Runs {
			require.Equal(t, 7, o.Steps)
			require.InDelta(t, 7.0/3, o.Epochs, 1e-12)
			require.Len(t, o.Curve, 3)
			require.Equal(t, o.Valid, o.Curve[2].Valid)
		}
	}
	c.Budget = Budget{Seconds: 0.05}
	c.Dir = t.TempDir()
	res, err = Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	for _, row := range res.Rows {
		require.GreaterOrEqual(t, float64(row.Seconds.Mean), 0.05)
		require.Equal(t, 2, row.Done)
	}
}

// TestBuckets: buckets are by falling popularity and of equal weight.
func TestBuckets(t *testing.T) {
	c, set := small(t, "softmax")
	of, items := bucketOf(set)
	require.Equal(t, set.Items, items[0]+items[1]+items[2])
	counts := set.Train.ItemCounts()
	mass, rarest, commonest := [3]int{}, [3]int32{math.MaxInt32, math.MaxInt32, math.MaxInt32}, [3]int32{}
	for i, b := range of {
		mass[b] += int(counts[i])
		rarest[b], commonest[b] = min(rarest[b], counts[i]), max(commonest[b], counts[i])
	}
	require.GreaterOrEqual(t, rarest[0], commonest[1])
	require.GreaterOrEqual(t, rarest[1], commonest[2])
	for b := range mass {
		require.InDelta(t, float64(set.Train.Len())/3, float64(mass[b]), float64(commonest[0]))
	}
	// With every item in the cut-off all is found: nothing relevant is masked.
	cfg := c.Base
	trained, err := train.New(cfg, set)
	require.NoError(t, err)
	all, err := bucketRecall(t.Context(), trained, set, "test", set.Items)
	require.NoError(t, err)
	require.Equal(t, []report.Number{1, 1, 1}, all)
	few, err := bucketRecall(t.Context(), trained, set, "test", 5)
	require.NoError(t, err)
	for _, x := range few {
		require.True(t, x > 0 && x < 0.5, "%v by first weights", few)
	}
}

// TestMemory: what cannot fit is refused with what would, and forced on request.
func TestMemory(t *testing.T) {
	c, set := small(t, "softmax")
	one, err := train.Estimate(c.Base, set)
	require.NoError(t, err)
	defer func(f func() (int64, string, bool)) { available = f }(available)
	available = func() (int64, string, bool) { return 5 * one.Total() / 2, "a test", true }
	c.Parallel = 3
	_, err = Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, "parallel 2 would fit")
	for _, change := range []func(*Config){func(c *Config) { c.Parallel = 2 }, func(c *Config) { c.Force = true }} {
		d := c
		change(&d)
		_, err = Run(t.Context(), d, set, nil)
		require.NoError(t, err)
	}
}

// TestBaseTemperature: a temperature for all goes to a loss of cosines as its own.
func TestBaseTemperature(t *testing.T) {
	c, _ := small(t, "softmax", "cosine", "arcface", "ccl@all", "am-softmax:scale=4")
	c.Base.Model.Temperature = "0.5"
	require.NoError(t, c.Validate())
	c = c.WithDefaults()
	vs, err := c.variants()
	require.NoError(t, err)
	require.Greater(t, len(vs), 4)
	for i, want := range []struct {
		loss        string
		temperature string
	}{{"softmax", "0.5"}, {"cosine:tau=0.5", "1"}, {"arcface:scale=2", "1"}, {"ccl", "1"}, {"am-softmax:scale=4", "1"}} {
		cfg, err := c.with(vs[i], nil, 0)
		require.NoError(t, err)
		require.Equal(t, want.loss, cfg.Loss)
		require.Equal(t, want.temperature, cfg.Model.Temperature)
	}
}

// TestHeld: a comparison whose folder another has does nothing; a run whose folder
// another process has fails with a word, and the others go on.
func TestHeld(t *testing.T) {
	c, set := small(t, "softmax", "rg2")
	require.NoError(t, os.MkdirAll(c.Dir, 0o755))
	l, err := lock.Take(c.Dir)
	require.NoError(t, err)
	_, err = Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, "compare: "+c.Dir+" is in use by process ")
	require.NoError(t, l.Release())

	vs, err := c.WithDefaults().variants()
	require.NoError(t, err)
	p := &comparison{Config: c, set: set, hash: set.Hash(), variants: vs}
	folder, err := train.OpenFolder(p.task(1, nil, 3).job.folder())
	require.NoError(t, err)
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.NoError(t, folder.Close())
	for _, row := range res.Rows {
		if row.Entry == "rg2" {
			require.Len(t, row.Failed, 1)
			require.Contains(t, row.Failed[0], "seed 3: train: ")
			require.Contains(t, row.Failed[0], "is in use by process ")
			require.Equal(t, 1, row.Done)
		} else {
			require.Equal(t, 2, row.Done)
		}
	}
	// Started again, it does the one that is missing.
	res, err = Run(t.Context(), c, set, func(e Event) {
		if p, ok := e.(*Planned); ok {
			require.Equal(t, 1, p.Runs)
		}
	})
	require.NoError(t, err)
	require.Equal(t, 2, res.Rows[1].Done)
}

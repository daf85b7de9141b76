package tune

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// small is a search whose trials take milliseconds.
func small(t *testing.T, over ...string) (Config, *data.Dataset) {
	patience := 2
	c := Config{Trials: 7, Dir: filepath.Join(t.TempDir(), "search"), Axes: parse(t, over...), Base: train.Config{
		Data:  train.DataConfig{Source: "demo:users=60,items=40,per-user=8"},
		Model: train.ModelConfig{Dim: 4},
		Train: train.TrainConfig{Epochs: 3, Patience: &patience},
		Eval:  train.EvalConfig{Metrics: []string{"recall@5"}},
	}}
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	return c, set
}

// timeless are trials without the one thing that is another at each time.
func timeless(trials []Trial) []Trial {
	all := append([]Trial(nil), trials...)
	for i := range all {
		all[i].Seconds = 0
	}
	return all
}

// TestResume: a search that was cut off after any line of its journal, or within one, tries
// the same and comes to the same, and so does one with a trial that was half trained. What
// best.yaml says is trained to the value on record.
func TestResume(t *testing.T) {
	c, set := small(t, "lr=log:0.001..0.3", "loss=softmax|entmax", "loss.alpha=1.2..1.8", "dim=int:2..6")
	whole, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, whole.Trials, 7)
	require.Equal(t, allTrials, whole.Stopped)
	require.Len(t, whole.Test, 1)
	want := timeless(whole.Trials)
	bestText, err := os.ReadFile(whole.File)
	require.NoError(t, err)
	cfg, err := train.Parse(bestText)
	require.NoError(t, err)
	again, err := train.Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	value, _ := again.Valid.Get("recall@5")
	require.Equal(t, float64(whole.Trials[whole.Best].Value), value)
	test, _ := again.Test.Get("recall@5")
	require.Equal(t, whole.Test[0].Value, test)
	runs, err := os.ReadDir(filepath.Join(c.Dir, runsFolder))
	require.NoError(t, err)
	require.Len(t, runs, 1, "the best alone is kept")

	journal, err := os.ReadFile(filepath.Join(c.Dir, JournalFile))
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	cuts := []int{0, 1, 2, 5, 7, 8}
	if testing.Short() {
		cuts = []int{0, 5}
	}
	for _, kept := range cuts {
		c.Dir = filepath.Join(t.TempDir(), "cut")
		require.NoError(t, os.MkdirAll(c.Dir, 0o755))
		text := append(bytes.Join(lines[:kept], nil), lines[kept][:len(lines[kept])/2]...)
		require.NoError(t, os.WriteFile(filepath.Join(c.Dir, JournalFile), text, 0o644))
		cut, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err, "%d lines", kept)
		require.Equal(t, want, timeless(cut.Trials), "%d lines", kept)
		require.Equal(t, whole.Test, cut.Test)
		text, err = os.ReadFile(cut.File)
		require.NoError(t, err)
		require.Equal(t, string(bestText), string(text))
	}

	// Cut off within trials, again and again.
	c.Dir = filepath.Join(t.TempDir(), "stopped")
	stops := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		res, err := Run(ctx, c, set, func(e any) {
			if e, ok := e.(*Trained); ok && e.Epoch == 2 && stops < 3 {
				stops++
				cancel()
			}
		})
		cancel()
		require.NoError(t, err)
		if !res.Interrupted {
			require.Equal(t, want, timeless(res.Trials))
			require.Equal(t, whole.Test, res.Test)
			break
		}
		require.Equal(t, interrupted, res.Stopped)
		require.Nil(t, res.Test)
	}
	require.Equal(t, 3, stops)

	// With nothing more to do nothing is done, and more trials go on from there.
	res, err := Run(t.Context(), c, set, func(e any) { _, ended := e.(*Ended); require.False(t, ended) })
	require.NoError(t, err)
	require.Equal(t, whole.Test, res.Test)
	c.Trials = 8
	res, err = Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, want, timeless(res.Trials)[:7])
}

// TestAnother: a folder of another search, or one whose journal was changed, is refused with
// what differs, and stays as it is.
func TestAnother(t *testing.T) {
	c, set := small(t, "lr=log:0.01..0.1")
	c.Trials = 2
	_, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	path := filepath.Join(c.Dir, JournalFile)
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	for want, change := range map[string]func(c *Config){
		"--over is lr=log:0.01..0.1 there, lr=log:0.01..0.2 here": func(c *Config) { c.Axes = parse(t, "lr=log:0.01..0.2") },
		"--search is tpe there, random here":                      func(c *Config) { c.Search = "random" },
		"--prune is none there, median here":                      func(c *Config) { c.Prune = MedianPruning },
		`train.epochs is "3" there, "4" here`:                     func(c *Config) { c.Base.Train.Epochs = 4 },
		`train.seed is "0" there, "1" here`:                       func(c *Config) { c.Base.Train.Seed = 1 },
		`eval.metrics is "[recall@5]" there, "[`:                  func(c *Config) { c.Base.Eval.Metrics = []string{"ndcg@5"} },
	} {
		other := c
		change(&other)
		_, err := Run(t.Context(), other, set, nil)
		require.ErrorContains(t, err, "holds another search")
		require.ErrorContains(t, err, want)
	}
	other := c
	other.Base.Data.Source = "demo:users=61,items=40,per-user=8"
	set2, err := data.Load(other.Base.Data.Config())
	require.NoError(t, err)
	_, err = Run(t.Context(), other, set2, nil)
	require.ErrorContains(t, err, "the hash of the data is ")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, journal, now)

	full := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(full, runsFolder, "0"), 0o755))
	other = c
	other.Dir = full
	_, err = Run(t.Context(), other, set, nil)
	require.ErrorContains(t, err, "holds no search and is not empty")
	require.DirExists(t, filepath.Join(full, runsFolder, "0"))

	for change, want := range map[string]string{
		`"value":"0.03162` + "\x00" + `"value":"0.03163`: "which is not what this search tries",
		`"trial":1` + "\x00" + `"trial":2`:               JournalFile + ":3: trial 2 follows 1 others",
		`"state":"done"` + "\x00" + `"state":"odd"`:      `state "odd"`,
		`{"trial":0` + "\x00" + `{"trial":0,"more":1`:    "unknown field",
		`{"trial":0` + "\x00" + `{"trial":`:              "the line is damaged",
		`{"trial":0` + "\x00" + `{"rial":0`:              "neither a trial, a stop nor a test",
		`{"tune":1` + "\x00" + `{"tune":9`:               "the journal is of version 9",
		`{"tune":1` + "\x00" + `{"une":1`:                "is not the journal of a search",
	} {
		from, to, _ := bytes.Cut([]byte(change), []byte("\x00"))
		require.Contains(t, string(journal), string(from))
		require.NoError(t, os.WriteFile(path, bytes.Replace(journal, from, to, 1), 0o644))
		_, err := Run(t.Context(), c, set, nil)
		require.ErrorContains(t, err, want)
	}
}

// TestFailed: a trial whose training becomes NaN, or cannot begin, counts as failed and the
// search goes on; one that finds nothing says so.
func TestFailed(t *testing.T) {
	c, set := small(t, "optimizer=adam:lr=0.01|sgd:lr=1e38", "train.l2=0..0.001/2")
	c.Search, c.Trials, c.Base.Model.Score = "grid", 0, "dot"
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, noMore, res.Stopped)
	require.Len(t, res.Trials, 4)
	for i, want := range []string{Done, Done, Failed, Failed} {
		require.Equal(t, want, res.Trials[i].State)
	}
	require.Contains(t, res.Trials[2].Reason, "epoch 1")
	require.Less(t, res.Best, 2)

	c.Axes, c.Dir = parse(t, "model.spread=1000|2000"), t.TempDir()
	c.Base.Model.Score = ""
	res, err = Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, -1, res.Best)
	require.Contains(t, res.Why(), "cannot follow a context")
	require.NoFileExists(t, filepath.Join(c.Dir, BestFile))
}

// TestFits: a trial that does not fit fails with the reason, and is not run.
func TestFits(t *testing.T) {
	c, set := small(t, "dim=int:2..3")
	c.Search, c.Trials = "grid", 0
	c.Fits = func(p *train.Plan) error {
		if p.Config.Model.Dim == 3 {
			return errors.New("too wide")
		}
		return nil
	}
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, []string{Done, Failed}, []string{res.Trials[0].State, res.Trials[1].State})
	require.Equal(t, "too wide", res.Trials[1].Reason)
	require.NoDirExists(t, filepath.Join(c.Dir, runsFolder, "1"))
}

// TestPrune: from the sixth trial on one that is behind ends early, is no best, and is the
// same when the search goes on from its journal.
func TestPrune(t *testing.T) {
	point := func(values ...float64) (all []Point) {
		for i, v := range values {
			all = append(all, Point{i + 1, report.Number(v)})
		}
		return all
	}
	more := func(x, y float64) bool { return x > y }
	var trials []Trial
	for i := range 5 {
		require.False(t, behind(point(0), trials, more), "%d trials", i)
		trials = append(trials, Trial{State: Done, Course: point(float64(i), float64(10*i))})
	}
	require.True(t, behind(point(1.9), trials, more))
	require.False(t, behind(point(2), trials, more))
	require.True(t, behind(point(2, 19), trials, more))
	require.False(t, behind(point(30, 1), trials, more), "the best so far counts")
	require.False(t, behind(point(0, 0, 0), trials, more), "no other was measured there")

	c, set := small(t, "lr=log:0.001..0.3", "dim=int:1..8")
	c.Trials, c.Prune, c.Base.Train.Patience = 14, MedianPruning, nil
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	pruned := 0
	for i, x := range res.Trials {
		if x.State == Pruned {
			pruned++
			require.Greater(t, i, 4)
			require.Less(t, x.Epochs, 3)
		}
	}
	require.Greater(t, pruned, 0)
	require.Equal(t, Done, res.Trials[res.Best].State)
	journal, err := os.ReadFile(filepath.Join(c.Dir, JournalFile))
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	c.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(c.Dir, JournalFile), bytes.Join(lines[:9], nil), 0o644))
	again, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, timeless(res.Trials), timeless(again.Trials))
}

// TestBudget: a search ends when its time is used up, that of earlier calls included, and
// its journal says where.
func TestBudget(t *testing.T) {
	c, set := small(t, "lr=log:0.001..0.3")
	c.Trials, c.Budget = 0, 150*time.Millisecond
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, noTime, res.Stopped)
	journal, err := os.ReadFile(filepath.Join(c.Dir, JournalFile))
	require.NoError(t, err)
	require.Contains(t, string(journal), `{"stopped":"the budget is used up","trials":`)
	again, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, len(res.Trials), len(again.Trials), "no time is left")
}

// TestSearches: each search ends where a list is used up, having tried each value once.
func TestSearches(t *testing.T) {
	for _, s := range Searches() {
		c, set := small(t, "dim=int:2..3", "train.weight=user|sqrt")
		c.Search, c.Trials = s[0], 9
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err, s[0])
		require.Equal(t, noMore, res.Stopped)
		seen := map[string]bool{}
		for _, x := range res.Trials {
			seen[Text(x.Settings)] = true
		}
		require.Len(t, seen, 4, s[0])
		require.Len(t, res.Trials, 4, s[0])
	}
}

// TestAround: what is usually tuned, by what the configuration is.
func TestAround(t *testing.T) {
	c, set := small(t)
	for _, x := range []struct {
		change func(c *train.Config)
		want   []string
	}{
		{func(c *train.Config) {}, []string{"lr=log:0.002..0.05", "temperature=log:"}},
		{func(c *train.Config) { c.Model.Temperature = "0.5" }, []string{"lr=log:0.002..0.05", "temperature=log:0.167..1.5"}},
		{func(c *train.Config) { c.Model.Temperature = "learned" }, []string{"lr="}},
		{func(c *train.Config) { c.Model.Score = "dot" }, []string{"lr=", "l2=log:1e-07..0.001"}},
		{func(c *train.Config) { c.Loss = "arcface" }, []string{"lr=", "loss.scale=log:"}},
		{func(c *train.Config) { c.Train.Solver = "als" }, []string{"solver.reg=log:0.007..0.7", "solver.a=log:0.005..0.5"}},
		{func(c *train.Config) { c.Train.Solver = "ials:reg=1" }, []string{"solver.reg=log:0.1..10", "solver.alpha=log:0.025..2.5"}},
	} {
		cfg := c.Base
		cfg.Train.Patience = nil
		x.change(&cfg)
		axes, err := axesAround(cfg, set)
		require.NoError(t, err)
		require.Len(t, axes, len(x.want))
		for i, want := range x.want {
			require.Contains(t, axes[i].String(), want)
		}
		require.NoError(t, space{cfg, axes}.check())
	}
}

package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// TestSpellings: the spelling of a metric changes nothing of a run that stops early,
// neither the epoch that it takes for the best nor what its folder holds.
func TestSpellings(t *testing.T) {
	set := small(t)
	run := func(metrics, monitor string) (*Result, string) {
		c := quick("{train: {epochs: 30, patience: 2, optimizer: 'adam:lr=0.1'}}")
		require.NoError(t, c.Set("eval.metrics", metrics))
		c.Train.Monitor = monitor
		dir := filepath.Join(t.TempDir(), "run")
		res, err := RunDir(t.Context(), dir, c, set, nil)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
		require.NoError(t, err)
		return res, string(text)
	}
	want, text := run("recall@20,ndcg@20", "ndcg@20")
	require.Greater(t, want.BestEpoch, 1, "there is something to watch")
	for _, spelled := range [][2]string{{"recall@20, ndcg@020", " ndcg@20 "}, {"recall@+20,ndcg@20", "ndcg@+20"}} {
		got, its := run(spelled[0], spelled[1])
		require.Equal(t, want.BestEpoch, got.BestEpoch, spelled)
		require.Equal(t, tables(want.Trained), tables(got.Trained))
		require.Equal(t, text, its)
		value, ok := got.Valid.Get(spelled[1])
		require.True(t, ok)
		require.Positive(t, value)
	}
	_, ok := want.Valid.Get("recall@21")
	require.False(t, ok)
	_, ok = want.Valid.Get("recall")
	require.False(t, ok)

	// Nor does that of any setting of a folder that is gone on with.
	dir := filepath.Join(t.TempDir(), "run")
	c := quick("{loss: 'softmax:tau=1.0', candidates: 'all ', train: {schedule: 'constant:'}, eval: {metrics: ['recall@020']}}")
	ctx, obs := stopAt(t, 1, 1)
	_, err := RunDir(ctx, dir, c, set, obs)
	require.NoError(t, err)
	_, err = RunDir(t.Context(), dir, quick("{loss: softmax, eval: {metrics: ['recall@20']}}"), set, nil)
	require.NoError(t, err)
}

// every makes each epoch save a checkpoint.
func every(t *testing.T) {
	t.Helper()
	before := saveEvery
	saveEvery = 0
	t.Cleanup(func() { saveEvery = before })
}

// TestKilledAtTheEnd: a run that early stopping, or its last epoch, has ended and that
// dies before its last write is finished when it is taken up, and not trained on.
func TestKilledAtTheEnd(t *testing.T) {
	every(t)
	set := small(t)
	for name, text := range map[string]string{
		"stopped": "{train: {epochs: 200, patience: 2, optimizer: 'adam:lr=0.1'}}",
		"patient": "{train: {epochs: 4, patience: 100}}",
		"whole":   "",
	} {
		for _, seed := range []uint64{0, 1, 2} {
			c := quick(text)
			c.Train.Seed = seed
			want, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err)
			require.Equal(t, name == "stopped", want.Stopped)
			dir := filepath.Join(t.TempDir(), "run")
			// A folder in the place of the weights fails the last write.
			blocked := filepath.Join(dir, WeightsFile)
			_, err = RunDir(t.Context(), dir, c, set, func(e Event) {
				if _, ok := e.(*Started); ok {
					require.NoError(t, os.MkdirAll(filepath.Join(blocked, "x"), 0o755))
				}
			})
			require.Error(t, err)
			require.NoError(t, os.RemoveAll(blocked))
			got, err := RunDir(t.Context(), dir, c, set, func(e Event) {
				_, trains := e.(*Stepped)
				require.False(t, trains, "%s: it trains on", name)
			})
			require.NoError(t, err)
			require.Equal(t, want.Epochs, got.Epochs, name)
			require.Equal(t, want.BestEpoch, got.BestEpoch)
			require.Equal(t, want.Stopped, got.Stopped)
			require.Equal(t, tables(want.Trained), tables(got.Trained))
			require.Equal(t, want.Test.Values, got.Test.Values)
			require.Equal(t, want.Valid.Values, got.Valid.Values)
		}
	}
}

// TestInterruptedLastEvaluation: what interrupts the evaluation on test leaves a run
// that is interrupted, and that ends as one that was not when it is taken up.
func TestInterruptedLastEvaluation(t *testing.T) {
	set := small(t)
	for name, text := range map[string]string{
		"stopped": "{train: {epochs: 200, patience: 2, optimizer: 'adam:lr=0.1'}}",
		"whole":   "",
		"als":     "{train: {solver: 'als'}}",
	} {
		c := quick(text)
		want, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		dir := filepath.Join(t.TempDir(), "run")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		res, err := RunDir(ctx, dir, c, set, func(e Event) {
			if e, ok := e.(*EpochDone); ok && e.Epoch == want.Epochs {
				cancel()
			}
		})
		require.NoError(t, err)
		require.True(t, res.Interrupted, name)
		require.Nil(t, res.Test)
		require.Equal(t, want.Valid.Values, res.Valid.Values, "of the weights at hand")
		require.FileExists(t, filepath.Join(dir, CheckpointFile))
		reached, err := Open(dir, set)
		require.NoError(t, err)
		require.Equal(t, tables(want.Trained), tables(reached))
		got, err := RunDir(t.Context(), dir, c, set, nil)
		require.NoError(t, err)
		require.False(t, got.Interrupted)
		require.Equal(t, want.Stopped, got.Stopped)
		require.Equal(t, tables(want.Trained), tables(got.Trained))
		require.Equal(t, want.Test.Values, got.Test.Values)
		require.NoFileExists(t, filepath.Join(dir, CheckpointFile))
	}
}

// idle is a solver whose epochs have no step.
type idle struct{ solver }

func (idle) steps() int { return 0 }

// TestNoSteps: an epoch always has a step. The largest batch is one of them, and larger
// ones are refused before anything is made.
func TestNoSteps(t *testing.T) {
	set := small(t)
	c := quick("{train: {batch: 2147483647, epochs: 2}}")
	steps := 0
	res, err := Run(t.Context(), c, set, func(e Event) {
		if _, ok := e.(*Stepped); ok {
			steps++
		}
	})
	require.NoError(t, err)
	require.Equal(t, 2, steps)
	fresh, err := New(c, set)
	require.NoError(t, err)
	require.NotEqual(t, tables(fresh), tables(res.Trained))

	c.Train.Batch = math.MaxInt
	dir := filepath.Join(t.TempDir(), "run")
	_, err = RunDir(t.Context(), dir, c, set, nil)
	require.ErrorContains(t, err, "train.batch: 9223372036854775807 is above 2147483647")
	require.NoDirExists(t, dir)

	r, err := newRun(planOf(t, quick("")), set, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.close()) }()
	r.solver = idle{r.solver}
	_, err = r.execute(t.Context(), "")
	require.ErrorContains(t, err, "has no step")
}

// TestDeepCutoff: a cut-off beyond the catalogue is its end, whatever its size.
func TestDeepCutoff(t *testing.T) {
	set := small(t)
	c := quick("{train: {epochs: 1}, eval: {metrics: [recall@120, recall@2147483647]}}")
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.InDelta(t, res.Test.Values[0].Value, res.Test.Values[1].Value, 0)
	tops, err := res.Trained.Predict(t.Context(), set, []int{3}, math.MaxInt, true)
	require.NoError(t, err)
	require.Len(t, tops[0].IDs, set.Items)
}

// TestOneAtATime: a folder in which somebody is at work is refused, and not touched;
// what a process that was killed left of its lock is none.
func TestOneAtATime(t *testing.T) {
	set := small(t)
	dir := filepath.Join(t.TempDir(), "run")
	want, err := Run(t.Context(), quick(""), set, nil)
	require.NoError(t, err)
	second := false
	res, err := RunDir(t.Context(), dir, quick(""), set, func(e Event) {
		if _, ok := e.(*Stepped); ok && !second {
			second = true
			for _, c := range []Config{quick(""), quick("{train: {seed: 5}}")} {
				_, err := RunDir(t.Context(), dir, c, set, nil)
				var held *HeldError
				require.ErrorAs(t, err, &held)
				require.Equal(t, os.Getpid(), held.Holder.PID)
				require.ErrorContains(t, err, dir+" is in use by process ")
			}
			_, err := OpenFolder(dir)
			require.ErrorContains(t, err, "is in use by process")
		}
	})
	require.NoError(t, err)
	require.True(t, second)
	require.Equal(t, tables(want.Trained), tables(res.Trained))
	require.NoFileExists(t, filepath.Join(dir, LockFile))

	dir = filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, LockFile), []byte(`{"pid":1,"host":"other"}`), 0o644))
	_, err = RunDir(t.Context(), dir, quick(""), set, nil)
	require.NoError(t, err)

	// An owner that does more in a folder.
	f, err := OpenFolder(dir)
	require.NoError(t, err)
	require.True(t, f.Ended())
	_, err = f.Run(t.Context(), planOf(t, quick("")), set, nil)
	require.ErrorContains(t, err, "has ended")
	require.NoError(t, f.Clear())
	require.False(t, f.Ended())
	res, err = f.Run(t.Context(), planOf(t, quick("")), set, nil)
	require.NoError(t, err)
	require.Equal(t, tables(want.Trained), tables(res.Trained))
	require.NoError(t, f.Close())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// TestForeignWeights: weights and checkpoints of another configuration than the one
// beside them are neither used nor gone on with.
func TestForeignWeights(t *testing.T) {
	set := small(t)
	folder := func(c Config, interrupted bool) string {
		dir := filepath.Join(t.TempDir(), "run")
		ctx, obs := t.Context(), Observer(nil)
		if interrupted {
			ctx, obs = stopAt(t, 1, 1)
		}
		_, err := RunDir(ctx, dir, c, set, obs)
		require.NoError(t, err)
		return dir
	}
	swap := func(from, to, file string) {
		b, err := os.ReadFile(filepath.Join(from, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, file), b, 0o644))
	}
	a, b := quick("model: {temperature: 0.2}"), quick("{loss: 'sparsemax', model: {temperature: 0.2}, train: {seed: 3}}")
	done := folder(a, false)
	swap(folder(b, false), done, WeightsFile)
	_, err := Open(done, set)
	require.ErrorContains(t, err, filepath.Join(done, WeightsFile)+` was not made by the config.yaml beside it (loss is "sparsemax" in it, "softmax" in config.yaml; train.seed`)

	begun := folder(a, true)
	swap(folder(b, true), begun, CheckpointFile)
	_, err = RunDir(t.Context(), begun, a, set, nil)
	require.ErrorContains(t, err, filepath.Join(begun, CheckpointFile)+` was not made by the config.yaml beside it (loss is "sparsemax"`)

	// One that says the same in other words is the same.
	done = folder(a, false)
	text, err := os.ReadFile(filepath.Join(done, ConfigFile))
	require.NoError(t, err)
	spelled := strings.Replace(string(text), "loss: softmax", "loss: 'softmax: tau = 1.0'", 1)
	require.NotEqual(t, string(text), spelled)
	require.NoError(t, os.WriteFile(filepath.Join(done, ConfigFile), []byte(spelled), 0o644))
	_, err = Open(done, set)
	require.NoError(t, err)
	// One that cannot be read is named.
	f, err := weights.Open(filepath.Join(done, WeightsFile))
	require.NoError(t, err)
	table, err := f.Load("user")
	if err != nil {
		table, err = f.Load(f.Names()[0])
	}
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, weights.Write(filepath.Join(done, WeightsFile), weightsMeta{Config: "nonsense: 1\n", Split: set.Hash()}, []graph.Array{table}))
	_, err = Open(done, set)
	require.ErrorContains(t, err, `its own configuration: config: line 1: unknown key "nonsense"`)
}

// TestKilledAnywhere: whatever a kill leaves between two writes, the same command ends
// with the run that was not killed.
func TestKilledAnywhere(t *testing.T) {
	every(t)
	set := small(t)
	c := quick("{train: {epochs: 3, patience: 3}}")
	want, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	// What the folder held after each event is what a kill at that moment leaves.
	dir := filepath.Join(t.TempDir(), "run")
	var kept []string
	_, err = RunDir(t.Context(), dir, c, set, func(Event) {
		to := filepath.Join(t.TempDir(), "run")
		require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
		kept = append(kept, to)
	})
	require.NoError(t, err)
	files := []string{CheckpointFile, WeightsFile, MetricsFile, ConfigFile}
	full := kept[len(kept)-2] // all but the last write
	for i := range files {    // and Clear, cut short
		to := filepath.Join(t.TempDir(), "run")
		require.NoError(t, os.CopyFS(to, os.DirFS(full)))
		for _, file := range files[:i+1] {
			if err := os.Remove(filepath.Join(to, file)); !errors.Is(err, os.ErrNotExist) {
				require.NoError(t, err)
			}
		}
		kept = append(kept, to)
	}
	for i, at := range kept {
		got, err := RunDir(t.Context(), at, c, set, nil)
		if err != nil {
			require.ErrorContains(t, err, "holds a run that has ended", "%d", i)
			tr, err := Open(at, set)
			require.NoError(t, err)
			require.Equal(t, tables(want.Trained), tables(tr))
			continue
		}
		require.Equal(t, tables(want.Trained), tables(got.Trained), "%d", i)
		require.Equal(t, want.Test.Values, got.Test.Values)
	}
}

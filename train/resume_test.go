package train

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// stopAt cancels a context at a step or an epoch.
func stopAt(t *testing.T, epoch, step int) (context.Context, Observer) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(e Event) {
		if s, ok := e.(*Stepped); ok && s.Epoch == epoch && s.Step == step {
			cancel()
		}
	}
}

// TestResume: a run that is interrupted, in the middle of an epoch or before its
// evaluation, and resumed ends with the bits of one that never stopped.
func TestResume(t *testing.T) {
	set := small(t)
	for name, text := range solverConfigs {
		t.Run(name, func(t *testing.T) { resumes(t, quick(text), set) })
	}
}

// TestResumeEveryScheme: so does one with any head and any sampler, whose summaries,
// estimates and stale class vectors are those of steps before the interruption.
func TestResumeEveryScheme(t *testing.T) {
	set := small(t)
	schemes := []string{}
	for _, h := range models.Heads() {
		if h.Name != "sampled" {
			schemes = append(schemes, h.Name)
		}
	}
	for _, s := range sampler.All() {
		text := "sampled:n=8,sampler=" + s.Name
		if s.Props.Has(sampler.Refreshes) {
			text += ",refresh=7" // of 20 steps, and between two of the stops
		}
		if slices.ContainsFunc(s.Params, func(p registry.Param) bool { return p.Name == "features" }) {
			text += ",features=8" // a tree of more than one leaf
		}
		schemes = append(schemes, text)
		if slices.ContainsFunc(s.Params, func(p registry.Param) bool { return p.Name == "freq" }) {
			schemes = append(schemes, text+",freq=stream") // the set's counts are known: else nothing is kept
		}
	}
	for _, candidates := range schemes {
		for _, score := range models.Scores() {
			t.Run(candidates+"/"+string(score), func(t *testing.T) {
				// Momentum moves classes without a gradient.
				c := quick("{train: {optimizer: 'adam:lr=0.05,mode=dense'}}")
				c.Candidates, c.Model.Score = candidates, string(score)
				resumes(t, c, set)
			})
		}
	}
}

// resumes holds a run that is interrupted thrice against one that is not.
func resumes(t *testing.T, c Config, set *data.Dataset) {
	whole := filepath.Join(t.TempDir(), "whole")
	want, err := RunDir(t.Context(), whole, c, set, nil)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	steps := 5
	if strings.HasPrefix(c.Train.Solver, "als") || strings.HasPrefix(c.Train.Solver, "ials") {
		steps = 1
	}
	for _, at := range [][2]int{{0, 0}, {1, steps / 2}, {2, steps - 1}} {
		ctx, obs := stopAt(t, at[0], at[1])
		res, err := RunDir(ctx, dir, c, set, obs)
		require.NoError(t, err)
		require.True(t, res.Interrupted)
		reached, err := Open(dir, set)
		require.NoError(t, err)
		require.Equal(t, tables(res.Trained), tables(reached), "what was reached is saved")
	}
	got, err := RunDir(t.Context(), dir, c, set, nil)
	require.NoError(t, err)
	require.False(t, got.Interrupted)
	require.Equal(t, tables(want.Trained), tables(got.Trained))
	require.Len(t, got.History, len(want.History))
	for i, e := range want.History {
		a, b := *e, *got.History[i]
		a.Seconds, b.Seconds = 0, 0
		require.Equal(t, lines(t, a), lines(t, b))
	}
	require.Equal(t, want.BestEpoch, got.BestEpoch)
	require.Equal(t, want.Test.Values, got.Test.Values)
	for _, file := range []string{ConfigFile, WeightsFile} {
		x, err := os.ReadFile(filepath.Join(whole, file))
		require.NoError(t, err)
		y, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.True(t, bytes.Equal(x, y), file)
	}
	require.NoFileExists(t, filepath.Join(dir, CheckpointFile))
}

// TestCheckpointVersion: a checkpoint of another version is refused, and so is a folder
// of files that are no longer read.
func TestCheckpointVersion(t *testing.T) {
	set := small(t)
	c := quick("{train: {epochs: 2}}")
	dir := filepath.Join(t.TempDir(), "run")
	ctx, obs := stopAt(t, 0, 2)
	_, err := RunDir(ctx, dir, c, set, obs)
	require.NoError(t, err)

	path := filepath.Join(dir, CheckpointFile)
	rewrite := func(version int) {
		f, err := weights.Open(path)
		require.NoError(t, err)
		defer f.Close()
		var m checkpointMeta
		require.NoError(t, f.Meta(&m))
		var arrays []graph.Array
		for _, name := range f.Names() {
			a, err := f.Load(name)
			require.NoError(t, err)
			arrays = append(arrays, a)
		}
		m.Version = version
		require.NoError(t, weights.Write(path, m, arrays))
	}
	for _, version := range []int{0, checkpointVersion - 1, checkpointVersion + 1} {
		rewrite(version)
		_, err = RunDir(t.Context(), dir, c, set, nil)
		require.ErrorContains(t, err, fmt.Sprintf("%s is of version %d, and this program reads version %d", path, version, checkpointVersion))
	}
	rewrite(checkpointVersion)
	_, err = RunDir(t.Context(), dir, c, set, nil)
	require.NoError(t, err)
	for _, file := range formerFiles {
		former := filepath.Join(dir, file)
		require.NoError(t, os.WriteFile(former, []byte("FENCHEL1"), 0o600))
		for _, err := range []error{
			func() error { _, err := RunDir(t.Context(), dir, c, set, nil); return err }(),
			func() error { _, err := Open(dir, set); return err }(),
		} {
			require.ErrorContains(t, err, "holds a run of an earlier version, whose "+file+" this one does not read")
		}
		require.NoError(t, os.Remove(former))
	}
	// A setting that has another name now says so too, in a folder and in any file.
	config := filepath.Join(dir, ConfigFile)
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	former := strings.Replace(string(text), "  task: ", "  rows: ", 1)
	require.NotEqual(t, string(text), former)
	require.NoError(t, os.WriteFile(config, []byte(former), 0o600))
	for _, err := range []error{
		func() error { _, err := RunDir(t.Context(), dir, c, set, nil); return err }(),
		func() error { _, err := Open(dir, set); return err }(),
		func() error { _, err := LoadConfig(dir); return err }(),
	} {
		require.EqualError(t, err, "train: "+dir+" holds a run of an earlier version, whose config.yaml has train.rows, which is train.task now: train it again in another folder")
	}
	_, err = Parse([]byte("train:\n  rows: pair\n"))
	require.ErrorContains(t, err, `line 2: unknown key "rows" in train; the choices are solver, on, epochs, task`)
	require.ErrorContains(t, err, "; it is called train.task now")
}

// TestKilledWrite: what a write that was killed left in the folder goes when the run
// is taken up.
func TestKilledWrite(t *testing.T) {
	set := small(t)
	dir := filepath.Join(t.TempDir(), "run")
	ctx, obs := stopAt(t, 0, 2)
	_, err := RunDir(ctx, dir, quick(""), set, obs)
	require.NoError(t, err)
	litter := filepath.Join(dir, "."+CheckpointFile+".4711")
	require.NoError(t, os.WriteFile(litter, []byte("half a"), 0o600))
	_, err = RunDir(t.Context(), dir, quick(""), set, nil)
	require.NoError(t, err)
	require.NoFileExists(t, litter)
}

// TestInterruptAtOnce: a context that is cancelled before the first step gives
// the first weights, and no error.
func TestInterruptAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, err := Run(ctx, quick(""), small(t), nil)
	require.NoError(t, err)
	require.True(t, res.Interrupted)
	require.Zero(t, res.Epochs)
	require.Nil(t, res.Valid)
}

// TestTrain: a run that Folder.Train leaves before its end has no test values, is as far as
// one that has ended, is gone on with there as often as asked, and ends with the same bits.
func TestTrain(t *testing.T) {
	set := small(t)
	p, err := quick("").Plan()
	require.NoError(t, err)
	whole := t.TempDir()
	want, err := p.RunDir(t.Context(), whole, set, nil)
	require.NoError(t, err)
	require.NotNil(t, want.Test)
	dir := t.TempDir()
	for range 2 {
		f, err := OpenFolder(dir)
		require.NoError(t, err)
		res, err := f.Train(t.Context(), p, set, nil)
		require.NoError(t, err)
		require.False(t, f.Ended())
		require.NoError(t, f.Close())
		require.False(t, res.Interrupted)
		require.Nil(t, res.Test)
		require.Equal(t, want.Valid.Values, res.Valid.Values)
		require.Equal(t, want.Epochs, res.Epochs)
	}
	res, err := p.RunDir(t.Context(), dir, set, nil)
	require.NoError(t, err)
	require.Equal(t, want.Test.Values, res.Test.Values)
	for i, x := range want.Trained.Tables() {
		require.Equal(t, x.Data, res.Trained.Tables()[i].Data)
	}
	_, err = p.RunDir(t.Context(), dir, set, nil)
	require.ErrorContains(t, err, "has ended")
}

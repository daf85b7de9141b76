package train

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// TestMisuse: what a program hands in that nothing made is an error, and no panic.
func TestMisuse(t *testing.T) {
	set := small(t)
	ctx := t.Context()
	for _, p := range []*Plan{nil, {}, {Config: Config{}.WithDefaults()}} {
		want := "a plan that Config.Plan did not make"
		_, err := p.New(set)
		require.ErrorContains(t, err, want)
		_, err = p.Run(ctx, set, nil)
		require.ErrorContains(t, err, want)
		_, err = p.RunDir(ctx, t.TempDir(), set, nil)
		require.ErrorContains(t, err, want)
		_, err = p.Estimate(set)
		require.ErrorContains(t, err, want)
		f, err := OpenFolder(t.TempDir())
		require.NoError(t, err)
		_, err = f.Run(ctx, p, set, nil)
		require.ErrorContains(t, err, want)
		require.NoError(t, f.Close())
	}
	ms, err := metric.ParseAll([]string{"recall@5", "coverage@5"})
	require.NoError(t, err)
	x, err := set.Examples("user")
	require.NoError(t, err)
	for _, r := range []*Recommender{nil, {}} {
		want := "the recommender was not made by New, Run, Open or Fit"
		_, err := r.Rank(ctx, []int32{0}, 3, nil)
		require.ErrorContains(t, err, want)
		_, err = r.Predict(ctx, set, []int{0}, 3, false)
		require.ErrorContains(t, err, want)
		_, err = r.Evaluate(ctx, set, "test", ms)
		require.ErrorContains(t, err, want)
		_, err = Evaluate(ctx, r, Evaluation{Examples: x, Classes: set.Items, Metrics: ms})
		require.ErrorContains(t, err, want)
		_, err = r.Encode([]int32{0})
		require.ErrorContains(t, err, want)
		_, err = r.ClassScores()
		require.ErrorContains(t, err, want)
		_, err = r.LeftOut(set)
		require.ErrorContains(t, err, want)
	}
	made, err := New(quick(""), set)
	require.NoError(t, err)
	err = made.Rankings(ctx, models.Query{Contexts: made.Contexts(), Rows: []int32{0}, Classes: set.Items, K: 1}, nil)
	require.ErrorContains(t, err, "nobody to take them")
	_, err = made.Evaluate(ctx, nil, "test", ms)
	require.ErrorContains(t, err, "the dataset is nil")
	_, err = Run(ctx, quick(""), &data.Dataset{}, nil)
	require.ErrorContains(t, err, "train is nil")
}

// TestIALSReadsItsCandidates: that the loss is refused hides no fault of the candidates.
func TestIALSReadsItsCandidates(t *testing.T) {
	err := Config{Loss: "softmax", Candidates: "smapled", Train: TrainConfig{Solver: "ials"}}.Validate()
	require.ErrorContains(t, err, `loss: solver ials has its own loss; leave "softmax" away`)
	require.ErrorContains(t, err, `candidates: models: unknown candidates "smapled"`)
}

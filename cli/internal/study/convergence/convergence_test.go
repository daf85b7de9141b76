package convergence_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/convergence"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestTabularCounts holds the iterations of descent against those that an
// independent program counted in the same setting (Zipf(1), step 1/β, excess
// below 1e-8; numpy, float64).
func TestTabularCounts(t *testing.T) {
	want := map[string][2]int{ // at C = 20 and C = 200
		"softmax":           {201, 3143},
		"entmax:alpha=1.25": {132, 977},
		"entmax":            {43, 153},
		"sparsemax":         {1, 1},
		"rg2":               {1, 1},
		"rgx":               {1, 1},
		"bce":               {124, 1956},
		"normmax":           {235, 1837},
	}
	var texts []string
	for text := range want {
		texts = append(texts, text)
	}
	ds, err := convergence.Tabular(t.Context(), convergence.TabularConfig{Losses: texts})
	require.NoError(t, err)
	require.Len(t, ds, 2*len(texts))
	for i, d := range ds {
		require.Equal(t, texts[i/2], d.Loss)
		require.Empty(t, d.Skipped)
		require.True(t, d.Reached)
		require.Equal(t, want[d.Loss][i%2], d.Iterations, "%s, C = %d", d.Loss, d.Classes)
		require.Less(t, float64(d.Curve[len(d.Curve)-1]), 1e-8)
		require.Equal(t, d.Iterations, d.At[len(d.At)-1])
	}
	for _, v := range convergence.Verdicts(ds) {
		require.Equal(t, report.Agrees, v.Kind, v.Text)
	}
}

// TestEveryLoss runs a small table over the registry: a descent or a reason.
func TestEveryLoss(t *testing.T) {
	ds, err := convergence.Tabular(t.Context(), convergence.TabularConfig{Classes: []int{6}, Iterations: 2000})
	require.NoError(t, err)
	ran := 0
	for _, d := range ds {
		if d.Skipped != "" {
			require.Zero(t, d.Iterations)
			continue
		}
		ran++
		require.True(t, d.Reached, "%s: %d iterations leave %g", d.Loss, d.Iterations, float64(d.Excess))
		require.False(t, math.IsNaN(float64(d.Measured)), d.Loss)
	}
	require.Greater(t, ran, 10)
	for _, v := range convergence.Verdicts(ds) {
		require.NotEqual(t, report.Disagrees, v.Kind, v.Text)
	}
}

func TestVerdictsFindFalseDeclarations(t *testing.T) {
	d := convergence.Descent{Loss: "x", Classes: 5, Declared: 20, Measured: 21, Slowest: 30, Predicted: 100, Iterations: 80, Reached: true}
	kinds := func(d convergence.Descent) (ks []report.Kind) {
		for _, v := range convergence.Verdicts([]convergence.Descent{d}) {
			ks = append(ks, v.Kind)
		}
		return ks
	}
	require.Equal(t, []report.Kind{report.Disagrees, report.Agrees}, kinds(d), "above the bound")
	d.Measured = 7
	require.Equal(t, report.Disagrees, kinds(d)[0], "a bound that is no use")
	d.Measured = report.Number(math.NaN())
	require.Equal(t, report.Disagrees, kinds(d)[0])
	d.Measured, d.Iterations = 15, 120
	require.Equal(t, []report.Kind{report.Agrees, report.Disagrees}, kinds(d))
	d.Iterations, d.Reached = 90, false
	require.Equal(t, report.Open, kinds(d)[1])
}

func TestHardLabel(t *testing.T) {
	hs, err := convergence.HardLabel(t.Context(), convergence.TabularConfig{Losses: []string{"softmax", "entmax", "sparsemax", "hinge"}})
	require.NoError(t, err)
	require.Len(t, hs, 3, "hinge has no step size")
	require.Equal(t, -1, hs[0].Zero)
	require.InDelta(t, -1, float64(hs[0].Slope), 0.05, "softmax pulls like 1/T")
	require.InDelta(t, -2, float64(hs[1].Slope), 0.1, "1.5-entmax like 1/T²")
	require.Equal(t, 1, hs[2].Zero, "sparsemax stops after one step")
}

func TestTrain(t *testing.T) {
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=80,items=60,per-user=10"},
		Model: train.ModelConfig{Dim: 8},
		Train: train.TrainConfig{Epochs: 3, Batch: 32},
	}
	set, err := data.Load(cfg.Data.Config())
	require.NoError(t, err)
	traces, err := convergence.Train(t.Context(), cfg, set, []string{"softmax", "sparsemax", "ccl"})
	require.NoError(t, err)
	require.Len(t, traces, 3)
	for _, tr := range traces {
		require.Empty(t, tr.Fault)
		require.Len(t, tr.Points, 3)
		require.Less(t, float64(tr.Points[2].Loss), float64(tr.Points[0].Loss), tr.Loss)
		require.Positive(t, float64(tr.Points[0].GradNorm))
	}
	for _, p := range traces[0].Points {
		require.Equal(t, report.Number(set.Items), p.Support, "softmax touches every class")
	}
	require.Less(t, float64(traces[1].Points[2].Support), 0.75*float64(set.Items), "sparsemax touches fewer")
	require.Positive(t, float64(traces[1].Points[2].Support))

	// A loss that cannot be trained is a fault of its own, not of the others.
	cfg.Train.Optimizer, cfg.Model.Score = "sgd:lr=1e30", "dot"
	traces, err = convergence.Train(t.Context(), cfg, set, []string{"softmax", "rg2"})
	require.NoError(t, err)
	require.Len(t, traces, 2)
	require.Contains(t, traces[1].Fault, "epoch")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	traces, err = convergence.Train(ctx, cfg, set, []string{"softmax"})
	require.NoError(t, err)
	require.Empty(t, traces)
}

func TestSection(t *testing.T) {
	c := convergence.TabularConfig{Losses: []string{"softmax", "sparsemax", "hinge"}, Classes: []int{5}}
	ds, err := convergence.Tabular(t.Context(), c)
	require.NoError(t, err)
	hs, err := convergence.HardLabel(t.Context(), c)
	require.NoError(t, err)
	traces := []convergence.Trace{{Loss: "softmax", Classes: 3, Points: []convergence.Point{{Epoch: 1, Loss: 2, GradNorm: 1, Support: 3}}}, {Loss: "rg2", Fault: "it diverged"}}
	page, err := report.Report{Title: "t", Sections: []report.Section{convergence.Section(c, ds, hs, traces), convergence.Section(c, nil, nil, nil)}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "it diverged")
	require.Contains(t, string(page), "Excess risk in the table, C = 5")
}

func TestValidate(t *testing.T) {
	err := convergence.TabularConfig{Losses: []string{"nope"}, Classes: []int{1}, Excess: 2, Iterations: -1}.Validate()
	for _, part := range []string{`"nope"`, "classes: 1", "excess: 2", "iterations: -1"} {
		require.ErrorContains(t, err, part)
	}
}

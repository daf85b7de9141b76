package negatives

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func small(t *testing.T) (Config, *data.Dataset) {
	t.Helper()
	c := Config{
		Base: train.Config{
			Data:  train.DataConfig{Source: "demo:users=60,items=50,per-user=10"},
			Model: train.ModelConfig{Dim: 8},
			Train: train.TrainConfig{Epochs: 3, Batch: 16},
			Eval:  train.EvalConfig{Metrics: []string{"ndcg@10", "recall@10"}},
		},
		Omegas: []float64{1, 1.25},
	}
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	return c, set
}

// TestTrain: each run has its epochs with metrics on valid, sl-at-k the weights of its
// negatives, and all have test; what ω = 1 trains is the plain loss.
func TestTrain(t *testing.T) {
	c, set := small(t)
	var seen []string
	res, err := Train(t.Context(), c, set, func(r *Run) { seen = append(seen, r.Loss) })
	require.NoError(t, err)
	require.Equal(t, []string{"sl:tau=0.2", "sl:tau=0.2,negatives=1.25", "sl-at-k"}, seen)
	require.Equal(t, []string{"ndcg@10", "recall@10"}, res.Metrics)
	for i, r := range res.Runs {
		require.Empty(t, r.Fault)
		require.Len(t, r.Epochs, 3)
		require.Len(t, r.Valid, 2)
		require.Equal(t, r.Valid, r.Epochs[2].Valid)
		require.Len(t, r.Test, 2)
		for _, p := range r.Epochs {
			require.Equal(t, i == 2, p.Weights != nil)
		}
	}
	for _, p := range res.Runs[2].Epochs {
		w := p.Weights
		require.Equal(t, set.Train.Len(), w.Positives, "of fewer than 256 users every positive counts")
		require.Greater(t, float64(w.Low), 1.0)
		require.Less(t, float64(w.Low), float64(w.Median))
		require.Less(t, float64(w.Median), float64(w.High))
		require.Less(t, float64(w.High), 2.0)
	}
	require.Less(t, float64(res.Runs[2].Epochs[2].Weights.Total), float64(res.Runs[2].Epochs[0].Weights.Total), "L falls in training, and with it the weight")

	plain := c.Base
	plain.Loss = "sl:tau=0.2@all"
	want, err := train.Run(t.Context(), plain, set, nil)
	require.NoError(t, err)
	require.Equal(t, want.Test.Values, res.Runs[0].Test)
	require.NotEqual(t, res.Runs[0].Epochs[2].Loss, res.Runs[1].Epochs[2].Loss)

	page, err := report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)
	for _, text := range []string{"The weight of the negatives over training", "ndcg@10 on valid", "recall@10 on valid", "sl-at-k, median", "negatives=1.25"} {
		require.Contains(t, string(page), text)
	}
	_, err = json.Marshal(res)
	require.NoError(t, err)
}

// TestYoung: Fenchel-Young losses have the weight too, each at its natural temperature
// whatever the weight.
func TestYoung(t *testing.T) {
	c, set := small(t)
	c.Base.Train.Epochs = 1
	for _, loss := range []string{"softmax", "entmax", "normmax"} {
		c.Base.Loss = loss
		res, err := Train(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Len(t, res.Runs, 3)
		require.Equal(t, loss+":negatives=1.25", res.Runs[1].Loss)
		require.Empty(t, res.Runs[1].Fault)
		cfg := c.Base
		cfg.Loss = res.Runs[1].Loss
		plan, err := cfg.Plan()
		require.NoError(t, err)
		weighed, err := plan.On(set)
		require.NoError(t, err)
		cfg.Loss = loss
		plan, err = cfg.Plan()
		require.NoError(t, err)
		plain, err := plan.On(set)
		require.NoError(t, err)
		require.Equal(t, plain.Temperature, weighed.Temperature)
	}
}

// TestBothSets: of a protocol that trains on valid too, courses are of runs on train alone,
// and test is of a run on both.
func TestBothSets(t *testing.T) {
	c, set := small(t)
	c.Base.Train.On, c.Omegas = train.BothSets, []float64{1}
	res, err := Train(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, train.BothSets, res.Protocol.On)
	cfg := c.Base
	cfg.Loss, cfg.Candidates = "sl:tau=0.2", "all"
	both, err := train.Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	require.Equal(t, both.Test.Values, res.Runs[0].Test)
	cfg.Train.On = ""
	alone, err := train.Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	require.Equal(t, alone.Valid.Values, res.Runs[0].Valid)
	require.NotEqual(t, alone.Test.Values, res.Runs[0].Test)
}

// TestFaults: a run that diverges does not end the others, and an interrupted study has what
// it recorded.
func TestFaults(t *testing.T) {
	c, set := small(t)
	c.Base.Train.Optimizer, c.Base.Train.L2 = "sgd:lr=1e30", "1e6"
	c.Omegas = []float64{1}
	res, err := Train(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, res.Runs, 2)
	for _, r := range res.Runs {
		require.Contains(t, r.Fault, "epoch")
	}
	require.Empty(t, res.Verdicts())
	_, err = report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, err = Train(ctx, c, set, nil)
	require.NoError(t, err)
	require.Empty(t, res.Runs)
	require.Equal(t, "not begun: sl:tau=0.2; sl-at-k", res.Interrupted())
	_, err = report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)
}

// TestAtKOfTheTemperature: unless given, sl-at-k is at the temperature that divides the
// cosines of the loss.
func TestAtKOfTheTemperature(t *testing.T) {
	for _, x := range []struct{ loss, temperature, want string }{
		{"", "", "sl-at-k:tau=0.2"},
		{"sl:tau=0.1", "", "sl-at-k:tau=0.1"},
		{"sl", "", "sl-at-k:tau=0.2"},
		{"sl", "0.12", "sl-at-k:tau=0.12"},
		{"bsl:tau1=0.3,tau2=0.5", "0.5", "sl-at-k:tau=0.25"},
	} {
		c := Config{Base: train.Config{Loss: x.loss, Model: train.ModelConfig{Temperature: x.temperature}}}
		require.NoError(t, c.Validate())
		require.Equal(t, x.want, c.WithDefaults().AtK)
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]Config{
		`loss: rg2 has no parameter negatives; the choices are [bsl entmax normmax sl softmax]`: {Base: train.Config{Loss: "rg2"}},
		`loss: losses: unknown loss "nope"`:                                                     {Base: train.Config{Loss: "nope"}},
		`leave them out`:                                                                        {Base: train.Config{Loss: "sl@sampled:n=4"}},
		`omegas: losses: sl: `:                                                                  {Omegas: []float64{1, 9}},
		`omegas: 1.1 is given twice`:                                                            {Omegas: []float64{1.1, 1.1}},
		`at-k: "sl" is not sl-at-k`:                                                             {AtK: "sl"},
		`at-k: losses: sl-at-k: `:                                                               {AtK: "sl-at-k:tau=0"},
		`candidates: "sampled:n=4"`:                                                             {Base: train.Config{Candidates: "sampled:n=4"}},
		`model.score: "dot"`:                                                                    {Base: train.Config{Model: train.ModelConfig{Score: "dot"}}},
		`train.epochs`:                                                                          {Base: train.Config{Train: train.TrainConfig{Epochs: -1}}},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
}

// TestVerdicts: the constant next to what sl-at-k ends with is held against it.
func TestVerdicts(t *testing.T) {
	run := func(omega, valid float64) *Run {
		return &Run{Omega: report.Number(omega), Valid: []train.Value{{Name: "recall@1", Value: valid}, {Name: "coverage@1", Value: valid}}}
	}
	verdicts := func(loss string, plain, constant, atK, total float64) report.Verdicts {
		last := run(math.NaN(), atK)
		last.atK, last.Epochs = true, []Point{{Weights: &Weights{Total: report.Number(total)}}}
		return (&Result{Loss: loss, Metrics: []string{"recall@1", "coverage@1"}, Runs: []*Run{run(1, plain), run(1.3, constant), run(2, 0.9), last}}).Verdicts()
	}
	kind := func(plain, constant, atK, total float64) report.Kind {
		v := verdicts("sl:tau=0.2", plain, constant, atK, total)
		require.Len(t, v, 1)
		return v[0].Kind
	}
	require.Empty(t, verdicts("softmax", 0.1, 0.18, 0.2, 1.25))
	require.Equal(t, report.Agrees, kind(0.1, 0.18, 0.2, 1.25))
	require.Equal(t, report.Disagrees, kind(0.1, 0.12, 0.2, 1.25))
	require.Equal(t, report.Open, kind(0.1, 0.12, 0.1, 1.25))
	require.Equal(t, report.Open, kind(0.1, 0.12, 0.2, 1.05), "no constant but 1 is near")
	require.Equal(t, report.Agrees, kind(0.1, 0.12, 0.2, 1.8), "the nearest is 2")
}

// TestWeightTable: it has the round epochs and the last.
func TestWeightTable(t *testing.T) {
	r := &Run{atK: true}
	for i := range 34 {
		r.Epochs = append(r.Epochs, Point{Epoch: i + 1, Weights: &Weights{}})
	}
	var epochs []string
	for _, row := range (&Result{Runs: []*Run{{}, r}}).WeightTable().Rows {
		epochs = append(epochs, row[0].String())
	}
	require.Equal(t, []string{"1", "2", "5", "10", "20", "34"}, epochs)
}

// TestInterrupted: a study that was cut off says after how many epochs, and what is missing.
func TestInterrupted(t *testing.T) {
	c, set := small(t)
	c.Base.Train.Epochs = 50
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Omegas = []float64{1, 1.25}
	res, err := Train(ctx, c, set, func(*Run) { cancel() })
	require.NoError(t, err)
	require.Equal(t, "not begun: sl:tau=0.2,negatives=1.25; sl-at-k", res.Interrupted(), "the first had ended")
	require.Equal(t, 50, res.Runs[0].Planned)
	require.False(t, res.Runs[0].Interrupted)

	res.Runs[0].Interrupted, res.Runs[0].Epochs = true, res.Runs[0].Epochs[:1]
	page, err := json.Marshal(res.Section())
	require.NoError(t, err)
	require.Contains(t, string(page), "Interrupted: sl:tau=0.2 was cut off after 1 of 50 epochs; not begun: ")
	require.Contains(t, string(page), `"epochs_planned":50`)
}

// TestWeightIsVaried: a weight in the text of the loss is refused, and so are data without
// anything to measure.
func TestWeightIsVaried(t *testing.T) {
	c, set := small(t)
	for _, loss := range []string{"sl:negatives=1.1", "softmax:tau=0.1,negatives=1@all"} {
		c.Base.Loss = loss
		require.ErrorContains(t, c.Validate(), "the weight negatives is what omegas vary: leave it out")
	}
	c.Base.Loss = "sl:tau=0.1"
	require.NoError(t, c.Validate())
	all, err := set.All()
	require.NoError(t, err)
	bare := *set
	bare.Train, bare.Valid, bare.Test = all, all.Filter(func(int) bool { return false }), all.Filter(func(int) bool { return false })
	_, err = Train(t.Context(), c, &bare, nil)
	require.ErrorContains(t, err, "has neither valid nor test interactions to measure")
}

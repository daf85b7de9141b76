package train

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// fitted trains mf by objects as quick("") does by names.
func fitted(t *testing.T, o FitOptions) (*data.Dataset, models.Model, models.Head, losses.Loss, *data.Examples) {
	t.Helper()
	set := small(t)
	examples, err := set.Examples("user")
	require.NoError(t, err)
	l, err := losses.Parse("softmax")
	require.NoError(t, err)
	s := models.Setting{Set: set, Dim: 8, Init: 0.1, Seed: o.Seed}
	kind, err := models.Parse("mf")
	require.NoError(t, err)
	m, err := kind.New(s)
	require.NoError(t, err)
	head, err := models.NewHead("all", models.HeadSetting{Setting: s, Score: models.Cosine, Temperature: 0.2, Loss: l})
	require.NoError(t, err)
	return set, m, head, l, examples
}

// TestFit: objects train to the bits of the run that names them, at any GOMAXPROCS, and
// rank as it does; Fit goes on from tables that have data.
func TestFit(t *testing.T) {
	cfg := quick("model: {temperature: 0.2}")
	cfg.Train.Seed = 3
	want, err := Run(t.Context(), cfg, small(t), nil)
	require.NoError(t, err)
	o := FitOptions{Epochs: cfg.Train.Epochs, Batch: cfg.Train.Batch, Seed: 3}
	for _, procs := range []int{1, 2, 4} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			set, m, head, l, x := fitted(t, o)
			var history []float64
			o.Observe = func(e *EpochDone) { history = append(history, e.Loss) }
			rec, err := Fit(t.Context(), m, head, l, x, set.Classes(), o)
			require.NoError(t, err)
			for i, table := range rec.Tables() {
				require.Equal(t, want.Trained.Tables()[i].Data, table.Data, table.Name)
			}
			for i, e := range want.History {
				require.InDelta(t, e.Loss, history[i], 1e-12)
			}
			users := []int32{4, 0, 77}
			tops, err := rec.Rank(t.Context(), users, 5, func(i int) []int32 { return set.Train.ItemsOf(int(users[i])) })
			require.NoError(t, err)
			for i, u := range users {
				alone, err := rec.Rank(t.Context(), []int32{u}, 5, func(int) []int32 { return set.Train.ItemsOf(int(u)) })
				require.NoError(t, err)
				require.Equal(t, alone[0], tops[i])
				for _, id := range tops[i].IDs {
					require.NotContains(t, set.Train.ItemsOf(int(u)), id)
				}
			}
			all, err := rec.Rank(t.Context(), users, 1<<30, nil)
			require.NoError(t, err)
			require.Len(t, all[0].IDs, set.Items)
			_, err = rec.Rank(t.Context(), users, 0, nil)
			require.ErrorContains(t, err, "k=0 is below 1")

			before := tables(rec)
			_, err = Fit(t.Context(), m, head, l, x, set.Classes(), FitOptions{Epochs: 1, Batch: 32})
			require.NoError(t, err)
			require.Less(t, history[len(history)-1], history[0])
			require.NotEqual(t, before, tables(rec), "it goes on")
		}()
	}
}

func TestFitRefuses(t *testing.T) {
	set, m, head, l, x := fitted(t, FitOptions{})
	fit := func(o FitOptions) error {
		_, err := Fit(t.Context(), m, head, l, x, set.Classes(), o)
		return err
	}
	require.ErrorContains(t, fit(FitOptions{Epochs: -1}), "Epochs is -1; want 1 to")
	require.ErrorContains(t, fit(FitOptions{Batch: math.MaxInt}), "Batch is 9223372036854775807; want 1 to")
	require.ErrorContains(t, fit(FitOptions{Optimizer: "adm"}), `unknown optimizer "adm"`)
	require.ErrorContains(t, fit(FitOptions{Schedule: "x"}), `unknown schedule "x"`)
	_, err := Fit(t.Context(), nil, head, l, x, set.Classes(), FitOptions{})
	require.ErrorContains(t, err, "are missing")
	bad := *x
	bad.Row = append([]int32{999}, x.Row[1:]...)
	_, err = Fit(t.Context(), m, head, l, &bad, set.Classes(), FitOptions{})
	require.ErrorContains(t, err, "example 0 is of row 999, outside [0,150)")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Fit(ctx, m, head, l, x, set.Classes(), FitOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, fit(FitOptions{Epochs: 3, Optimizer: "sgd:lr=1e300"}), "train: fit: ")
}

// TestSourceIsRecorded: a run whose configuration says nothing of data records how the
// set was made, and does not call it the default.
func TestSourceIsRecorded(t *testing.T) {
	cfg := quick("{train: {epochs: 1}}")
	memory, err := data.FromEvents(data.Events{Name: "two", Train: []data.Event{{User: "a", Item: "x"}, {User: "b", Item: "y"}}}, "ratio:1,0,0")
	require.NoError(t, err)
	byHand := *memory
	byHand.Made = data.Config{}
	for want, set := range map[string]*data.Dataset{
		"memory": memory, "demo:users=150,items=120,per-user=12": small(t),
	} {
		tr, err := New(cfg, set)
		require.NoError(t, err)
		require.Equal(t, want, tr.Plan.Config.Data.Source)
	}
	tr, err := New(cfg, &byHand)
	require.NoError(t, err)
	require.Equal(t, data.MemorySource, tr.Plan.Config.Data.Source)
	cfg.Data.Source = "elsewhere"
	tr, err = New(cfg, memory)
	require.NoError(t, err)
	require.Equal(t, "elsewhere", tr.Plan.Config.Data.Source, "what is said stands")
}

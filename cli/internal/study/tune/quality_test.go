package tune

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/train"
)

// TestQualityOfTuning: on MovieLens-1M, at each of three seeds, the search around the
// defaults comes to the best value on valid of a grid of compare --tune over the same ranges,
// in no more time than that grid took. It takes ten minutes on two cores that do nothing
// else; beside other programs its times say nothing.
//
//	go test -v -timeout 1h -run TestQualityOfTuning ./cli/internal/study/tune -quality
func TestQualityOfTuning(t *testing.T) {
	const source = "../../../../../shared/data/ml-1m"
	quality.Need(t, "ten minutes", source)
	base := train.Config{Data: train.DataConfig{Source: source}, Protocol: "recbole", Train: train.TrainConfig{Epochs: 20}, Eval: train.EvalConfig{Every: 4}}
	set, err := data.Load(base.Data.Config())
	require.NoError(t, err)
	for seed := range uint64(3) {
		dir := filepath.Join(t.TempDir(), strconv.FormatUint(seed, 10))
		c := compare.Config{
			Base: base, Losses: []string{"softmax"}, Seeds: []uint64{seed}, Resamples: compare.MinResamples, Dir: filepath.Join(dir, "grid"),
			Tune: []compare.Axis{
				{Name: "lr", Values: []string{"0.002", "0.005", "0.01", "0.02", "0.05"}},
				{Name: "temperature", Values: []string{"0.042", "0.072", "0.125", "0.216", "0.375"}},
			},
		}
		best, runs := 0.0, 0
		var took time.Duration
		started := time.Now()
		tuning := false
		_, err := compare.Run(t.Context(), c, set, func(e compare.Event) {
			switch e := e.(type) {
			case *compare.Planned:
				if tuning = e.Tuning; !tuning {
					took = time.Since(started)
				}
			case *compare.Ended:
				if tuning && e.Err == nil && e.Outcome.Failed == "" {
					best, runs = max(best, e.Outcome.Valid[0].Value), runs+1
				}
			}
		})
		require.NoError(t, err)
		require.Greater(t, runs, 20)

		search := Config{Base: base, Budget: took, Dir: filepath.Join(dir, "search")}
		search.Base.Train.Seed = seed
		res, err := Run(t.Context(), search, set, nil)
		require.NoError(t, err)
		require.GreaterOrEqual(t, res.Best, 0)
		reached, trials, seconds := res.Trials[res.Best], 0, 0.0
		for _, x := range res.Trials { // until it was as good as the grid's
			trials, seconds = trials+1, seconds+x.Seconds
			if float64(x.Value) >= best {
				break
			}
		}
		t.Logf("seed %d: grid %.4f in %d runs and %.0f s; search %.4f by %s, of %d trials in %.0f s; as good as the grid after %d trials and %.0f s",
			seed, best, runs, took.Seconds(), float64(reached.Value), Text(reached.Settings), len(res.Trials), res.Seconds, trials, seconds)
		require.GreaterOrEqual(t, float64(reached.Value), best)
	}
}

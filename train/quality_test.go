package train

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
)

// TestQuality trains the documented settings on MovieLens-1M and holds them to
// the recall and NDCG at 20 on valid that they must reach: about a minute on two
// cores. Run it by
//
//	FENCHEL_QUALITY=1 go test -v -run TestQuality ./train
//
// with the data in ../shared/data/ml-1m beside the repository.
func TestQuality(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	if os.Getenv("FENCHEL_QUALITY") == "" {
		t.Skip("trains for a minute; set FENCHEL_QUALITY=1")
	}
	if _, err := os.Stat(source); err != nil {
		t.Skipf("no data: %v", err)
	}
	set, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	for _, c := range []struct {
		name, config string
		recall, ndcg float64
	}{
		// The defaults: cosine scores, τ = 0.2, d = 64, a row per user, batches of 128,
		// Adam 0.01, 40 epochs. PyTorch reaches 0.274 and 0.260.
		{"softmax", "", 0.270, 0.255},
		{"rg2 by als", "train: {solver: als}", 0.265, 0.25},
		{"ials", "train: {solver: ials}", 0.272, 0.25},
		// A reference in Go reaches 0.2700 and 0.2551: half of the items dropped, over √n.
		{"pool", "{model: {name: pool, temperature: 0.2}, train: {epochs: 30}}", 0.267, 0.252},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse([]byte(c.config))
			require.NoError(t, err)
			cfg.Eval.Every = 10
			res, err := Run(t.Context(), cfg, set, nil)
			require.NoError(t, err)
			train := 0.0
			for _, e := range res.History {
				train += e.Seconds
			}
			t.Logf("%d epochs, %.1f s, of which training %.1f s; %v; %v", res.Epochs, res.Seconds, train, res.Valid, res.Test)
			recall, _ := res.Valid.Get("recall@20")
			ndcg, _ := res.Valid.Get("ndcg@20")
			require.GreaterOrEqual(t, recall, c.recall)
			require.GreaterOrEqual(t, ndcg, c.ndcg)
			if c.name == "pool" {
				own, pop, others := besideItself(t, res, set, exchanged)
				require.Greater(t, own, 2*pop)
				require.Greater(t, own, 2*others)
			}
		})
	}
}

// TestQualityOfGraphs holds a graph of two layers on MovieLens-1M to what it must reach on
// valid after 240 steps, far above popularity, and after 60 steps, of which matrix
// factorisation makes less, above the same model without its graph by a tenth.
func TestQualityOfGraphs(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	if os.Getenv("FENCHEL_QUALITY") == "" {
		t.Skip("trains for a minute; set FENCHEL_QUALITY=1")
	}
	if _, err := os.Stat(source); err != nil {
		t.Skipf("no data: %v", err)
	}
	set, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	reached := func(model string, epochs int) (*Result, float64, float64) {
		cfg, err := Parse([]byte("{model: {temperature: 0.2}, train: {batch: 512}}"))
		require.NoError(t, err)
		cfg.Model.Name, cfg.Train.Epochs, cfg.Eval.Every = model, epochs, epochs
		res, err := Run(t.Context(), cfg, set, nil)
		require.NoError(t, err)
		recall, _ := res.Valid.Get("recall@20")
		ndcg, _ := res.Valid.Get("ndcg@20")
		t.Logf("%s, %d epochs of 12 steps: valid %.4f/%.4f", model, epochs, recall, ndcg)
		return res, recall, ndcg
	}
	res, recall, ndcg := reached("lightgcn:layers=2", 20)
	require.GreaterOrEqual(t, recall, 0.270)
	require.GreaterOrEqual(t, ndcg, 0.255)
	own, pop, _ := besideItself(t, res, set, exchanged)
	require.Greater(t, own, 2*pop)
	_, recall, ndcg = reached("lightgcn:layers=2", 5)
	_, recallOfNone, ndcgOfNone := reached("lightgcn:layers=0", 5)
	require.Greater(t, recall, 1.1*recallOfNone)
	require.Greater(t, ndcg, 1.1*ndcgOfNone)
}

// TestQualityHeld holds a tenth of MovieLens-1M's users out of training: by their histories
// alone they get what they get where they were trained on, within 5 %.
func TestQualityHeld(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	if os.Getenv("FENCHEL_QUALITY") == "" {
		t.Skip("trains for a minute; set FENCHEL_QUALITY=1")
	}
	if _, err := os.Stat(source); err != nil {
		t.Skipf("no data: %v", err)
	}
	whole, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	held, err := data.Load(data.Config{Source: source, Held: "0.1"})
	require.NoError(t, err)
	cfg, err := Parse([]byte("{model: {name: pool, temperature: 0.2}, train: {epochs: 30}, eval: {every: 30}}"))
	require.NoError(t, err)
	heldUsers(t, cfg, whole, held)
}

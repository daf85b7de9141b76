package train

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
)

// TestQuality trains the documented settings on MovieLens-1M and holds them to
// the recall and NDCG at 20 on valid that they must reach: about a minute on two
// cores. Run it by
//
//	go test -v -run TestQuality ./train -quality
//
// with the data in ../shared/data/ml-1m beside the repository.
func TestQuality(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	quality.Need(t, "a minute", source)
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
		{"ease", "model: {name: ease}", 0.2733, 0.2623}, // a reference in Go: .2734 and .2624, rounded
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
	quality.Need(t, "a minute", source)
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
	quality.Need(t, "a minute", source)
	whole, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	held, err := data.Load(data.Config{Source: source, Held: "0.1"})
	require.NoError(t, err)
	cfg, err := Parse([]byte("{model: {name: pool, temperature: 0.2}, train: {epochs: 30}, eval: {every: 30}}"))
	require.NoError(t, err)
	heldUsers(t, cfg, whole, held)
}

// TestQualityOfFolding holds a tenth of MovieLens-1M's users out of training and folds them in
// by their train and valid items: on test they get what they get where they were trained on,
// within 5 %, by steps of the run's loss, by the closed form of its solver, and by an encoder
// of histories.
func TestQualityOfFolding(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	quality.Need(t, "minutes", source)
	whole, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	held, err := data.Load(data.Config{Source: source, Held: "0.1"})
	require.NoError(t, err)
	for name, text := range map[string]string{
		"mf":   "{model: {temperature: 0.2}}",
		"als":  "{train: {solver: als}}",
		"ials": "{train: {solver: ials}}",
		"pool": "{model: {name: pool, temperature: 0.2}, train: {epochs: 30}}",
		"ease": "{model: {name: ease}}",
	} {
		t.Run(name, func(t *testing.T) {
			recall := func(set *data.Dataset, ask func(u int) Ask) float64 {
				cfg, err := Parse([]byte(text))
				require.NoError(t, err)
				cfg.Eval.Every = 100
				res, err := Run(t.Context(), cfg, set, nil)
				require.NoError(t, err)
				s, err := res.Trained.Serve(set)
				require.NoError(t, err)
				sum, n := 0.0, 0.0
				for u := range held.Users {
					relevant := whole.Test.ItemsOf(u)
					if !held.IsHeld(u) || len(relevant) == 0 {
						continue
					}
					var known []string // what the data set knows of a user, but for test
					for _, i := range append(slices.Clone(whole.Train.ItemsOf(u)), whole.Valid.ItemsOf(u)...) {
						known = append(known, whole.ItemName(int(i)))
					}
					got, err := s.Recommend(t.Context(), ask(u), 20, Filter{WithSeen: true, Without: known})
					require.NoError(t, err)
					hits := 0.0
					for _, i := range got {
						if slices.Contains(relevant, int32(i.Index)) {
							hits++
						}
					}
					sum, n = sum+hits/float64(len(relevant)), n+1
				}
				return sum / n
			}
			history := func(u int) Ask {
				q := Ask{Someone: true}
				for _, i := range whole.Train.ItemsOf(u) {
					q.History = append(q.History, whole.ItemName(int(i)))
				}
				return q
			}
			trained := recall(whole, func(u int) Ask {
				if name == "pool" { // which reads all that is known of a user, test among it
					return history(u)
				}
				return Ask{User: whole.UserName(u)}
			})
			folded := recall(held, history)
			t.Logf("recall@20 on test: %.4f where they were trained on, %.4f folded in", trained, folded)
			require.InDelta(t, 1, folded/trained, 0.05)
		})
	}
}

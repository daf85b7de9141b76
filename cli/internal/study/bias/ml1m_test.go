package bias

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/train"
)

// TestOrderOnMovieLens holds the order of biases and variances of a trained model
// on MovieLens-1M, as measured in the literature on generated scores: importance
// below logq below no correction, better proposals below worse ones, pairwise and
// unnormalised losses far off.
func TestOrderOnMovieLens(t *testing.T) {
	const dir = "../../../../../shared/data/ml-1m"
	needs.Data(t, dir)
	if testing.Short() {
		t.Skip("trains on 0.8 million pairs")
	}
	cfg, err := train.Parse([]byte("{model: {dim: 16, score: dot}, train: {epochs: 10}, eval: {every: 10}}"))
	require.NoError(t, err)
	set, err := data.Load(data.Config{Source: dir})
	require.NoError(t, err)
	got, err := train.Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	p, err := FromTrained(got.Trained, set, 30, 1)
	require.NoError(t, err)
	m := map[string]*Result{}
	for name, text := range map[string]string{
		"B uniform":    "sampled-softmax:correction=importance,sampler=uniform",
		"B popularity": "sampled-softmax:correction=importance,sampler=popularity",
		"B midx":       "sampled-softmax:correction=importance,sampler=midx",
		"B softmax":    "sampled-softmax:correction=importance,sampler=softmax-exact",
		"C uniform":    "sampled-softmax:sampler=uniform",
		"C popularity": "sampled-softmax:sampler=popularity",
		"C midx":       "sampled-softmax:sampler=midx",
		"no uniform":   "infonce:sampler=uniform",
		"no popular":   "infonce:sampler=popularity,beta=1",
		"nce":          "nce:sampler=uniform",
		"bpr":          "bpr:sampler=uniform",
		"neg":          "neg:sampler=popularity",
		"rgx":          "rgx",
	} {
		m[name] = measure(t, p, text, Options{Draws: 64, Repeats: 300})
		t.Logf("%-13s bias² %10.3g ± %-8.2g variance %10.3g cos %.3f", name, m[name].Bias, m[name].BiasErr, m[name].Var, m[name].Cos)
	}
	below := func(a, b string) {
		require.Less(t, m[a].Bias+m[a].BiasErr, m[b].Bias-m[b].BiasErr, "bias² of %s and %s", a, b)
	}
	below("B softmax", "B popularity")
	below("B midx", "B popularity")
	below("B popularity", "B uniform")
	for _, s := range []string{"uniform", "popularity", "midx"} {
		below("B "+s, "C "+s)
		require.Less(t, m["C "+s].Var, m["B "+s].Var, "variance: logq below importance, %s", s)
	}
	below("C midx", "C popularity")
	below("C popularity", "C uniform")
	below("C uniform", "no popular")
	// Of uniform draws log q is one constant: no correction at all is the same.
	require.InDelta(t, m["C uniform"].Bias, m["no uniform"].Bias, 1e-9)
	ratio := m["nce"].Bias / m["C uniform"].Bias
	require.True(t, ratio > 0.5 && ratio < 2, "nce of normalised scores is about as biased as ranking nce: %g", ratio)
	below("no popular", "bpr")
	below("bpr", "neg")
	require.Greater(t, m["bpr"].Cos, 0.95, "bpr is off in scale, not in direction")
	require.Less(t, m["bpr"].Var, 0.01)
	require.Less(t, m["neg"].Cos, 0.5)
	require.Zero(t, m["rgx"].Var)
	for _, order := range [][2]string{{"B softmax", "B midx"}, {"B midx", "B popularity"}, {"B popularity", "B uniform"}} {
		require.Less(t, m[order[0]].Var, m[order[1]].Var, "variance of %s and %s", order[0], order[1])
	}
}

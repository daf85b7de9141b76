package consistency

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
)

// requireGradient holds the gradient of f at x against central differences.
func requireGradient(t *testing.T, f conditionalrisk.Objective, x []float64) {
	t.Helper()
	g := make([]float64, f.Len())
	require.InDelta(t, f.Value(nil, x), f.Value(g, x), 1e-14)
	for i := range x {
		const h = 1e-5
		was := x[i]
		x[i] = was + h
		up := f.Value(nil, x)
		x[i] = was - h
		down := f.Value(nil, x)
		x[i] = was
		require.InDelta(t, (up-down)/(2*h), g[i], 1e-7, "coordinate %d", i)
	}
}

func TestSharedGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	truths := problem(1, 3, 2)
	for _, text := range []string{"softmax", "squared", "bce", "normmax"} {
		b := bound(t, text)
		risk := conditionalrisk.NewRisks(b, truths).Value
		for _, cosine := range []bool{false, true} {
			f := newSharedRisk(risk, len(truths), sharedClasses, 2, cosine, 1.7)
			x := make([]float64, f.Len())
			for i := range x {
				x[i] = rng.NormFloat64()
			}
			requireGradient(t, f, x)
		}
	}
	z := make([]float64, sharedClasses)
	for i := range z {
		z[i] = rng.NormFloat64()
	}
	requireGradient(t, gainOf(truths[0]), z)
}

// gainOf is the smooth gain as an objective.
type gainOf []float64

func (g gainOf) Len() int                      { return len(g) }
func (g gainOf) Value(dz, z []float64) float64 { return smoothGain(dz, g, z, 0.3) }

func TestRanked(t *testing.T) {
	truth := [][]float64{{0.5, 0.3, 0.2}}
	dcg := func(p ...float64) (sum float64) {
		for r, x := range p {
			sum += x / math.Log2(float64(r)+2)
		}
		return sum
	}
	for _, c := range []struct {
		z         []float64
		ndcg, top float64
	}{
		{[]float64{3, 2, 1}, 1, 1},
		{[]float64{1, 2, 3}, dcg(0.2, 0.3, 0.5) / dcg(0.5, 0.3, 0.2), 0.5 / 0.8},
		{[]float64{7, 7, 7}, dcg(1./3, 1./3, 1./3) / dcg(0.5, 0.3, 0.2), 2. / 3 / 0.8},
		{[]float64{2, 1, 1}, dcg(0.5, 0.25, 0.25) / dcg(0.5, 0.3, 0.2), 0.75 / 0.8},
	} {
		r := ranked(truth, [][]float64{c.z})
		require.InDelta(t, c.ndcg, float64(r.NDCG), 1e-12, "%v", c.z)
		require.InDelta(t, c.top, float64(r.Top), 1e-12, "%v", c.z)
	}
	// A sharp smooth gain is the gain.
	require.InDelta(t, dcg(0.2, 0.3, 0.5), smoothGain(nil, truth[0], []float64{1, 2, 3}, 1e-3), 1e-9)
}

// TestShared: what losses do over shared vectors, and that no number depends on the
// processors.
func TestShared(t *testing.T) {
	c := Config{Losses: []string{"softmax", "sparsemax", "cosine", "hinge"}}
	s, err := RunShared(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, s.Rows, 4)
	at := func(loss, set int) float64 { return float64(s.Rows[loss].Sets[set].NDCG) }
	const free, dot, own, fixed = 0, 1, 2, 3
	for i := range s.Rows {
		for set := range s.Sets {
			if bayes, best := s.regret(i, set); !math.IsNaN(bayes) {
				require.GreaterOrEqual(t, bayes, -1e-12, "%s over %s", s.Rows[i].Loss, s.Sets[set])
				require.GreaterOrEqual(t, best, -1e-12, "%s over %s", s.Rows[i].Loss, s.Sets[set])
			}
		}
	}
	require.InDelta(t, 1, at(0, free), 1e-9, "softmax keeps the order over free scores")
	require.Less(t, at(0, dot), 1-1e-3, "and not over two dimensions")
	require.Greater(t, at(1, own), at(1, fixed)+0.01, "sparsemax at 0.2 looks at one class")
	require.True(t, math.IsNaN(at(2, dot)) && math.IsNaN(at(2, fixed)) && !math.IsNaN(at(2, own)), "cosine takes cosines alone")
	require.True(t, math.IsNaN(float64(s.Rows[3].Temperature)) && math.IsNaN(at(3, own)), "hinge has no natural temperature")
	require.Less(t, at(3, fixed), at(0, fixed), "hinge is not calibrated")
	require.Equal(t, s.Best[own], s.Best[fixed], "cosines rank alike at every temperature")

	old := runtime.GOMAXPROCS(1)
	again, err := RunShared(t.Context(), c)
	runtime.GOMAXPROCS(old)
	require.NoError(t, err)
	text := func(s *Shared) string {
		b, err := json.Marshal(s)
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, text(s), text(again))

	section := Section(c, nil, s)
	table := s.Table()
	require.Contains(t, section.Blocks, report.Block(table))
	for _, row := range table.Rows {
		require.Len(t, row, len(table.Head))
	}
	b, err := json.Marshal(section)
	require.NoError(t, err)
	require.Contains(t, string(b), `"shared":{"contexts":12,`)
	page, err := report.Report{Title: "t", Sections: []report.Section{section}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "Regret of cosines by their temperature")
}

// TestSharedOfFullRank: with as many dimensions as scores have up to a shift, softmax
// ranks as it does over free scores.
func TestSharedOfFullRank(t *testing.T) {
	s, err := RunShared(t.Context(), Config{Losses: []string{"softmax"}, Contexts: 4, Rank: MaxRank})
	require.NoError(t, err)
	require.InDelta(t, 1, float64(s.Rows[0].Sets[1].NDCG), 1e-6)
}

func TestSharedRefuses(t *testing.T) {
	for _, c := range []Config{{Contexts: 1}, {Contexts: MaxContexts + 1}, {Rank: -1}, {Rank: MaxRank + 1}, {Losses: []string{"nope"}}} {
		_, err := RunShared(t.Context(), c)
		require.Error(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := RunShared(ctx, Config{Losses: []string{"softmax"}})
	require.ErrorIs(t, err, context.Canceled)
	s, err := RunShared(t.Context(), Config{Recipes: []string{"neg"}})
	require.NoError(t, err)
	require.Empty(t, s.Rows, "recipes have no scores of their own")
}

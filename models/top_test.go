package models

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestEveryLossRanksByItsMap: whatever the head, classes rank by the probabilities of
// the loss; equal ones by score where the map keeps the order of scores, and else, with
// no two alike here, never.
func TestEveryLossRanksByItsMap(t *testing.T) {
	set := demo(t)
	reordered := 0
	for _, spec := range losses.All() {
		if spec.Predict == nil {
			continue
		}
		for _, l := range spec.Probes() {
			for _, text := range []string{"all", "sampled:n=4"} {
				s, scheme := settingFor(set, l, text)
				s.Init = 1
				head, m := newHead(t, scheme, s, 1)
				ranker, err := head.Ranker(m, set.Classes())
				require.NoError(t, err)
				tops := make([]Top, 1)
				require.NoError(t, ranker.Rank(tops, m.h.Data, func(int) []int32 { return nil }, set.Items))
				z, p := scores(s, m.h.Data, classTables(m, head)), make([]float64, set.Items)
				require.True(t, l.Predict(p, z))
				byScore := make([]int32, set.Items)
				for c := range byScore {
					byScore[c] = int32(c)
				}
				slices.SortFunc(byScore, func(a, b int32) int { return cmp.Or(cmp.Compare(z[b], z[a]), cmp.Compare(a, b)) })
				byP := slices.Clone(byScore)
				slices.SortStableFunc(byP, func(a, b int32) int { return cmp.Compare(p[b], p[a]) })
				require.Equal(t, byP, tops[0].IDs, "%s with %s", l, scheme)
				if !slices.Equal(byP, byScore) {
					require.Equal(t, losses.OrderNone, l.Theory().MapOrder, "%s", l)
					reordered++
				}
			}
			// The other heads rank by log p of their decisions, which the map of each makes.
			for _, text := range []string{"tree", "classes:k=4", "adaptive"} {
				s, _ := settingFor(set, l, text)
				tops := make([]Top, 1)
				require.NoError(t, rankerOf(t, text, s).Rank(tops, []float32{1, 2, -3, 1, 0}, func(int) []int32 { return nil }, set.Items))
				sum := 0.0
				for _, logP := range tops[0].Scores {
					sum += math.Exp(float64(logP))
				}
				require.InDelta(t, 1, sum, 1e-4, "%s with %s", l, text)
			}
		}
	}
	require.NotZero(t, reordered)
}

// TestTiesOfTheMapGoToTheLowerClass: the spherical softmax gives z and −z one
// probability.
func TestTiesOfTheMapGoToTheLowerClass(t *testing.T) {
	l, err := losses.Parse("spherical")
	require.NoError(t, err)
	s := HeadSetting{Setting: Setting{Set: demo(t), Dim: 1, Init: 1, Seed: 7}, Score: Dot, Temperature: 1, Loss: l}
	head, m := newHead(t, "all", s, 1)
	w := m.W.Data
	clear(w)
	copy(w, []float32{0.5, -2, 1, 2, -1, -3})
	ranker, err := head.Ranker(m, s.Set.Classes())
	require.NoError(t, err)
	tops := make([]Top, 1)
	require.NoError(t, ranker.Rank(tops, []float32{1}, func(int) []int32 { return nil }, 6))
	require.Equal(t, []int32{5, 1, 3, 2, 4, 0}, tops[0].IDs)
	require.Equal(t, []float32{3, 2, 2, 1, 1, 0.5}, tops[0].Scores)
	w[80] = float32(math.Inf(-1))
	require.ErrorContains(t, ranker.Rank(tops, []float32{1}, func(int) []int32 { return nil }, 6), "diverged")

	// A map that leaves the order of scores and says nothing of its own.
	spec := *l.Spec
	spec.Rank = nil
	s.Loss = spec.Bind(l.Values)
	b, err := ParseHead("all")
	require.NoError(t, err)
	_, err = b.New(s)
	require.ErrorContains(t, err, "spherical: its probabilities are not in the order of its scores")
}

// TestSelectTop holds it against a full sort.
func TestSelectTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		z := make([]float32, 1+rng.IntN(40))
		for i := range z {
			z[i] = float32(rng.IntN(8)) // ties
		}
		var skip []int32
		for i := range z {
			if rng.IntN(4) == 0 {
				skip = append(skip, int32(i))
			}
		}
		k := rng.IntN(12)
		got, err := SelectTop(z, skip, k)
		require.NoError(t, err)
		var want []int32
		for v := float32(7); v >= 0; v-- {
			for i, s := range z {
				masked := false
				for _, m := range skip {
					masked = masked || m == int32(i)
				}
				if s == v && !masked {
					want = append(want, int32(i))
				}
			}
		}
		want = want[:min(k, len(want))]
		require.Equal(t, len(want), len(got.IDs))
		for i := range want {
			require.Equal(t, want[i], got.IDs[i])
			require.Equal(t, z[want[i]], got.Scores[i])
		}
	}
}

package metric

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// ranking returns, for scores with masked items, the hits of the top k and the
// places of all relevant items. Places are counted item by item, without a sort.
func ranking(scores []float64, masked, rel []bool, k int) (hit []bool, places []int) {
	order := []int{}
	for j := range scores {
		if !masked[j] {
			order = append(order, j)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	for _, j := range order[:min(k, len(order))] {
		hit = append(hit, rel[j])
	}
	for i := range scores {
		if !rel[i] {
			continue
		}
		place := 1
		for j := range scores {
			if !masked[j] && (scores[j] > scores[i] || scores[j] == scores[i] && j < i) {
				place++
			}
		}
		if masked[i] {
			place = 1 << 30
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return hit, places
}

// TestAgainstReference holds every registered metric against its slow statement
// on random rankings with ties, masks and masked relevant items.
func TestAgainstReference(t *testing.T) {
	require.NotEmpty(t, All())
	for _, m := range All() {
		t.Run(m.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			values := map[float64]bool{}
			for range 2000 {
				n := 1 + rng.IntN(12)
				scores, masked, rel := make([]float64, n), make([]bool, n), make([]bool, n)
				for i := range n {
					scores[i] = float64(rng.IntN(5)) // few values: many ties
					masked[i] = rng.IntN(4) == 0
					rel[i] = rng.IntN(3) == 0
				}
				rel[rng.IntN(n)] = true
				k := 1 + rng.IntN(n+2)
				hit, places := ranking(scores, masked, rel, k)
				got, want := m.Score(hit, len(places), k), m.Ref(places, k)
				require.Truef(t, check.Near(got, want, 1e-12, 0), "hit %v places %v k %d: %v, want %v", hit, places, k, got, want)
				require.True(t, got >= 0 && got <= 1, "%v", got)
				values[got] = true
			}
			require.True(t, len(values) > 1 && values[0] && values[1], "both ends occur")
		})
	}
}

// TestByHand pins the definitions to numbers worked out on paper: places 1, 4
// and 9 are relevant, K = 5, three relevant items, or seven with four masked.
func TestByHand(t *testing.T) {
	hit := []bool{true, false, false, true, false}
	for _, c := range []struct {
		name     string
		relevant int
		want     float64
	}{
		{"recall", 3, 2.0 / 3}, {"recall", 7, 2.0 / 7},
		{"precision", 3, 2.0 / 5},
		{"hitrate", 3, 1},
		{"mrr", 3, 1},
		{"map", 3, (1 + 2.0/4) / 3}, {"map", 7, (1 + 2.0/4) / 5},
		// log₂5 = 2.321928…; ideals: 1 + 0.6309297536 + 0.5 and + 0.4306765581 + 0.3868528072.
		{"ndcg", 3, (1 + 0.43067655807) / 2.13092975357}, {"ndcg", 7, (1 + 0.43067655807) / 2.94845911896},
	} {
		m, err := Lookup(c.name)
		require.NoError(t, err)
		require.InDelta(t, c.want, m.Score(hit, c.relevant, 5), 1e-10, "%s with %d relevant", c.name, c.relevant)
		require.Zero(t, m.Score(make([]bool, 5), c.relevant, 5))
		require.Zero(t, m.Score(nil, c.relevant, 5), "an empty ranking finds nothing")
	}
}

func TestParse(t *testing.T) {
	ats, err := ParseAll([]string{"recall@20", " ndcg@5"})
	require.NoError(t, err)
	require.Equal(t, "ndcg@5", ats[1].String())
	require.Equal(t, 20, MaxK(ats))
	for text, part := range map[string]string{
		"recal@20": "hitrate, map, mrr, ndcg, precision, recall", "recall": "recall@20", "recall@0": "at least 1",
		"recall@x": "at least 1", "recall@-3": "at least 1", "": "unknown metric",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, part, text)
	}
	_, err = ParseAll([]string{"recall@20", "recall@20"})
	require.ErrorContains(t, err, "twice")
	for _, text := range []string{"recall@020", "recall@+20", " recall@20 "} {
		at, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, "recall@20", at.String(), "every spelling has one canonical text")
	}
	_, err = Parse("recall@2147483647")
	require.NoError(t, err)
	for _, text := range []string{"recall@2147483648", "recall@9223372036854775807", "recall@9223372036854775808", "recall@1e1", "recall@0x10", "recall@1_0"} {
		_, err := Parse(text)
		require.ErrorContains(t, err, "at least 1 and at most 2147483647", text)
	}
}

func TestRegisterPanics(t *testing.T) {
	ok := *All()[0]
	require.PanicsWithValue(t, `metric: duplicate name "`+ok.Name+`"`, func() { Register(ok) })
	bad := ok
	bad.Name = "A b"
	require.Panics(t, func() { Register(bad) })
	bad = ok
	bad.Name, bad.Ref = "other", nil
	require.Panics(t, func() { Register(bad) })
}

package metric

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestByHand pins the definitions to numbers worked out on paper: places 1, 4
// and 9 are relevant, K = 5, three relevant classes, or seven with four masked.
func TestByHand(t *testing.T) {
	of := func(name string, l List, relevant int) float64 {
		m, err := Lookup(name)
		require.NoError(t, err)
		for i := range relevant {
			l.Relevant = append(l.Relevant, int32(i))
		}
		a := At{m, 5}.New(Set{Classes: 20, Count: make([]int32, 20), Trained: 1})
		a.Add(l)
		return a.Finish()
	}
	ids := []int32{0, 15, 16, 1, 17, 18, 19, 14, 2}
	hit := []bool{true, false, false, true, false, false, false, false, true}
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
		require.InDelta(t, c.want, of(c.name, List{IDs: ids, Hit: hit}, c.relevant), 1e-10, "%s with %d relevant", c.name, c.relevant)
		require.Zero(t, of(c.name, List{IDs: ids, Hit: make([]bool, 9)}, c.relevant))
		require.Zero(t, of(c.name, List{}, c.relevant), "an empty ranking finds nothing")
	}
	require.InDelta(t, 5.0/20, of("coverage", List{IDs: ids, Hit: hit}, 3), 1e-12, "five classes of twenty")
	set := Set{Classes: 4, Count: []int32{10, 5, 0, 1}, Trained: 10}
	m, err := Lookup("epc")
	require.NoError(t, err)
	a := At{m, 2}.New(set)
	require.InDelta(t, (0+0.5)/2, a.Add(List{IDs: []int32{0, 1, 2}, Hit: make([]bool, 3), Relevant: []int32{3}}), 1e-12)
	require.InDelta(t, (1+0.9)/2, a.Add(List{IDs: []int32{2, 3}, Hit: make([]bool, 2), Relevant: []int32{3}}), 1e-12)
	require.InDelta(t, (0.25+0.95)/2, a.Finish(), 1e-12)
}

func TestParse(t *testing.T) {
	ats, err := ParseAll([]string{"recall@20", " ndcg@5"})
	require.NoError(t, err)
	require.Equal(t, "ndcg@5", ats[1].String())
	require.Equal(t, 20, MaxK(ats))
	for text, part := range map[string]string{
		"recal@20": "arp, coverage, entropy, epc, gini, graded-ndcg, hitrate, hr, map, mrr, ndcg, nll, novelty, p, perplexity, precision, psp, psp-amazon, psp-wiki, recall, tail", "recall": "recall@20", "recall@0": "at least 1",
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

// TestZero: the zero At has a text, and no places are none.
func TestZero(t *testing.T) {
	require.Empty(t, At{}.String())
	l := List{IDs: []int32{4}, Hit: []bool{true}, Relevant: []int32{4}}
	require.Empty(t, l.Top(-1).IDs)
}

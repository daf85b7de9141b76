package metric

import (
	"math"
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

// TestBeyondByHand pins what is of the lists together, and of how many have a class, to numbers
// worked out on paper: of no list, of one class, of lists shorter than K, and of ties.
func TestBeyondByHand(t *testing.T) {
	of := func(text string, s Set, lists ...[]int32) float64 {
		at, err := Parse(text)
		require.NoError(t, err)
		a := at.New(s)
		for _, ids := range lists {
			a.Add(List{IDs: ids, Hit: make([]bool, len(ids)), Relevant: []int32{0}, Grade: []float32{1}})
		}
		return a.Finish()
	}
	one := Set{Classes: 1, Count: []int32{3}, Trained: 3}
	four := Set{Classes: 4, Count: []int32{8, 2, 2, 0}, Trained: 8}
	for _, c := range []struct {
		text  string
		set   Set
		lists [][]int32
		want  float64
	}{
		{"gini@5", one, [][]int32{{0}}, 0}, {"entropy@5", one, [][]int32{{0}}, 0}, {"coverage@5", one, [][]int32{{0}}, 1},
		{"novelty@5", one, [][]int32{{0}}, 0}, {"arp@5", one, [][]int32{{0}}, 3}, {"tail@5", one, [][]int32{{0}}, 1},
		{"gini@2", four, [][]int32{{}, {}}, 0}, {"entropy@2", four, [][]int32{{}, {}}, 0}, {"arp@2", four, [][]int32{{}, {}}, 0},
		{"novelty@2", four, [][]int32{{}, {}}, 0}, {"tail@2", four, [][]int32{{}, {}}, 0},
		{"gini@1", four, [][]int32{{0}, {0}}, 3. / 4}, {"gini@2", four, [][]int32{{0, 1}, {2, 3}}, 0}, {"gini@1", four, [][]int32{{0}, {3}}, 1. / 2},
		{"gini@9", four, [][]int32{{0, 1, 2}, {0}}, 3. / 8}, // 0, 1, 1, 2: (−3·0 − 1 + 1 + 3·2)/(4·4)
		{"entropy@1", four, [][]int32{{0}, {3}}, math.Ln2}, {"entropy@9", four, [][]int32{{0, 1, 2}, {0}}, 1.5 * math.Ln2},
		{"arp@2", four, [][]int32{{0, 1}, {3}}, (5.0 + 0) / 2}, {"arp@9", four, [][]int32{{0, 1, 3}}, 10.0 / 3},
		{"novelty@9", four, [][]int32{{0, 1, 3}}, (0.0 + 2 + 3) / 3}, // of none as of one: log₂ 8
		{"tail@9", four, [][]int32{{0, 1, 2, 3}}, 1. / 4},            // the first of two that tie
		{"tail:ratio=0.67@9", four, [][]int32{{0, 1, 2, 3}}, 2. / 4}, {"tail:ratio=1@9", four, [][]int32{{0, 1, 2, 3}}, 3. / 4},
		{"tail:ratio=2@9", four, [][]int32{{0, 1, 2, 3}}, 2. / 4}, {"tail:ratio=7.5@1", four, [][]int32{{1}, {0}}, 1. / 2},
		{"tail@2", Set{Classes: 2, Count: []int32{0, 0}, Trained: 1}, [][]int32{{0, 1}}, 0},
		{"graded-ndcg@2", four, [][]int32{{}}, 0},
	} {
		require.InDelta(t, c.want, of(c.text, c.set, c.lists...), 1e-12, "%s of %v", c.text, c.lists)
	}
	l := List{IDs: []int32{5, 0, 7}, Hit: []bool{true, false, true}, Relevant: []int32{5, 6, 7}, Grade: []float32{1, 3, 2}}
	for text, want := range map[string]float64{
		"graded-ndcg@3":             (1 + 3./2) / (7 + 3/math.Log2(3) + 1./2),
		"graded-ndcg:gain=linear@3": (1 + 2./2) / (3 + 2/math.Log2(3) + 1./2),
		"graded-ndcg@1":             1. / 7,
	} {
		at, err := Parse(text)
		require.NoError(t, err)
		require.InDelta(t, want, at.New(four).Add(l), 1e-12, text)
	}
}

// TestSettings: a metric may have parameters, and one text for each setting.
func TestSettings(t *testing.T) {
	for text, want := range map[string]string{
		"tail@5": "tail@5", " tail:ratio=0.10@05": "tail@5", "tail:ratio=2e1@5": "tail:ratio=20@5", "graded-ndcg:gain=exp@5": "graded-ndcg@5", "tail:@5": "tail@5",
	} {
		at, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, at.String())
		again, err := Parse(at.String())
		require.NoError(t, err)
		require.Equal(t, want, again.String())
		require.True(t, at.In([]At{again}))
	}
	for text, part := range map[string]string{
		"tail:ratio=0@5": "1e-09", "tail:ratio=NaN@5": "ratio", "tail:rati=1@5": "ratio", "tail:ratio@5": "name=value", "recall:x=1@5": "recall", "tail:ratio=0.2": "tail:ratio=0.2@20",
		"graded-ndcg:gain=log@5": "exp, linear", "nosuch:x=1@5": "unknown metric",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, part, text)
	}
	_, err := ParseAll([]string{"tail:ratio=0.2@5", "tail:ratio=0.20@5"})
	require.ErrorContains(t, err, "tail:ratio=0.2@5 is given twice")
	m, err := Lookup("tail")
	require.NoError(t, err)
	all, err := m.Settings()
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.Equal(t, "tail:ratio=0.5", all[1].Name)
	bad := *m
	bad.Name = "other"
	require.Panics(t, func() { Register(bad) }, "New beside With")
	bad.New, bad.Ref, bad.Params = nil, nil, nil
	require.Panics(t, func() { Register(bad) }, "With without Params")
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

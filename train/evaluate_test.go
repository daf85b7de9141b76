package train

import (
	"cmp"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// popular is a Scorer without vectors: it ranks classes by how often they occur.
type popular struct{ count []int32 }

func (p popular) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	order := make([]int32, q.Classes)
	for c := range order {
		order[c] = int32(c)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(p.count[b], p.count[a]) })
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		for i := range rows {
			var top models.Top
			for _, c := range order {
				if _, masked := slices.BinarySearch(masks[i], c); !masked && len(top.IDs) < q.K {
					top.IDs, top.Scores = append(top.IDs, c), append(top.Scores, float32(p.count[c]))
				}
			}
			each(start+i, top)
		}
		return nil
	})
}

// TestEvaluateAnyScorer measures a Scorer that is no model on examples that are no
// dataset: rows are views, several of one user, and what they have seen is out of order.
func TestEvaluateAnyScorer(t *testing.T) {
	contexts := &data.Frame{Rows: 4, Fields: []data.Field{
		{Name: "user", Size: 2, ID: []int32{0, 0, 1, 1}},
		{Name: "seen", Size: 5, Lo: []int{0, 1, 1, 4}, Hi: []int{1, 1, 4, 4}, ID: []int32{0, 3, 0, 3}},
	}}
	x := &data.Examples{
		Context: contexts, Row: []int32{2, 0, 1},
		Targets: data.Targets{Ptr: []int32{0, 2, 3, 3}, Class: []int32{1, 4, 2}}, Seen: "seen",
	}
	ms, err := metric.ParseAll([]string{"recall@1", "mrr@3", "coverage@2", "epc@1"})
	require.NoError(t, err)
	s := popular{[]int32{9, 7, 5, 3, 1}}
	known := metric.Set{Classes: 5, Count: s.count, Trained: 10}
	got, err := Evaluate(t.Context(), s, Evaluation{Split: "views", Examples: x, Classes: 5, LeftOut: []int32{4}, Metrics: ms, Known: known})
	require.NoError(t, err)
	// Row 2 has seen 0 and 3, and 4 is left out: it ranks 1, 2. Row 0 has seen 0: 1, 2, 3.
	require.Equal(t, []int32{2, 0}, got.Rows)
	require.Equal(t, []int{2, 2, 1, 1}, []int{got.Examples, got.Excluded, got.LeftOut, got.LeftOutPairs})
	require.Equal(t, []float64{0.5, 0}, got.PerExample[0])
	require.Equal(t, []float64{1, 0.5}, got.PerExample[1])
	require.Nil(t, got.PerExample[2], "a pooled metric")
	for text, want := range map[string]float64{"recall@1": 0.25, "mrr@3": 0.75, "coverage@2": 2.0 / 5, "epc@1": 0.3} {
		v, ok := got.Get(text)
		require.True(t, ok)
		require.InDelta(t, want, v, 1e-12, text)
	}
	require.Contains(t, got.String(), "views: recall@1 0.2500")
	require.Contains(t, got.String(), "(2 examples)")

	// What is known can be counted from the examples themselves.
	counted, err := KnownFrom(x, 5)
	require.NoError(t, err)
	require.Equal(t, metric.Set{Classes: 5, Count: []int32{0, 1, 1, 0, 1}, Trained: 2, Contexts: 3}, counted)

	refused := func(e Evaluation, s models.Scorer) string {
		_, err := Evaluate(t.Context(), s, e)
		require.Error(t, err)
		return err.Error()
	}
	require.Contains(t, refused(Evaluation{}, s), "needs a scorer and examples")
	require.Contains(t, refused(Evaluation{Examples: x}, nil), "needs a scorer and examples")
	require.Contains(t, refused(Evaluation{Examples: x, Classes: 5}, s), "no metric")
	require.Contains(t, refused(Evaluation{Examples: x, Classes: 4, Metrics: ms}, s), "ids up to 4 of 4 classes")
	open := *x
	open.Seen = ""
	require.Contains(t, refused(Evaluation{Examples: &open, Classes: 4, Metrics: ms}, s), "outside [0,4)")
	require.Contains(t, refused(Evaluation{Examples: x, Classes: 5, Metrics: ms, Known: metric.Set{Classes: 4, Count: make([]int32, 4), Trained: 1}}, s), "what is known of 4 classes")
	wrong := *x
	wrong.Seen = "sen"
	require.Contains(t, refused(Evaluation{Examples: &wrong, Classes: 5, Metrics: ms}, s), `no field "sen" (did you mean seen?); the choices are user, seen`)
	wide := *contexts
	wide.Fields = slices.Clone(contexts.Fields)
	wide.Fields[1].Size = 6
	wrong.Context, wrong.Seen = &wide, "seen"
	require.Contains(t, refused(Evaluation{Examples: &wrong, Classes: 5, Metrics: ms}, s), "ids up to 5 of 5 classes")
	none := &data.Examples{Context: contexts, Row: []int32{1}, Targets: data.Targets{Ptr: []int32{0, 0}}}
	require.Contains(t, refused(Evaluation{Split: "void", Examples: none, Classes: 5, Metrics: ms}, s), "void has no example with targets")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Evaluate(ctx, s, Evaluation{Examples: x, Classes: 5, Metrics: ms})
	require.ErrorIs(t, err, context.Canceled)
}

// TestFittedIsEvaluated: what Fit trained is measured on a dataset, and on examples of
// the caller's, alike.
func TestFittedIsEvaluated(t *testing.T) {
	set, m, head, l, x := fitted(t, FitOptions{})
	rec, err := Fit(t.Context(), m, head, l, x, set.Classes(), FitOptions{Epochs: 2, Batch: 32})
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"recall@10", "coverage@10"})
	require.NoError(t, err)
	got, err := rec.Evaluate(t.Context(), set, "test", ms)
	require.NoError(t, err)
	e, err := rec.Evaluation(set, "test", ms)
	require.NoError(t, err)
	again, err := Evaluate(t.Context(), rec, e)
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.Positive(t, got.Values[1].Value)
	require.False(t, math.IsNaN(got.Values[0].Value))
	// Test rankings leave out what train and valid know.
	history, err := e.Examples.Context.Field("history")
	require.NoError(t, err)
	for u := range set.Users {
		ids, _ := history.Row(u)
		require.Len(t, ids, len(set.Train.ItemsOf(u))+len(set.Valid.ItemsOf(u)))
	}
	_, err = rec.Evaluate(t.Context(), set, "tset", ms)
	require.ErrorContains(t, err, `unknown split "tset" (did you mean test?); the choices are train, valid, test`)
}

// scorerOf is a Scorer whose rankings are what a function hands out.
type scorerOf func(q models.Query, each func(i int, top models.Top)) error

func (f scorerOf) Rankings(_ context.Context, q models.Query, each func(i int, top models.Top)) error {
	return f(q, each)
}

// TestEvaluateHoldsAScorerToItsContract: a Scorer may be anybody's. What would be a
// panic, a value above 1 or a hit on what is left out is an error that says which row.
func TestEvaluateHoldsAScorerToItsContract(t *testing.T) {
	x := &data.Examples{
		Context: &data.Frame{Rows: 2, Fields: []data.Field{{Name: "seen", Size: 6, Lo: []int{0, 3}, Hi: []int{3, 3}, ID: []int32{1, 1, 5}}}},
		Row:     []int32{0, 1}, Targets: data.Targets{Class: []int32{2, 3}}, Seen: "seen",
	}
	ms, err := metric.ParseAll([]string{"recall@3", "coverage@3", "epc@3"})
	require.NoError(t, err)
	e := Evaluation{Split: "views", Examples: x, Classes: 6, LeftOut: []int32{0}, Metrics: ms}
	ranks := func(first ...int32) scorerOf {
		return func(q models.Query, each func(i int, top models.Top)) error {
			each(0, models.Top{IDs: first})
			each(1, models.Top{IDs: []int32{3}})
			return nil
		}
	}
	got, err := Evaluate(t.Context(), ranks(2, 3, 4), e)
	require.NoError(t, err)
	require.Equal(t, Value{"recall@3", 1}, got.Values[0])
	for want, s := range map[string]models.Scorer{
		"row 0 has class -1 at place 2, outside [0,6)":    ranks(2, -1),
		"row 0 has class 6 at place 1, outside [0,6)":     ranks(6),
		"row 0 has class 2 twice":                         ranks(2, 2, 2),
		"row 0 has 4 classes, and at most 3":              ranks(1, 2, 3, 4),
		"row 0 has class 0, which its ranking leaves out": ranks(2, 0),
		"row 0 has class 5, which its ranking leaves out": ranks(2, 5),
		"it ranked 0 of 2 rows and returned no error":     scorerOf(func(models.Query, func(int, models.Top)) error { return nil }),
		"row 1 of 2 was ranked where row 0 comes next":    scorerOf(func(_ models.Query, each func(int, models.Top)) error { each(1, models.Top{}); return nil }),
		"row -1 of 2 was ranked where row 0 comes next":   scorerOf(func(_ models.Query, each func(int, models.Top)) error { each(-1, models.Top{}); return nil }),
		"row 2 of 2 was ranked where row 2 comes next": scorerOf(func(_ models.Query, each func(int, models.Top)) error {
			each(0, models.Top{})
			each(1, models.Top{})
			each(2, models.Top{})
			return nil
		}),
		"row 0 of 2 was ranked where row 1 comes next": scorerOf(func(_ models.Query, each func(int, models.Top)) error {
			each(0, models.Top{})
			each(0, models.Top{})
			return nil
		}),
	} {
		_, err := Evaluate(t.Context(), s, e)
		require.ErrorContains(t, err, "breaks the contract of a Scorer: "+want)
	}
	e.LeftOut = []int32{4, 0}
	_, err = Evaluate(t.Context(), ranks(2), e)
	require.ErrorContains(t, err, "leaves out: class 0 at place 1 follows 4")
}

// TestEvaluateLeavesOutEachThatIsSeen: what was seen may be said twice, and be the row
// itself where classes are ranked for classes.
func TestEvaluateLeavesOutEachThatIsSeen(t *testing.T) {
	ms, err := metric.ParseAll([]string{"recall@1"})
	require.NoError(t, err)
	// By counts the order is 0, 1, 2; 0 and 1 are seen, and 0 twice.
	x := &data.Examples{
		Context: &data.Frame{Rows: 1, Fields: []data.Field{{Name: "seen", Size: 3, Lo: []int{0}, Hi: []int{3}, ID: []int32{0, 0, 1}}}},
		Row:     []int32{0}, Targets: data.Targets{Class: []int32{2}}, Seen: "seen",
	}
	got, err := Evaluate(t.Context(), popular{[]int32{9, 5, 3}}, Evaluation{Examples: x, Classes: 3, Metrics: ms})
	require.NoError(t, err)
	require.Equal(t, 1.0, got.Values[0].Value)
	itself := &data.Examples{
		Context: &data.Frame{Rows: 3, Fields: []data.Field{{Name: "id", Size: 3}}},
		Row:     []int32{0, 1}, Targets: data.Targets{Class: []int32{1, 0}}, Seen: "id",
	}
	got, err = Evaluate(t.Context(), popular{[]int32{9, 5, 3}}, Evaluation{Examples: itself, Classes: 3, Metrics: ms})
	require.NoError(t, err)
	require.Equal(t, []float64{1, 1}, got.PerExample[0])
}

// TestKnownFromRefuses: what no class can be counted of is an error before it is memory.
func TestKnownFromRefuses(t *testing.T) {
	_, _, _, _, x := fitted(t, FitOptions{})
	for _, classes := range []int{-1, 0, math.MaxInt} {
		_, err := KnownFrom(x, classes)
		require.ErrorContains(t, err, "want 1 to 2147483647")
	}
	_, err := KnownFrom(nil, 5)
	require.ErrorContains(t, err, "without a frame")
}

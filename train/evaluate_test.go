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
	require.Equal(t, metric.Set{Classes: 5, Count: []int32{0, 1, 1, 0, 1}, Trained: 2}, counted)

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
	require.Contains(t, refused(Evaluation{Examples: &wrong, Classes: 5, Metrics: ms}, s), `no field "sen"; the choices are user, seen`)
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
	require.ErrorContains(t, err, `unknown split "tset"; the choices are train, valid, test`)
}

package baseline

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// draw returns users with some of so many items each; user 0 has none.
func draw(t *testing.T, users, items int) *data.Interactions {
	rng := rand.New(rand.NewPCG(1, 2))
	var u, i []int32
	for user := 1; user < users; user++ {
		for item := range items {
			if rng.IntN(4) == 0 {
				u, i = append(u, int32(user)), append(i, int32(item))
			}
		}
	}
	x, _, err := data.FromPairs(users, items, u, i, nil, nil)
	require.NoError(t, err)
	return x
}

// top returns the whole ranking of every user, without what it has.
func top(t *testing.T, s models.Scorer, x *data.Interactions) (ids [][]int32, scores [][]float32) {
	rows := make([]int32, x.Users())
	for r := range rows {
		rows[r] = int32(r)
	}
	q := models.Query{
		Contexts: &data.Frame{Rows: x.Users(), Fields: []data.Field{{Name: "user", Size: x.Users()}}},
		Rows:     rows, Classes: x.Items(), K: x.Items(), Seen: func(i int) []int32 { return x.ItemsOf(i) },
	}
	require.NoError(t, s.Rankings(t.Context(), q, func(_ int, top models.Top) {
		ids, scores = append(ids, slices.Clone(top.IDs)), append(scores, slices.Clone(top.Scores))
	}))
	return ids, scores
}

// requireScores holds the rankings of s against scores of (user, item).
func requireScores(t *testing.T, s models.Scorer, x *data.Interactions, want func(u, j int) float64) {
	ids, scores := top(t, s, x)
	require.Len(t, ids, x.Users())
	for u := range ids {
		require.Len(t, ids[u], x.Items()-len(x.ItemsOf(u)))
		for k, j := range ids[u] {
			require.InDelta(t, want(u, int(j)), scores[u][k], 1e-5, "user %d, item %d", u, j)
		}
		require.True(t, slices.IsSortedFunc(scores[u], func(a, b float32) int { return cmp.Compare(b, a) }))
	}
}

func TestPop(t *testing.T) {
	x := draw(t, 9, 7)
	counts := x.ItemCounts()
	requireScores(t, NewPop(x), x, func(_, j int) float64 { return float64(counts[j]) })
}

// overlap returns |U_i ∩ U_j|.
func overlap(x *data.Interactions, i, j int) (n float64) {
	for u := range x.Users() {
		if x.Has(u, int32(i)) && x.Has(u, int32(j)) {
			n++
		}
	}
	return n
}

func TestItemKNN(t *testing.T) {
	x := draw(t, 30, 12)
	const neighbours, shrink = 4, 2.5
	s, err := NewItemKNN(t.Context(), x, ItemKNN{neighbours, shrink})
	require.NoError(t, err)
	similarity := func(i, j int) float64 {
		return overlap(x, i, j) / (math.Sqrt(overlap(x, i, i)*overlap(x, j, j)) + shrink)
	}
	requireScores(t, s, x, func(u, j int) (sum float64) {
		var others []int
		for i := range x.Items() {
			if i != j && overlap(x, i, j) > 0 {
				others = append(others, i)
			}
		}
		for _, i := range nearestOf(others, neighbours, func(i int) float32 { return float32(similarity(i, j)) }) {
			if x.Has(u, int32(i)) {
				sum += similarity(i, j)
			}
		}
		return sum
	})
}

// nearestOf returns the n of the largest similarity, ties by lower id.
func nearestOf(ids []int, n int, similarity func(i int) float32) []int {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b int) int { return cmp.Or(cmp.Compare(similarity(b), similarity(a)), cmp.Compare(a, b)) })
	return ids[:min(n, len(ids))]
}

// TestEASE: at the minimum of ‖X−XB‖² + λ‖B‖² the gradient by every entry of B but the
// diagonal is 0.
func TestEASE(t *testing.T) {
	x := draw(t, 40, 9)
	const lambda = 3.0
	s, err := NewEASE(t.Context(), x, lambda)
	require.NoError(t, err)
	b := s.(byHistory).history.(ease)
	n := x.Items()
	for i := range n {
		require.Zero(t, b.b[i*n+i])
		for j := range n {
			if i == j {
				continue
			}
			g := lambda*float64(b.b[i*n+j]) - overlap(x, i, j)
			for k := range n {
				g += overlap(x, i, k) * float64(b.b[k*n+j])
			}
			require.InDelta(t, 0, g, 1e-4)
		}
	}
	requireScores(t, s, x, func(u, j int) (sum float64) {
		for _, i := range x.ItemsOf(u) {
			sum += float64(b.b[int(i)*n+j])
		}
		return sum
	})
}

func TestSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	x := draw(t, 200, 150)
	make2 := func() (all [][][]float32) {
		knn, err := NewItemKNN(t.Context(), x, ItemKNN{})
		require.NoError(t, err)
		ease, err := NewEASE(t.Context(), x, 10)
		require.NoError(t, err)
		for _, s := range []models.Scorer{knn, ease} {
			_, scores := top(t, s, x)
			all = append(all, scores)
		}
		return all
	}
	want := make2()
	for _, n := range []int{1, 3} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
		require.Equal(t, want, make2())
	}
}

func TestRefusals(t *testing.T) {
	x := draw(t, 5, 4)
	for _, o := range []ItemKNN{{Neighbours: -1}, {Shrink: -1}, {Shrink: math.NaN()}, {Shrink: math.Inf(1)}} {
		_, err := NewItemKNN(t.Context(), x, o)
		require.ErrorContains(t, err, "baseline: itemknn with")
	}
	for _, lambda := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := NewEASE(t.Context(), x, lambda)
		require.ErrorContains(t, err, "baseline: ease with λ")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewItemKNN(ctx, x, ItemKNN{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = NewEASE(ctx, x, 1)
	require.ErrorIs(t, err, context.Canceled)
	knn, err := NewItemKNN(t.Context(), x, ItemKNN{})
	require.NoError(t, err)
	refused := func(s models.Scorer, classes int, fields ...data.Field) string {
		q := models.Query{Contexts: &data.Frame{Rows: 1, Fields: fields}, Rows: []int32{0}, Classes: classes, K: 1}
		err := s.Rankings(t.Context(), q, func(int, models.Top) {})
		require.Error(t, err)
		return err.Error()
	}
	past := data.Field{Name: "history", Size: 4, Lo: []int{0}, Hi: []int{1}, ID: []int32{3}}
	require.Contains(t, refused(knn, 4, data.Field{Name: "user", Size: 6}), "contexts of 6 users of a training split of 5")
	require.Contains(t, refused(NewPop(x), 3, past), "3 classes of a training split of 4 items")
	require.Contains(t, refused(knn, 4, data.Field{Name: "document", Size: 1}), "neither a user of the training split (field user) nor items of their own (field history)")
	past.Size = 5
	require.Contains(t, refused(knn, 4, past), "histories of 5 items of a training split of 4")
	require.Contains(t, refused(knn, 4, data.Field{Name: "history", Size: 4}), "one item a row")
}

// TestWhoHasNoTrainingPair: who is held out of training, and who is in no file, is ranked
// for by the history of the context as if it were that of a user in training; in the order
// of time everybody is. Popularity asks for none of it.
func TestWhoHasNoTrainingPair(t *testing.T) {
	x := draw(t, 30, 12)
	knn, err := NewItemKNN(t.Context(), x, ItemKNN{Shrink: 1})
	require.NoError(t, err)
	ease, err := NewEASE(t.Context(), x, 2)
	require.NoError(t, err)
	const like = 7 // whose items the histories have
	own := x.ItemsOf(like)
	require.Greater(t, len(own), 1)
	again := slices.Concat(own, own[:1])
	slices.Reverse(again)
	set := data.Field{Name: "history", Size: 12, Lo: []int{0}, Hi: []int{len(own)}, ID: own}
	ordered := data.Field{Name: "history", Size: 12, Lo: []int{0}, Hi: []int{len(again)}, ID: again, Ordered: true}
	recent := ordered
	recent.Hi = []int{1}
	seen := set
	seen.Name = "seen"
	nobody := data.Field{Name: "user", Size: 30, ID: []int32{-1}}
	held := data.Field{Name: "user", Size: 30, ID: []int32{0}} // who has no pair in x
	other := data.Field{Name: "user", Size: 30, ID: []int32{9}}
	known := data.Field{Name: "user", Size: 30, ID: []int32{like}}
	for _, s := range []models.Scorer{NewPop(x), knn, ease} {
		rank := func(fields ...data.Field) (top models.Top) {
			q := models.Query{Contexts: &data.Frame{Rows: 1, Fields: fields}, Rows: []int32{0}, Classes: 12, K: 12}
			require.NoError(t, q.Contexts.Validate())
			require.NoError(t, s.Rankings(t.Context(), q, func(_ int, got models.Top) { top = got }))
			return top
		}
		want := rank(known)
		require.Greater(t, want.Scores[0], want.Scores[11])
		for _, fields := range [][]data.Field{{nobody, set}, {held, set}, {set}, {ordered}, {nobody, ordered}, {other, ordered, seen}, {other, recent, seen}} {
			require.Equal(t, want, rank(fields...))
		}
		if _, same := s.(byHistory).history.(pop); same {
			require.Equal(t, want, rank(data.Field{Name: "document", Size: 1}))
		} else {
			require.NotEqual(t, want, rank(other, set), "a user in training is known by it")
			require.Zero(t, rank(held).Scores[0])
		}
	}
}

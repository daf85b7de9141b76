package train

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// graded is a set of ratings, half stars among them, and features of users: of some none.
func graded(t *testing.T) *data.Dataset {
	t.Helper()
	dir := t.TempDir()
	var inter, user strings.Builder
	inter.WriteString("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
	user.WriteString("user_id:token\tgender:token\tage:token\theight:float\tzip:token\tlikes:token_seq\n")
	for u := range 120 {
		for k := range 6 + u%9 {
			item := (u*u + 3*k*k + 7*k) % (20 + 4*(u%10))
			fmt.Fprintf(&inter, "u%d\ti%d\t%g\t%d\n", u, item, float64(1+(u+k)%9)/2, u*100+k)
		}
		if u%11 != 0 {
			fmt.Fprintf(&user, "u%d\t%s\t%d\t%g\tz%d\ta b\n", u, []string{"F", "M"}[u%2], 10+u%60, 150+float64(u%40), u)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.inter"), []byte(inter.String()), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.user"), []byte(user.String()), 0o644))
	set, err := data.Load(data.Config{Source: dir, Split: "ratio:0.5,0.1,0.4"})
	require.NoError(t, err)
	return set
}

// byShare returns the mean of a metric over segments, weighed by their share.
func byShare(t *testing.T, s Segmented, m int) (mean float64) {
	t.Helper()
	for _, x := range s.Segments {
		if len(x.Values) > 0 {
			mean += x.Share * x.Values[m].Value
		} else {
			require.Zero(t, x.Share)
		}
	}
	return mean
}

// TestSegments: segments by rows hold each example once, those by classes each pair, and weighed
// by their share they make up the whole.
func TestSegments(t *testing.T) {
	set := graded(t)
	res, err := Run(t.Context(), quick("{}"), set, nil)
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"recall@5", "ndcg@5", "novelty@5", "nll", "graded-ndcg@5", "coverage@5"})
	require.NoError(t, err)
	e, err := res.Trained.Evaluation(set, "test", ms)
	require.NoError(t, err)
	plain, err := Evaluate(t.Context(), res.Trained, e)
	require.NoError(t, err)
	require.Empty(t, plain.Segmented)
	for _, text := range []string{ByPopularity, ByActivity, "column:gender", "column:age", "column:height"} {
		one, err := res.Trained.Segmentation(set, e, text)
		require.NoError(t, err, text)
		require.Equal(t, text, one.By)
		e.Segments = append(e.Segments, one)
	}
	s, err := Evaluate(t.Context(), res.Trained, e)
	require.NoError(t, err)
	require.Equal(t, plain.Values, s.Values)
	pairs := 0
	for _, n := range s.Relevant {
		pairs += int(n)
	}
	for i, by := range s.Segmented {
		n, p, share := 0, 0, 0.0
		for _, x := range by.Segments {
			n, p, share = n+x.Examples, p+x.Pairs, share+x.Share
		}
		require.Equal(t, pairs, p, by.By)
		require.InDelta(t, 1, share, 1e-12, by.By)
		for m, v := range s.Values[:5] {
			if i == 0 && (m == 1 || m == 4) { // what is ideal of a part is not that of the whole
				continue
			}
			require.InDelta(t, v.Value, byShare(t, by, m), 1e-12, "%s by %s", v.Name, by.By)
		}
		if i == 0 {
			require.Greater(t, n, s.Examples, "an example counts in several")
			require.Len(t, by.Segments, 3)
			require.Contains(t, by.Segments[0].Name, "head: ")
			continue
		}
		require.Equal(t, s.Examples, n, by.By)
		for _, x := range by.Segments {
			require.LessOrEqual(t, x.Values[5].Value, s.Values[5].Value, "some show no more than all")
		}
	}
	// What each segment holds, counted another way.
	known := e.Known.Count
	for k, bound := range [][2]int32{{}, {}, {}} {
		_, err := fmt.Sscanf(strings.SplitN(s.Segmented[0].Segments[k].Name, ": ", 2)[1], "%d to %d", &bound[0], &bound[1])
		require.NoError(t, err)
		n := 0
		for i := range e.Examples.Row {
			for _, c := range e.Examples.Targets.Row(i) {
				if known[c] >= bound[0] && known[c] <= bound[1] {
					n++
				}
			}
		}
		require.Equal(t, n, s.Segmented[0].Segments[k].Pairs)
	}
	for k, x := range s.Segmented[1].Segments {
		var lo, hi, n int
		_, err := fmt.Sscanf(x.Name, "%d to %d", &lo, &hi)
		require.NoError(t, err)
		for _, u := range s.Rows {
			if m := len(set.Train.ItemsOf(int(u))); m >= lo && m <= hi {
				n++
			}
		}
		require.Equal(t, n, x.Examples, "quarter %d", k)
	}
	names := func(s Segmented) (all []string) {
		for _, x := range s.Segments {
			all = append(all, x.Name)
		}
		return all
	}
	require.Equal(t, []string{"F", "M", "(none)"}, names(s.Segmented[2]))
	for _, u := range s.Rows {
		if set.UserName(int(u)) == "u0" || set.UserName(int(u)) == "u11" {
			require.Equal(t, int32(2), e.Segments[2].Rows[u])
		}
	}
	require.Len(t, s.Segmented[3].Segments, 5, "60 names that are numbers are quarters, and none")
	require.Len(t, s.Segmented[4].Segments, 5)
	require.Regexp(t, `^150 to 1\d\d$`, s.Segmented[4].Segments[0].Name, "as the file has them")

	for text, want := range map[string]string{
		"":             "unknown segments \"\"; the choices are popularity, activity, column:NAME",
		"age":          `unknown segments "age"; the choices are popularity, activity, column:NAME`,
		"column:":      "lacks the name of a column",
		"column:zip":   "values, which are no numbers; segments are 50 at the most",
		"column:likes": "several values for a user",
		"column:heigt": `no field "heigt" (did you mean height?); the choices are gender, age, height, zip, likes`,
	} {
		_, err := res.Trained.Segmentation(set, e, text)
		require.ErrorContains(t, err, want, text)
	}
	// A field of the caller's goes before one of the set's.
	own := data.Field{Name: "gender", Size: 2, ID: make([]int32, set.Users), Tokens: []string{"all", "nobody"}}
	one, err := res.Trained.Segmentation(set, e, "column:gender", own)
	require.NoError(t, err)
	e.Segments = []Segmentation{one}
	s, err = Evaluate(t.Context(), res.Trained, e)
	require.NoError(t, err)
	require.Equal(t, s.Values, s.Segmented[0].Segments[0].Values)
	require.Equal(t, Segment{Name: "nobody"}, s.Segmented[0].Segments[1], "an empty segment has no values")
	short := own
	short.ID = own.ID[1:]
	_, err = res.Trained.Segmentation(set, e, "column:gender", short)
	require.ErrorContains(t, err, "column:gender")
}

// TestSegmentsOfOnePair: where each example has one relevant class, segments by classes divide
// any metric.
func TestSegmentsOfOnePair(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=100,items=40,per-user=8,order=true", Split: "leave-one-out"})
	require.NoError(t, err)
	res, err := Run(t.Context(), quick("{}"), set, nil)
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"hr@5", "ndcg@5", "mrr@5", "map@5", "precision@5"})
	require.NoError(t, err)
	e, err := res.Trained.Evaluation(set, "test", ms)
	require.NoError(t, err)
	one, err := res.Trained.Segmentation(set, e, ByPopularity)
	require.NoError(t, err)
	e.Segments = []Segmentation{one}
	s, err := Evaluate(t.Context(), res.Trained, e)
	require.NoError(t, err)
	for m, v := range s.Values {
		require.InDelta(t, v.Value, byShare(t, s.Segmented[0], m), 1e-12, v.Name)
	}
	_, err = res.Trained.Segmentation(set, e, "column:age")
	require.ErrorContains(t, err, "have no features")
}

// TestSegmentationRefuses: a segmentation may be anybody's.
func TestSegmentationRefuses(t *testing.T) {
	x := &data.Examples{Context: &data.Frame{Rows: 2, Fields: []data.Field{{Name: "user", Size: 2}}}, Row: []int32{0, 1}, Targets: data.Targets{Class: []int32{2, 0}}}
	ms, err := metric.ParseAll([]string{"recall@1"})
	require.NoError(t, err)
	for want, s := range map[string]Segmentation{
		"does not say what it is by":    {Names: []string{"a"}, Rows: []int32{0, 0}},
		"one of Rows and Classes":       {By: "x", Names: []string{"a"}},
		"one of Rows and Classes ":      {By: "x", Names: []string{"a"}, Rows: []int32{0, 0}, Classes: []int32{0, 0, 0}},
		"1 segments of 2 rows":          {By: "x", Names: []string{"a"}, Rows: []int32{0}},
		"2 segments of 3 classes":       {By: "x", Names: []string{"a"}, Classes: []int32{0, 0}},
		"segment 1 of rows 1 is out":    {By: "x", Names: []string{"a"}, Rows: []int32{0, 1}},
		"segment -1 of classes 0 is ou": {By: "x", Names: []string{"a"}, Classes: []int32{-1, 0, 0}},
	} {
		_, err := Evaluate(t.Context(), popular{[]int32{3, 2, 1}}, Evaluation{Examples: x, Classes: 3, Metrics: ms, Segments: []Segmentation{s}})
		require.ErrorContains(t, err, strings.TrimSpace(want))
	}
}

// TestEach: a metric is the mean over what each example has, those without a relevant class
// among them where it is of all.
func TestEach(t *testing.T) {
	x := &data.Examples{
		Context: &data.Frame{Rows: 4, Fields: []data.Field{{Name: "user", Size: 4}}},
		Row:     []int32{0, 1, 2, 3}, Targets: data.Targets{Ptr: []int32{0, 2, 2, 3, 4}, Class: []int32{0, 2, 1, 0}},
	}
	ms, err := metric.ParseAll([]string{"p@1", "recall@1", "coverage@1", "recall@7"})
	require.NoError(t, err)
	e := Evaluation{Examples: x, Classes: 3, Metrics: ms, Segments: []Segmentation{{By: "half", Names: []string{"a", "b"}, Rows: []int32{0, 0, 1, 1}}}}
	s, err := Evaluate(t.Context(), popular{[]int32{3, 2, 1}}, e)
	require.NoError(t, err)
	var rows, relevant []int
	sum, n := make([]float64, len(ms)), make([]float64, len(ms))
	require.NoError(t, s.Each(func(row int32, rel int, values []float64) error {
		rows, relevant = append(rows, int(row)), append(relevant, rel)
		for m, v := range values {
			if !math.IsNaN(v) {
				sum[m], n[m] = sum[m]+v, n[m]+1
			}
		}
		return nil
	}))
	require.Equal(t, []int{0, 2, 3, 1}, rows)
	require.Equal(t, []int{2, 1, 1, 0}, relevant)
	require.Equal(t, []float64{4, 3, 0, 3}, n)
	for m, v := range s.Values {
		if n[m] > 0 {
			require.Equal(t, v.Value, sum[m]/n[m], v.Name)
		}
	}
	require.Equal(t, []float64{2. / 4, (0.5 + 0 + 1) / 3, 1. / 3, 1}, []float64{s.Values[0].Value, s.Values[1].Value, s.Values[2].Value, s.Values[3].Value})
	a, b := s.Segmented[0].Segments[0], s.Segmented[0].Segments[1]
	require.Equal(t, []int{1, 1, 2, 0}, []int{a.Examples, a.Unlabelled, b.Examples, b.Unlabelled})
	require.Equal(t, []float64{0.5, 0.5}, []float64{a.Values[0].Value, b.Values[0].Value})
	stop := fmt.Errorf("enough")
	require.ErrorIs(t, s.Each(func(int32, int, []float64) error { return stop }), stop)
}

// TestGrades: ratings reach graded metrics, and where there are none it is said before training.
func TestGrades(t *testing.T) {
	set := graded(t)
	cfg := quick("{eval: {metrics: [graded-ndcg@10, ndcg@10]}}")
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	require.NotEqual(t, res.Test.Values[0].Value, res.Test.Values[1].Value)
	// The same, from the rankings and the pairs.
	sum, users := 0.0, 0
	for u := range set.Users {
		items := set.Test.ItemsOf(u)
		if len(items) == 0 {
			continue
		}
		users++
		gain := map[int32]float64{}
		var all []float64
		for j, item := range items {
			g := math.Pow(2, float64(set.Test.Value()[set.Test.Ptr()[u]+j])) - 1
			gain[item] = g
			all = append(all, g)
		}
		tops, err := res.Trained.Rank(t.Context(), []int32{int32(u)}, 10, func(int) []int32 {
			seen, err := set.ContextsAfter(set.Train, set.Valid).Field("history")
			require.NoError(t, err)
			ids, _ := seen.Row(u)
			all := slices.Concat(ids, set.ColdItems())
			slices.Sort(all)
			return slices.Compact(all)
		})
		require.NoError(t, err)
		dcg, ideal := 0.0, 0.0
		for r, id := range tops[0].IDs {
			dcg += gain[id] / math.Log2(float64(r+2))
		}
		for r := 0; r < 10 && len(all) > 0; r++ {
			best := 0
			for i := range all {
				if all[i] > all[best] {
					best = i
				}
			}
			ideal += all[best] / math.Log2(float64(r+2))
			all = append(all[:best], all[best+1:]...)
		}
		sum += dcg / ideal
	}
	require.InDelta(t, sum/float64(users), res.Test.Values[0].Value, 1e-9)

	_, err = Run(t.Context(), cfg, load(t, "demo:users=60,items=40,per-user=8"), nil)
	require.ErrorContains(t, err, "graded-ndcg@10: the valid split of")
	require.ErrorContains(t, err, "has no ratings")

	x := &data.Examples{Context: &data.Frame{Rows: 1, Fields: []data.Field{{Name: "user", Size: 1}}}, Row: []int32{0}, Targets: data.Targets{Class: []int32{2}}}
	ms, err := metric.ParseAll([]string{"graded-ndcg:gain=linear@3"})
	require.NoError(t, err)
	e := Evaluation{Examples: x, Classes: 3, Metrics: ms}
	ranks := popular{[]int32{3, 2, 1}}
	_, err = Evaluate(t.Context(), ranks, e)
	require.ErrorContains(t, err, "graded-ndcg:gain=linear@3 asks for the grades")
	for grade, want := range map[float32]string{-1: "is -1", float32(math.NaN()): "is NaN", float32(math.Inf(1)): "is +Inf"} {
		e.Grades = func(to []float32, _ int32, _ []int32) ([]float32, error) { return append(to, grade), nil }
		_, err = Evaluate(t.Context(), ranks, e)
		require.ErrorContains(t, err, want)
	}
	e.Grades = func(to []float32, _ int32, _ []int32) ([]float32, error) { return to, nil }
	_, err = Evaluate(t.Context(), ranks, e)
	require.ErrorContains(t, err, "0 grades of 1 relevant classes")
	for _, grade := range []float32{0, 1e-30, 5000, math.MaxFloat32} {
		for _, text := range []string{"graded-ndcg@3", "graded-ndcg:gain=linear@3"} {
			if e.Metrics, err = metric.ParseAll([]string{text}); err != nil {
				t.Fatal(err)
			}
			e.Grades = func(to []float32, _ int32, _ []int32) ([]float32, error) { return append(to, grade), nil }
			s, err := Evaluate(t.Context(), ranks, e)
			require.NoError(t, err)
			want := 0.5 // the third place
			if grade == 0 {
				want = 0
			}
			require.InDelta(t, want, s.Values[0].Value, 1e-12, "%s at %g", text, grade)
		}
	}
}

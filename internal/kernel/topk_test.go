package kernel

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopKMatchesASort(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	onPaths(t, func(t *testing.T) {
		r := source(30)
		var ranker Ranker
		for _, cfg := range []struct{ b, c, d, k int }{{1, 1, 1, 1}, {3, 5, 2, 7}, {70, 400, 9, 10}, {300, 2500, 16, 20}, {2, 3000, 4, 250}, {1, 200_000, 1, 5}, {3, 270_000, 2, 30}, {2100, 300, 3, 4}} {
			if testing.Short() && cfg.b*cfg.c > 500_000 {
				continue // the sort is slow
			}
			x := newProblem(r, problemConfig{b: cfg.b, c: cfg.c, d: cfg.d, sd: 1, masked: cfg.c > 100}).Linear
			for i := range x.H { // few distinct scores: ties everywhere
				x.H[i] = float32(math.Round(float64(x.H[i]) * 4))
			}
			for i := range x.W {
				x.W[i] = float32(math.Round(float64(x.W[i])))
			}
			for i := range x.Bias {
				x.Bias[i] = float32(math.Round(float64(x.Bias[i])))
			}
			seen := make([][]int32, cfg.b)
			for i := range seen {
				for c := range int32(cfg.c) {
					if i > 0 && r.IntN(4) == 0 {
						seen[i] = append(seen[i], c)
					}
				}
			}
			var wantIDs []int32
			var wantScores []float32
			for i := range cfg.b {
				type item struct {
					id int32
					s  float32
				}
				var all []item
				for c := range int32(cfg.c) {
					if _, is := slices.BinarySearch(seen[i], c); is || x.masked(int(c)) {
						continue
					}
					s := Dot(x.H[i*cfg.d:][:cfg.d], x.W[int(c)*cfg.d:][:cfg.d]) // exact: integers
					if x.Bias != nil {
						s += x.Bias[c]
					}
					all = append(all, item{c, s})
				}
				slices.SortFunc(all, func(a, b item) int { return cmp.Or(cmp.Compare(b.s, a.s), cmp.Compare(a.id, b.id)) })
				for j := range cfg.k {
					if j < len(all) {
						wantIDs, wantScores = append(wantIDs, all[j].id), append(wantScores, all[j].s)
					} else {
						wantIDs, wantScores = append(wantIDs, -1), append(wantScores, -inf)
					}
				}
			}
			for _, procs := range []int{1, 4} {
				runtime.GOMAXPROCS(procs)
				ids, scores := make([]int32, cfg.b*cfg.k), make([]float32, cfg.b*cfg.k)
				require.NoError(t, ranker.TopK(ids, scores, &x, cfg.k, func(i int) []int32 { return seen[i] }))
				require.Equal(t, wantIDs, ids, "%v", cfg)
				for j := range scores {
					require.True(t, scores[j] == wantScores[j], "%v: score %d is %v, want %v", cfg, j, scores[j], wantScores[j])
				}
				require.NoError(t, ranker.TopK(ids, nil, &x, cfg.k, func(i int) []int32 { return seen[i] }))
				require.Equal(t, wantIDs, ids, "%v", cfg)
			}
		}
	})
}

// TestTopKBy: classes rank by what By makes of a score, masked ones stay out.
func TestTopKBy(t *testing.T) {
	abs := func(z float32) float32 { return float32(math.Abs(float64(z))) }
	onPaths(t, func(t *testing.T) {
		x := &Linear{B: 2, C: 6, D: 1, H: []float32{1, -2}, W: []float32{0.5, -2, 1, 2, nan, -3}, Bias: []float32{0, 0, -inf, 0, 0, 0}}
		ids, scores := make([]int32, 2*5), make([]float32, 2*5)
		ranker := Ranker{By: abs}
		require.NoError(t, ranker.TopK(ids, scores, x, 5, func(i int) []int32 { return [][]int32{nil, {5}}[i] }))
		require.Equal(t, []int32{5, 1, 3, 0, -1, 1, 3, 0, -1, -1}, ids)
		require.Equal(t, []float32{3, 2, 2, 0.5, -inf, 4, 4, 1, -inf, -inf}, scores)

		// Over several chunks it is the ranking of the absolute scores.
		x = &newProblem(source(33), problemConfig{b: 3, c: 2*rankClasses + 9, d: 1, sd: 1}).Linear
		got, want := make([]int32, 3*30), make([]int32, 3*30)
		require.NoError(t, ranker.TopK(got, nil, x, 30, nil))
		for i := range x.H {
			x.H[i] = abs(x.H[i])
		}
		for i := range x.W {
			x.W[i] = abs(x.W[i])
		}
		require.NoError(t, new(Ranker).TopK(want, nil, x, 30, nil))
		require.Equal(t, want, got)
	})
}

// TestTopKOfFewRows: several goroutines scan chunks of one group of rows, which the
// race detector watches.
func TestTopKOfFewRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	x := newProblem(source(32), problemConfig{b: 3, c: 2*rankClasses + 9, d: 2, sd: 1}).Linear
	var ranker Ranker
	top := func(procs int) []int32 {
		runtime.GOMAXPROCS(procs)
		ids := make([]int32, 3*5)
		require.NoError(t, ranker.TopK(ids, nil, &x, 5, nil))
		return ids
	}
	want := top(1)
	for range 5 {
		require.Equal(t, want, top(4))
	}
}

func TestTopKLeavesOutNaN(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		x := &Linear{B: 1, C: 4, D: 1, H: []float32{1}, W: []float32{nan, 1, -inf, inf}}
		ids, scores := make([]int32, 4), make([]float32, 4)
		require.NoError(t, new(Ranker).TopK(ids, scores, x, 4, nil))
		require.Equal(t, []int32{3, 1, -1, -1}, ids)
	})
}

func TestTopKRefusesBadInput(t *testing.T) {
	x := &Linear{B: 2, C: 3, D: 1, H: make([]float32, 2), W: make([]float32, 3)}
	require.ErrorContains(t, new(Ranker).TopK(make([]int32, 3), nil, x, 2, nil), "top 2 of 2 rows with room for 3 ids")
	require.ErrorContains(t, new(Ranker).TopK(nil, nil, x, 0, nil), "top 0")
	x.W = x.W[:2]
	require.ErrorContains(t, new(Ranker).TopK(make([]int32, 4), nil, x, 2, nil), "W has 2")
}

func BenchmarkTopK(b *testing.B) {
	for _, name := range Paths() {
		b.Run(fmt.Sprintf("B=256,C=200000,D=64,k=100/%s", name), func(b *testing.B) {
			restore, err := Use(name)
			require.NoError(b, err)
			defer restore()
			x := newProblem(source(31), problemConfig{b: 256, c: 200_000, d: 64, sd: 1}).Linear
			var ranker Ranker
			ids := make([]int32, 256*100)
			for b.Loop() {
				require.NoError(b, ranker.TopK(ids, nil, &x, 100, nil))
			}
			b.ReportMetric(2*256*200_000*64*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
		})
	}
}

// TestRankerBytes holds what is said of a Ranker against what it holds. On one processor,
// since which goroutines a short call wakes is not determined.
func TestRankerBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, cfg := range []struct{ b, c, d, k int }{{1, 500, 3, 5}, {300, 2500, 16, 20}, {9, 200_000, 2, 40}, {2100, 300, 20, 4}} {
		x := newProblem(source(32), problemConfig{b: cfg.b, c: cfg.c, d: cfg.d, sd: 1}).Linear
		var r Ranker
		require.NoError(t, r.TopK(make([]int32, cfg.b*cfg.k), nil, &x, cfg.k, nil))
		require.InEpsilon(t, RankerBytes(cfg.b, cfg.c, cfg.d, cfg.k), r.bytes(), 0.01, "%+v", cfg)
	}
}

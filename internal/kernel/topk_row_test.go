package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRowRanker holds the ranking of one row to a sort of all scores, with ties in chunks of
// their own, classes that are left out, and any number of processors.
func TestRowRanker(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	most := []int{1, 3, 10, 200}
	if testing.Short() {
		most = most[:3]
	}
	for _, classes := range []int{1, 2, 17, rowChunk, rowChunk + 1, 3*rowChunk - 5} {
		for _, k := range most {
			for _, biased := range []bool{false, true} {
				t.Run(fmt.Sprint(classes, k, biased), func(t *testing.T) {
					const d = 9
					rng := rand.New(rand.NewPCG(uint64(classes), uint64(k)))
					h, w, bias := make([]float32, d), make([]float32, classes*d), make([]float32, classes)
					for i := range h {
						h[i] = float32(rng.IntN(3))
					}
					for i := range w { // whole numbers: sums are exact, and many scores are equal
						w[i] = float32(rng.IntN(5) - 2)
					}
					for i := range bias {
						bias[i] = float32(rng.IntN(3))
					}
					if !biased {
						bias = nil
					}
					var skip []int32
					for c := range int32(classes) {
						if rng.IntN(4) == 0 {
							skip = append(skip, c)
						}
					}
					if k > classes {
						k = classes
					}
					// The slow truth: one class after the other, the best of what is left.
					var want []int32
					taken := map[int32]bool{}
					for _, c := range skip {
						taken[c] = true
					}
					score := func(c int32) float32 {
						z := float32(0)
						for i, x := range h {
							z += x * w[int(c)*d+i]
						}
						if bias != nil {
							z += bias[c]
						}
						return z
					}
					for range min(k, classes-len(skip)) {
						best := int32(-1)
						for c := range int32(classes) {
							if !taken[c] && (best < 0 || score(c) > score(best)) {
								best = c
							}
						}
						taken[best] = true
						want = append(want, best)
					}
					var r RowRanker
					for _, procs := range []int{1, 2, 5} {
						runtime.GOMAXPROCS(procs)
						ids, scores := make([]int32, k), make([]float32, k)
						n, err := r.TopK(ids, scores, h, w, bias, k, skip)
						require.NoError(t, err)
						require.Equal(t, len(want), n)
						require.Equal(t, append([]int32{}, want...), append([]int32{}, ids[:n]...))
						for i, c := range ids[:n] {
							require.Equal(t, score(c), scores[i])
						}
					}
				})
			}
		}
	}
	w := make([]float32, 3*5000)
	w[3*4500], w[3*4700] = float32(math.Inf(1)), float32(math.NaN())
	_, err := new(RowRanker).TopK(make([]int32, 2), make([]float32, 2), []float32{1, 0, 0}, w, nil, 2, nil)
	require.ErrorContains(t, err, "class 4500 has a score")
	require.Panics(t, func() {
		_, _ = new(RowRanker).TopK(make([]int32, 1), make([]float32, 2), []float32{1, 0, 0}, w, nil, 2, nil)
	})
}

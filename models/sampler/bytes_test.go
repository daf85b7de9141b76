package sampler_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models/sampler"
)

// heap returns the bytes of the heap in use, and those ever allocated.
func heap() (live, allocated float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go in the first
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.TotalAlloc)
}

// TestBytes holds what a sampler says of its memory against the heap, both ways: what
// stays after it is made and refreshed, what is allocated on the way, and what its
// draws hold.
func TestBytes(t *testing.T) {
	const d, rows, k, positives = 24, 1024, 16, 4096
	c := 30_000
	if testing.Short() {
		c = 10_000
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rng := rand.New(rand.NewPCG(5, 6))
	counts, W := make([]float64, c), make([]float32, c*d)
	for i := range counts {
		counts[i] = float64(rng.IntN(100))
	}
	for i := range W {
		W[i] = float32(rng.NormFloat64())
	}
	batch := &sampler.Batch{Seed: 1, H: W[:rows*d], W: W, Ptr: make([]int32, rows+1)}
	for i := range positives {
		batch.Pos = append(batch.Pos, int32(i%c))
	}
	for r := range rows { // all of them are the first row's: the most that one goroutine can have
		batch.Ptr[r+1] = positives
	}
	// Allocations are rounded up to size classes, and what is no table (structs, closures,
	// goroutines) is not counted.
	near := func(t *testing.T, want int64, got float64, what string) {
		t.Helper()
		require.InDelta(t, float64(want), got, 0.02*float64(want)+32<<10, what)
	}
	probes(t, func(t *testing.T, b sampler.Choice) {
		before, start := heap()
		s, err := b.New(sampler.Config{C: c, D: d, Counts: counts, Seed: 3})
		require.NoError(t, err)
		_, err = s.Refresh(0, W)
		require.NoError(t, err)
		kept, made := heap()
		want := s.Bytes()
		want.Kept -= 8 * int64(c) // the counts, which were there before
		near(t, want.Kept, kept-before, "kept")
		near(t, want.Kept+want.Peak, made-start, "allocated")

		_, err = s.Refresh(1<<40, W)
		require.NoError(t, err)
		after, again := heap()
		near(t, 0, after-kept, "a second refresh keeps no more")
		require.LessOrEqual(t, again-made, float64(want.Peak)+32<<10, "nor allocates more than was said")

		shared := !b.Spec.Props.Has(sampler.Adaptive)
		draws, err := s.NewDraws(rows, k, shared)
		require.NoError(t, err)
		s.Observe(batch)
		require.NoError(t, s.Draw(draws, batch))
		with, _ := heap()
		wantDraws, err := s.DrawsBytes(rows, k, shared, positives)
		require.NoError(t, err)
		require.InDelta(t, float64(wantDraws), with-after, 0.05*float64(wantDraws)+64<<10)
		runtime.KeepAlive(draws)
		runtime.KeepAlive(s)

		_, err = s.NewDraws(0, 1, shared)
		_, same := s.DrawsBytes(0, 1, shared, 1)
		require.Equal(t, err, same)
	})
	runtime.KeepAlive(counts)
}

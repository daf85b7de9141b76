package tree

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBytes holds what is said of trees, partitions and layouts against the heap: what
// stays, and what is allocated on the way.
func TestBytes(t *testing.T) {
	const c = 50_000
	counts := make([]float64, c)
	for y := range counts {
		counts[y] = float64(y % 97)
	}
	heap := func() (live, allocated float64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers let go in the first
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc), float64(m.TotalAlloc)
	}
	check := func(t *testing.T, kept, beside int64, build func() any) {
		t.Helper()
		live, allocated := heap()
		x := build()
		after, all := heap()
		const fixed = 32 << 10 // size classes, and the structs themselves
		require.InDelta(t, float64(kept), after-live, 0.01*float64(kept)+fixed)
		if beside >= 0 {
			require.InDelta(t, float64(kept+beside), all-allocated, 0.01*float64(kept+beside)+fixed)
		}
		runtime.KeepAlive(x)
	}
	require.NotEmpty(t, All())
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			n := c
			if testing.Short() && s.Cluster != nil { // which takes its time under the race detector
				n = c / 10
			}
			known := featuresOf(n)
			check(t, Bytes(n), s.Bytes(n), func() any {
				x, err := NewOf(s.Name, n, counts[:n], func() (*Features, error) { return known, nil })
				require.NoError(t, err)
				return x
			})
			runtime.KeepAlive(known)
		})
	}
	p, err := ByFrequency(counts, 0)
	require.NoError(t, err)
	check(t, p.Bytes(), -1, func() any {
		p, err := ByFrequency(counts, 0)
		require.NoError(t, err)
		return p
	})
	a, err := NewAdaptive(counts, []int32{500, 5000})
	require.NoError(t, err)
	check(t, a.Bytes(), -1, func() any {
		a, err := NewAdaptive(counts, []int32{500, 5000})
		require.NoError(t, err)
		return a
	})
	runtime.KeepAlive(counts)
}

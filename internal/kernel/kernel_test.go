package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// onPaths runs f once on every path that this machine supports.
func onPaths(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, name := range Paths() {
		t.Run(name, func(t *testing.T) {
			restore, err := Use(name)
			require.NoError(t, err)
			defer restore()
			f(t)
		})
	}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// normal returns n draws from N(0, sd²).
func normal(r *rand.Rand, n int, sd float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(sd * r.NormFloat64())
	}
	return x
}

// A guarded slice lies between bands of a NaN that no kernel makes, at a given
// offset from the start of the allocation.
const guardBand = 32

var guardNaN = math.Float32frombits(0x7fc0feed)

type guarded struct{ all, x []float32 }

func guard(x []float32, offset int) guarded {
	all := make([]float32, guardBand+offset+len(x)+guardBand)
	for i := range all {
		all[i] = guardNaN
	}
	lo := guardBand + offset
	copy(all[lo:], x)
	return guarded{all, all[lo : lo+len(x) : lo+len(x)]}
}

// requireIntact fails if anything outside the slice was written.
func (g guarded) requireIntact(t *testing.T, what string) {
	t.Helper()
	lo := len(g.all) - guardBand - len(g.x)
	for i, v := range g.all {
		if (i < lo || i >= lo+len(g.x)) && math.Float32bits(v) != math.Float32bits(guardNaN) {
			require.Fail(t, "guard band overwritten", "%s: entry %d", what, i-lo)
		}
	}
}

// near reports |got−want| ≤ atol + rtol·|want|, with NaN near NaN alone and
// infinities near themselves alone.
func near(got, want, rtol, atol float64) bool {
	if math.IsNaN(want) || math.IsNaN(got) {
		return math.IsNaN(want) && math.IsNaN(got)
	}
	if math.IsInf(want, 0) || math.IsInf(got, 0) {
		return got == want
	}
	return math.Abs(got-want) <= atol+rtol*math.Abs(want)
}

func requireNear(t *testing.T, want, got []float32, rtol, atol float64, what string, args ...any) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if !near(float64(got[i]), float64(want[i]), rtol, atol) {
			require.Failf(t, "not near", "%s: entry %d is %v, want %v", fmt.Sprintf(what, args...), i, got[i], want[i])
		}
	}
}

// requireRMS holds the error of got, relative to the norm of want, below tol, or
// its root mean square below floor: the measure for sums whose entries cancel.
func requireRMS(t *testing.T, want []float64, got []float32, tol, floor float64, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	var e, n float64
	for i, w := range want {
		d := float64(got[i]) - w
		e += d * d
		n += w * w
	}
	if !(math.Sqrt(e) <= tol*math.Sqrt(n)+floor*math.Sqrt(float64(len(want)))) {
		require.Failf(t, "not near", "%s: relative error %v", what, math.Sqrt(e/n))
	}
}

func TestUseRefusesUnknownPaths(t *testing.T) {
	_, err := Use("sse")
	require.ErrorContains(t, err, `"sse" is not a path; the choices here are `+Paths()[0])
	was := Path()
	restore, err := Use("go")
	require.NoError(t, err)
	require.Equal(t, "go", Path())
	restore()
	require.Equal(t, was, Path())
	if supported[0] != pathAVX512 {
		_, err = Use("avx512")
		require.ErrorContains(t, err, "not supported")
	}
}

func TestParallelRunsEachTaskOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		ran := make([]int, n)
		Parallel(n, func(worker, task int) {
			ran[task]++
			if worker < 0 || worker >= Workers() {
				panic("worker out of range")
			}
		})
		for i, k := range ran {
			require.Equal(t, 1, k, "task %d of %d", i, n)
		}
	}
}

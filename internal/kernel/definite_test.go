package kernel

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// drawDefinite returns XᵀX + I of random X [n,n], and its entries.
func drawDefinite(n int) (*Definite, [][]float64) {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	x := make([]float64, n*n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	m, all := NewDefinite(n), make([][]float64, n)
	for i := range n {
		all[i] = make([]float64, n)
		for j := range n {
			for k := range n {
				all[i][j] += x[k*n+i] * x[k*n+j]
			}
			if i == j {
				all[i][j]++
			}
		}
		copy(m.Row(i)[i:], all[i][i:])
	}
	return m, all
}

// TestInvert: the product with the inverse is the identity, at sizes around blocks and
// vectors.
func TestInvert(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 7, 8, 9, 31, 32, 33, 64, 100, 131} {
			m, a := drawDefinite(n)
			require.NoError(t, m.Invert(nil))
			for i := range n {
				for j := range n {
					sum := 0.0
					for k := range n {
						sum += a[i][k] * m.At(k, j)
					}
					want := 0.0
					if i == j {
						want = 1
					}
					require.InDelta(t, want, sum, 1e-10, "n=%d, entry %d,%d", n, i, j)
				}
			}
		}
	})
}

func TestInvertRefuses(t *testing.T) {
	m := NewDefinite(40)
	for i := range 40 {
		m.Row(i)[i] = 1
	}
	m.Row(3)[35] = 1 // row 35 is row 3 then
	require.EqualError(t, m.Invert(nil), "kernel: the matrix is not positive definite at row 35")
	for _, bad := range []float64{math.NaN(), math.Inf(1), -1, 0} {
		m := NewDefinite(2)
		m.Row(0)[0], m.Row(1)[1] = 1, bad
		require.EqualError(t, m.Invert(nil), "kernel: the matrix is not positive definite at row 1", "%v", bad)
	}
	stop, calls := errors.New("stop"), 0
	m, _ = drawDefinite(70)
	require.ErrorIs(t, m.Invert(func() error {
		if calls++; calls == 3 {
			return stop
		}
		return nil
	}), stop)
	require.Equal(t, 3, calls) // of ⌈70/32⌉
}

func TestInvertHasTheSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	make1 := func() []float64 {
		m, _ := drawDefinite(150)
		require.NoError(t, m.Invert(nil))
		return slices.Clone(m.a)
	}
	want := make1()
	for _, n := range []int{1, 3} {
		old := runtime.GOMAXPROCS(n)
		got := make1()
		runtime.GOMAXPROCS(old)
		require.Equal(t, want, got)
	}
}

func TestDefiniteBytes(t *testing.T) {
	for _, n := range []int{1, 8, 16, 100} {
		m := NewDefinite(n)
		matrix, inverting := DefiniteBytes(n)
		require.EqualValues(t, 8*len(m.a), matrix)
		require.EqualValues(t, 8*2*sweepRows*m.ld, inverting)
		require.Equal(t, 1, m.ld/8%2)
	}
}

func BenchmarkInvert(b *testing.B) {
	for _, n := range []int{1000, 3043} {
		b.Run(map[int]string{1000: "n=1000", 3043: "n=3043"}[n], func(b *testing.B) {
			for b.Loop() {
				m := NewDefinite(n)
				for i := range n {
					row := m.Row(i)
					for j := i + 1; j < n; j++ {
						row[j] = 1 / float64(1+j-i)
					}
					row[i] = 100
				}
				if err := m.Invert(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

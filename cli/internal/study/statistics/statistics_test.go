package statistics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuantile has the values of Python 3.11, statistics.quantiles([1, 2, 4, 8, 16],
// method="inclusive") with n = 4, 5 and 40, and checks what the comment promises of the
// negatives.
func TestQuantile(t *testing.T) {
	x := []float64{1, 2, 4, 8, 16}
	for q, want := range map[float64]float64{0: 1, 0.025: 1.1, 0.25: 2, 0.4: 3.2, 0.5: 4, 0.975: 15.2, 1: 16} {
		require.InDelta(t, want, Quantile(x, q), 1e-12, "q = %v", q)
	}
	require.True(t, math.IsNaN(Quantile(nil, 0.5)))
	require.True(t, math.IsNaN(Quantile([]float64{math.NaN(), 1}, 0.5)))
	require.Equal(t, 3.0, Quantile([]float64{3}, 0.975))

	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 60; n++ {
		x, minus := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
			minus[i] = -x[i]
		}
		slices.Sort(x)
		slices.Sort(minus)
		for _, q := range []float64{0.025, 0.2, 0.5, 0.975} {
			at := q * float64(n-1)
			i := min(int(at), max(n-2, 0))
			want := x[i]
			if n > 1 {
				want += (at - float64(i)) * (x[i+1] - x[i])
			}
			require.InDelta(t, want, Quantile(x, q), 1e-12, "n = %d, q = %v", n, q)
			require.InDelta(t, -want, Quantile(minus, 1-q), 1e-12, "n = %d, q = %v", n, q)
		}
	}
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2.0, Median([]float64{3, 1, 2}))
	require.InDelta(t, 2.5, Median([]float64{4, 1, 3, 2}), 1e-15)
	require.True(t, math.IsNaN(Median(nil)))
}

// TestSlope has the first set of Anscombe, The American Statistician 27 (1973), whose
// slope is 0.5 and has the standard error 0.118.
func TestSlope(t *testing.T) {
	x := []float64{10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5}
	y := []float64{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68}
	slope, stderr := Slope(x, y)
	require.InDelta(t, 0.5, slope, 5e-4)
	require.InDelta(t, 0.118, stderr, 5e-4)
	slope, stderr = Slope([]float64{1, 2}, []float64{3, 7})
	require.InDelta(t, 4, slope, 1e-12)
	require.True(t, math.IsNaN(stderr))
	slope, stderr = Slope([]float64{1, 2, 3}, []float64{5, 5, 5})
	require.InDelta(t, 0, slope, 1e-15)
	require.InDelta(t, 0, stderr, 1e-15)
	slope, _ = Slope([]float64{1, 2, 3}, []float64{1, math.NaN(), 3})
	require.True(t, math.IsNaN(slope))
}

func TestNormalise(t *testing.T) {
	require.Equal(t, []float64{0.125, 0.375, 0.5}, Normalise([]float64{1, 3, 4}))
}

package check

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearFailsOnNaN(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	require.True(t, Near(1, 1, 0, 0))
	require.True(t, Near(inf, inf, 0, 0))
	require.True(t, Near(1.05, 1, 0.1, 0))
	for _, p := range [][2]float64{{nan, 1}, {1, nan}, {nan, nan}, {inf, 1}, {inf, -inf}, {1.2, 1}} {
		require.False(t, Near(p[0], p[1], 0.1, 0), "%v", p)
	}
	worst, at := Worst([]float64{1, nan, 9}, []float64{1, 1, 1}, 1)
	require.Equal(t, inf, worst)
	require.Equal(t, 1, at)
	worst, at = Worst([]float64{1, 4}, []float64{1, 2}, 1)
	require.InDelta(t, 2.0/3, worst, 1e-15)
	require.Equal(t, 1, at)
}

func TestDerivative(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(x float64) float64
		want float64
	}{
		"exp":       {math.Exp, 1},
		"steep":     {func(x float64) float64 { return math.Exp(30 * x) }, 30},
		"kink near": {func(x float64) float64 { return math.Max(x, 1e-4) + math.Sin(x) }, 1},
		"parabola":  {func(x float64) float64 { return 5*x*x - 3*x + 100 }, -3},
	} {
		d, err := Derivative(c.f, 0.1, 1e-9)
		require.InDelta(t, c.want, d, 1e-9, name)
		require.LessOrEqual(t, err, 1e-9, name)
	}
	// On a kink central differences give the mean of the sides.
	d, _ := Derivative(math.Abs, 0.1, 1e-9)
	require.Zero(t, d)
	_, err := Derivative(func(x float64) float64 { return math.NaN() }, 0.1, 1e-9)
	require.Equal(t, math.Inf(1), err)
}

func TestSubderivative(t *testing.T) {
	d, kink := Subderivative(math.Exp, 1, 1e-9, 1)
	require.InDelta(t, 1, d, 1e-9)
	require.False(t, kink)
	d, kink = Subderivative(math.Exp, 3, 1e-9, 1) // what is wrong is no kink
	require.InDelta(t, 1, d, 1e-9)
	require.False(t, kink)
	for got, want := range map[float64]float64{0.5: 0.5, -1: -1, 1.5: 1} {
		d, kink = Subderivative(math.Abs, got, 1e-9, 1)
		require.InDelta(t, want, d, 1e-9)
		require.True(t, kink)
	}
	// A kink beside 0 is no kink at it.
	near := func(x float64) float64 { return math.Abs(x-1e-3) + math.Sin(x) }
	d, kink = Subderivative(near, 0, 1e-9, 1)
	require.InDelta(t, 0, d, 1e-9)
	require.False(t, kink)
	d, kink = Subderivative(near, 1e-6, 1e-9, 1)
	require.InDelta(t, 0, d, 1e-9)
	require.False(t, kink)
	d, _ = Subderivative(func(x float64) float64 { return math.NaN() }, 1, 1e-9, 1)
	require.True(t, math.IsNaN(d))
}

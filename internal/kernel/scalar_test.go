package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sigmoid and Softplus keep their digits where the plain formulas overflow or cancel,
// and NaN.
func TestLogisticScalars(t *testing.T) {
	for _, x := range []float64{-40, -3, -0.5, 0, 0.5, 3, 40} {
		require.InEpsilon(t, 1/(1+math.Exp(-x)), Sigmoid(x), 1e-15, "%g", x)
		require.InEpsilon(t, math.Log1p(math.Exp(x)), Softplus(x), 1e-15, "%g", x)
		require.InDelta(t, 1, Sigmoid(x)+Sigmoid(-x), 1e-15)
		require.InDelta(t, x, Softplus(x)-Softplus(-x), 1e-14)
	}
	require.Equal(t, math.Exp(-700), Sigmoid(-700))
	require.Equal(t, math.Exp(-700), Softplus(-700))
	require.Equal(t, []float64{0, 1, 0, 1e300}, []float64{Sigmoid(-1e300), Sigmoid(1e300), Softplus(-1e300), Softplus(1e300)})
	require.True(t, math.IsNaN(Sigmoid(math.NaN())) && math.IsNaN(Softplus(math.NaN())))
}

func TestLogSumExp(t *testing.T) {
	inf := math.Inf(1)
	sum := func(z []float64, ids []int32) float64 {
		top, log := LogSumExp(z, ids)
		return top + log
	}
	z := []float64{1000, -inf, 1001, 999}
	require.InEpsilon(t, 1001+math.Log(1+math.Exp(-1)+math.Exp(-2)), sum(z, nil), 1e-15)
	require.InEpsilon(t, 1000+math.Log(1+math.Exp(-1)), sum(z, []int32{3, 1, 0}), 1e-15)
	require.Equal(t, -inf, sum(z, []int32{1}))
	require.Equal(t, -inf, sum(z, []int32{}), "no entry, which is not all")
	require.Equal(t, -inf, sum(nil, nil))
	for _, bad := range []float64{inf, math.NaN()} {
		require.True(t, math.IsNaN(sum([]float64{1, bad, 2}, nil)), "%g", bad)
		require.True(t, math.IsNaN(sum([]float64{1, bad, 2}, []int32{2, 1})), "%g", bad)
	}
	top, log := LogSumExp([]float32{3, 3}, nil)
	require.Equal(t, []float64{3, math.Ln2}, []float64{top, log})
}

func TestNorm(t *testing.T) {
	require.Equal(t, 5.0, Norm([]float32{3, -4}))
	require.Equal(t, NormFloor, Norm([]float64{0, 0}))
	require.Equal(t, NormFloor, Norm[float32](nil))
	require.InEpsilon(t, math.MaxFloat32*math.Sqrt2, Norm([]float32{math.MaxFloat32, math.MaxFloat32}), 1e-15)
	require.InEpsilon(t, 1e-10, Norm([]float32{1e-10}), 1e-7)
	require.True(t, math.IsNaN(Norm([]float32{float32(math.NaN())})))
}

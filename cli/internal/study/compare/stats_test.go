package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// TestBootstrap holds the interval against the normal approximation, which 5000
// users are enough for, and pairing against its absence: two rows that differ by
// a constant have an interval of no width.
func TestBootstrap(t *testing.T) {
	const n = 5000
	src := rand.New(rand.NewPCG(1, 2))
	base, noisy, shifted := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range base {
		base[i] = src.Float64()
		noisy[i] = base[i] + 0.02 + 0.3*src.NormFloat64()
		shifted[i] = base[i] + 0.1
	}
	r := &Result{Reported: "test", Metrics: []string{"recall@20"}, Tested: n}
	for _, x := range [][]float64{base, noisy, shifted} {
		r.Rows = append(r.Rows, Row{Done: 1, perUser: [][]float64{x}, Test: []Stat{statOf([]float64{mean(x)})}})
	}
	r.bootstrap(4000, 7)
	d := r.Rows[1].Against[0]
	half := 1.96 * 0.3 / math.Sqrt(n)
	require.InDelta(t, mean(noisy)-mean(base), float64(d.Difference), 1e-12)
	require.InDelta(t, float64(d.Difference)-half, float64(d.Low), 0.05*2*half)
	require.InDelta(t, float64(d.Difference)+half, float64(d.High), 0.05*2*half)
	require.Equal(t, 1, d.Sign())
	require.InDelta(t, 0.1, float64(r.Rows[2].Against[0].Low), 1e-9)
	require.InDelta(t, 0.1, float64(r.Rows[2].Against[0].High), 1e-9)
	require.Equal(t, 0, Interval{0, -1, 1}.Sign())
	require.Equal(t, -1, Interval{-2, -3, -1}.Sign())
}

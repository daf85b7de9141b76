package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func TestPrecisionWords(t *testing.T) {
	for i, name := range Precisions() {
		p, err := ParsePrecision(name)
		require.NoError(t, err)
		require.Equal(t, Precision(i), p)
		require.Equal(t, name, p.String())
		require.Equal(t, p.Rounded(), p.Runs() != Highest.Runs())
	}
	_, err := ParsePrecision("")
	require.ErrorContains(t, err, `"" is no precision; the choices are highest, high, medium`)
	require.Equal(t, "precision 7", Precision(7).String())
}

// gradientsAt returns what a run of a fused softmax at a precision computes.
func gradientsAt[T Float](t *testing.T, precision Precision) (all [][]T) {
	t.Helper()
	const b, c, d = 9, 130, 20
	bd := NewBuilder[T]()
	r := func(n int, scale float64) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(scale * float64((i*7919)%101-50) / 50)
		}
		return x
	}
	h, w := bd.Param("h", r(b*d, 1), b, d), bd.Param("w", r(c*d, 0.9), c, d)
	label, data := bd.Indices("label", b)
	for i := range data {
		data[i] = int32(11 * i)
	}
	var e Expr
	tg, err := LabelTargets(label)
	require.NoError(t, err)
	loss := e.N(LinearLoss(fusedAnalytic(1), Linear{H: h, W: w, Precision: precision}, tg))
	require.NoError(t, e.Err)
	cost, err := MeanRows(loss, tg)
	require.NoError(t, err)
	p, err := bd.Train(cost)
	require.NoError(t, err)
	require.NoError(t, p.Run())
	return [][]T{p.Grad(h).Data, p.Grad(w).Data}
}

// TestLinearPrecision: a layer is rounded where it is permitted and tiles are there, near
// what it is without; never at float64.
func TestLinearPrecision(t *testing.T) {
	for _, path := range kernel.Paths() {
		restore, err := kernel.Use(path)
		require.NoError(t, err)
		exact, double := gradientsAt[float32](t, Highest), gradientsAt[float64](t, Highest)
		for p, tol := range map[Precision]float64{High: 1e-4, Medium: 5e-2} {
			got := gradientsAt[float32](t, p)
			require.Equal(t, double, gradientsAt[float64](t, p))
			if !p.Rounded() {
				require.Equal(t, exact, got, "%s %v", path, p)
				continue
			}
			for i := range got {
				require.NotEqual(t, exact[i], got[i], "%v", p)
				var largest float32
				for _, v := range exact[i] {
					largest = max(largest, v, -v)
				}
				for k, v := range got[i] {
					require.InDelta(t, exact[i][k], v, tol*float64(largest))
				}
			}
		}
		restore()
	}
	bd := NewBuilder[float32]()
	label, _ := bd.Indices("label", 1)
	tg, err := LabelTargets(label)
	require.NoError(t, err)
	_, err = LinearLoss(fusedAnalytic(1), Linear{H: bd.Param("h", make([]float32, 2), 1, 2), W: bd.Param("w", make([]float32, 6), 3, 2), Precision: 3}, tg)
	require.ErrorContains(t, err, "no precision 3")
}

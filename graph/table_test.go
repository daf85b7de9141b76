package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInitialise(t *testing.T) {
	make1 := func(name string, rows, dim int, i Init, seed uint64) []float32 {
		tb := &Table[float32]{Name: name, Rows: rows, Dim: dim, Init: i}
		tb.Initialise(seed)
		return tb.Data
	}
	deviation := func(x []float32) float64 {
		square := 0.0
		for _, v := range x {
			square += float64(v) * float64(v)
		}
		return math.Sqrt(square / float64(len(x)))
	}
	const rows, dim = 3*initRows + 100, 3
	a := make1("a", rows, dim, Normal(0.3), 1)
	require.InDelta(t, 0.3, deviation(a), 0.005)
	require.NotEqual(t, a, make1("b", rows, dim, Normal(0.3), 1))
	require.NotEqual(t, a, make1("a", rows, dim, Normal(0.3), 2))
	// A cell depends on no other: a shorter table begins like a longer one.
	require.Equal(t, a[:(initRows+7)*dim], make1("a", initRows+7, dim, Normal(0.3), 1))
	for i := range 3 { // and none is another's copy
		require.NotEqual(t, a[i*initRows*dim:i*initRows*dim+300], a[(i+1)*initRows*dim:(i+1)*initRows*dim+300])
	}
	x := make1("x", 200, 40, Xavier(), 1)
	bound := math.Sqrt(6.0 / 240)
	require.InDelta(t, bound/math.Sqrt(3), deviation(x), 0.005)
	for _, v := range x {
		require.LessOrEqual(t, math.Abs(float64(v)), bound)
	}
	require.Equal(t, []float32{2, 2, 2, 2}, make1("c", 2, 2, Constant(2), 1))
	require.Equal(t, []float32{0, 0}, make1("z", 1, 2, Init{}, 1))
	require.Equal(t, []string{"normal 0.3", "xavier", "constant 2", "constant 0"},
		[]string{Normal(0.3).String(), Xavier().String(), Constant(2).String(), Init{}.String()})
}

// A leaf of Constant enters the graph and is not moved: it has no gradient.
func TestConstant(t *testing.T) {
	b := NewBuilder[float64]()
	w := b.Param("w", []float64{1, 2}, 1, 2)
	data := []float64{3, 4}
	c := b.Constant("c", data, 1, 2)
	var e Expr
	p, err := b.Train(e.N(Sum(e.N(Mul(w, c)))))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	require.Equal(t, 11.0, p.Cost())
	require.Equal(t, []float64{3, 4}, p.Grad(w).Data)
	require.Panics(t, func() { p.Grad(c) })
	data[0] = 5 // the caller's memory
	require.NoError(t, p.Run())
	require.Equal(t, 13.0, p.Cost())
}

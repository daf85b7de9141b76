package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// pushed is an updater that adds a number to every weight.
type pushed[T Float] struct{ by T }

func (p pushed[T]) Update(t *Table[T], _ Gradient[T]) error {
	for i := range t.Data {
		t.Data[i] += p.by
	}
	return nil
}

// TestScalarBounds: a step leaves the number of a scalar within its bounds, which
// float32 rounds towards each other; a NaN stays, and a table of no scalar goes where its
// updater moves it.
func TestScalarBounds(t *testing.T) {
	s := Scalar{Name: "temperature", Least: -math.Log(100), Most: math.Log(100), Value: func(x float64) float64 { return math.Exp(-x) }}
	table, err := NewScalar[float32]("scale", 1e9, s)
	require.NoError(t, err)
	require.LessOrEqual(t, 1/table.Parameter(), 100.0, "before it has data")
	table.Initialise(3)
	require.LessOrEqual(t, 1/table.Parameter(), 100.0)
	require.InDelta(t, 0.01, table.Parameter(), 1e-7)

	free := NewTable[float32]("free", 1, 1)
	b := NewBuilder[float32]()
	scale, other := b.Param("scale", table.Data, 1), b.Param("free", free.Data, 1)
	var e Expr
	cost := e.N(Sum(e.N(Mul(scale, other))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	for _, c := range []struct {
		by   float32
		want float64
	}{{-2, math.Log(100) - 2}, {-1e6, -math.Log(100)}, {0.25, 0.25 - math.Log(100)}, {1e6, math.Log(100)}} {
		require.NoError(t, p.Run())
		require.NoError(t, p.Step(scale, table, pushed[float32]{c.by}))
		require.NoError(t, p.Step(other, free, pushed[float32]{c.by}))
		require.InDelta(t, c.want, table.Data[0], 1e-6)
		require.True(t, math.Abs(float64(table.Data[0])) <= math.Log(100), "the bound itself is not left by rounding")
	}
	require.InDelta(t, -2, free.Data[0], 1, "it went as far as it was moved, back and forth")
	require.NoError(t, p.Step(scale, table, pushed[float32]{float32(math.NaN())}))
	require.True(t, math.IsNaN(float64(table.Data[0])))
}

// TestScalarFaults: what is no scalar says why.
func TestScalarFaults(t *testing.T) {
	for want, f := range map[string]func() error{
		"without a name":                 func() error { _, err := NewScalar[float32]("x", 0, Scalar{Most: 1}); return err },
		"no number lies between 1 and 1": func() error { _, err := NewScalar[float64]("x", 0, Scalar{Name: "a", Least: 1, Most: 1}); return err },
		"no number lies between NaN": func() error {
			_, err := NewScalar[float64]("x", 0, Scalar{Name: "a", Least: math.NaN(), Most: 1})
			return err
		},
		"scalar a begins at NaN":                func() error { _, err := NewScalar[float32]("x", math.NaN(), Scalar{Name: "a", Most: 1}); return err },
		"mulscalar: c is (2); want [1]":         func() error { return mulScalar(2) },
		"mulscalar: c is (1, 1); want a vector": func() error { return mulScalar(1, 1) },
	} {
		require.ErrorContains(t, f(), want)
	}
	require.Panics(t, func() { NewTable[float32]("w", 1, 1).Parameter() })
	table, err := NewScalar[float32]("x", 0.5, Scalar{Name: "a", Most: 1})
	require.NoError(t, err)
	require.Equal(t, 0.5, table.Parameter(), "without a Value it is the number itself")
}

func mulScalar(shape ...int) error {
	b := NewBuilder[float64]()
	x, _ := b.Input("x", 3, 2)
	c, _ := b.Input("c", shape...)
	_, err := MulScalar(x, c)
	return err
}

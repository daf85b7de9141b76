package graph

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// swish is x_j sigmoid(⟨x⟩) with the sum of the row, and its square norm: functions of
// whole rows, by hand.
func swish(scalar bool) RowFunction {
	gate := func(x []float64) float64 {
		sum := 0.0
		for _, v := range x {
			sum += v
		}
		return 1 / (1 + math.Exp(-sum))
	}
	if scalar {
		return RowFunction{Name: "norm", Scalar: true,
			Eval: func(y, x []float64) error {
				y[0] = 0
				for _, v := range x {
					y[0] += v * v
				}
				return nil
			},
			Back: func(dx, x, _, g []float64) error {
				for j, v := range x {
					dx[j] = 2 * v * g[0]
				}
				return nil
			}}
	}
	return RowFunction{Name: "swish",
		Eval: func(y, x []float64) error {
			s := gate(x)
			for j, v := range x {
				y[j] = v * s
			}
			return nil
		},
		Back: func(dx, x, y, g []float64) error {
			s, along := gate(x), 0.0
			for j := range x {
				along += g[j] * y[j]
			}
			for j := range x {
				dx[j] = g[j]*s + along*(1-s)
			}
			clear(x) // copies: nobody sees it
			return nil
		}}
}

// TestMapRows: a function in Go is a node whose gradient is that which it states, at both
// precisions and under an upstream gradient that is not uniform, run after run.
func TestMapRows(t *testing.T) {
	mapRows[float64](t, 1e-12)
	mapRows[float32](t, 1e-5)
}

func mapRows[T Float](t *testing.T, tol float64) {
	const rows, k = 5, 4
	b := NewBuilder[T]()
	data := make([]T, rows*k)
	for i := range data {
		data[i] = T(math.Sin(float64(i + 1)))
	}
	x := b.Param("x", data, rows, k)
	var e Expr
	wide := e.N(MapRows(swish(false), x))
	narrow := e.N(MapRows(swish(true), wide))
	u, weights := b.Input("u", rows)
	for i := range weights {
		weights[i] = T(i) - 1.5
	}
	p, err := b.Train(e.N(Sum(e.N(Mul(narrow, u)))))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	defer p.Close()
	for range 2 {
		require.NoError(t, p.Run())
		for i := range rows {
			row := data[i*k : (i+1)*k]
			var sum, norm float64
			for _, v := range row {
				sum, norm = sum+float64(v), norm+float64(v)*float64(v)
			}
			s := 1 / (1 + math.Exp(-sum))
			for j, v := range row { // of s²‖x‖²
				want := float64(weights[i]) * (2*s*s*float64(v) + 2*s*s*(1-s)*norm)
				require.InDelta(t, want, float64(p.Grad(x).Data[i*k+j]), tol*10, "row %d, class %d", i, j)
			}
		}
	}
}

// TestMapRowsFaults: what is no function, and what fails in a run, is an error.
func TestMapRowsFaults(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", make([]float64, 6), 3, 2)
	_, err := MapRows(RowFunction{Name: "half"}, x)
	require.EqualError(t, err, `graph: row function "half" lacks one of Name, Eval and Back`)
	v, _ := b.Input("v", 3)
	_, err = MapRows(swish(true), v)
	require.ErrorContains(t, err, "graph: norm: x is (3); want a matrix")

	y, err := MapRows(swish(false), x)
	require.NoError(t, err)
	var e Expr
	cost := e.N(Sum(e.N(Square(y))))
	require.NoError(t, e.Err)
	g, err := Grad(cost, x)
	require.NoError(t, err)
	_, err = Grad(e.N(Sum(g[0])), x)
	require.ErrorContains(t, err, "swish gradient has no derivative")

	bad := swish(true)
	rows := 0
	bad.Eval = func([]float64, []float64) error {
		if rows++; rows == 2 {
			return errors.New("no root")
		}
		return nil
	}
	n, err := MapRows(bad, x)
	require.NoError(t, err)
	p, err := b.Eval(n)
	require.NoError(t, err)
	defer p.Close()
	require.ErrorContains(t, p.Run(), "norm: row 1: no root")
}

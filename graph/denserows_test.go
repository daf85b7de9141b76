package graph

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// bagged is a LinearLoss whose H is DenseRows, or the same matrix as a node that it does not
// know, with all gradients: by w, the bias and, with values, by these.
func bagged[T Float](t *testing.T, values, known, scaled bool) []float64 {
	t.Helper()
	const b, d, c, m = 5, 64, 7, 12
	rng := rand.New(rand.NewPCG(3, 4))
	normal := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.NormFloat64())
		}
		return x
	}
	bd := NewBuilder[T]()
	ptr, p := bd.Indices("ptr", b+1)
	ids, id := bd.Indices("ids", m)
	copy(p, []int32{0, 3, 3, 5, 9, 10})
	copy(id, []int32{0, 63, 7, 7, 7, 1, 2, 3, 4, 5, -1, 99}) // what is beyond the last bound is not read
	var v node
	if values {
		v = bd.Param("values", normal(m), m)
	}
	w, bias := bd.Param("w", normal(c*d), c, d), bd.Param("bias", normal(c), c)
	of := tensor.Float64
	if bytesOf[T](1) == 4 {
		of = tensor.Float32
	}
	var e Expr
	h := e.N(DenseRows(ptr, ids, v, d, of))
	require.Equal(t, tensor.Shape{b, d}, h.Shape())
	if !known {
		h = e.N(AddScalar(h, 0))
	}
	tg, td := bd.Targets("label", b, b)
	require.NoError(t, td.SetLabels([]int32{0, 1, 6, 3, -1}))
	form := testAnalytic(0.7)
	if of == tensor.Float32 {
		form = fusedAnalytic(0.7)
	}
	loss := e.N(LinearLoss(form, Linear{H: h, W: w, Bias: bias}, tg))
	if scaled {
		loss = e.N(Mul(loss, loss))
	}
	require.NoError(t, e.Err)
	prog, err := bd.Train(e.N(Sum(loss)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prog.Close()) })
	require.NoError(t, prog.Run())
	all := append([]float64{float64(prog.Cost())}, floats(prog.Grad(w).Data)...)
	all = append(all, floats(prog.Grad(bias).Data)...)
	if values {
		all = append(all, floats(prog.Grad(v).Data)...)
		require.Zero(t, all[len(all)-1], "room that is unused")
		require.NotZero(t, all[len(all)-m])
	}
	return all
}

// TestDenseRows: the entries alone give what the matrix gives, with its gradients by values.
func TestDenseRows(t *testing.T) {
	for _, values := range []bool{false, true} {
		for _, scaled := range []bool{false, true} {
			want := bagged[float64](t, values, false, scaled)
			for _, got := range [][]float64{bagged[float64](t, values, true, scaled), bagged[float32](t, values, false, scaled), bagged[float32](t, values, true, scaled)} {
				worst, at := check.Worst(got, want, 10)
				require.LessOrEqual(t, worst, 1e-6, "values %v, entry %d", values, at)
			}
		}
	}
}

func TestDenseRowsGradient(t *testing.T) {
	bd := NewBuilder[float64]()
	ptr, p := bd.Indices("ptr", 3)
	ids, id := bd.Indices("ids", 4)
	copy(p, []int32{0, 2, 4})
	copy(id, []int32{1, 1, 0, 2})
	v := bd.Param("values", []float64{1, 2, 3, 4}, 4)
	var e Expr
	h := e.N(DenseRows(ptr, ids, v, 3, tensor.Float64))
	cost := e.N(Sum(e.N(Mul(h, e.N(Mul(h, h))))))
	require.NoError(t, e.Err)
	prog, err := bd.Train(cost)
	require.NoError(t, err)
	defer prog.Close()
	require.NoError(t, prog.Run())
	require.Equal(t, 27.+27+64, prog.Cost())
	require.Equal(t, []float64{27, 27, 27, 48}, prog.Grad(v).Data)
}

func TestDenseRowsRefuses(t *testing.T) {
	bd := NewBuilder[float32]()
	ptr, p := bd.Indices("ptr", 3)
	ids, id := bd.Indices("ids", 4)
	v, _ := bd.Input("v", 3)
	_, err := DenseRows(nil, ids, nil, 3, tensor.Float32)
	require.Error(t, err)
	_, err = DenseRows(ptr, nil, nil, 3, tensor.Float32)
	require.Error(t, err)
	_, err = DenseRows(ptr, ids, v, 3, tensor.Float32)
	require.ErrorContains(t, err, "(3) values for (4) ids")
	_, err = DenseRows(ptr, ids, nil, 0, tensor.Float32)
	require.ErrorContains(t, err, "d is 0")
	for _, known := range []bool{false, true} {
		var e Expr
		w := bd.Param("w", make([]float32, 2*64), 2, 64)
		h := e.N(DenseRows(ptr, ids, nil, 64, tensor.Float32))
		if !known {
			h = e.N(AddScalar(h, 0))
		}
		tg, td := bd.Targets("label", 2, 2)
		require.NoError(t, td.SetLabels([]int32{0, 1}))
		cost := e.N(Sum(e.N(LinearLoss(fusedAnalytic(1), Linear{H: h, W: w}, tg))))
		require.NoError(t, e.Err)
		prog, err := bd.Train(cost)
		require.NoError(t, err)
		for _, bad := range [][]int32{{64, 0, 0, 0}, {-1, 0, 0, 0}} {
			copy(p, []int32{0, 1, 4})
			copy(id, bad)
			require.Error(t, prog.Run(), "%v", bad)
		}
		copy(id, []int32{0, 0, 0, 0})
		for _, bad := range [][]int32{{0, 2, 1}, {1, 1, 4}, {0, 1, 5}} {
			copy(p, bad)
			require.Error(t, prog.Run(), "%v", bad)
		}
		copy(p, []int32{0, 0, 0})
		require.NoError(t, prog.Run(), "rows without entries")
		require.NoError(t, prog.Close())
		bd = NewBuilder[float32]()
		ptr, p = bd.Indices("ptr", 3)
		ids, id = bd.Indices("ids", 4)
	}
}

package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// A linearCase is a graph over H, W and Bias with the cost Σ w∘ℓ, w not uniform.
type linearCase[T Float] struct {
	h, w, bias []T
	hn, wn, bn node
	prog       *Program[T]
}

// newLinear builds one of the forms of a loss: "nodes", "loss", "linear" and
// "fused", and by definition "defined loss", "defined", and "defined each", whose
// definition takes the positives one by one.
func newLinear[T Float](t testing.TB, form string, b, c, d int, withBias bool) *linearCase[T] {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(b), uint64(c*d)))
	normal := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.NormFloat64())
		}
		return x
	}
	lc := &linearCase[T]{h: normal(b * d), w: normal(c * d), bias: normal(c)}
	bd := NewBuilder[T]()
	lc.hn, lc.wn = bd.Param("h", lc.h, b, d), bd.Param("w", lc.w, c, d)
	if withBias {
		lc.bn = bd.Param("bias", lc.bias, c)
	}
	tg, td := bd.Targets("t", b, 2*b)
	up, ud := bd.Input("up", b)
	for i := range b {
		ud[i] = T(rng.NormFloat64())
		switch {
		case i%4 == 3:
			require.NoError(t, td.Append(nil, nil))
		case i%2 == 1 && c > 1:
			require.NoError(t, td.Append([]int32{0, int32(c - 1)}, []T{0.25, 0.75}))
		default:
			require.NoError(t, td.Append([]int32{int32(rng.IntN(c))}, nil))
		}
	}
	var e Expr
	// the loss must come out 0 at padding rows; the nodes' form there is not specified
	var loss node
	switch form {
	case "defined":
		loss = e.N(LinearLoss(testDefined(0.7), Linear{H: lc.hn, W: lc.wn, Bias: lc.bn}, tg))
	case "defined each":
		loss = e.N(LinearLoss(testDefinedEach(0.7), Linear{H: lc.hn, W: lc.wn, Bias: lc.bn}, tg))
	case "linear":
		loss = e.N(LinearLoss(testAnalytic(0.7), Linear{H: lc.hn, W: lc.wn, Bias: lc.bn}, tg))
	case "fused":
		loss = e.N(LinearLoss(fusedAnalytic(0.7), Linear{H: lc.hn, W: lc.wn, Bias: lc.bn}, tg))
	default:
		z := e.N(MatMul(lc.hn, lc.wn, false, true))
		if withBias {
			z = e.N(AddBias(z, lc.bn))
		}
		if form == "loss" {
			loss = e.N(Loss(testAnalytic(0.7), z, tg))
			break
		}
		if form == "defined loss" {
			loss = e.N(Loss(testDefined(0.7), z, tg))
			break
		}
		loss = e.N(testNode(0.7, z, tg))
		for i := 3; i < b; i += 4 {
			ud[i] = 0
		}
	}
	prog, err := bd.Train(e.N(Sum(e.N(Mul(loss, up)))))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	lc.prog = prog
	t.Cleanup(func() { require.NoError(t, prog.Close()) })
	return lc
}

func floats[T Float](x []T) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// agree compares costs and all gradients of two cases.
func agree[T, S Float](t *testing.T, got *linearCase[T], want *linearCase[S], tol float64) {
	t.Helper()
	require.NoError(t, want.prog.Run())
	for range 2 {
		require.NoError(t, got.prog.Run())
		require.True(t, check.Near(float64(got.prog.Cost()), float64(want.prog.Cost()), tol, tol), "%v, want %v", got.prog.Cost(), want.prog.Cost())
		for i, n := range []node{got.hn, got.wn, got.bn} {
			if n == nil {
				continue
			}
			ref := floats(want.prog.Grad([]node{want.hn, want.wn, want.bn}[i]).Data)
			scale := 1.0
			for _, r := range ref {
				scale = max(scale, math.Abs(r))
			}
			worst, at := check.Worst(floats(got.prog.Grad(n).Data), ref, scale)
			require.LessOrEqual(t, worst, tol, "gradient %d, entry %d", i, at)
		}
	}
}

func TestLossAndLinearLossAgreeWithNodes(t *testing.T) {
	for _, s := range []struct{ b, c, d int }{{1, 1, 1}, {1, 2, 3}, {4, 1, 2}, {5, 7, 3}, {9, 33, 16}, {6, 1000, 5}} {
		for _, bias := range []bool{false, true} {
			t.Run(fmt.Sprintf("B=%d,C=%d,d=%d,bias=%t", s.b, s.c, s.d, bias), func(t *testing.T) {
				nodes := newLinear[float64](t, "nodes", s.b, s.c, s.d, bias)
				agree(t, newLinear[float64](t, "loss", s.b, s.c, s.d, bias), nodes, 1e-12)
				agree(t, newLinear[float64](t, "linear", s.b, s.c, s.d, bias), nodes, 1e-12)
				agree(t, newLinear[float32](t, "loss", s.b, s.c, s.d, bias), nodes, 2e-5)
				agree(t, newLinear[float32](t, "linear", s.b, s.c, s.d, bias), nodes, 2e-5)
				agree(t, newLinear[float32](t, "fused", s.b, s.c, s.d, bias), nodes, 2e-5)
			})
		}
	}
}

// inBlocks makes a LinearLoss of c classes at size bytes work in blocks of rows.
func inBlocks(t *testing.T, rows, c, size int) {
	saved := blockBytes
	blockBytes = 2 * rows * c * size
	t.Cleanup(func() { blockBytes = saved })
}

// TestLinearLossInBlocks has several blocks of rows, the last one short, which
// the gradient recomputes, and blocks of too few rows for a matrix product.
func TestLinearLossInBlocks(t *testing.T) {
	const b, c, d = 21, 1500, 4
	for _, rows := range []int{1, 3, 4, 8, 20} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			inBlocks(t, rows, c, 8)
			require.Equal(t, rows, newLinearState[float64](testSoftmax[float64]{1}, b, c, d, 3).rows)
			agree(t, newLinear[float64](t, "linear", b, c, d, true), newLinear[float64](t, "loss", b, c, d, true), 1e-12)
		})
	}
}

func TestLinearLossSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	if testing.Short() {
		t.Skip("runs shapes large enough for several goroutines")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	inBlocks(t, 5, 20001, 4)
	for _, form := range []string{"linear", "fused"} {
		sameBits(t, form, 20001)
	}
}

func sameBits(t *testing.T, form string, c int) {
	var want [][]float32
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		lc := newLinear[float32](t, form, 9, c, 5, true)
		require.NoError(t, lc.prog.Run())
		got := [][]float32{{lc.prog.Cost()}, lc.prog.Grad(lc.hn).Data, lc.prog.Grad(lc.wn).Data, lc.prog.Grad(lc.bn).Data}
		for i := range got {
			got[i] = slices.Clone(got[i])
			if want != nil {
				for j := range got[i] {
					require.Equal(t, math.Float32bits(want[i][j]), math.Float32bits(got[i][j]), "output %d, entry %d, GOMAXPROCS %d", i, j, procs)
				}
			}
		}
		want = got
	}
}

// TestSparseGradient: the fused sparsemax hands out the rows that are not zero
// where a Param alone asks for them, and all rows where a node reads them.
func TestSparseGradient(t *testing.T) {
	const b, c, d = 6, 3000, 8
	rng := rand.New(rand.NewPCG(7, 7))
	build := func(behind bool) (prog *Program[float32], w, bias node) {
		rng = rand.New(rand.NewPCG(7, 7))
		normal := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			return x
		}
		bd := NewBuilder[float32]()
		h := bd.Param("h", normal(b*d), b, d)
		w, bias = bd.Param("w", normal(c*d), c, d), bd.Param("bias", normal(c), c)
		lin := Linear{H: h, W: w, Bias: bias}
		if behind {
			lin.W, lin.Bias = gorgonia.Must(Scale(w, 1)), gorgonia.Must(Scale(bias, 1))
		}
		tg, td := bd.Targets("t", b, b)
		require.NoError(t, td.SetLabels([]int32{5, 17, -1, 2999, 0, 17}))
		var e Expr
		loss := e.N(LinearLoss(sparseLoss(), lin, tg))
		prog, err := bd.Train(e.N(MeanRows(loss, tg)))
		require.NoError(t, e.Err)
		require.NoError(t, err)
		require.NoError(t, prog.Run())
		return prog, w, bias
	}
	few, w, bias := build(false)
	all, wa, ba := build(true)
	require.Nil(t, all.Grad(wa).Rows)
	rows := few.Grad(w).Rows
	require.NotEmpty(t, rows)
	require.Less(t, len(rows), c/10)
	require.Equal(t, rows, few.Grad(bias).Rows)
	dw, db := make([]float32, c*d), make([]float32, c)
	for i, r := range rows {
		copy(dw[int(r)*d:], few.Grad(w).Data[i*d:(i+1)*d])
		db[r] = few.Grad(bias).Data[i]
	}
	for _, g := range [][2][]float32{{all.Grad(wa).Data, dw}, {all.Grad(ba).Data, db}} {
		worst, at := check.Worst(floats(g[1]), floats(g[0]), 1) // the kernel adds in another order
		require.LessOrEqual(t, worst, 1e-6, "entry %d", at)
	}
}

// TestLinearLossComputesWhatIsAskedFor looks at the buffers: a gradient that no
// Param asks for costs neither time nor memory.
func TestLinearLossComputesWhatIsAskedFor(t *testing.T) {
	b := NewBuilder[float32]()
	hd := []float32{1, 2, 3, 4}
	h := b.Param("h", hd, 2, 2)
	w, wd := b.Input("w", 3, 2)
	copy(wd, []float32{1, 0, 0, 1, 1, 1})
	label, ld := b.Indices("y", 2)
	copy(ld, []int32{0, 2})
	tg, err := LabelTargets(label)
	require.NoError(t, err)
	var e Expr
	loss := e.N(LinearLoss(testAnalytic(1), Linear{H: h, W: w}, tg))
	prog, err := b.Train(e.N(MeanRows(loss, tg)))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	require.NoError(t, prog.Run())
	require.Len(t, prog.Grad(h).Data, 4)
	for _, o := range prog.ops {
		require.NotContains(t, o.name, "dW")
	}
}

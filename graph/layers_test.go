package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// normals returns n draws.
func normals[T Float](seed uint64, n int) []T {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]T, n)
	for i := range x {
		x[i] = T(rng.NormFloat64())
	}
	return x
}

// layered is a network of what encoders are made of: rows of x [n,d], and attention of
// segments over one score of each.
func layered[T Float](t *testing.T, n, d int) *Program[T] {
	t.Helper()
	b := NewBuilder[T]()
	x := b.Param("x", normals[T](1, n*d), n, d)
	w := b.Param("w", normals[T](2, d*d), d, d)
	gain, bias, in := b.Param("gain", normals[T](3, d), d), b.Param("bias", normals[T](4, d), d), b.Param("in", normals[T](5, d), d)
	ptr, bounds := b.Indices("ptr", 5)
	copy(bounds, []int32{0, 1, 1, int32(n / 2), int32(n - 1)})
	var e Expr
	h := e.N(LayerNorm(e.N(Dropout(x, 0.25, 3)), gain, bias, 1e-5))
	h = e.N(GELU(e.N(AddBias(e.N(MatMul(h, w, false, true)), in))))
	h = e.N(Tanh(e.N(Relu(e.N(Add(h, x))))))
	att := e.N(SegmentSoftmax(e.N(RowMean(e.N(Sigmoid(h)))), ptr))
	up, data := b.Input("up", n, d)
	copy(data, normals[T](6, n*d))
	cost := e.N(Sum(e.N(Mul(e.N(MulRow(h, att)), up))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestLayersGradient(t *testing.T) {
	_, err := CheckGradient(layered[float64](t, 12, 5), GradientCheck{})
	require.NoError(t, err)
}

// TestLayersAtFloat32 holds many rows, which several goroutines share, against float64,
// and the bits of it against those of other numbers of threads.
func TestLayersAtFloat32(t *testing.T) {
	const n, d = 1500, 40
	p := layered[float64](t, n, d)
	require.NoError(t, p.Run())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first *Program[float32]
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		q := layered[float32](t, n, d)
		for range 2 { // the second run must not see the first
			require.NoError(t, q.Run())
		}
		if first == nil {
			first = q
			require.InEpsilon(t, p.Cost(), float64(q.Cost()), 1e-4)
		}
		for i, w := range q.params {
			got, want := q.Grad(w).Data, p.Grad(p.params[i]).Data
			var off, all float64
			for j, g := range got {
				off += (float64(g) - want[j]) * (float64(g) - want[j])
				all += want[j] * want[j]
				if math.Float32bits(g) != math.Float32bits(first.Grad(first.params[i]).Data[j]) {
					require.Failf(t, "other bits", "%s %d at GOMAXPROCS %d", w.Name(), j, procs)
				}
			}
			require.LessOrEqual(t, math.Sqrt(off/all), 1e-5, w.Name())
		}
	}
}

// TestColSumOfManyRows: pieces of rows, their last one shorter, give the sums.
func TestColSumOfManyRows(t *testing.T) {
	for _, n := range []int{63, 64, 1000, 1031} {
		b := NewBuilder[float32]()
		x := b.Param("x", normals[float32](7, n*40), n, 40)
		var e Expr
		sum := e.N(ColSum(x))
		p, err := b.Train(e.N(Sum(e.N(Square(sum)))))
		require.NoError(t, e.Err)
		require.NoError(t, err)
		require.NoError(t, p.Run())
		var want [40]float64
		for i, v := range normals[float32](7, n*40) {
			want[i%40] += float64(v)
		}
		for i, g := range p.Grad(x).Data {
			require.InDelta(t, 2*want[i%40], g, 1e-3, "%d rows", n)
		}
		require.NoError(t, p.Close())
	}
}

func TestLayerFaults(t *testing.T) {
	b := NewBuilder[float64]()
	x, v, w := b.Param("x", make([]float64, 6), 2, 3), b.Param("v", make([]float64, 3), 3), b.Param("w", make([]float64, 2), 2)
	ids, _ := b.Indices("ids", 1)
	for want, f := range map[string]func() (node, error){
		"layer norm: x is (3); want a matrix":                          func() (node, error) { return LayerNorm(v, v, v, 1) },
		"layer norm: gain is (2, 3); want a vector":                    func() (node, error) { return LayerNorm(x, x, v, 1) },
		"layer norm: x is (2, 3) and bias is (2); want [B,K] and [K]":  func() (node, error) { return LayerNorm(x, v, w, 1) },
		"layer norm: eps = 0; want a positive number":                  func() (node, error) { return LayerNorm(x, v, v, 0) },
		"mulcols: x is (2, 3) and v is (2); want [B,K] and [K]":        func() (node, error) { return MulCols(x, w) },
		"mulcols: x is (3); want a matrix":                             func() (node, error) { return MulCols(v, v) },
		"addbias: x is (3); want a matrix":                             func() (node, error) { return AddBias(v, v) },
		"segment softmax: x is (2, 3); want a vector":                  func() (node, error) { return SegmentSoftmax(x, ids) },
		"segment softmax: ptr is float64; want Int32":                  func() (node, error) { return SegmentSoftmax(v, v) },
		"segment softmax: ptr is (1); want the bounds of the segments": func() (node, error) { return SegmentSoftmax(v, ids) },
		"gelu: operand 0 is nil":                                       func() (node, error) { return GELU(nil) },
		"dropout: operand 0 is Int32; want floating-point":             func() (node, error) { return Dropout(ids, 0.5, 1) },
	} {
		_, err := f()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q; want %q", fmt.Sprint(err), want)
		}
	}
	for want, bounds := range map[string][]int32{
		"segment 1 is [2:1] of 3 scores": {0, 2, 1},
		"segment 1 is [2:4] of 3 scores": {0, 2, 4},
		"segment 0 is [-1:2] of 3":       {-1, 2, 3},
	} {
		b := NewBuilder[float64]()
		ptr, data := b.Indices("ptr", 3)
		copy(data, bounds)
		var e Expr
		p, err := b.Train(e.N(Sum(e.N(SegmentSoftmax(b.Param("v", make([]float64, 3), 3), ptr)))))
		require.NoError(t, e.Err)
		require.NoError(t, err)
		require.ErrorContains(t, p.Run(), want)
		require.NoError(t, p.Close())
	}
}

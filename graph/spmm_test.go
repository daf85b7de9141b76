package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// sparseOf is a matrix whose rows have 0 to 8 entries, some rows and columns none and one
// row many, some places twice.
func sparseOf(t *testing.T, rows, cols int) (a *Sparse, ptr, ids []int32, values []float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	ptr = []int32{0}
	for i := range rows {
		n := rng.IntN(9)
		switch i {
		case 0, rows - 1:
			n = 0
		case rows / 2:
			n = 3 * cols
		}
		for range n {
			ids, values = append(ids, int32(rng.IntN(max(cols-1, 1)))), append(values, float32(rng.NormFloat64()))
		}
		ptr = append(ptr, int32(len(ids)))
	}
	a, err := NewSparse(rows, cols, ptr, ids, values)
	require.NoError(t, err)
	return a, ptr, ids, values
}

// TestSpMMIsABag holds the product to its other statement, a bag of rows whose bounds, ids
// and values are leaves, twice differentiated, with rows that are not weighed alike.
func TestSpMMIsABag(t *testing.T) {
	for _, shape := range [][3]int{{40, 30, 5}, {1, 7, 3}, {9, 1, 4}, {300, 50, 17}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			rows, cols, d := shape[0], shape[1], shape[2]
			a, ptr, ids, values := sparseOf(t, rows, cols)
			require.Equal(t, [5]int{rows, cols, len(ids), cols, rows}, [5]int{a.Rows(), a.Cols(), a.Len(), a.T().Rows(), a.T().Cols()})
			require.Same(t, a, a.T().T())
			if len(ids) == 0 {
				ids, values = []int32{0}, []float32{0}
			}
			var got [2][][]float64
			for way := range got {
				rng := rand.New(rand.NewPCG(5, 6))
				b := NewBuilder[float64]()
				normal := func(n int) []float64 {
					x := make([]float64, n)
					for i := range x {
						x[i] = rng.NormFloat64()
					}
					return x
				}
				x := b.Param("x", normal(cols*d), cols, d)
				c := b.Param("c", normal(rows*d), rows, d)
				var e Expr
				var y node
				if way == 0 {
					y = e.N(SpMM(a, x))
				} else {
					np, bounds := b.Indices("ptr", rows+1)
					ni, id := b.Indices("ids", len(ids))
					copy(bounds, ptr)
					copy(id, ids)
					wide := make([]float64, len(values))
					for i, v := range values {
						wide[i] = float64(v)
					}
					y = e.N(Bag(x, np, ni, b.Constant("values", wide, len(wide))))
				}
				// A cost whose gradient by x depends on x, so that a second derivative is none of zero.
				cost := e.N(Sum(e.N(Mul(e.N(Mul(y, y)), c))))
				require.NoError(t, e.Err)
				grads, err := Grad(cost, x, c)
				require.NoError(t, err)
				second, err := Grad(e.N(Sum(e.N(Mul(grads[0], grads[0])))), x)
				require.NoError(t, err)
				p, err := b.Eval(y, grads[0], grads[1], second[0])
				require.NoError(t, err)
				require.NoError(t, p.Run())
				for _, n := range []node{y, grads[0], grads[1], second[0]} {
					got[way] = append(got[way], append([]float64{}, p.Value(n)...))
				}
				require.NoError(t, p.Close())
			}
			for k, name := range []string{"value", "gradient by x", "gradient by c", "second derivative"} {
				size := 0.0
				for _, v := range got[1][k] {
					size = max(size, math.Abs(v))
				}
				for i, want := range got[1][k] {
					if !(math.Abs(got[0][k][i]-want) <= 1e-12*(1+size)) {
						t.Fatalf("%s at %d: %g, as a bag %g", name, i, got[0][k][i], want)
					}
				}
			}
		})
	}
}

// TestSpMMKeepsItsBits: whatever the number of processors, and of a matrix of which one row
// has most entries.
func TestSpMMKeepsItsBits(t *testing.T) {
	a, _, _, _ := sparseOf(t, 500, 200)
	const d = 37
	x, y := make([]float32, 200*d), make([]float32, 500*d)
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	var want []float32
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 2, 4, 7} {
		runtime.GOMAXPROCS(n)
		require.NoError(t, product(a, y, x, a.value))
		if want == nil {
			want = append(want, y...)
		}
		require.Equal(t, want, y, "GOMAXPROCS=%d", n)
	}
}

func TestSpMMRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		rows, cols int
		ptr, ids   []int32
		values     []float32
		want       string
	}{
		"no row":       {0, 2, []int32{0}, nil, nil, "want at least one row"},
		"bounds":       {2, 2, []int32{0, 1}, []int32{1}, nil, "with 2 bounds, want 3"},
		"not from 0":   {1, 2, []int32{1, 1}, []int32{1}, nil, "run from 1 to 1"},
		"short":        {1, 2, []int32{0, 2}, []int32{1}, nil, "want 0 to 1"},
		"falling":      {2, 2, []int32{0, 2, 1}, []int32{1}, nil, "fall at row 1"},
		"column":       {1, 2, []int32{0, 1}, []int32{2}, nil, "column 2 of 2"},
		"negative":     {1, 2, []int32{0, 1}, []int32{-1}, nil, "column -1 of 2"},
		"values":       {1, 2, []int32{0, 1}, []int32{1}, []float32{1, 2}, "2 values for 1 entries"},
		"not a number": {1, 2, []int32{0, 1}, []int32{1}, []float32{float32(math.NaN())}, "is NaN"},
	} {
		_, err := NewSparse(c.rows, c.cols, c.ptr, c.ids, c.values)
		require.ErrorContains(t, err, c.want, name)
	}
	a, err := NewSparse(2, 3, []int32{0, 1, 2}, []int32{0, 2}, nil)
	require.NoError(t, err)
	b := NewBuilder[float32]()
	_, err = SpMM(a, b.Param("x", make([]float32, 4), 2, 2))
	require.ErrorContains(t, err, "a is [2,3] and x is (2, 2)")
	_, err = SpMM(nil, b.Param("z", make([]float32, 6), 3, 2))
	require.ErrorContains(t, err, "NewSparse makes one")
	_, err = SpMM(a, nil)
	require.Error(t, err)
}

// TestSparseCountsOnce: a program counts a matrix and its transpose once, however many
// products it takes.
func TestSparseCountsOnce(t *testing.T) {
	a, _, _, _ := sparseOf(t, 400, 300)
	bytes := func(layers int) int64 {
		b := NewPlan[float32]()
		var e Expr
		x := b.Param("x", nil, 300, 4)
		y := x
		for range layers {
			y = e.N(SpMM(a.T(), e.N(SpMM(a, y))))
		}
		p, err := b.Train(e.N(Sum(e.N(Mul(y, y)))))
		require.NoError(t, err)
		return p.Bytes()
	}
	one, two, three := bytes(1), bytes(2), bytes(3)
	require.Equal(t, two-one, three-two)
	require.Less(t, two-one, a.Bytes(), "what a layer more takes")
	require.Greater(t, one, a.Bytes())
}

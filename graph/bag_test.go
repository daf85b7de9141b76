package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// reads is a graph Σ c∘Bag(w) over a leaf w [r,d], with its leaves' data.
type reads[T Float] struct {
	w, value, c   []T
	ptr, ids      []int32
	wn, vn        node
	program       *Program[T]
	rows, d, bags int
}

// newReads makes bags of a table of rows × d with room for m ids; with lookup the
// ids are the bags.
func newReads[T Float](t *testing.T, lookup bool, rows, d, bags, m int) *reads[T] {
	t.Helper()
	r := &reads[T]{rows: rows, d: d, bags: bags, w: make([]T, rows*d), value: make([]T, m)}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range r.w {
		r.w[i] = T(rng.NormFloat64())
	}
	for i := range r.value {
		r.value[i] = T(rng.NormFloat64())
	}
	b := NewBuilder[T]()
	r.wn = b.Param("w", r.w, rows, d)
	var ids, ptr, y node
	ids, r.ids = b.Indices("ids", m)
	var e Expr
	if lookup {
		y = e.N(Lookup(r.wn, ids))
	} else {
		ptr, r.ptr = b.Indices("ptr", bags+1)
		r.vn = b.Param("value", r.value, m)
		y = e.N(Bag(r.wn, ptr, ids, r.vn))
	}
	var c node
	c, r.c = b.Input("c", bags, d)
	for i := range r.c {
		r.c[i] = T(rng.NormFloat64())
	}
	cost := e.N(Sum(e.N(Mul(y, c))))
	require.NoError(t, e.Err)
	var err error
	r.program, err = b.Train(cost)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.program.Close()) })
	return r
}

// want adds up cost and gradients place by place.
func (r *reads[T]) want() (cost float64, dw, dv []float64) {
	dw, dv = make([]float64, len(r.w)), make([]float64, len(r.value))
	for i := range r.bags {
		lo, hi := i, i+1
		if r.ptr != nil {
			lo, hi = int(r.ptr[i]), int(r.ptr[i+1])
		}
		for j := lo; j < hi; j++ {
			if r.ids[j] < 0 {
				continue
			}
			v := 1.0
			if r.ptr != nil {
				v = float64(r.value[j])
			}
			for k := range r.d {
				c, w := float64(r.c[i*r.d+k]), float64(r.w[int(r.ids[j])*r.d+k])
				cost += v * w * c
				dw[int(r.ids[j])*r.d+k] += v * c
				dv[j] += w * c
			}
		}
	}
	return cost, dw, dv
}

func (r *reads[T]) check(t *testing.T, tol float64) {
	t.Helper()
	require.NoError(t, r.program.Run())
	cost, dw, dv := r.want()
	require.InDelta(t, cost, float64(r.program.Cost()), tol)
	g := r.program.Grad(r.wn)
	require.NotNil(t, g.Rows, "the gradient of a leaf lists its rows")
	got, at := make([]float64, len(dw)), 0
	for _, id := range g.Rows {
		for k := range r.d {
			got[int(id)*r.d+k] = float64(g.Data[at])
			at++
		}
	}
	require.InDeltaSlice(t, dw, got, tol)
	read := map[int32]bool{}
	for i := range r.bags {
		lo, hi := i, i+1
		if r.ptr != nil {
			lo, hi = int(r.ptr[i]), int(r.ptr[i+1])
		}
		for _, id := range r.ids[lo:hi] {
			if id >= 0 {
				read[id] = true
			}
		}
	}
	require.Len(t, g.Rows, len(read), "rows that were read, each once")
	if r.vn != nil {
		gv := r.program.Grad(r.vn)
		require.Nil(t, gv.Rows)
		for j, v := range gv.Data {
			require.InDelta(t, dv[j], float64(v), tol, "value %d", j)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testLookup[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testLookup[float32](t, 1e-4) })
}

func testLookup[T Float](t *testing.T, tol float64) {
	r := newReads[T](t, true, 9, 5, 6, 6)
	for _, ids := range [][]int32{
		{0, 1, 2, 3, 4, 5},
		{8, 8, 8, 8, 8, 8},
		{-1, 3, -1, 3, 0, -1},
		{-1, -1, -1, -1, -1, -1}, // a step without a row
	} {
		copy(r.ids, ids)
		r.check(t, tol)
	}
}

func TestBag(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testBag[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testBag[float32](t, 1e-4) })
}

func testBag[T Float](t *testing.T, tol float64) {
	r := newReads[T](t, false, 9, 5, 4, 8)
	for _, c := range []struct {
		ptr, ids []int32
	}{
		{[]int32{0, 2, 4, 6, 8}, []int32{0, 1, 2, 3, 4, 5, 6, 7}},
		{[]int32{0, 0, 5, 5, 8}, []int32{3, 3, 3, 1, 0, 8, 8, 3}}, // empty bags and repeats
		{[]int32{0, 3, 3, 4, 4}, []int32{-1, 2, -1, 2, 0, 0, 0, 0}},
		{[]int32{0, 0, 0, 0, 0}, make([]int32, 8)}, // nothing is read
	} {
		copy(r.ptr, c.ptr)
		copy(r.ids, c.ids)
		r.check(t, tol)
	}
}

// TestBagUnusedRoom: what is beyond the last bound may hold anything.
func TestBagUnusedRoom(t *testing.T) {
	r := newReads[float64](t, false, 9, 5, 4, 8)
	copy(r.ptr, []int32{0, 1, 2, 2, 4})
	copy(r.ids, []int32{1, 2, 3, 4, 1 << 30, -7, 99, 9})
	for i := 4; i < 8; i++ {
		r.value[i] = math.NaN()
	}
	for i := range r.d { // a row that nobody reads
		r.w[8*r.d+i] = math.NaN()
	}
	require.NoError(t, r.program.Run())
	require.False(t, math.IsNaN(r.program.Cost()))
	require.Equal(t, []int32{1, 2, 3, 4}, r.program.Grad(r.wn).Rows)
	require.Zero(t, r.program.Grad(r.vn).Data[5])
}

func TestBagRefuses(t *testing.T) {
	r := newReads[float64](t, false, 9, 5, 4, 8)
	run := func(ptr, ids []int32) error {
		copy(r.ptr, ptr)
		copy(r.ids, ids)
		return r.program.Run()
	}
	good := []int32{0, 2, 4, 6, 8}
	require.ErrorContains(t, run([]int32{0, 2, 1, 6, 8}, make([]int32, 8)), "bound 1 at place 2")
	require.ErrorContains(t, run([]int32{0, 2, 4, 6, 9}, make([]int32, 8)), "bound 9 at place 4")
	require.ErrorContains(t, run([]int32{-1, 2, 4, 6, 8}, make([]int32, 8)), "bound -1 at place 0")
	require.ErrorContains(t, run([]int32{1, 2, 4, 6, 8}, make([]int32, 8)), "bound 1 at place 0: bounds start at 0")
	require.ErrorContains(t, run(good, []int32{0, 0, 9, 0, 0, 0, 0, 0}), "id 9 at place 2 is outside [-1,9)")
	require.ErrorContains(t, run(good, []int32{0, 0, -2, 0, 0, 0, 0, 0}), "id -2 at place 2 is outside [-1,9)")
	require.NoError(t, run(good, make([]int32, 8)), "after an error the program runs again")

	b := NewBuilder[float64]()
	w := b.Param("w", make([]float64, 6), 3, 2)
	v := b.Param("v", make([]float64, 4), 4)
	ids, _ := b.Indices("ids", 4)
	ptr, _ := b.Indices("ptr", 2)
	one, _ := b.Indices("one", 1)
	five, _ := b.Input("five", 5)
	for name, err := range map[string]error{
		"w is nil":       second(Lookup(nil, ids)),
		"ids is nil":     second(Lookup(w, nil)),
		"ids is float":   second(Lookup(w, v)),
		"w is":           second(Lookup(v, ids)),
		"ptr is nil":     second(Bag(w, nil, ids, nil)),
		"ptr is float":   second(Bag(w, v, ids, nil)),
		"bounds of":      second(Bag(w, one, ids, nil)),
		"(5) values for": second(Bag(w, ptr, ids, five)),
	} {
		require.ErrorContains(t, err, name)
	}
}

// TestTiedTable reads one leaf as history, as bags and as classes: the three
// gradients are one.
func TestTiedTable(t *testing.T) {
	const rows, n, d = 9, 4, 3
	w := make([]float64, rows*d)
	for i := range w {
		w[i] = math.Sin(1 + 1.7*float64(i))
	}
	for _, drawn := range []bool{false, true} {
		t.Run(fmt.Sprintf("drawn=%t", drawn), func(t *testing.T) {
			b := NewBuilder[float64]()
			var e Expr
			item := b.Param("item", w, rows, d)
			ids, last := b.Indices("last", n)
			copy(last, []int32{5, -1, 8, 5})
			ptr, bounds := b.Indices("bounds", n+1)
			copy(bounds, []int32{0, 2, 2, 5, 6})
			all, history := b.Indices("history", 7)
			copy(history, []int32{2, 5, 1, 1, 8, 0, 77})
			h := e.N(Tanh(e.N(Add(e.N(Lookup(item, ids)), e.N(Bag(item, ptr, all, nil))))))
			var z node
			if drawn {
				few, classes := b.Indices("few", 5)
				copy(classes, []int32{7, 2, 2, 0, 5})
				z = e.N(RowScores(Classes{H: h, W: item}, few))
			} else {
				z = e.N(MatMul(h, item, false, true))
			}
			program, err := b.Train(e.N(Sum(e.N(LogSumExp(z)))))
			require.NoError(t, e.Err)
			require.NoError(t, err)
			report, err := CheckGradient(program, GradientCheck{Probes: len(w)})
			require.NoError(t, err)
			require.Len(t, report.Rows, 1)
			if drawn {
				require.Equal(t, []int32{0, 1, 2, 5, 7, 8}, program.Grad(item).Rows)
			} else {
				require.Nil(t, program.Grad(item).Rows)
			}
			require.NoError(t, program.Close())
		})
	}
}

func TestBagSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []float32
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		r := newReads[float32](t, false, 500, 64, 700, 9000)
		rng := rand.New(rand.NewPCG(3, 3))
		for i := range r.ids {
			r.ids[i] = int32(rng.IntN(500))
		}
		for i := range r.ptr {
			r.ptr[i] = int32(i * 9000 / 700)
		}
		require.NoError(t, r.program.Run())
		got := append([]float32{r.program.Cost()}, r.program.Grad(r.wn).Data...)
		got = append(got, r.program.Grad(r.vn).Data...)
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, "GOMAXPROCS %d", procs)
	}
}

// TestLookupInAnOwnMachine: in a stock graph and machine, differentiated by either
// Grad, lookups and bags give their gradient as a matrix.
func TestLookupInAnOwnMachine(t *testing.T) {
	for name, grad := range map[string]func(cost, w *gorgonia.Node) (gorgonia.Nodes, error){
		"gorgonia.Grad": func(cost, w *gorgonia.Node) (gorgonia.Nodes, error) { return gorgonia.Grad(cost, w) },
		"graph.Grad":    func(cost, w *gorgonia.Node) (gorgonia.Nodes, error) { return Grad(cost, w) },
	} {
		t.Run(name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			leaf := func(name string, dt tensor.Dtype, data any, shape ...int) *gorgonia.Node {
				v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
				return gorgonia.NewTensor(g, dt, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(v))
			}
			w := leaf("w", tensor.Float64, []float64{1, 2, 3, 4, 5, 6}, 3, 2)
			ids := leaf("ids", tensor.Int32, []int32{2, -1, 0, 2}, 4)
			ptr := leaf("ptr", tensor.Int32, []int32{0, 3, 3, 3, 4}, 5)
			var e Expr
			cost := e.N(Sum(e.N(Mul(e.N(Lookup(w, ids)), e.N(Bag(w, ptr, ids, nil))))))
			require.NoError(t, e.Err)
			grads, err := grad(cost, w)
			require.NoError(t, err)
			vm := gorgonia.NewTapeMachine(g)
			defer vm.Close()
			require.NoError(t, vm.RunAll())
			// ⟨w₂, w₂+w₀⟩ + ⟨w₂, w₂⟩: the other rows of one of the two are zeros.
			require.Equal(t, 5*6.0+6*8.0+5*5+6*6, cost.Value().Data())
			require.Equal(t, []float64{5, 6, 0, 0, 4*5 + 1, 4*6 + 2}, grads[0].Value().Data())
		})
	}
}

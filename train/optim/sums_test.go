package optim

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestSums: an updater that adds rows up itself gives the bits of one that gets
// them, and both the norm of the gradient, whatever GOMAXPROCS.
func TestSums(t *testing.T) {
	rows, dim, n := 3000, 33, 20000
	if testing.Short() { // enough for four workers
		rows, n = 600, 4000
	}
	settings(t, func(t *testing.T, b setting) {
		run := func(procs int, u func(*Updater) graph.Updater[float32]) (w []float32, squares []float64) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			table := newTable(rows, dim, 1)
			updater := b.For(table)
			rng := rand.New(rand.NewPCG(9, 10))
			// Σ grads∘w[ids], whose gradient adds up the rows of grads.
			gb := graph.NewBuilder[float32]()
			leaf := gb.Param("w", table.Data, rows, dim)
			idNode, ids := gb.Indices("ids", n)
			gradNode, grads := gb.Input("grads", n, dim)
			var e graph.Expr
			p, err := gb.Train(e.N(graph.Sum(e.N(graph.Mul(e.N(graph.Lookup(leaf, idNode)), gradNode)))))
			require.NoError(t, e.Err)
			require.NoError(t, err)
			defer p.Close()
			for range 3 {
				for i := range ids {
					ids[i] = int32(rng.IntN(2*rows) / 2 * 3 % rows)
				}
				for i := range grads {
					grads[i] = float32(rng.NormFloat64())
				}
				require.NoError(t, p.Run())
				require.NoError(t, p.Step(leaf, table, u(updater)))
				sums := make([]float64, rows*dim)
				for i, id := range ids {
					for k := range dim {
						sums[int(id)*dim+k] += float64(grads[i*dim+k])
					}
				}
				want := 0.0
				for _, x := range sums {
					want += x * x
				}
				require.InEpsilon(t, want, updater.Square(), 1e-5)
				squares = append(squares, updater.Square())
			}
			return table.Data, squares
		}
		whole := func(u *Updater) graph.Updater[float32] { return struct{ graph.Updater[float32] }{u} }
		sums := func(u *Updater) graph.Updater[float32] { return u }
		want, squares := run(1, whole)
		for _, procs := range []int{1, 2, 4} {
			w, s := run(procs, sums)
			require.Equal(t, want, w)
			require.Equal(t, squares, s)
		}
	})
}

// TestDenseAndRows: so does one of a gradient with a dense term and terms of few rows,
// without a matrix of their sum.
func TestDenseAndRows(t *testing.T) {
	const rows, dim, n = 500, 33, 200
	settings(t, func(t *testing.T, b setting) {
		run := func(wrap func(*Updater) graph.Updater[float32]) ([]float32, float64) {
			table := newTable(rows, dim, 1)
			u := b.For(table)
			gb := graph.NewBuilder[float32]()
			w := gb.Param("w", table.Data, rows, dim)
			ids, id := gb.Indices("ids", n)
			rng := rand.New(rand.NewPCG(2, 3))
			for i := range id {
				id[i] = int32(rng.IntN(rows/3) * 3)
			}
			var e graph.Expr
			h := e.N(graph.Lookup(w, ids))
			cost := e.N(graph.Sum(e.N(graph.Tanh(e.N(graph.MatMul(h, w, false, true))))))
			p, err := gb.Train(cost)
			require.NoError(t, e.Err)
			require.NoError(t, err)
			defer p.Close()
			for range 3 {
				require.NoError(t, p.Run())
				require.NoError(t, p.Step(w, table, wrap(u)))
			}
			return table.Data, u.Square()
		}
		want, square := run(func(u *Updater) graph.Updater[float32] { return struct{ graph.Updater[float32] }{u} })
		got, s := run(func(u *Updater) graph.Updater[float32] { return u })
		require.Equal(t, want, got)
		require.InEpsilon(t, square, s, 1e-5) // added up in blocks of another size
	})
}

// TestAllocations: a step takes no memory that grows with its rows or with the table.
func TestAllocations(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const rows, dim = 4000, 64
	b, err := Parse("adagrad")
	require.NoError(t, err)
	u := b.For(newTable(rows, dim, 1))
	g := gradient{Rows: []int32{}, Data: make([]float32, rows/2*dim)}
	for r := range int32(rows / 2) {
		g.Rows = append(g.Rows, 2*r)
	}
	require.NoError(t, u.Update(u.Table(), g))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		require.NoError(t, u.Update(u.Table(), g))
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20*4<<10), "bytes in 20 steps")
}

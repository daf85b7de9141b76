package graph

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// liveHeap returns the bytes of the heap in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go in the first
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// chain returns a graph of n ops after one another over rows rows, with its inputs.
func chain(t *testing.T, b *Builder[float32], n, rows int) *Program[float32] {
	t.Helper()
	var data []float32
	if !b.Plan() {
		data = make([]float32, rows)
	}
	x := b.Param("x", data, rows)
	y, _ := b.Input("y", rows)
	b.Indices("unread", rows)
	var e Expr
	z := x
	for i := range n {
		if i%2 == 0 {
			z = e.N(Exp(z))
		} else {
			z = e.N(Add(z, y))
		}
	}
	cost := e.N(Sum(z))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	return p
}

// TestNodeBytes holds what a node takes beside its value against the heap, in plans of
// several sizes, which hold nothing else.
func TestNodeBytes(t *testing.T) {
	for _, n := range []int{10, 40, 160} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			chain(t, NewPlan[float32](), n, 3) // what the first graph of a process makes
			before := liveHeap()
			var all []*Program[float32]
			for range 4 {
				all = append(all, chain(t, NewPlan[float32](), n, 1000))
			}
			got := float64(liveHeap()-before) / float64(4*(len(all[0].nodes)+all[0].leaves))
			t.Logf("%.0f bytes a node", got)
			require.Greater(t, got, 0.5*nodeBytes)
			require.LessOrEqual(t, got, float64(nodeBytes))
			runtime.KeepAlive(all)
		})
	}
}

// TestBytes holds what a Program says that it holds against the heap, leaves and nodes
// included, and says the same of its plan.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ n, rows int }{{6, 100_000}, {40, 10_000}} {
		before := liveHeap()
		p := chain(t, NewBuilder[float32](), c.n, c.rows)
		require.NoError(t, p.Run())
		got := liveHeap() - before - 4*int64(c.rows) // x is the caller's
		require.InDelta(t, float64(p.Bytes()), float64(got), 0.1*float64(got))
		plan := chain(t, NewPlan[float32](), c.n, c.rows)
		require.Equal(t, p.Bytes(), plan.Bytes())
	}
}

package optim

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestMeasure: what measures a gradient finds the square that the step would, moves nothing
// and is no step, at any GOMAXPROCS, of a dense gradient, of rows, and of rows that are
// added up.
func TestMeasure(t *testing.T) {
	const rows, dim, n = 3000, 33, 5000
	b, err := Parse("adam")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	w := newTable(rows, dim, 1)
	some := sparse(w, rng)
	u := b.For(w)
	for _, g := range []gradient{some, full(w, some), {Rows: []int32{}}} {
		before := slices.Clone(w.Data)
		require.NoError(t, u.Measure().Update(w, g))
		require.Equal(t, before, w.Data)
		measured := u.Square()
		require.NoError(t, u.Update(w, g))
		require.InEpsilon(t, 1+u.Square(), 1+measured, 1e-6)
	}
	require.EqualValues(t, 3, u.Steps())
	require.ErrorContains(t, u.Measure().Update(newTable(rows, dim, 1), some), "was given")
	require.ErrorContains(t, u.Measure().Update(w, gradient{Data: make([]float32, 5)}), "5 gradient entries")

	measure := func(procs int) (square, of float64) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		gb := graph.NewBuilder[float32]()
		leaf := gb.Param("w", w.Data, rows, dim)
		idNode, ids := gb.Indices("ids", n)
		for i := range ids {
			ids[i] = int32(i*7919) % rows
		}
		var e graph.Expr
		h := e.N(graph.Lookup(leaf, idNode))
		p, err := gb.Train(e.N(graph.Sum(e.N(graph.Tanh(h)))))
		require.NoError(t, err)
		require.NoError(t, e.Err)
		defer p.Close()
		require.NoError(t, p.Run())
		require.NoError(t, p.Step(leaf, w, u.Measure()))
		square = u.Square()
		require.NoError(t, p.Step(leaf, w, u.Measure()), "nothing has moved, so once more is the same")
		require.Equal(t, square, u.Square())
		g := p.Grad(leaf)
		for _, v := range g.Data {
			of += float64(v) * float64(v)
		}
		return square, of
	}
	square, of := measure(1)
	require.InEpsilon(t, of, square, 1e-5)
	for _, procs := range []int{2, 4} {
		again, _ := measure(procs)
		require.Equal(t, square, again)
	}
}

// TestScale: every optimizer moves by a scaled gradient as by one that was scaled outside.
func TestScale(t *testing.T) {
	settings(t, func(t *testing.T, b setting) {
		a, c := newTable(7, 3, 1), newTable(7, 3, 1)
		ua, uc := b.For(a), b.For(c)
		rng := rand.New(rand.NewPCG(3, 4))
		for n := range 6 {
			scale := []float64{0.25, 1}[n%2]
			g := sparse(a, rng)
			h := gradient{Rows: g.Rows, Data: slices.Clone(g.Data)}
			for i := range h.Data {
				h.Data[i] *= float32(scale)
			}
			ua.SetScale(scale)
			require.NoError(t, ua.Update(a, g))
			require.NoError(t, uc.Update(c, h))
			require.Equal(t, c.Data, a.Data)
			require.InEpsilon(t, 1+uc.Square(), 1+scale*scale*ua.Square(), 1e-6)
		}
	})
}

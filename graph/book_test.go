package graph

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestBuildingIsLinear counts the nodes that are looked at while a graph grows: each
// once, whoever added it.
func TestBuildingIsLinear(t *testing.T) {
	g := gorgonia.NewGraph()
	x := gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(3), gorgonia.WithName("x"))
	y := x
	for i := range 500 {
		var e Expr
		y = e.N(Square(e.N(Tanh(y))))
		if i%5 == 0 {
			y = e.N(gorgonia.Add(y, x)) // a stock op
		}
		require.NoError(t, e.Err)
	}
	_, err := Grad(gorgonia.Must(Sum(y)), x)
	require.NoError(t, err)
	nodes := len(g.AllNodes())
	require.Greater(t, nodes, 2000)
	require.Equal(t, nodes, bookOf(g).read)

	// Where nodes were removed the book starts anew.
	g.RemoveNode(gorgonia.Must(Tanh(x)))
	last := gorgonia.Must(Tanh(y))
	_, ok := bookOf(g).hashes[last.Hashcode()]
	require.True(t, ok)
	require.Len(t, bookOf(g).hashes, len(g.AllNodes()))
}

// TestBooksEndWithTheirGraphs: what the package knows of a graph goes where it goes.
func TestBooksEndWithTheirGraphs(t *testing.T) {
	count := func() int {
		n := 0
		books.Range(func(any, any) bool { n++; return true })
		return n
	}
	for range 200 {
		x := gorgonia.NewVector(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithShape(3), gorgonia.WithName("x"))
		gorgonia.Must(Square(x))
	}
	for range 100 {
		runtime.GC()
		if count() < 100 {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%d books are kept", count())
}

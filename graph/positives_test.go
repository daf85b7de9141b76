package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
)

// TestEachPositiveApart: the other positions of a target are masked for each, in a graph of
// its own, in one that a block of a definition is compiled to, and of labels, which have no
// others; z still has them.
func TestEachPositiveApart(t *testing.T) {
	define := func(z node, t *Targets) (node, error) {
		return EachPositiveApart(z, t, func(z, x node, y *Targets) (node, error) {
			var e Expr
			// The number of candidates and the largest score of those left, and of all.
			return e.N(Add(e.N(RowCount(x)), e.N(Add(e.N(RowMax(x)), e.N(Scale(e.N(RowMax(z)), 100)))))), e.Err
		})
	}
	targets := []Target[float64]{
		{Pos: []int32{0, 2}, Weight: []float64{0.25, 0.75}}, {}, {Pos: []int32{1}, Weight: []float64{1}},
	}
	want := []float64{
		0.25*(3+5) + 0.75*(3+7) + 100*7, 0, 4 + 6 + 100*6,
	}
	dz := [][]float64{{0, 0.25, 100.75, 0}, nil, {0, 101, 0, 0}}
	for _, low := range []bool{false, true} {
		if low {
			lowBlocks(t)
		}
		for _, blocks := range []bool{false, true} {
			b := NewBuilder[float64]()
			z := b.Param("z", []float64{1, 5, 7, 2, 9, 9, 9, 9, 3, 6, 1, 2}, 3, 4)
			tg, td := b.Targets("t", 3, 4)
			require.NoError(t, td.Set(targets))
			var loss *gorgonia.Node
			var err error
			if blocks {
				loss, err = Loss(FromNode("apart", define), z, tg)
			} else {
				loss, err = define(z, tg)
			}
			require.NoError(t, err)
			var e Expr
			cost := e.N(MeanRows(loss, tg)) // of the two rows that have a target
			require.NoError(t, e.Err)
			eval, err := b.Eval(loss)
			require.NoError(t, err)
			require.NoError(t, eval.Run())
			for i, v := range eval.Value(loss) {
				if len(targets[i].Pos) > 0 {
					require.InDelta(t, want[i], v, 1e-12)
				}
			}
			require.NoError(t, eval.Close())
			p, err := b.Train(cost)
			require.NoError(t, err)
			require.NoError(t, p.Run())
			g := p.Grad(z).Data
			for i := range dz {
				for j := range dz[i] {
					require.InDelta(t, dz[i][j]/2, g[4*i+j], 1e-12, "row %d, %d", i, j)
				}
			}
			require.NoError(t, p.Close())
		}
	}
}

package optim

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// TestBlocks: every optimizer moves a table by blocks of rows, whatever their order and
// sizes, to the bits of Update by the whole gradient, of state and norm too.
func TestBlocks(t *testing.T) {
	dims := []int{1, 33, 600}
	if testing.Short() {
		dims = []int{1, 67}
	}
	settings(t, func(t *testing.T, b setting) {
		for _, dim := range dims {
			const rows = 211
			for _, r := range []Regularization{{}, {L2: 0.1, Decay: 0.05, DecayRead: true}, {Decay: 0.1}} {
				x, y := newTable(rows, dim, 1), newTable(rows, dim, 1)
				ux, uy := setting{b.Optimizer, r}.For(x), setting{b.Optimizer, r}.For(y)
				rng := rand.New(rand.NewPCG(6, 7))
				for step := range 3 {
					g := gradient{Data: make([]float32, rows*dim)}
					for i := range g.Data {
						g.Data[i] = float32(rng.NormFloat64())
					}
					for _, u := range []*Updater{ux, uy} {
						u.SetFactor(1 / float64(step+1))
						u.SetScale(0.5)
					}
					require.NoError(t, ux.Update(x, g))
					require.NoError(t, uy.Begin(y))
					var starts []int
					for lo := 0; lo < rows; lo += 3 * graph.BlockRows(dim) {
						starts = append(starts, lo)
					}
					rng.Shuffle(len(starts), func(i, j int) { starts[i], starts[j] = starts[j], starts[i] })
					for _, lo := range starts {
						hi := min(lo+3*graph.BlockRows(dim), rows)
						uy.Block(0, lo, slices.Clone(g.Data[lo*dim:hi*dim]))
					}
					uy.End()
					require.Equal(t, x.Data, y.Data)
					require.Equal(t, ux.Square(), uy.Square())
					require.Equal(t, ux.State(), uy.State())
					require.Equal(t, ux.Steps(), uy.Steps())
				}
			}
		}
	})
	o, err := Parse("sgd")
	require.NoError(t, err)
	require.ErrorContains(t, o.For(newTable(3, 2, 1)).Begin(newTable(3, 2, 1)), "was given")
}

// TestUnitBlocks: a gradient by rows of norm 1 moves a table to the bits of what it is by the
// rows, at lengths of rows that one kernel takes and at others.
func TestUnitBlocks(t *testing.T) {
	settings(t, func(t *testing.T, b setting) {
		for _, dim := range []int{1, 33, 64, 128} {
			const rows = 75
			for _, r := range []Regularization{{}, {L2: 0.1, Decay: 0.05, DecayRead: true}} {
				x, y := newTable(rows, dim, 1), newTable(rows, dim, 1)
				ux, uy := setting{b.Optimizer, r}.For(x), setting{b.Optimizer, r}.For(y)
				rng := rand.New(rand.NewPCG(6, 7))
				for range 2 {
					g := gradient{Data: make([]float32, rows*dim)}
					for i := range g.Data {
						g.Data[i] = float32(rng.NormFloat64())
					}
					require.NoError(t, uy.Begin(y))
					for _, lo := range []int{2 * graph.BlockRows(dim), 0} {
						uy.UnitBlock(0, lo, slices.Clone(g.Data[lo*dim:min(lo+2*graph.BlockRows(dim), rows)*dim]))
					}
					uy.End()
					for i := range rows {
						row := g.Data[i*dim:][:dim]
						kernel.UnitGrad(row, row, x.Row(int32(i)))
					}
					require.NoError(t, ux.Update(x, g))
					require.Equal(t, x.Data, y.Data)
					require.Equal(t, ux.Square(), uy.Square())
					require.Equal(t, ux.State(), uy.State())
				}
			}
		}
	})
}

// TestDenseRows: what moves at once divides the blocks, and fits the scratch.
func TestDenseRows(t *testing.T) {
	for d := 1; d < 20000; d = d*5/4 + 1 {
		n := denseRows(d)
		require.Zero(t, graph.BlockRows(d)%n, d)
		require.LessOrEqual(t, n, max(blockRows(d), 1), d)
	}
}

// TestMoreProcessors: a block may come from a worker that there was not when the step began,
// where GOMAXPROCS has become larger since.
func TestMoreProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	o, err := Parse("adam:mode=dense")
	require.NoError(t, err)
	x := newTable(2, 3, 1)
	u := o.For(x)
	require.NoError(t, u.Begin(x))
	runtime.GOMAXPROCS(4)
	was := slices.Clone(x.Data)
	u.Block(3, 0, []float32{1, 1, 1, 1, 1, 1})
	u.End()
	for i := range was {
		require.Less(t, x.Data[i], was[i])
	}
}

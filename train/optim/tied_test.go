package optim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// newTied compiles a model whose table w [C,d] is read as the history of b rows, five
// ids each, and as the classes of a loss.
func newTied(t testing.TB, w *table, loss string, b int) (*gorgonia.Node, *graph.Program[float32]) {
	t.Helper()
	l, err := losses.Parse(loss)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(4, 5))
	gb := graph.NewBuilder[float32]()
	leaf := gb.Param("w", w.Data, w.Rows, w.Dim)
	ptr, bounds := gb.Indices("ptr", b+1)
	ids, history := gb.Indices("ids", 5*b)
	for i := range bounds {
		bounds[i] = int32(5 * i)
	}
	for i := range history {
		history[i] = int32(rng.IntN(w.Rows))
	}
	targets, data := gb.Targets("t", b, b)
	for range b {
		require.NoError(t, data.Append([]int32{int32(rng.IntN(w.Rows))}, nil))
	}
	var e graph.Expr
	h := e.N(graph.Bag(leaf, ptr, ids, nil))
	cost := e.N(graph.MeanRows(e.N(graph.LinearLoss(l.Analytic, graph.Linear{H: h, W: leaf}, targets)), targets))
	require.NoError(t, e.Err)
	p, err := gb.Train(cost)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return leaf, p
}

// TestTiedSparsemax: an optimizer that moves rows moves of a table that is history and
// classes of sparsemax the rows of the gradient alone, which are few, and no state of
// the others; of one that is the classes of softmax it moves all.
func TestTiedSparsemax(t *testing.T) {
	for _, text := range []string{"adam", "adagrad", "sgd"} {
		for _, loss := range []string{"sparsemax", "entmax:alpha=1.5", "softmax"} {
			t.Run(text+"/"+loss, func(t *testing.T) {
				w := newTable(900, 24, 3)
				leaf, p := newTied(t, w, loss, 8)
				b, err := Parse(text)
				require.NoError(t, err)
				u := b.For(w)
				const steps = 3
				touched := map[int32]bool{}
				before := slices.Clone(w.Data)
				for range steps {
					require.NoError(t, p.Run())
					rows := p.GradRows(leaf)
					require.Equal(t, loss == "softmax", rows == nil)
					for _, r := range rows {
						touched[r] = true
					}
					require.NoError(t, p.Step(leaf, w, u))
				}
				if loss == "softmax" {
					return
				}
				require.Less(t, len(touched), w.Rows/4)
				require.Greater(t, len(touched), 8*5, "more than the history")
				moved := 0
				for r := range int32(w.Rows) {
					same := slices.Equal(w.Row(r), before[int(r)*w.Dim:][:w.Dim])
					if !touched[r] {
						require.True(t, same, "row %d", r)
						for _, s := range u.State() {
							if x := s.Data.([]float32); len(x) == len(w.Data) {
								require.Equal(t, make([]float32, w.Dim), x[int(r)*w.Dim:][:w.Dim], "%s of row %d", s.Name, r)
							}
						}
					} else if !same {
						moved++
					}
				}
				require.Greater(t, moved, 8*5)
			})
		}
	}
}

// BenchmarkTied is a training step, Adam's update included, of a tied table. SetBytes is
// the table read once.
func BenchmarkTied(b *testing.B) {
	const rows, c, d = 256, 100000, 64
	for _, loss := range []string{"sparsemax", "softmax"} {
		b.Run(fmt.Sprintf("%s/B=%d,C=%d,d=%d", loss, rows, c, d), func(b *testing.B) {
			w := newTable(c, d, 3)
			leaf, p := newTied(b, w, loss, rows)
			adam, err := Parse("adam:lr=1e-5") // the support stays what it is
			require.NoError(b, err)
			u := adam.For(w)
			b.SetBytes(4 * c * d)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, p.Run())
				require.NoError(b, p.Step(leaf, w, u))
			}
		})
	}
}

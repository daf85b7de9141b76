package graph

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// descent is w ← w − g/2, by whatever form the gradient comes in.
type descent struct {
	mu             sync.Mutex
	updates, begun int
	rows           []int // of the blocks
	fault          error
}

func (u *descent) Update(t *Table[float32], g Gradient[float32]) error {
	u.updates++
	for i, v := range g.Data {
		at := i
		if g.Rows != nil {
			at = int(g.Rows[i/t.Dim])*t.Dim + i%t.Dim
		}
		t.Data[at] -= v / 2
	}
	return nil
}

// blockDescent is a descent of table by blocks.
type blockDescent struct {
	descent
	table *Table[float32]
}

func (u *blockDescent) Begin(t *Table[float32]) error {
	u.begun++
	u.table, u.rows = t, make([]int, t.Rows)
	return u.fault
}

func (u *blockDescent) Block(_, row int, grad []float32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, v := range grad {
		u.table.Data[row*u.table.Dim+i] -= v / 2
	}
	for r := range len(grad) / u.table.Dim {
		u.rows[row+r]++
	}
}

// unitDescent leads gradients through the norm itself.
type unitDescent struct {
	blockDescent
	led int
}

func (u *unitDescent) UnitBlock(worker, row int, grad []float32) {
	u.mu.Lock()
	u.led += len(grad) / u.table.Dim
	u.mu.Unlock()
	kernel.UnitGrads(grad, u.table.Data[row*u.table.Dim:][:len(grad)], u.table.Dim)
	u.Block(worker, row, grad)
}

func (u *blockDescent) Ahead(row, n int) (p, q []float32) {
	return u.table.Data[row*u.table.Dim:][:n*u.table.Dim], nil
}

func (u *blockDescent) End() { u.begun-- }

// A sinkCase is a linear loss of a table, by whatever makes the cost of its leaf.
type sinkCase struct {
	table *Table[float32]
	leaf  *gorgonia.Node
	prog  *Program[float32]
}

const sinkRows, sinkClasses, sinkDim = 7, 300, 6

func newSinkCase(t *testing.T, cost func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes)) sinkCase {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder[float32]()
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	c := sinkCase{table: &Table[float32]{Name: "w", Rows: sinkClasses, Dim: sinkDim, Data: normal(sinkClasses * sinkDim)}}
	h := b.Param("h", normal(sinkRows*sinkDim), sinkRows, sinkDim)
	c.leaf = b.Param("w", c.table.Data, sinkClasses, sinkDim)
	tg, data := b.Targets("t", sinkRows, 2*sinkRows)
	for i := range sinkRows - 1 { // the last row is padding
		require.NoError(t, data.Append([]int32{int32(7 * i), int32(7*i + 1)}, []float32{0.25, 0.75}))
	}
	var e Expr
	root, outs := cost(&e, b, h, c.leaf, tg)
	require.NoError(t, e.Err)
	var err error
	c.prog, err = b.Train(root, outs...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.prog.Close()) })
	return c
}

// meanLoss is the mean loss of a linear layer.
func meanLoss(l Analytic, unit bool) func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
	return func(e *Expr, _ *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
		return e.N(MeanRows(e.N(LinearLoss(l, Linear{H: h, W: w, Unit: unit}, tg)), tg)), nil
	}
}

// TestSink: a run that moves a table gives it the bits that a step after the run gives it,
// hands every row over once, keeps no gradient of its size, and stops when it is told to.
func TestSink(t *testing.T) {
	for _, unit := range []bool{false, true} {
		for name, l := range map[string]Analytic{"softmax": fusedAnalytic(0.7), "sparsemax": sparseLoss()} {
			a, b := newSinkCase(t, meanLoss(l, unit)), newSinkCase(t, meanLoss(l, unit))
			var u blockDescent
			kept := a.prog.Bytes()
			require.True(t, a.prog.Sink(a.leaf, a.table, &u))
			byRows := name == "sparsemax" && !unit
			if !byRows {
				require.EqualValues(t, 4*sinkClasses*sinkDim, kept-a.prog.Bytes())
			}
			for range 3 {
				require.NoError(t, a.prog.Run())
				require.NoError(t, b.prog.Run())
				require.Equal(t, b.prog.Cost(), a.prog.Cost())
				require.NoError(t, b.prog.Step(b.leaf, b.table, new(descent)))
				if byRows { // few rows are left to the step
					require.NotNil(t, a.prog.GradRows(a.leaf))
					require.NoError(t, a.prog.Step(a.leaf, a.table, &u))
					require.Equal(t, b.table.Data, a.table.Data)
					continue
				}
				require.Equal(t, b.table.Data, a.table.Data)
				require.NoError(t, a.prog.Step(a.leaf, a.table, &u))
				require.Equal(t, b.table.Data, a.table.Data)
				require.Zero(t, u.updates)
				require.Zero(t, u.begun)
				require.Equal(t, slices.Repeat([]int{1}, sinkClasses), u.rows)
				require.PanicsWithValue(t, "graph: Grad of a parameter whose table the run has moved; see Sink", func() { a.prog.Grad(a.leaf) })
				require.PanicsWithValue(t, "graph: Grad of a parameter whose table the run has moved; see Sink", func() { a.prog.GradRows(a.leaf) })
			}
			require.True(t, a.prog.Sink(a.leaf, a.table, nil))
			require.NoError(t, a.prog.Run())
			require.NoError(t, b.prog.Run())
			require.Equal(t, b.table.Data, a.table.Data)
			require.Equal(t, b.prog.Grad(b.leaf), a.prog.Grad(a.leaf))
			require.Equal(t, kept, a.prog.Bytes())
		}
	}
}

// TestSinkLeadsThroughNorm: an updater that leads the gradient through the norm is left to do
// so, and is not asked to where there is none.
func TestSinkLeadsThroughNorm(t *testing.T) {
	for _, unit := range []bool{false, true} {
		a, b := newSinkCase(t, meanLoss(fusedAnalytic(0.7), unit)), newSinkCase(t, meanLoss(fusedAnalytic(0.7), unit))
		var u unitDescent
		require.True(t, a.prog.Sink(a.leaf, a.table, &u))
		require.NoError(t, a.prog.Run())
		require.NoError(t, b.prog.Run())
		require.NoError(t, b.prog.Step(b.leaf, b.table, new(descent)))
		require.Equal(t, b.table.Data, a.table.Data)
		require.Equal(t, map[bool]int{false: 0, true: sinkClasses}[unit], u.led)
	}
}

// TestSinkRefuses: where the gradient of the table has another term, the table another
// reader, or the loss no block that is finished early, the run moves nothing.
func TestSinkRefuses(t *testing.T) {
	soft := fusedAnalytic(0.7)
	for name, cost := range map[string]func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes){
		"a definition":   meanLoss(testDefined(0.7), true),
		"blocks of rows": meanLoss(testAnalytic(0.7), false),
		"a norm as a node": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			return meanLoss(soft, false)(e, b, h, e.N(L2Normalize(w)), tg)
		},
		"two losses": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			x, _ := meanLoss(soft, true)(e, b, h, w, tg)
			y, _ := meanLoss(soft, true)(e, b, h, w, tg)
			return e.N(Add(x, y)), nil
		},
		"a penalty": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			x, _ := meanLoss(soft, true)(e, b, h, w, tg)
			ids, _ := b.Indices("ids", 2)
			return e.N(Add(x, e.N(Sum(e.N(Square(e.N(Lookup(w, ids)))))))), nil
		},
		"a reader without a gradient": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			x, _ := meanLoss(soft, true)(e, b, h, w, tg)
			return e.N(Add(x, e.N(Detach(e.N(Sum(w)))))), nil
		},
		"an output": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			x, _ := meanLoss(soft, true)(e, b, h, w, tg)
			return x, gorgonia.Nodes{e.N(RowSum(w))}
		},
		"the table": func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			x, _ := meanLoss(soft, true)(e, b, h, w, tg)
			return x, gorgonia.Nodes{w}
		},
	} {
		c := newSinkCase(t, cost)
		var u blockDescent
		require.False(t, c.prog.Sink(c.leaf, c.table, &u), name)
		require.NoError(t, c.prog.Run(), name)
		require.NotEmpty(t, c.prog.Grad(c.leaf).Data, name)
		require.NoError(t, c.prog.Step(c.leaf, c.table, &u), name)
		require.Equal(t, 1, u.updates, name)
		require.Zero(t, u.begun, name)
	}
	c := newSinkCase(t, meanLoss(soft, true))
	require.Panics(t, func() { c.prog.Sink(gorgonia.NewConstant(1.0), c.table, new(blockDescent)) })
	u := &blockDescent{descent: descent{fault: errors.New("a full moon")}}
	require.True(t, c.prog.Sink(c.leaf, c.table, u))
	require.ErrorContains(t, c.prog.Run(), "a full moon")
	for _, other := range []*Table[float32]{nil, NewTable[float32]("small", 1, sinkDim), NewTable[float32]("large", 5000, sinkDim)} {
		require.True(t, c.prog.Sink(c.leaf, other, new(blockDescent)))
		require.ErrorContains(t, c.prog.Run(), "no table of the")
	}
	require.True(t, c.prog.Sink(c.leaf, c.table, new(blockDescent)))
	require.NoError(t, c.prog.Run())
	require.ErrorContains(t, c.prog.Step(c.leaf, NewTable[float32]("small", 1, sinkDim), new(blockDescent)), "this is another")

	b := NewBuilder[float64]()
	h, w := b.Param("h", make([]float64, 4), 2, 2), b.Param("w", []float64{1, 2, 3, 4, 5, 6}, 3, 2)
	tg, data := b.Targets("t", 2, 2)
	require.NoError(t, data.Append([]int32{1}, nil))
	var e Expr
	p, err := b.Train(e.N(MeanRows(e.N(LinearLoss(soft, Linear{H: h, W: w, Unit: true}, tg)), tg)))
	require.NoError(t, err)
	require.False(t, p.Sink(w, NewTable[float64]("w", 3, 2), nil), "nothing is fused at float64")
}

// TestLinearUnit: a layer with Unit has the loss and the gradients, to the bit, of one over
// L2Normalize, in every form of the loss.
func TestLinearUnit(t *testing.T) {
	for name, l := range map[string]Analytic{"fused": fusedAnalytic(0.7), "sparse": sparseLoss(), "rows": testAnalytic(0.7), "nodes": testDefined(0.7)} {
		a := newSinkCase(t, meanLoss(l, true))
		b := newSinkCase(t, func(e *Expr, b *Builder[float32], h, w node, tg *Targets) (node, gorgonia.Nodes) {
			return meanLoss(l, false)(e, b, h, e.N(L2Normalize(w)), tg)
		})
		require.NoError(t, a.prog.Run())
		require.NoError(t, b.prog.Run())
		require.Equal(t, b.prog.Cost(), a.prog.Cost(), name)
		require.Equal(t, b.prog.Grad(b.leaf), a.prog.Grad(a.leaf), name)
		require.Equal(t, b.prog.Grad(b.prog.params[0]), a.prog.Grad(a.prog.params[0]), name)
	}
}

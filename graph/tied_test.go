package graph

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// sparseRows is sparsemax, fused: its gradient by W has few rows.
func sparseLoss() Analytic {
	return withKernel(Analytic{Text: "sparsemax", F32: testSoftmax[float32]{}, F64: testSoftmax[float64]{}}, kernel.Entmax{Alpha: 2})
}

// A tiedCase reads one table [c,d] as bags of a history and as classes under
// sparsemax, for b rows, the last of which is padding.
type tiedCase struct {
	table   *Table[float32]
	item    node
	history []int32
	label   []int32
	prog    *Program[float32]
}

const bagSize = 3

// tiedCost returns the cost of a tiedCase from its history h and its table.
type tiedCost func(e *Expr, b *Builder[float32], h, item node, t *Targets) node

func linearCost(e *Expr, _ *Builder[float32], h, item node, t *Targets) node {
	return e.N(MeanRows(e.N(LinearLoss(sparseLoss(), Linear{H: h, W: item}, t)), t))
}

func newTied(t testing.TB, b, c, d int, cost tiedCost) *tiedCase {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, uint64(c)))
	x := &tiedCase{table: NewTable[float32]("item", c, d), label: make([]int32, b)}
	for i := range x.table.Data {
		x.table.Data[i] = float32(rng.NormFloat64())
	}
	bd := NewBuilder[float32]()
	x.item = bd.Param("item", x.table.Data, c, d)
	ptr, bounds := bd.Indices("ptr", b+1)
	ids, history := bd.Indices("ids", b*bagSize)
	x.history = history
	for i := range bounds {
		bounds[i] = int32(i * bagSize)
	}
	for i := range history {
		history[i] = int32(rng.IntN(c))
	}
	copy(history[len(history)-2:], []int32{history[0], -1}) // a row twice, and none
	targets, data := bd.Targets("t", b, b)
	for i := range x.label {
		x.label[i] = int32(rng.IntN(c))
	}
	x.label[b-1] = -1
	require.NoError(t, data.SetLabels(x.label))
	var e Expr
	h := e.N(Bag(x.item, ptr, ids, nil))
	n := cost(&e, bd, h, x.item, targets)
	require.NoError(t, e.Err)
	prog, err := bd.Train(n)
	require.NoError(t, err)
	x.prog = prog
	t.Cleanup(func() { require.NoError(t, prog.Close()) })
	return x
}

// touched returns the rows that have a gradient: those of the history of rows that are
// not padding, the labels, and the support of each sparsemax.
func (x *tiedCase) touched() []int32 {
	d, touch := x.table.Dim, map[int32]bool{}
	for i, y := range x.label {
		if y < 0 {
			continue
		}
		touch[y] = true
		h := make([]float64, d)
		for _, id := range x.history[i*bagSize : (i+1)*bagSize] {
			if id < 0 {
				continue
			}
			touch[id] = true
			for k, v := range x.table.Row(id) {
				h[k] += float64(v)
			}
		}
		z := make([]float64, x.table.Rows)
		for c := range z {
			for k, v := range x.table.Row(int32(c)) {
				z[c] += h[k] * float64(v)
			}
		}
		order := slices.Clone(z)
		slices.Sort(order)
		slices.Reverse(order)
		sum, tau := 0.0, 0.0
		for k, v := range order { // Martins & Astudillo 2016, algorithm 1
			if sum += v; 1+float64(k+1)*v > sum {
				tau = (sum - 1) / float64(k+1)
			}
		}
		for c, v := range z {
			if v > tau {
				touch[int32(c)] = true
			}
		}
	}
	// The bag of a row of padding is read, so it is listed, with a gradient of 0.
	for _, id := range x.history[(len(x.label)-1)*bagSize:] {
		if id >= 0 {
			touch[id] = true
		}
	}
	var rows []int32
	for id := range touch {
		rows = append(rows, id)
	}
	slices.Sort(rows)
	return rows
}

// asDense has LinearLoss store the gradient of W as a matrix.
func (x *tiedCase) asDense() *tiedCase {
	x.prog.onKept = append(x.prog.onKept, func() {
		for _, o := range x.prog.ops {
			if o.onKept != nil && o.borrowed32 != nil {
				o.onKept(false)
			}
		}
	})
	return x
}

func (x *tiedCase) grad(t testing.TB) Gradient[float32] {
	t.Helper()
	require.NoError(t, x.prog.Run())
	g := x.prog.Grad(x.item)
	return Gradient[float32]{slices.Clone(g.Rows), slices.Clone(g.Data)}
}

// TestTiedSparseLoss: of a table that is read as history and as classes under
// sparsemax, the gradient is the union of the rows that either touches, to the bits of
// the sum with the matrix of the class side.
func TestTiedSparseLoss(t *testing.T) {
	const b, c, d = 9, 700, 24
	want := newTied(t, b, c, d, linearCost).asDense().grad(t)
	require.Nil(t, want.Rows)
	require.Len(t, want.Data, c*d)
	x := newTied(t, b, c, d, linearCost)
	rows := x.touched()
	require.Less(t, len(rows), c/4, "few rows are touched")
	require.Greater(t, len(rows), b*bagSize, "more than the history's")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(procs)
		got := x.grad(t)
		require.Equal(t, rows, got.Rows)
		require.Equal(t, rows, x.prog.GradRows(x.item))
		require.Equal(t, want.Data, spreadRows(got, c, d), "GOMAXPROCS %d", procs)
	}
	t.Logf("%d of %d rows", len(rows), c)
}

// spreadRows returns g as a matrix.
func spreadRows(g Gradient[float32], rows, d int) []float32 {
	if g.Rows == nil {
		return g.Data
	}
	x := make([]float32, rows*d)
	for i, id := range g.Rows {
		copy(x[int(id)*d:], g.Data[i*d:(i+1)*d])
	}
	return x
}

// rowsSeen is an updater that notes the rows that it is given.
type rowsSeen struct {
	rows, matrices [][]int32
	data           []float32
}

func (s *rowsSeen) Update(_ *Table[float32], g Gradient[float32]) error {
	s.matrices = append(s.matrices, g.Rows)
	return nil
}

func (s *rowsSeen) UpdateSums(_ *Table[float32], sums *RowSums[float32]) error {
	s.rows = append(s.rows, slices.Clone(sums.Rows))
	s.data = make([]float32, len(sums.Rows)*sums.Dim)
	sums.Sum(s.data, 0, len(sums.Rows))
	return nil
}

// TestTiedStep: an updater that adds rows up gets those alone, and their sums.
func TestTiedStep(t *testing.T) {
	x := newTied(t, 9, 700, 24, linearCost)
	u := &rowsSeen{}
	require.NoError(t, x.prog.Run())
	require.NoError(t, x.prog.Step(x.item, x.table, u))
	require.Equal(t, [][]int32{x.touched()}, u.rows)
	require.Empty(t, u.matrices)
	require.Equal(t, u.data, x.grad(t).Data)
}

// TestTiedStepMakesNoMatrix: neither compiling nor a step takes the memory of the
// table, nor, beside a term that is a matrix, that of another.
func TestTiedStepMakesNoMatrix(t *testing.T) {
	const b, c, d = 4, 8000, 400
	for _, k := range []struct {
		name     string
		matrices float64
		cost     tiedCost
	}{
		{"sparse", 0, linearCost},
		{"twice", 0, func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(linearCost(e, b, h, item, t), linearCost(e, b, e.N(Tanh(h)), item, t)))
		}},
		{"and dense", 1, func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(linearCost(e, b, h, item, t), e.N(Sum(e.N(MatMul(h, item, false, true))))))
		}},
	} {
		t.Run(k.name, func(t *testing.T) {
			var before, after runtime.MemStats
			u := &rowsSeen{}
			runtime.ReadMemStats(&before)
			x := newTied(t, b, c, d, k.cost)
			runtime.ReadMemStats(&after)
			made := after.TotalAlloc - before.TotalAlloc // the table above all
			runtime.ReadMemStats(&before)
			require.NoError(t, x.prog.Run())
			require.NoError(t, x.prog.Step(x.item, x.table, u))
			runtime.ReadMemStats(&after)
			ran := after.TotalAlloc - before.TotalAlloc
			matrix := float64(4 * c * d)
			t.Logf("%.2f matrices to build, %.2f to run", float64(made)/matrix, float64(ran)/matrix)
			require.Less(t, float64(made), 1.5*matrix)
			if !underRace {
				require.Less(t, float64(ran), (k.matrices+0.8)*matrix)
			}
			if k.matrices == 0 {
				require.Len(t, u.rows, 1)
				require.Less(t, len(u.rows[0]), c/4)
			} else {
				require.Equal(t, [][]int32{nil}, u.rows, "all rows")
			}
		})
	}
}

// TestGradientTerms: whatever terms a gradient has, rows of the loss or not, its sum is
// that with the loss's matrix. The tolerance is for what passes through a norm, which
// is added up apart beside a matrix.
func TestGradientTerms(t *testing.T) {
	const b, c, d = 9, 300, 8
	some := func(e *Expr, b *Builder[float32]) node {
		ids, data := b.Indices("few", 5)
		copy(data, []int32{7, 2, 2, 299, 5})
		return ids
	}
	cases := map[string]struct {
		cost   tiedCost
		sparse bool
		tol    float64
	}{
		"bag and loss": {linearCost, true, 0},
		"two losses": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(linearCost(e, b, h, item, t), linearCost(e, b, e.N(Tanh(h)), item, t)))
		}, true, 0},
		"drawn": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			z := e.N(RowScores(Classes{H: h, W: item}, some(e, b)))
			return e.N(Add(e.N(Sum(e.N(Tanh(z)))), linearCost(e, b, h, item, t)))
		}, true, 0},
		"drawn, unit": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			z := e.N(RowScores(Classes{H: h, W: item, Unit: true}, some(e, b)))
			return e.N(Add(e.N(Sum(e.N(Tanh(z)))), linearCost(e, b, h, item, t)))
		}, true, 1e-6},
		"matrix": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(e.N(Sum(e.N(Square(item)))), linearCost(e, b, h, item, t)))
		}, false, 1e-6}, // the matrix comes first, and the rows are added to it
		"two matrices": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			x := e.N(Add(e.N(Sum(e.N(Square(item)))), e.N(Sum(e.N(Tanh(item))))))
			return e.N(Add(linearCost(e, b, h, item, t), x))
		}, false, 1e-6},
		"through a node": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(linearCost(e, b, h, e.N(Tanh(item)), t), linearCost(e, b, h, item, t)))
		}, false, 1e-6},
		"a stock node": {func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			return e.N(Add(linearCost(e, b, h, gorgonia.Must(gorgonia.Neg(item)), t), linearCost(e, b, h, item, t)))
		}, false, 1e-6},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			want := newTied(t, b, c, d, k.cost).asDense().grad(t)
			got := newTied(t, b, c, d, k.cost).grad(t)
			require.Equal(t, k.sparse, got.Rows != nil)
			require.Nil(t, want.Rows)
			all := spreadRows(got, c, d)
			if k.tol == 0 {
				require.Equal(t, want.Data, all)
			}
			for i, v := range want.Data {
				require.InDelta(t, v, all[i], k.tol*4, "entry %d", i)
			}
		})
	}
}

// TestTiedBias: a bias that two losses read is by rows too, of width 1.
func TestTiedBias(t *testing.T) {
	build := func() *tiedCase {
		var bias node
		x := newTied(t, 9, 300, 8, func(e *Expr, b *Builder[float32], h, item node, t *Targets) node {
			data := make([]float32, 300)
			for i := range data {
				data[i] = float32(i%7) / 7
			}
			bias = b.Param("bias", data, 300)
			loss := func(h node) node {
				return e.N(MeanRows(e.N(LinearLoss(sparseLoss(), Linear{H: h, W: item, Bias: bias}, t)), t))
			}
			return e.N(Add(loss(h), loss(e.N(Tanh(h)))))
		})
		x.item, x.table = bias, NewTable[float32]("bias", 300, 1)
		return x
	}
	want, got := build().asDense().grad(t), build().grad(t)
	require.Nil(t, want.Rows)
	require.NotNil(t, got.Rows)
	require.Less(t, len(got.Rows), 200)
	require.Equal(t, want.Data, spreadRows(got, 300, 1))
}

// TestTrapGradientInPlace: the terms of a sum are read after the run, when a stock op
// may have written into the memory of one.
func TestTrapGradientInPlace(t *testing.T) {
	b := NewBuilder[float32]()
	a, v := b.Param("a", []float32{1, 2, 3, 4}, 2, 2), b.Param("v", []float32{5, 6, 7, 8}, 2, 2)
	x, xd := b.Input("x", 2, 2)
	copy(xd, []float32{2, 3, 4, 5})
	up, ud := b.Input("up", 2, 2)
	copy(ud, []float32{10, 100, 1000, 10000})
	ids, _ := b.Indices("ids", 1)
	var e Expr
	// ∂/∂a is the upstream gradient, beside that of the Lookup; ∂/∂v = g/x is a stock op
	// that runs after their sum, and is the last to read g.
	sum := gorgonia.Must(gorgonia.Add(gorgonia.Must(gorgonia.HadamardDiv(v, x)), a))
	cost := e.N(Add(e.N(Sum(e.N(Mul(sum, up)))), e.N(Sum(e.N(Lookup(a, ids))))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	for range 2 {
		require.NoError(t, p.Run())
		require.Equal(t, []float32{5, 100.0 / 3, 250, 2000}, p.Grad(v).Data)
		require.Equal(t, []float32{11, 101, 1000, 10000}, p.Grad(a).Data)
	}
}

package graph

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// sampledLinearCase is a way to draw candidates of a class table.
type sampledLinearCase struct {
	shared, unit, bias, from, label, drop bool
	correction                            Correction
	many                                  bool // the loss takes positives together
	defined                               bool // the loss is its nodes alone
}

func (c sampledLinearCase) String() string { return fmt.Sprintf("%+v", struct{ sampledLinearCase }{c}) }

// sampledLinearGraph builds a weighted sum of SampledLinearLoss, or of SampledLoss of
// scores that are nodes of their own.
type sampledLinearGraph[T Float] struct {
	b             *Builder[T]
	params        gorgonia.Nodes // H, W, Bias
	loss, cost    *gorgonia.Node
	ids           []int32
	rows, classes int
}

func newSampledLinearGraph[T Float](t *testing.T, c sampledLinearCase, b, k, d, classes int, composed bool) *sampledLinearGraph[T] {
	rng := rand.New(rand.NewPCG(21, 22))
	normal := func(n int, shift float64) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.NormFloat64() + shift)
		}
		return x
	}
	g := &sampledLinearGraph[T]{b: NewBuilder[T](), rows: b, classes: classes}
	cl := Classes{H: g.b.Param("h", normal(b*d, 0), b, d), W: g.b.Param("w", normal(classes*d, 0), classes, d), Unit: c.unit}
	g.params = gorgonia.Nodes{cl.H, cl.W}
	if c.bias {
		cl.Bias = g.b.Param("bias", normal(classes, 0), classes)
		g.params = append(g.params, cl.Bias)
	}
	// Row 0 has one positive, row 1 three, row 2 none, and so on.
	var tg *Targets
	var targets []Target[T]
	n := 0
	for i := range b {
		var y []int32
		switch {
		case i%4 == 1 && !c.label:
			y = []int32{0, int32(classes / 2), int32(classes - 1)}
		case i%4 != 2:
			y = []int32{int32(i % classes)}
		}
		tgt := Target[T]{Pos: y}
		for range y {
			tgt.Weight = append(tgt.Weight, 1/T(len(y)))
		}
		targets, n = append(targets, tgt), n+len(y)
	}
	capacity := n + 2
	if c.label {
		label, data := g.b.Indices("label", b)
		for i, tgt := range targets {
			if data[i] = -1; len(tgt.Pos) > 0 {
				data[i] = tgt.Pos[0]
			}
		}
		var err error
		tg, err = LabelTargets(label)
		require.NoError(t, err)
		capacity = b
	} else {
		var td *TargetData[T]
		tg, td = g.b.Targets("t", b, capacity)
		require.NoError(t, td.Set(targets))
	}
	s := Sampled{Correction: c.correction, DropHits: c.drop, Unit: 0.7, Classes: classes}
	var lq, plq []T
	if c.shared {
		s.IDs, g.ids = g.b.Indices("ids", k)
		s.LogQ, lq = g.b.Input("logq", k)
	} else {
		s.IDs, g.ids = g.b.IndexMatrix("ids", b, k)
		s.LogQ, lq = g.b.Input("logq", b, k)
	}
	for j := range g.ids {
		g.ids[j] = int32(rng.IntN(classes))
		if j%7 == 3 {
			g.ids[j] = -1
		}
	}
	s.PosLogQ, plq = g.b.Input("poslogq", capacity)
	copy(lq, normal(len(lq), -3))
	copy(plq, normal(len(plq), -3))
	if c.from {
		var from []int32
		s.From, from = g.b.Indices("from", k)
		for j := range from {
			from[j] = int32(j%(b+1)) - 1
		}
	}
	l := testAnalytic(0.7)
	if c.many {
		l = Analytic{Text: "many", F32: testMany[float32]{testSoftmax[float32]{0.7}}, F64: testMany[float64]{testSoftmax[float64]{0.7}}}
	}
	if c.defined && !composed {
		l = testDefined(0.7)
	}
	var e Expr
	if composed {
		rows, label, err := tg.positives(classes)
		require.NoError(t, err)
		s.Pos, s.Neg = e.N(PairScores(cl, rows, label)), e.N(RowScores(cl, s.IDs))
		g.loss = e.N(SampledLoss(l, s, tg))
	} else {
		g.loss = e.N(SampledLinearLoss(l, cl, s, tg))
	}
	u, up := g.b.Input("u", b)
	for i := range up {
		up[i] = T(1.5*float64(i%3) - 1)
	}
	g.cost = e.N(Sum(e.N(Mul(g.loss, u))))
	require.NoError(t, e.Err)
	return g
}

// results runs g and returns its losses and gradients.
func (g *sampledLinearGraph[T]) results(t *testing.T) (loss []T, grads []Gradient[T]) {
	eval, err := g.b.Eval(g.loss)
	require.NoError(t, err)
	defer eval.Close()
	require.NoError(t, eval.Run())
	loss = slices.Clone(eval.Value(g.loss))
	p, err := g.b.Train(g.cost)
	require.NoError(t, err)
	defer p.Close()
	for range 2 { // the second reuses what the first made
		require.NoError(t, p.Run())
	}
	for _, n := range g.params {
		grad := p.Grad(n)
		require.Equal(t, grad.Rows, p.GradRows(n))
		grads = append(grads, Gradient[T]{Rows: slices.Clone(grad.Rows), Data: slices.Clone(grad.Data)})
	}
	return loss, grads
}

// TestSampledLinearLoss holds it against the same loss of scores that are nodes,
// and its gradients against central differences.
func TestSampledLinearLoss(t *testing.T) {
	for bits := range 3 << 6 {
		c := sampledLinearCase{shared: bits&1 != 0, unit: bits&2 != 0, bias: bits&4 != 0, from: bits&8 != 0, label: bits&16 != 0,
			drop: bits&32 != 0, many: bits>>6 == 1, defined: bits>>6 == 2, correction: Correction(bits % 3)}
		const b, k, d, classes = 6, 5, 3, 9
		g, want := newSampledLinearGraph[float64](t, c, b, k, d, classes, false), newSampledLinearGraph[float64](t, c, b, k, d, classes, true)
		loss, grads := g.results(t)
		wantLoss, wantGrads := want.results(t)
		worst, at := check.Worst(loss, wantLoss, 1)
		require.Truef(t, worst <= 1e-12, "%v: loss %d is %g, want %g", c, at, loss[at], wantLoss[at])
		for i := range grads {
			got, want := spread2(grads[i], g.params[i]), spread2(wantGrads[i], g.params[i])
			worst, at := check.Worst(got, want, 1)
			require.Truef(t, worst <= 1e-12, "%v: gradient %d, entry %d is %g, want %g", c, i, at, got[at], want[at])
		}
		if bits < 8 {
			p, err := g.b.Train(g.cost)
			require.NoError(t, err)
			_, err = CheckGradient(p, GradientCheck{Probes: 100})
			require.NoErrorf(t, err, "%v", c)
			require.NoError(t, p.Close())
		}

		loss32, grads32 := newSampledLinearGraph[float32](t, c, b, k, d, classes, false).results(t)
		for i, v := range loss32 {
			require.InDelta(t, loss[i], v, 1e-4)
		}
		for i := range grads32 {
			require.Equal(t, grads[i].Rows, grads32[i].Rows)
			for j, v := range grads32[i].Data {
				require.InDelta(t, grads[i].Data[j], v, 1e-4)
			}
		}
	}
}

// spread2 returns g as dense as its parameter.
func spread2(g Gradient[float64], param *gorgonia.Node) []float64 {
	if g.Rows == nil {
		return g.Data
	}
	x := make([]float64, param.Shape().TotalSize())
	width := len(x) / param.Shape()[0]
	for i, id := range g.Rows {
		copy(x[int(id)*width:], g.Data[i*width:(i+1)*width])
	}
	return x
}

// TestSampledLinearLossSameBits runs a step at several GOMAXPROCS, and moves the
// table by an updater that takes rows one way or the other.
func TestSampledLinearLossSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []Gradient[float32]
	for _, procs := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(procs)
		_, grads := newSampledLinearGraph[float32](t, sampledLinearCase{unit: true, bias: true}, 70, 90, 24, 300, false).results(t)
		if first == nil {
			first = grads
		}
		require.Equal(t, first, grads)
	}
}

// sumDescent is descent that adds rows up itself.
type sumDescent struct{ descend }

func (sumDescent) UpdateSums(t *Table[float32], s *RowSums[float32]) error {
	room := make([]float32, 3*s.Dim)
	for lo := 0; lo < len(s.Rows); lo += 3 {
		hi := min(lo+3, len(s.Rows))
		s.Sum(room, lo, hi)
		for i, id := range s.Rows[lo:hi] {
			for j, v := range room[i*s.Dim : (i+1)*s.Dim] {
				t.Row(id)[j] -= v
			}
		}
	}
	return nil
}

// descend subtracts the gradient.
type descend struct{}

func (descend) Update(t *Table[float32], g Gradient[float32]) error {
	for i, id := range g.Rows {
		for j, v := range g.Data[i*t.Dim : (i+1)*t.Dim] {
			t.Row(id)[j] -= v
		}
	}
	if g.Rows == nil {
		for j, v := range g.Data {
			t.Data[j] -= v
		}
	}
	return nil
}

// TestProgramStep: an updater moves the table to the same bits whether it adds the
// rows up itself or not.
func TestProgramStep(t *testing.T) {
	for _, unit := range []bool{false, true} {
		var first [][]float32
		for _, u := range []Updater[float32]{descend{}, sumDescent{}} {
			g := newSampledLinearGraph[float32](t, sampledLinearCase{unit: unit, bias: true}, 6, 5, 3, 40, false)
			p, err := g.b.Train(g.cost)
			require.NoError(t, err)
			var tables [][]float32
			for range 3 {
				require.NoError(t, p.Run())
				tables = nil
				for _, n := range g.params {
					data := n.Value().Data().([]float32)
					table := &Table[float32]{Name: n.Name(), Rows: n.Shape()[0], Dim: len(data) / n.Shape()[0], Data: data}
					before := slices.Clone(data)
					require.NoError(t, p.Step(n, table, u))
					require.NotEqual(t, before, data, "%s moves", n.Name())
					tables = append(tables, data)
				}
			}
			require.NoError(t, p.Close())
			if first == nil {
				first = tables
			}
			require.Equal(t, first, tables)
		}
	}
}

// TestSampledLinearFaults names what is wrong.
func TestSampledLinearFaults(t *testing.T) {
	g := newSampledLinearGraph[float64](t, sampledLinearCase{}, 6, 5, 3, 9, false)
	p, err := g.b.Train(g.cost)
	require.NoError(t, err)
	defer p.Close()
	g.ids[4] = 9
	require.ErrorContains(t, p.Run(), "id 9 at place 4 is outside [-1,9)")
	g.ids[4] = -2
	require.ErrorContains(t, p.Run(), "id -2 at place 4 is outside [-1,9)")
	g.ids[4] = 0
	require.NoError(t, p.Run())

	b := NewBuilder[float64]()
	c := Classes{H: b.Param("h", make([]float64, 6), 2, 3), W: b.Param("w", make([]float64, 12), 4, 3)}
	ids, _ := b.IndexMatrix("ids", 2, 4)
	three, _ := b.IndexMatrix("three", 3, 4)
	tg, _ := b.Targets("t", 2, 2)
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: three}, tg)
	require.ErrorContains(t, err, "classes of draws are (3, 4)")
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{}, tg)
	require.ErrorContains(t, err, "classes of draws")
	_, err = SampledLinearLoss(Analytic{}, c, Sampled{IDs: ids}, tg)
	require.ErrorContains(t, err, "no analytic form")
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: ids, Correction: CorrectLogQ}, tg)
	require.ErrorContains(t, err, "log q of positives")
	floats, _ := b.Input("floats", 2, 4)
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: floats}, tg)
	require.ErrorContains(t, err, "classes of draws are float64; want Int32")
	posLogQ, _ := b.Input("poslogq", 2)
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: ids, PosLogQ: posLogQ, LogQ: ids, Correction: CorrectLogQ}, tg)
	require.ErrorContains(t, err, "log q of draws are int32; want floating-point")
	ints, _ := b.IndexMatrix("ints", 4, 3)
	_, err = SampledLinearLoss(testAnalytic(1), Classes{H: c.H, W: ints}, Sampled{IDs: ids}, tg)
	require.ErrorContains(t, err, "W is Int32")
	c.W = b.Param("wide", make([]float64, 16), 4, 4)
	_, err = SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: ids}, tg)
	require.ErrorContains(t, err, "want [B,d] and [C,d]")
}

// TestSampledLinearLossBytes holds what a Program says that it holds against the heap.
// Two rows in five of the batch or of draws are empty, and count as full.
func TestSampledLinearLossBytes(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers let go in the first
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, shared := range []bool{false, true} {
		g := newSampledLinearGraph[float32](t, sampledLinearCase{shared: shared, unit: true, bias: true}, 256, 512, 64, 20000, false)
		p, err := g.b.Train(g.cost)
		require.NoError(t, err)
		before := heap()
		require.NoError(t, p.Run())
		got := heap() - before
		require.LessOrEqual(t, got, p.Bytes()*11/10)
		require.GreaterOrEqual(t, got, p.Bytes()*6/10)
		require.NoError(t, p.Close())
		runtime.KeepAlive(g)
	}
}

// sharedParams are parameters that several losses share.
type sharedParams struct {
	b          *Builder[float64]
	h, w, bias *gorgonia.Node
	ids, few   *gorgonia.Node
	targets    *Targets
	normal     func(n int) []float64
}

func newSharedParams(t *testing.T) *sharedParams {
	rng := rand.New(rand.NewPCG(23, 24))
	s := &sharedParams{b: NewBuilder[float64](), normal: func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}}
	s.h, s.w, s.bias = s.b.Param("h", s.normal(12), 4, 3), s.b.Param("w", s.normal(24), 8, 3), s.b.Param("bias", s.normal(8), 8)
	var id []int32
	s.ids, id = s.b.IndexMatrix("ids", 4, 4)
	for i := range id {
		id[i] = int32(rng.IntN(6)) - 1
	}
	s.few, id = s.b.Indices("few", 3)
	copy(id, []int32{7, -1, 7})
	var data *TargetData[float64]
	s.targets, data = s.b.Targets("t", 4, 5)
	require.NoError(t, data.Set([]Target[float64]{{Pos: []int32{1, 6}}, {Pos: []int32{3}}, {}, {Pos: []int32{1}}}))
	return s
}

// TestSumsOfSeveralOps adds up the gradients of a parameter that is used in several
// ways, dense and by rows, with their norm and without.
func TestSumsOfSeveralOps(t *testing.T) {
	for bits := 1; bits < 1<<6; bits++ {
		if bits == 1<<5 {
			continue // h is not used
		}
		s := newSharedParams(t)
		l := testAnalytic(1)
		cost, err := Sum(s.bias)
		require.NoError(t, err)
		e := Expr{}
		for i, loss := range []func() (*gorgonia.Node, error){
			func() (*gorgonia.Node, error) {
				return SampledLinearLoss(l, Classes{H: s.h, W: s.w, Bias: s.bias, Unit: true}, Sampled{IDs: s.ids}, s.targets)
			},
			func() (*gorgonia.Node, error) {
				return SampledLinearLoss(l, Classes{H: s.h, W: s.w}, Sampled{IDs: s.ids}, s.targets)
			},
			func() (*gorgonia.Node, error) {
				return SampledLinearLoss(l, Classes{H: s.h, W: s.w, Unit: true}, Sampled{IDs: s.few}, s.targets)
			},
			func() (*gorgonia.Node, error) {
				return SampledLinearLoss(l, Classes{H: s.h, W: s.w, Bias: s.bias}, Sampled{IDs: s.few}, s.targets)
			},
			func() (*gorgonia.Node, error) { return LinearLoss(l, Linear{H: s.h, W: s.w}, s.targets) },
			func() (*gorgonia.Node, error) { return Square(s.w) },
		} {
			if bits>>i&1 != 0 {
				cost = e.N(Add(cost, e.N(Sum(e.N(loss())))))
			}
		}
		require.NoError(t, e.Err)
		p, err := s.b.Train(cost)
		require.NoError(t, err)
		_, err = CheckGradient(p, GradientCheck{Probes: 20})
		require.NoErrorf(t, err, "%06b", bits)
		require.Equal(t, bits < 1<<4, p.GradRows(s.w) != nil)
		require.NoError(t, p.Close())
	}
}

// TestTrapRowsOfANode: the norms of rows of a node are read when its gradient is made
// dense, and a stock op that is the last to read the node writes into it.
func TestTrapRowsOfANode(t *testing.T) {
	for _, first := range []bool{false, true} {
		s := newSharedParams(t)
		x := s.b.Param("x", s.normal(24), 8, 3)
		var e Expr
		w := e.N(Scale(s.w, 1.3))
		prod := e.N(gorgonia.HadamardProd(w, x))
		if first {
			prod = e.N(gorgonia.HadamardProd(x, w))
		}
		other := e.N(gorgonia.Sum(e.N(gorgonia.HadamardProd(prod, e.N(gorgonia.Sigmoid(x))))))
		loss := e.N(SampledLinearLoss(testAnalytic(1), Classes{H: s.h, W: w, Bias: s.bias, Unit: true}, Sampled{IDs: s.ids}, s.targets))
		cost := e.N(Add(other, e.N(Sum(loss))))
		require.NoError(t, e.Err)
		p, err := s.b.Train(cost)
		require.NoError(t, err)
		_, err = CheckGradient(p, GradientCheck{Probes: 100})
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
}

// TestGradOfRows: Grad gives the gradient of a leaf of which rows are read as a
// matrix, and says that it has no derivative.
func TestGradOfRows(t *testing.T) {
	g := newSampledLinearGraph[float64](t, sampledLinearCase{unit: true, bias: true}, 6, 5, 3, 9, false)
	grads, err := Grad(g.cost, g.params...)
	require.NoError(t, err)
	eval, err := g.b.Eval(grads...)
	require.NoError(t, err)
	defer eval.Close()
	require.NoError(t, eval.Run())
	_, want := g.results(t)
	for i, n := range g.params {
		require.Equal(t, n.Shape(), grads[i].Shape())
		worst, at := check.Worst(eval.Value(grads[i]), spread2(want[i], n), 1)
		require.Truef(t, worst <= 1e-12, "gradient %d, entry %d", i, at)
	}
	for _, grad := range grads {
		var e Expr
		cost := e.N(Add(g.cost, e.N(Sum(e.N(Square(grad))))))
		require.NoError(t, e.Err)
		_, err = g.b.Train(cost)
		require.ErrorContains(t, err, "no derivative; for second derivatives compose the loss from nodes")
	}
}

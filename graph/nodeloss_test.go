package graph

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
)

// testDefined is testSoftmax by its nodes alone.
func testDefined(tau float64) Analytic {
	return FromNode(fmt.Sprintf("defined:tau=%g", tau), func(z node, t *Targets) (node, error) { return testNode(tau, z, t) })
}

// testDefinedEach is the same, with the positives taken one by one.
func testDefinedEach(tau float64) Analytic {
	return FromNode(fmt.Sprintf("each:tau=%g", tau), func(z node, t *Targets) (node, error) {
		return EachPositive(z, t, func(z node, t *Targets) (node, error) { return testNode(tau, z, t) })
	})
}

// lowBlocks makes a definition work in blocks of the fewest rows.
func lowBlocks(t *testing.T) {
	saved := blockBytes
	blockBytes = 1
	t.Cleanup(func() { blockBytes = saved })
}

// TestDefinitionAgrees: a loss of nodes alone has the values and the gradients of its
// nodes in one graph with the model, for targets of several positives, padding rows and
// a bias, in one block and in many.
func TestDefinitionAgrees(t *testing.T) {
	for _, many := range []bool{false, true} {
		for _, s := range []struct{ b, c, d int }{{1, 1, 1}, {1, 2, 3}, {5, 7, 3}, {9, 33, 16}, {6, 1000, 5}} {
			for _, bias := range []bool{false, true} {
				t.Run(fmt.Sprintf("B=%d,C=%d,d=%d,bias=%t,many=%t", s.b, s.c, s.d, bias, many), func(t *testing.T) {
					if many {
						lowBlocks(t)
					}
					nodes := newLinear[float64](t, "nodes", s.b, s.c, s.d, bias)
					for _, form := range []string{"defined loss", "defined", "defined each"} {
						agree(t, newLinear[float64](t, form, s.b, s.c, s.d, bias), nodes, 1e-12)
						agree(t, newLinear[float32](t, form, s.b, s.c, s.d, bias), nodes, 2e-5)
					}
				})
			}
		}
	}
}

// TestDefinitionOfSamples: in blocks of two rows too, with hits, masks and corrections.
func TestDefinitionOfSamples(t *testing.T) {
	lowBlocks(t)
	testSampledLoss(t, testDefined(0.7))
	testSampledLoss(t, testDefinedEach(0.7))
}

// TestDefinitionIsMasked: a class masked by its bias counts as deleted, whatever the
// definition makes of its gradient.
func TestDefinitionIsMasked(t *testing.T) {
	b := NewBuilder[float64]()
	h, w := b.Param("h", []float64{0.5, -1, 2}, 3, 1), b.Param("w", []float64{1, 2, 3, 4}, 4, 1)
	bias := b.Param("bias", []float64{0.1, math.Inf(-1), 0, -0.2}, 4)
	tg, td := b.Targets("t", 3, 4)
	require.NoError(t, td.Set([]Target[float64]{{Pos: []int32{0}, Weight: []float64{1}}, {}, {Pos: []int32{2, 3}, Weight: []float64{0.5, 0.5}}}))
	var e Expr
	losses := gorgonia.Nodes{
		e.N(LinearLoss(testAnalytic(0.7), Linear{H: h, W: w, Bias: bias}, tg)),
		e.N(LinearLoss(testDefined(0.7), Linear{H: h, W: w, Bias: bias}, tg)),
	}
	cost := e.N(Sum(e.N(Sub(losses[1], losses[0]))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	require.InDelta(t, 0, p.Cost(), 1e-13)
	for _, n := range []node{h, w, bias} {
		for _, g := range p.Grad(n).Data {
			require.InDelta(t, 0, g, 1e-13)
		}
	}
	eval, err := b.Eval(losses...)
	require.NoError(t, err)
	defer eval.Close()
	require.NoError(t, eval.Run())
	require.Zero(t, eval.Value(losses[1])[1], "a padding row")
}

// TestDefinitionIsDeterministic: the bits do not depend on the number of threads.
func TestDefinitionIsDeterministic(t *testing.T) {
	saved := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(saved)
	blocks := blockBytes
	blockBytes = 1 << 20
	defer func() { blockBytes = blocks }()
	var first [][]float32
	for _, n := range []int{1, 4, 3} {
		runtime.GOMAXPROCS(n)
		lc := newLinear[float32](t, "defined each", 40, 3000, 8, true)
		require.NoError(t, lc.prog.Run())
		got := [][]float32{{lc.prog.Cost()}, lc.prog.Grad(lc.hn).Data, lc.prog.Grad(lc.wn).Data, lc.prog.Grad(lc.bn).Data}
		for i := range got {
			got[i] = slices.Clone(got[i])
		}
		if first == nil {
			first = got
		}
		require.Equal(t, first, got)
	}
}

// TestDefinitionMemory: a batch whose scores take many times the memory of a block goes
// through blocks that keep to it, and the estimate says so.
func TestDefinitionMemory(t *testing.T) {
	const rows, classes, width = 64, 100_000, 4 // 25.6 MB of scores, and some arrays as large in its graph
	for _, form := range []func(float64) Analytic{testDefined, testDefinedEach} {
		b := NewPlan[float32]()
		h, w := b.Param("h", nil, rows, width), b.Param("w", nil, classes, width)
		tg, _ := b.Targets("t", rows, 4*rows)
		var e Expr
		cost := e.N(MeanRows(e.N(LinearLoss(form(0.7), Linear{H: h, W: w}, tg)), tg))
		require.NoError(t, e.Err)
		p, err := b.Train(cost)
		require.NoError(t, err)
		dW := int64(4 * classes * width)
		require.Less(t, p.Bytes(), int64(blockBytes)+dW+4<<20)
		require.Greater(t, p.Bytes(), int64(blockBytes)/2+dW)
		require.NoError(t, p.Close())
	}
}

// TestDefinitionTakesWhatItSays: a program that has run holds what the estimate says.
func TestDefinitionTakesWhatItSays(t *testing.T) {
	const rows, classes, width = 32, 50_000, 4
	before := heap()
	b := NewBuilder[float32]()
	h, w := b.Param("h", make([]float32, rows*width), rows, width), b.Param("w", make([]float32, classes*width), classes, width)
	tg, td := b.Targets("t", rows, 2*rows)
	for i := range rows {
		require.NoError(t, td.Append([]int32{int32(i), int32(i + 100)}, nil))
	}
	var e Expr
	cost := e.N(MeanRows(e.N(LinearLoss(testDefinedEach(0.7), Linear{H: h, W: w}, tg)), tg))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	took := float64(heap()-before) - 4*(rows+classes)*width
	require.InDelta(t, float64(p.Bytes()), took, 0.1*float64(p.Bytes())+1<<20)
	runtime.KeepAlive(p)
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestDefinitionFaults: a definition that no graph can be made of is an error where the
// op is made, and one that fails in a run an error with the loss and the row.
func TestDefinitionFaults(t *testing.T) {
	failing := RowFunction{Name: "root", Eval: func(y, x []float64) error {
		if x[0] < 0 {
			return fmt.Errorf("%g has none", x[0])
		}
		copy(y, x)
		return nil
	}, Back: func(dx, x, y, g []float64) error { copy(dx, g); return nil }}
	for name, c := range map[string]struct {
		d          Definition
		made, runs string
	}{
		"its error":     {func(node, *Targets) (node, error) { return nil, fmt.Errorf("no graph") }, "linear loss own: its definition: no graph", ""},
		"nothing":       {func(node, *Targets) (node, error) { return nil, nil }, "its definition returned no node", ""},
		"a sum":         {func(z node, _ *Targets) (node, error) { return Sum(z) }, "want float64, a loss of each", ""},
		"no derivative": {func(z node, _ *Targets) (node, error) { return RowCount(z) }, "does not depend on", ""},
		"dropout":       {func(z node, t *Targets) (node, error) { z, _ = Dropout(z, 0.5, 1); return testNode(1, z, t) }, "uses Dropout", ""},
		"a run, row 4":  {func(z node, t *Targets) (node, error) { z, err := MapRows(failing, z); return firstOf(z, t, err) }, "", "linear loss own: row 4: root: -3 has none"},
		"each, in row 4": {func(z node, t *Targets) (node, error) {
			return EachPositive(z, t, func(z node, t *Targets) (node, error) { z, err := MapRows(failing, z); return firstOf(z, t, err) })
		}, "", "linear loss own: row 4: each positive: root: -3 has none"},
	} {
		t.Run(name, func(t *testing.T) {
			lowBlocks(t)
			b := NewBuilder[float64]()
			h, w := b.Param("h", []float64{1, 2, 3, 4, -3, -1}, 6, 1), b.Param("w", []float64{1, 2, 3}, 3, 1)
			tg, td := b.Targets("t", 6, 12)
			for range 5 {
				require.NoError(t, td.Append([]int32{0, 1}, nil))
			}
			loss, err := LinearLoss(FromNode("own", c.d), Linear{H: h, W: w}, tg)
			if c.made != "" {
				require.ErrorContains(t, err, c.made)
				return
			}
			require.NoError(t, err)
			cost, err := MeanRows(loss, tg)
			require.NoError(t, err)
			p, err := b.Train(cost)
			require.NoError(t, err)
			defer p.Close()
			require.ErrorContains(t, p.Run(), c.runs)
			_, err = Grad(mustSum(t, mustGrad(t, cost, h)), h)
			require.ErrorContains(t, err, "for second derivatives compose the loss from nodes")
		})
	}
}

func firstOf(z node, t *Targets, err error) (node, error) {
	if err != nil {
		return nil, err
	}
	return testNode(1, z, t)
}

func mustGrad(t *testing.T, cost, x node) node {
	g, err := Grad(cost, x)
	require.NoError(t, err)
	return g[0]
}

func mustSum(t *testing.T, x node) node {
	s, err := Sum(x)
	require.NoError(t, err)
	return s
}

// TestDefinitionEval: Eval is that of the closed form, from several goroutines too, and
// NaN of scores that are none.
func TestDefinitionEval(t *testing.T) {
	for _, l := range []Analytic{testDefined(0.7), testDefinedEach(0.7)} {
		t.Run(l.Text, func(t *testing.T) {
			want := testAnalytic(0.7).F64
			done := make(chan error)
			for range 4 {
				go func() { done <- evalAgrees(l.F64, want) }()
			}
			for range 4 {
				require.NoError(t, <-done)
			}
			for _, bad := range []float64{math.NaN(), math.Inf(1)} {
				require.True(t, math.IsNaN(l.F64.Eval(make([]float64, 2), []float64{0, bad}, Target[float64]{[]int32{0}, []float64{1}}, nil)))
			}
			broken := FromNode("broken", func(node, *Targets) (node, error) { return nil, fmt.Errorf("no graph") })
			dz := []float64{1, 2}
			require.True(t, math.IsNaN(broken.F64.Eval(dz, []float64{0, 1}, Target[float64]{[]int32{0}, []float64{1}}, nil)))
			require.True(t, math.IsNaN(dz[0]) && math.IsNaN(dz[1]))
		})
	}
}

func evalAgrees(got, want RowLoss[float64]) error {
	for k := 1; k < 9; k++ {
		z := make([]float64, k)
		for j := range z {
			z[j] = math.Sin(float64(3*j + k))
		}
		for _, t := range []Target[float64]{{[]int32{int32(k / 2)}, []float64{1}}, {[]int32{0, int32(k - 1)}, []float64{0.25, 0.75}}} {
			if k == 1 && len(t.Pos) > 1 {
				continue
			}
			dz, dw := make([]float64, k), make([]float64, k)
			a, b := got.Eval(dz, z, t, nil), want.Eval(dw, z, t, make([]float64, k))
			if !(math.Abs(a-b) <= 1e-13) {
				return fmt.Errorf("K=%d: %g, want %g", k, a, b)
			}
			for j := range dz {
				if !(math.Abs(dz[j]-dw[j]) <= 1e-13) {
					return fmt.Errorf("K=%d: dz[%d] = %g, want %g", k, j, dz[j], dw[j])
				}
			}
		}
	}
	return nil
}

func BenchmarkDefinitionEval(b *testing.B) {
	l := testDefined(0.7).F64
	z, dz := []float64{1, 2, 3, 4}, make([]float64, 4)
	for b.Loop() {
		l.Eval(dz, z, Target[float64]{[]int32{0}, []float64{1}}, nil)
	}
}

package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// testSoftmax is cross-entropy at temperature τ, the row of the tests here.
type testSoftmax[T Float] struct{ tau float64 }

func (testSoftmax[T]) WorkLen(k int) int { return k }

func (s testSoftmax[T]) Eval(dz, z []T, t Target[T], work []T) T {
	for k, v := range z {
		work[k] = T(float64(v) / s.tau)
	}
	m, log := kernel.LogSumExp(work[:len(z)], nil)
	loss := m + log
	for k := range z {
		dz[k] = T(math.Exp(float64(work[k])-m-log) / s.tau)
	}
	for i, p := range t.Pos {
		loss -= float64(t.Weight[i]) * float64(work[p])
		dz[p] -= t.Weight[i] / T(s.tau)
	}
	return T(loss)
}

func testAnalytic(tau float64) Analytic {
	return Analytic{Text: fmt.Sprintf("test:tau=%g", tau), F32: testSoftmax[float32]{tau}, F64: testSoftmax[float64]{tau}}
}

// fusedAnalytic is the same with the kernel's fused form.
func fusedAnalytic(tau float64) Analytic {
	return withKernel(testAnalytic(tau), kernel.Softmax{Tau: float32(tau)})
}

// kernelRow is a RowLoss with a kernel.
type kernelRow struct {
	RowLoss[float32]
	kernel kernel.Loss
}

func (r kernelRow) Kernel() kernel.Loss { return r.kernel }

func withKernel(l Analytic, k kernel.Loss) Analytic {
	l.F32 = kernelRow{l.F32, k}
	return l
}

// testNode is the same loss as nodes.
func testNode(tau float64, z node, t *Targets) (node, error) {
	var e Expr
	z = e.N(Scale(z, 1/tau))
	return e.N(Sub(e.N(LogSumExp(z)), e.N(TargetDot(z, t)))), e.Err
}

func TestTwoLossesInOneGraph(t *testing.T) {
	b := NewBuilder[float64]()
	zd := []float64{0.3, -1, 2, 0.1, 0.2, 0.7}
	z := b.Param("z", zd, 2, 3)
	tg, td := b.Targets("t", 2, 2)
	require.NoError(t, td.SetLabels([]int32{1, 2}))
	var e Expr
	sum := e.N(Add(e.N(Loss(testAnalytic(0.5), z, tg)), e.N(Scale(e.N(Loss(testAnalytic(2), z, tg)), 3))))
	prog, err := b.Train(e.N(MeanRows(sum, tg)))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	want := make([]float64, 6)
	row := func(z []float64) float64 {
		var s float64
		for i, y := range []int32{1, 2} {
			tt, dz, work := Target[float64]{[]int32{y}, []float64{1}}, make([]float64, 3), make([]float64, 3)
			s += testSoftmax[float64]{0.5}.Eval(dz, z[3*i:3*i+3], tt, work) + 3*testSoftmax[float64]{2}.Eval(dz, z[3*i:3*i+3], tt, work)
		}
		return s / 2
	}
	for range 2 {
		require.NoError(t, prog.Run())
		require.True(t, check.Near(prog.Cost(), row(zd), 1e-14, 0))
		check.CentralDifference(want, row, slices.Clone(zd), 1e-5)
		worst, _ := check.Worst(prog.Grad(z).Data, want, 1)
		require.LessOrEqual(t, worst, 1e-9)
	}
}

func TestBadTargetsNameTheRow(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		pos    []int32
		weight []float64
		want   string
	}{
		{"range", []int32{3}, nil, "row 1: position 3 outside [0,3)"},
		{"negative", []int32{-2}, nil, "row 1: position -2 outside [0,3)"},
		{"order", []int32{1, 0}, nil, "row 1: position 0 after 1"},
		{"twice", []int32{1, 1}, nil, "row 1: position 1 after 1"},
		{"zero", []int32{0, 1}, []float64{1, 0}, "row 1: position 1 has weight 0"},
		{"nan", []int32{0, 1}, []float64{1, nan}, "row 1: position 1 has weight NaN"},
		{"mass", []int32{0, 1}, []float64{0.5, 0.4}, "row 1: the weights sum to 0.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBuilder[float64]()
			h, w := b.Param("h", []float64{1, 2}, 2, 1), b.Param("w", []float64{1, 2, 3}, 3, 1)
			tg, td := b.Targets("t", 2, 4)
			var e Expr
			z := e.N(MatMul(h, w, false, true))
			loss := e.N(Loss(testAnalytic(1), z, tg))
			linear := e.N(LinearLoss(testAnalytic(1), Linear{H: h, W: w}, tg))
			dot := e.N(TargetDot(z, tg))
			each := e.N(EachPositive(z, tg, func(z node, t *Targets) (node, error) { return testNode(1, z, t) }))
			require.NoError(t, e.Err)
			for _, n := range []node{loss, linear, dot, each} {
				prog, err := b.Eval(n)
				require.NoError(t, err)
				require.NoError(t, td.Set([]Target[float64]{{[]int32{0}, []float64{1}}, {c.pos, c.weight}}))
				require.ErrorContains(t, prog.Run(), c.want)
				// usable again
				require.NoError(t, td.Set([]Target[float64]{{[]int32{0}, []float64{1}}}))
				require.NoError(t, prog.Run())
				require.NoError(t, prog.Close())
			}
		})
	}
	b := NewBuilder[float32]()
	_, td := b.Targets("t", 2, 3)
	require.ErrorContains(t, td.SetLabels([]int32{0, 1, 2}), "more than 2 rows")
	require.ErrorContains(t, td.Set([]Target[float32]{{[]int32{0, 1}, []float32{1}}}), "2 positions with 1 weights")
	require.ErrorContains(t, td.Set([]Target[float32]{{Pos: []int32{0, 1}}, {Pos: []int32{0, 1}}}), "exceed the capacity 3")
	require.NoError(t, td.SetLabels([]int32{4, -1}))
	require.Equal(t, 1, td.Valid())
}

// panicRow is a loss with a bug.
type panicRow[T Float] struct{}

func (panicRow[T]) WorkLen(int) int                     { return 0 }
func (panicRow[T]) Eval(_, _ []T, _ Target[T], _ []T) T { panic("a bug in a loss") }

func TestPanicsBecomeErrors(t *testing.T) {
	b := NewBuilder[float32]()
	const rows, k = 64, 4096 // enough work for several goroutines
	z := b.Param("z", make([]float32, rows*k), rows, k)
	label, _ := b.Indices("y", rows)
	tg, err := LabelTargets(label)
	require.NoError(t, err)
	loss, err := Loss(Analytic{Text: "broken", F32: panicRow[float32]{}, F64: panicRow[float64]{}}, z, tg)
	require.NoError(t, err)
	var e Expr
	prog, err := b.Train(e.N(MeanRows(loss, tg)))
	require.NoError(t, err)
	require.ErrorContains(t, prog.Run(), "loss broken: a bug in a loss")
	require.ErrorContains(t, prog.Run(), "loss broken: a bug in a loss")
}

func TestFusedLossesHaveNoSecondDerivative(t *testing.T) {
	for _, fused := range []bool{false, true} {
		b := NewBuilder[float64]()
		h, w := b.Param("h", []float64{1, 2}, 2, 1), b.Param("w", []float64{1, 2, 3}, 3, 1)
		tg, _ := b.Targets("t", 2, 4)
		var e Expr
		var loss node
		if fused {
			loss = e.N(LinearLoss(testAnalytic(1), Linear{H: h, W: w}, tg))
		} else {
			loss = e.N(Loss(testAnalytic(1), e.N(MatMul(h, w, false, true)), tg))
		}
		require.NoError(t, e.Err)
		g, err := Grad(e.N(MeanRows(loss, tg)), h)
		require.NoError(t, err)
		_, err = Grad(e.N(Sum(g[0])), h)
		require.ErrorContains(t, err, "has no derivative")
		require.ErrorContains(t, err, "second derivatives")
	}
}

func TestShapeErrors(t *testing.T) {
	b := NewBuilder[float32]()
	x := b.Param("x", make([]float32, 6), 2, 3)
	v := b.Param("v", make([]float32, 3), 3)
	tg, _ := b.Targets("t", 3, 4)
	other := NewBuilder[float64]()
	y := other.Param("y", make([]float64, 6), 2, 3)
	for _, err := range []error{
		second(Add(x, v)), second(Add(nil, x)), second(AddRow(x, v)), second(AddBias(v, v)), second(MatMul(x, x, false, false)),
		second(Loss(testAnalytic(1), x, tg)), second(Loss(testAnalytic(1), v, tg)), second(Loss(Analytic{}, x, tg)), second(LogSumExp(v)), second(TargetDot(x, nil)),
		second(LinearLoss(testAnalytic(1), Linear{H: x, W: v}, tg)), second(MeanRows(v, nil)), second(Reshape(x, 4)), second(Reshape(x)),
		second(Concat(2, x)), second(Concat(0, x, v)), second(Slice(x, 0, 1, 3)), second(Dropout(x, 1, 0)), second(EntmaxThreshold(x, 1)),
		second(NormThreshold(x, math.NaN())), second(Clamp(x, 1, 0)), second(Mul(x, y)), second(PowPositive(x, math.NaN())), second(Exp(nil)),
		second(EachPositive(x, tg, nil)), second(RowDot(x, v)), second(Sum(nil)), second(ColSum(v)),
	} {
		require.Error(t, err)
		require.Contains(t, err.Error(), "graph: ")
	}
	_, err := LabelTargets(x)
	require.Error(t, err)
}

func second(_ node, err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// TestExtremes: what a diverging model feeds a loss comes out as a value, in all
// forms, and the Program runs again.
func TestExtremes(t *testing.T) {
	entmax := func(alpha float64) Analytic {
		return withKernel(testAnalytic(1), kernel.Entmax{Alpha: alpha})
	}
	normmax := withKernel(testAnalytic(1), kernel.Normmax{Alpha: 2})
	for name, l := range map[string]Analytic{"rows": testAnalytic(1), "softmax": fusedAnalytic(1), "sparsemax": entmax(2), "entmax1.5": entmax(1.5), "normmax": normmax} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []int{1, 2, 1000} {
				const b, d = 3, 2
				bd := NewBuilder[float32]()
				hd, wd := make([]float32, b*d), make([]float32, c*d)
				h, w := bd.Param("h", hd, b, d), bd.Param("w", wd, c, d)
				tg, td := bd.Targets("t", b, b)
				var e Expr
				prog, err := bd.Train(e.N(MeanRows(e.N(LinearLoss(l, Linear{H: h, W: w}, tg)), tg)))
				require.NoError(t, e.Err)
				require.NoError(t, err)
				labels := []int32{0, int32(c - 1), -1}
				for _, bad := range []float32{0, 1e4, float32(math.NaN()), float32(inf), 3e38, 0} {
					require.NoError(t, td.SetLabels(labels))
					for i := range wd {
						wd[i] = float32(i%7) / 7
					}
					for i := range hd {
						hd[i] = 1
					}
					hd[1], hd[b*d-1] = bad, float32(math.NaN()) // the last row is padding
					require.NoError(t, prog.Run(), "C=%d, %g", c, bad)
					if cost := float64(prog.Cost()); bad == 0 || bad == 1e4 {
						require.False(t, math.IsNaN(cost) || math.IsInf(cost, 0), "C=%d, %g: %g", c, bad, cost)
						for _, g := range slices.Concat(prog.Grad(h).Data, prog.Grad(w).Data) {
							require.False(t, math.IsNaN(float64(g)), "C=%d, %g", c, bad)
						}
						require.Equal(t, []float32{0, 0}, prog.Grad(h).Data[(b-1)*d:])
					} else if math.IsNaN(float64(bad)) {
						require.True(t, math.IsNaN(cost), "C=%d: NaN in H costs %g", c, cost)
					}
					require.NoError(t, td.SetLabels([]int32{-1, -1, -1}))
					require.NoError(t, prog.Run())
					require.Zero(t, prog.Cost())
				}
			}
		})
	}
}

// TestLossOfAMaskedTarget: a RowLoss is defined where no target is masked; some would
// return a finite value, or not return.
func TestLossOfAMaskedTarget(t *testing.T) {
	b := NewBuilder[float64]()
	z := b.Param("z", []float64{1, 2, math.Inf(-1), 3, math.Inf(-1), 1}, 2, 3)
	targets, data := b.Targets("t", 2, 4)
	var e Expr
	loss := e.N(Loss(testAnalytic(1), z, targets))
	require.NoError(t, e.Err)
	p, err := b.Eval(loss)
	require.NoError(t, err)
	require.NoError(t, data.SetLabels([]int32{0, 1}))
	require.ErrorContains(t, p.Run(), "row 1: position 1 has a target and is masked")
	require.NoError(t, data.Set([]Target[float64]{{Pos: []int32{1, 2}}, {Pos: []int32{2}}}))
	require.ErrorContains(t, p.Run(), "row 0: position 2 has a target and is masked")
	require.NoError(t, data.SetLabels([]int32{-1, 2}))
	require.NoError(t, p.Run(), "masks elsewhere, and in padding")
}

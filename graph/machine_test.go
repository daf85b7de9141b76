package graph

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// ownMachine runs the whole graph of n in a stock machine.
func ownMachine(t *testing.T, n node, opts ...gorgonia.VMOpt) {
	t.Helper()
	vm := gorgonia.NewTapeMachine(n.Graph(), opts...)
	defer vm.Close()
	require.NoError(t, vm.RunAll())
}

// TestOwnMachineShares: in a machine of the user's, leaves that several losses share
// get the gradients that a Program finds, whoever differentiates.
func TestOwnMachineShares(t *testing.T) {
	for _, by := range []string{"Grad", "gorgonia.Grad"} {
		for _, dual := range []bool{false, true} {
			s := newSharedParams(t)
			l := testAnalytic(1)
			var e Expr
			cost := e.N(MeanRows(e.N(LinearLoss(l, Linear{H: s.h, W: s.w, Bias: s.bias}, s.targets)), s.targets))
			for _, loss := range []node{
				e.N(SampledLinearLoss(l, Classes{H: s.h, W: s.w, Bias: s.bias, Unit: true}, Sampled{IDs: s.ids}, s.targets)),
				e.N(SampledLinearLoss(l, Classes{H: s.h, W: s.w}, Sampled{IDs: s.few}, s.targets)),
				e.N(Loss(l, e.N(RowScores(Classes{H: s.h, W: s.w, Bias: s.bias}, s.few)), e.labels(s.b))),
			} {
				cost = e.N(Add(cost, e.N(Sum(loss))))
			}
			require.NoError(t, e.Err)
			params := []node{s.h, s.w, s.bias}
			program, err := s.b.Train(cost)
			require.NoError(t, err)
			require.NoError(t, program.Run())
			var want [][]float64
			for _, p := range params {
				want = append(want, slices.Clone(spread2(program.Grad(p), p)))
			}
			total := program.Cost()

			grad := Grad
			if by != "Grad" {
				grad = gorgonia.Grad
			}
			grads, err := grad(cost, params...)
			require.NoError(t, err)
			var opts []gorgonia.VMOpt
			if dual {
				opts = append(opts, gorgonia.BindDualValues())
			}
			ownMachine(t, cost, opts...)
			require.True(t, check.Near(cost.Value().Data().(float64), total, 1e-12, 0))
			for i, g := range grads {
				worst, at := check.Worst(g.Value().Data().([]float64), want[i], 1)
				require.Truef(t, worst <= 1e-12, "%s: gradient of %s, entry %d", by, describe(params[i]), at)
			}
			require.NoError(t, program.Run())
			for i, p := range params {
				require.Equal(t, want[i], spread2(program.Grad(p), p), "a Program after another machine")
			}
		}
	}
}

// labels are targets of four rows over three candidates.
func (e *Expr) labels(b *Builder[float64]) *Targets {
	leaf, label := b.Indices("label", 4)
	copy(label, []int32{2, -1, 0, 2})
	t, err := LabelTargets(leaf)
	e.N(leaf, err)
	return t
}

// TestOwnMachinePadding: rows that TargetData were not given are padding in any
// machine, whatever an earlier batch left there.
func TestOwnMachinePadding(t *testing.T) {
	b := NewBuilder[float64]()
	z := b.Param("z", []float64{1, 2, 3, 3, 2, 1, 0, 1, 0}, 3, 3)
	targets, data := b.Targets("t", 3, 6)
	require.NoError(t, data.Set([]Target[float64]{{Pos: []int32{0}}, {Pos: []int32{1, 2}}, {Pos: []int32{2}}}))
	var e Expr
	loss := e.N(Loss(testAnalytic(1), z, targets))
	cost := e.N(MeanRows(loss, targets))
	require.NoError(t, e.Err)
	grads, err := Grad(cost, z)
	require.NoError(t, err)
	ownMachine(t, cost)
	first := slices.Clone(grads[0].Value().Data().([]float64))

	require.NoError(t, data.SetLabels([]int32{0})) // one row, where there were three
	ownMachine(t, cost)
	require.Equal(t, make([]float64, 6), grads[0].Value().Data().([]float64)[3:])
	require.Equal(t, []float64{0, 0}, loss.Value().Data().([]float64)[1:])
	for j, v := range first[:3] { // a mean over one row, not three
		require.InDelta(t, 3*v, grads[0].Value().Data().([]float64)[j], 1e-15)
	}
}

// TestProgramsComputeWhatTheyNeed: what was derived in a graph costs a Program that
// does not ask for it nothing, neither memory nor work, and one does not take away
// what another needs.
func TestProgramsComputeWhatTheyNeed(t *testing.T) {
	for name, l := range map[string]Analytic{
		"rows": testAnalytic(0.3), "fused": fusedAnalytic(0.3),
	} {
		t.Run(name, func(t *testing.T) {
			const rows, d, c = 4, 3, 500
			b := NewBuilder[float32]()
			h, w := b.Param("h", ones[float32](rows*d), rows, d), b.Param("w", ones[float32](c*d), c, d)
			targets, data := b.Targets("t", rows, rows)
			require.NoError(t, data.SetLabels([]int32{1, 2, 3, 4}))
			var e Expr
			linear := e.N(LinearLoss(l, Linear{H: h, W: w}, targets))
			loss := e.N(Loss(l, e.N(MatMul(h, w, false, true)), targets))
			before, err := b.Eval(linear, loss)
			require.NoError(t, err)
			alone := before.Bytes()
			cost := e.N(Add(e.N(MeanRows(linear, targets)), e.N(MeanRows(loss, targets))))
			require.NoError(t, e.Err)
			grads, err := Grad(cost, h, w)
			require.NoError(t, err)
			require.Equal(t, alone, before.Bytes(), "a Program of values")
			eval, err := b.Eval(linear, loss)
			require.NoError(t, err)
			require.Equal(t, alone, eval.Bytes())

			some, err := b.Eval(grads[0])
			require.NoError(t, err)
			all, err := b.Eval(grads...)
			require.NoError(t, err)
			require.Greater(t, all.Bytes(), some.Bytes()+4*c*d-1)
			ownMachine(t, cost) // wants everything
			want := [2][]float32{}
			for i, g := range grads {
				want[i] = slices.Clone(g.Value().Data().([]float32))
			}
			for range 2 { // by turns
				require.NoError(t, some.Run())
				require.Equal(t, want[0], some.Value(grads[0]))
				require.NoError(t, eval.Run())
				require.NoError(t, all.Run())
				require.Equal(t, want[0], all.Value(grads[0]))
				require.Equal(t, want[1], all.Value(grads[1]))
				ownMachine(t, cost)
				require.Equal(t, want[1], grads[1].Value().Data())
			}
		})
	}
}

// TestLispMachine: the machine that would take our ops for constants says so.
func TestLispMachine(t *testing.T) {
	g := gorgonia.NewGraph()
	x := gorgonia.NewScalar(g, gorgonia.Float64, gorgonia.WithName("x"), gorgonia.WithValue(2.0))
	cost := gorgonia.Must(gorgonia.Mul(gorgonia.Must(Square(x)), x))
	forward := gorgonia.NewLispMachine(g, gorgonia.ExecuteFwdOnly())
	require.NoError(t, forward.RunAll())
	require.Equal(t, 8.0, cost.Value().Data())
	require.NoError(t, forward.Close())
	vm := gorgonia.NewLispMachine(g)
	defer vm.Close()
	require.ErrorContains(t, vm.RunAll(), "a LispMachine does not differentiate it")
}

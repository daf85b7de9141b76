package models

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// steeper is a closed form whose gradient is a hundredth off.
type steeper[T graph.Float] struct{ graph.RowLoss[T] }

func (s steeper[T]) Eval(dz, z []T, t graph.Target[T], work []T) T {
	loss := s.RowLoss.Eval(dz, z, t, work)
	for j := range dz {
		dz[j] *= 1.01
	}
	return loss
}

// foreign is a head of a program's own: it wraps another, and says no scores.
type foreign struct {
	Head
	off float64 // that its loss's gradient is off, not its value
}

type foreignAttached struct {
	Attached
	loss *gorgonia.Node
}

func (f foreignAttached) Loss() *gorgonia.Node { return f.loss }

func (f foreign) Attach(g *Graph, m Model, h *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	a, err := f.Head.Attach(g, m, h, l, positions)
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	// ℓ + off·(ℓ − ℓ held constant)
	loss := e.N(graph.Add(a.Loss(), e.N(graph.Scale(e.N(graph.Sub(a.Loss(), e.N(graph.Detach(a.Loss())))), f.off))))
	return foreignAttached{a, loss}, e.Err
}

// TestCheckGradientFindsMistakes plants a mistake in each statement of a loss, and holds
// that the report shows whose it is.
func TestCheckGradientFindsMistakes(t *testing.T) {
	set := featured(t)
	m := wholes(set)["computed"]
	spec, err := losses.Lookup("sparsemax")
	require.NoError(t, err)
	right := spec.Bind(spec.Defaults())
	check := func(l losses.Loss, wrap func(Head) Head, scheme string) (*GradientReport, error) {
		s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Dot, Temperature: 0.7, Bias: true, Loss: right}
		head, err := NewHead(scheme, s)
		require.NoError(t, err)
		encoding, classes, err := Tables(m, head, right, set.Contexts(), set.Classes())
		require.NoError(t, err)
		for _, table := range append(encoding, classes...) {
			table.Initialise(7)
		}
		return CheckGradient(m, wrap(head), l, thirds(set), set.Classes(), 4, graph.GradientCheck{Probes: 2})
	}
	same := func(h Head) Head { return h }
	row := func(r *GradientReport, param string) graph.GradientRow {
		for _, row := range r.Rows {
			if row.Param == param {
				return row
			}
		}
		require.Fail(t, "no row", param)
		return graph.GradientRow{}
	}
	for _, scheme := range []string{"all", "sampled:n=4", "tree", "classes", "adaptive"} {
		r, err := check(right, same, scheme)
		require.NoError(t, err, scheme)
		require.True(t, r.OK())

		symbolic := *spec
		symbolic.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			return e.N(graph.Scale(e.N(spec.Node(v, z, t)), 1.01)), e.Err
		}
		r, err = check(symbolic.Bind(spec.Defaults()), same, scheme)
		require.ErrorContains(t, err, "of hidden: symbolic", scheme)
		x := row(r, "hidden")
		require.InDelta(t, 1.01, x.By(Symbolic)/x.By(Numerical), 1e-6, scheme)
		require.InDelta(t, 1, x.By(Analytic)/x.By(Numerical), 1e-6)
		require.InDelta(t, 1, x.By(Fused)/x.By(Numerical), 1e-6)

		closed := right
		closed.Analytic.F64 = steeper[float64]{right.Analytic.F64}
		r, err = check(closed, same, scheme)
		require.ErrorContains(t, err, "of hidden: symbolic", scheme)
		x = row(r, "hidden")
		require.InDelta(t, 1, x.By(Symbolic)/x.By(Numerical), 1e-6, scheme)
		require.InDelta(t, 1.01, x.By(Analytic)/x.By(Numerical), 1e-6)
		require.InDelta(t, 1.01, x.By(Fused)/x.By(Numerical), 1e-6)
		require.True(t, row(r, "hidden, as trained").OK())

		single := right
		single.Analytic.F32 = steeper[float32]{right.Analytic.F32}
		r, err = check(single, same, scheme)
		require.ErrorContains(t, err, "hidden, as trained: symbolic", scheme)
		require.True(t, row(r, "hidden").OK())
		x = row(r, "hidden, as trained")
		require.InDelta(t, 1.01, x.By(Float32)/x.By(Symbolic), 1e-3)

		textbook := *spec
		textbook.Ref = func(v losses.Values, z []float64, t losses.Target[float64]) float64 { return 1.01 * spec.Ref(v, z, t) }
		r, err = check(textbook.Bind(spec.Defaults()), same, scheme)
		require.ErrorContains(t, err, "the cost", scheme)
		x = row(r, "hidden")
		require.InDelta(t, 1.01, x.By(Numerical)/x.By(Symbolic), 1e-6, scheme)
	}
	// A head that says no scores is held against differences of its own loss.
	r, err := check(right, func(h Head) Head { return foreign{h, 0} }, "all")
	require.NoError(t, err)
	require.Len(t, r.Rows, 6, "five tables and the cost")
	require.Equal(t, []string{Fused, Numerical}, []string{r.Rows[0].Values[0].By, r.Rows[0].Values[1].By})
	_, err = check(right, func(h Head) Head { return foreign{h, 0.01} }, "all")
	require.ErrorContains(t, err, "of hidden: fused")
}

// TestSharesAreDoubles: at float64 the shares of a row sum to 1 to float64's digits, at
// float32 they are those of the batch.
func TestSharesAreDoubles(t *testing.T) {
	third := float32(1) / 3
	batch := &data.Batch{Rows: []int32{0, 1}, Targets: data.Targets{Ptr: []int32{0, 1, 4}, Class: []int32{5, 1, 2, 3}, Weight: []float32{1, third, third, third}}}
	var double output[float64]
	require.Equal(t, []float64{1}, double.shares(batch, 0))
	require.Equal(t, []float64{1. / 3, 1. / 3, 1. / 3}, double.shares(batch, 1))
	var single output[float32]
	require.Equal(t, []float32{third, third, third}, single.shares(batch, 1))
}

package graph

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// masks are the masks of several Dropouts of one seed over [rows,width] of ones.
type masks struct {
	program *Program[float64]
	sites   gorgonia.Nodes
}

func newMasks(t *testing.T, rows, width, sites int, p float64, seed uint64) masks {
	t.Helper()
	b := NewBuilder[float64]()
	x := b.Param("x", ones[float64](rows*width), rows, width)
	var m masks
	var e Expr
	cost := e.N(Sum(x))
	for range sites {
		y := e.N(Dropout(x, p, seed))
		m.sites = append(m.sites, y)
		cost = e.N(Add(cost, e.N(Sum(e.N(Square(y))))))
	}
	require.NoError(t, e.Err)
	var err error
	m.program, err = b.Train(cost)
	require.NoError(t, err)
	return m
}

// at returns what the graph draws in a step, of all sites: the gradient shows it.
func (m masks) at(t *testing.T, step int) []float64 {
	t.Helper()
	m.program.SetStep(step)
	require.NoError(t, m.program.Run())
	return slices.Clone(m.program.Grad(m.program.params[0]).Data)
}

// TestDropoutResumes: a step's masks are those of a program that came there step by
// step, also in a process that made other graphs before.
func TestDropoutResumes(t *testing.T) {
	whole := newMasks(t, 8, 5, 3, 0.4, 7)
	var steps [][]float64
	for step := range 6 {
		steps = append(steps, whole.at(t, step))
	}
	newMasks(t, 2, 2, 4, 0.1, 9)
	resumed := newMasks(t, 8, 5, 3, 0.4, 7)
	for step := 4; step < 6; step++ {
		require.Equal(t, steps[step], resumed.at(t, step))
	}
	require.Equal(t, steps[2], whole.at(t, 2), "a run leaves nothing behind")
	require.Equal(t, steps[3][:3*5], newMasks(t, 3, 5, 3, 0.4, 7).at(t, 3), "a row beside fewer others")
	require.NotEqual(t, steps[3], newMasks(t, 8, 5, 3, 0.4, 8).at(t, 3), "another seed")
}

// TestDropoutIsIndependent: elements are kept at the rate that was asked for, and
// masks of different seeds, steps, sites and places have nothing to do with each
// other.
func TestDropoutIsIndependent(t *testing.T) {
	const n, width = 40000, 40
	const p = 0.3
	draw := func(seed uint64, step, site int) []float64 {
		b := NewBuilder[float64]()
		x := b.Param("x", ones[float64](n), n/width, width)
		var e Expr
		var y node
		for range site + 1 {
			y = e.N(Dropout(x, p, seed))
		}
		require.NoError(t, e.Err)
		train, err := b.Train(e.N(Sum(y)))
		require.NoError(t, err)
		train.SetStep(step)
		require.NoError(t, train.Run())
		return slices.Clone(train.Grad(x).Data)
	}
	kept := func(x float64) float64 {
		if x == 0 {
			return 0
		}
		require.Equal(t, 1/(1-p), x)
		return 1
	}
	// Means of n numbers of that variance, four standard deviations.
	near := func(want float64, got float64, what string) {
		t.Helper()
		bound := 4 * math.Sqrt(want*(1-want)/n)
		require.Truef(t, math.Abs(got-want) <= bound, "%s: %g, want %g within %g", what, got, want, bound)
	}
	base := draw(1, 0, 0)
	for _, other := range []struct {
		what string
		mask []float64
	}{
		{"the next step", draw(1, 1, 0)}, {"a far step", draw(1, 1<<30, 0)}, {"the next site", draw(1, 0, 1)}, {"the next seed", draw(2, 0, 0)},
		{"seed and step exchanged", draw(0, 1, 0)}, {"step and site exchanged", draw(0, 0, 1)},
		{"the next place", slices.Concat(base[1:], base[:1])}, {"the next row", slices.Concat(base[width:], base[:width])},
	} {
		rate, both := 0.0, 0.0
		for i, x := range other.mask {
			rate += kept(x) / n
			both += kept(x) * kept(base[i]) / n
		}
		near(1-p, rate, other.what+": kept")
		near((1-p)*(1-p), both, other.what+": kept by both")
	}
}

// TestDropoutGradient: the derivative reads the mask of the value.
func TestDropoutGradient(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{0.3, -0.7, 1.1, 0.2, -0.4, 0.9, 1.7, -1.2}, 2, 4)
	var e Expr
	y := e.N(Dropout(e.N(Tanh(e.N(Dropout(x, 0.5, 3)))), 0.3, 3))
	cost := e.N(Sum(e.N(Square(y))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	costs := map[float64]bool{}
	for step := range 4 {
		p.SetStep(step)
		_, err := CheckGradient(p, GradientCheck{})
		require.NoError(t, err)
		costs[p.Cost()] = true
	}
	require.Greater(t, len(costs), 1)
}

// TestDropoutOfOwnMachine: a machine of the user's trains unless it was told not to,
// and its step is what SetStep says. A Program over the same graph has its own.
func TestDropoutOfOwnMachine(t *testing.T) {
	build := func(opts ...gorgonia.VMOpt) (x, y, grad node, run func()) {
		g := gorgonia.NewGraph()
		x = gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(50), gorgonia.WithName("x"))
		require.NoError(t, gorgonia.Let(x, tensor.New(tensor.WithShape(50), tensor.WithBacking(ones[float64](50)))))
		y, err := Dropout(x, 0.5, 7)
		require.NoError(t, err)
		grads, err := gorgonia.Grad(gorgonia.Must(Sum(y)), x)
		require.NoError(t, err)
		vm := gorgonia.NewTapeMachine(g, opts...)
		return x, y, grads[0], func() {
			vm.Reset()
			require.NoError(t, vm.RunAll())
		}
	}
	b := NewBuilder[float64]()
	x := b.Param("x", ones[float64](50), 50)
	y := gorgonia.Must(Dropout(x, 0.5, 7))
	train, err := b.Train(gorgonia.Must(Sum(y)))
	require.NoError(t, err)
	want := func(step int) []float64 {
		train.SetStep(step)
		require.NoError(t, train.Run())
		return slices.Clone(train.Grad(x).Data)
	}
	leaf, out, grad, run := build()
	for _, step := range []int{0, 3, 0} {
		SetStep(leaf.Graph(), step)
		run()
		require.Equal(t, want(step), out.Value().Data())
		require.Equal(t, want(step), grad.Value().Data())
	}
	_, out, _, run = build(gorgonia.EvalMode())
	run()
	require.Equal(t, ones[float64](50), out.Value().Data())

	vm := gorgonia.NewTapeMachine(b.Graph(), gorgonia.EvalMode())
	defer vm.Close()
	require.NotEqual(t, ones[float64](50), want(1))
	_, err = b.Eval(y) // a Program more
	require.NoError(t, err)
	require.NoError(t, vm.RunAll())
	require.Equal(t, ones[float64](50), y.Value().Data())
}

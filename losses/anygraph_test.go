package losses_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// A machine is a graph of a stranger's, which ends in a loss, differentiated and about to
// be run in whole by a stock machine.
type machine struct {
	machineCase
	dt     tensor.Dtype
	leaves gorgonia.Nodes
	u      *gorgonia.Node // the weights of the rows' losses in the cost
	cost   *gorgonia.Node
	grads  gorgonia.Nodes
	vm     gorgonia.VM
	x      [][]float64 // what the leaves hold
	up     []float64   // what u holds
}

// A machineCase says what it is made of.
type machineCase struct {
	loss    losses.Loss
	form    machineForm
	targets *machineTargets
	stock   bool   // the scores come out of stock ops, and the loss goes into them
	by      string // graph.Grad, or gorgonia.Grad
	bind    string // the dual values: of all nodes, of leaves, or none
}

func (c machineCase) String() string {
	return fmt.Sprintf("%s/soft=%t/stock=%t/%s/dual=%s", c.form.name, c.targets.soft, c.stock, c.by, c.bind)
}

// scale keeps |⟨h,w⟩ + b| below 1, where a loss of cosines asks for that, with entries
// between −scale and scale.
func (c machineCase) scale() float64 {
	if c.loss.Spec.Domain == losses.Cosines {
		return 0.4
	}
	return 1
}

func newMachine(t *testing.T, c machineCase, dt tensor.Dtype) *machine {
	t.Helper()
	g := gorgonia.NewGraph()
	m := &machine{machineCase: c, dt: dt}
	var e graph.Expr
	var in []*gorgonia.Node
	for _, name := range c.form.leaves {
		shape := machineSizes[name]
		if shape == nil {
			shape = []int{c.targets.room()}
		}
		leaf := gorgonia.NewTensor(g, dt, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
		m.leaves = append(m.leaves, leaf)
		if c.stock {
			leaf = e.N(graph.Scale(e.N(gorgonia.Tanh(leaf)), c.scale()))
		}
		in = append(in, leaf)
	}
	m.u = gorgonia.NewVector(g, dt, gorgonia.WithShape(machineRows), gorgonia.WithName("u"))
	targets, err := c.targets.nodes(g, dt)
	require.NoError(t, err)
	loss := e.N(c.form.build(c.loss, in, newMachineIndices(g), targets))
	if c.stock {
		m.cost = e.N(gorgonia.Softplus(e.N(graph.MeanRows(e.N(gorgonia.HadamardProd(loss, m.u)), targets))))
	} else {
		m.cost = e.N(graph.MeanRows(e.N(graph.Mul(loss, m.u)), targets))
	}
	require.NoError(t, e.Err)
	if c.by == "graph.Grad" {
		m.grads, err = graph.Grad(m.cost, m.leaves...)
	} else {
		m.grads, err = gorgonia.Grad(m.cost, m.leaves...)
	}
	require.NoError(t, err)
	var opts []gorgonia.VMOpt
	switch c.bind {
	case "all":
		opts = append(opts, gorgonia.BindDualValues())
	case "leaves":
		opts = append(opts, gorgonia.BindDualValues(m.leaves...))
	}
	m.vm = gorgonia.NewTapeMachine(g, opts...)
	return m
}

// fill gives the leaves random values, and u those of weight.
func (m *machine) fill(t *testing.T, rng *rand.Rand, weight func(row int) float64) {
	t.Helper()
	m.x = nil
	for _, n := range m.leaves {
		x := make([]float64, n.Shape().TotalSize())
		for j := range x {
			x[j] = rng.NormFloat64()
			if m.scale() < 1 && !m.stock {
				x[j] = m.scale() * (2*rng.Float64() - 1)
			}
			x[j] = float64(float32(x[j]))
		}
		m.x = append(m.x, x)
		require.NoError(t, gorgonia.Let(n, machineTensor(m.dt, x, n.Shape()...)))
	}
	m.up = make([]float64, machineRows)
	for i := range m.up {
		m.up[i] = weight(i)
	}
	require.NoError(t, gorgonia.Let(m.u, machineTensor(m.dt, m.up, machineRows)))
}

// want returns the cost and the gradients by Eval.
func (m *machine) want() (cost float64, grads [][]float64) {
	in := m.x
	if m.stock {
		in = nil
		for _, x := range m.x {
			y := make([]float64, len(x))
			for j, v := range x {
				y[j] = m.scale() * math.Tanh(v)
			}
			in = append(in, y)
		}
	}
	share := make([]float64, machineRows)
	for i, u := range m.up {
		share[i] = u / machineValid
	}
	rows, grads := m.form.want(m.loss, in, m.targets, share)
	for i, v := range rows {
		cost += share[i] * v
	}
	if !m.stock {
		return cost, grads
	}
	slope := 1 / (1 + math.Exp(-cost))
	for i, g := range grads {
		for j := range g {
			g[j] *= slope * (m.scale() - in[i][j]*in[i][j]/m.scale())
		}
	}
	return math.Log1p(math.Exp(cost)), grads
}

// run runs the machine and compares the cost and all gradients with those by Eval.
func (m *machine) run(t *testing.T, tol float64, first bool) float64 {
	t.Helper()
	m.vm.Reset()
	require.NoError(t, m.vm.RunAll())
	cost, want := m.want()
	got := numbers(t, m.cost.Value())[0]
	require.True(t, check.Near(got, cost, tol, tol), "cost is %v, by Eval %v", got, cost)
	for i, n := range m.leaves {
		require.Equal(t, n.Shape(), m.grads[i].Value().Shape())
		require.Equal(t, m.dt, m.grads[i].Value().Dtype())
		got := numbers(t, m.grads[i].Value())
		worst, at := check.Worst(got, want[i], 1)
		require.Truef(t, worst <= tol, "gradient of %s, entry %d is %g, by Eval %g", n.Name(), at, got[at], want[i][at])
		if m.bind != "" && m.by == "gorgonia.Grad" && first { // Gorgonia adds up those of later runs
			dual, err := n.Grad()
			require.NoError(t, err)
			got := numbers(t, dual)
			worst, at := check.Worst(got, want[i], 1)
			require.Truef(t, worst <= tol, "dual value of %s, entry %d is %g, by Eval %g", n.Name(), at, got[at], want[i][at])
		}
	}
	return got
}

// machineCases are those of l in which one of ways differentiates and its gradients are
// bound as bind says: with labels and ops of package graph, with several positions a row
// and stock ops, or both. Under -short one of ways, by turns, is left of each form. Runs
// of definitions take long: they are among both alone, without dual values, of a loss at
// its defaults.
func machineCases(l losses.Loss, both bool, ways ...[2]string) []machineCase {
	var cases []machineCase
	defaults := l.String() == l.Spec.Bind(l.Spec.Defaults()).String()
	for i, form := range machineForms() {
		for j, way := range ways {
			if testing.Short() && (i+j)%len(ways) != 0 || form.definition && (!both || way[1] != "" || !defaults) {
				continue
			}
			own := machineCase{l, form, machineLabels(), false, way[0], way[1]}
			stock := machineCase{l, form, machineSoft(), true, way[0], way[1]}
			if both || (i+j)%2 == 0 {
				cases = append(cases, own)
			}
			if both || (i+j)%2 == 1 {
				cases = append(cases, stock)
			}
		}
	}
	return cases
}

// machineProbes calls f for every probe of every loss, or its default under -short.
func machineProbes(t *testing.T, f func(t *testing.T, l losses.Loss)) {
	require.NotEmpty(t, losses.All())
	for _, spec := range losses.All() {
		probes := spec.Probes()
		if testing.Short() {
			probes = probes[:1]
		}
		for _, l := range probes {
			t.Run(l.String(), func(t *testing.T) {
				t.Parallel()
				f(t, l)
			})
		}
	}
}

// TestAnyGraph: every loss, in every form, in a graph that the caller made, gives the cost
// and the gradients of its closed form, whoever differentiates.
func TestAnyGraph(t *testing.T) {
	machineProbes(t, func(t *testing.T, l losses.Loss) {
		for _, c := range machineCases(l, true, [][2]string{{"gorgonia.Grad", ""}, {"gorgonia.Grad", "all"}, {"gorgonia.Grad", "leaves"},
			{"graph.Grad", ""}, {"graph.Grad", "all"}, {"graph.Grad", "leaves"}}...) {
			t.Run(c.String(), func(t *testing.T) {
				for _, p := range []struct {
					dt  tensor.Dtype
					tol float64
				}{{tensor.Float64, 1e-9}, {tensor.Float32, 1e-4}} {
					if p.dt == tensor.Float32 && c.bind != "" {
						continue
					}
					m := newMachine(t, c, p.dt)
					rng := rand.New(rand.NewPCG(31, 32))
					for step := range 2 {
						m.fill(t, rng, func(row int) float64 { return 1.5*float64(row%3) - 1 })
						m.run(t, p.tol, step == 0)
					}
					require.NoError(t, m.vm.Close())
				}
			})
		}
	})
}

// TestAnyGraphTrains: Gorgonia's own solver lowers the cost of every loss in every form,
// and leaves what the machine computes in its later runs as it was.
func TestAnyGraphTrains(t *testing.T) {
	machineProbes(t, func(t *testing.T, l losses.Loss) {
		for _, c := range machineCases(l, false, [][2]string{{"gorgonia.Grad", ""}, {"gorgonia.Grad", "leaves"}, {"graph.Grad", ""}}...) {
			t.Run(c.String(), func(t *testing.T) {
				m := newMachine(t, c, tensor.Float64)
				defer func() { require.NoError(t, m.vm.Close()) }()
				m.fill(t, rand.New(rand.NewPCG(33, 34)), func(row int) float64 { return 0.5 + 0.25*float64(row) })
				pairs := gorgonia.NodesToValueGrads(m.leaves)
				if c.by == "graph.Grad" {
					var err error
					pairs, err = graph.ValueGrads(m.leaves, m.grads)
					require.NoError(t, err)
				}
				solver := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.01))
				first, last := 0.0, 0.0
				for step := range 60 {
					for i, n := range m.leaves {
						copy(m.x[i], numbers(t, n.Value()))
					}
					last = m.run(t, 1e-9, false)
					if step == 0 {
						first = last
					}
					require.NoError(t, solver.Step(pairs))
				}
				require.Less(t, last, first)
			})
		}
	})
}

// TestAnyGraphRuns: a target that no row can have is the error of a run, which says what
// is wrong, in every form, and no number.
func TestAnyGraphRuns(t *testing.T) {
	soft := func(t *machineTargets, row int, target losses.Target[float64]) { t.soft, t.rows[row] = true, target }
	for _, c := range []struct {
		name, want string
		spoil      func(t *machineTargets, z []float64)
	}{
		{"label above", "outside [0,7)", func(t *machineTargets, _ []float64) { t.rows[1].Pos[0] = 7 }},
		{"label below", "outside [0,7)", func(t *machineTargets, _ []float64) { t.rows[1].Pos[0] = -5 }},
		{"NaN", "row 1: position 0 has weight NaN", func(t *machineTargets, _ []float64) {
			soft(t, 1, losses.Target[float64]{Pos: []int32{0}, Weight: []float64{math.NaN()}})
		}},
		{"sum", "row 1: the weights sum to 2", func(t *machineTargets, _ []float64) {
			soft(t, 1, losses.Target[float64]{Pos: []int32{0}, Weight: []float64{2}})
		}},
		{"twice", "row 3: position 6 after 6", func(t *machineTargets, _ []float64) {
			soft(t, 3, losses.Target[float64]{Pos: []int32{6, 6}, Weight: []float64{0.5, 0.5}})
		}},
		{"masked", "row 1: position 0 has a target and is masked", func(_ *machineTargets, z []float64) { z[machineClasses] = math.Inf(-1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, spec := range losses.All() {
				if testing.Short() && i%5 > 0 {
					continue
				}
				for _, form := range machineForms() {
					targets, z := machineLabels(), make([]float64, machineRows*machineClasses)
					c.spoil(targets, z)
					m := newMachine(t, machineCase{spec.Bind(spec.Defaults()), form, targets, false, "graph.Grad", ""}, tensor.Float64)
					n := m.leaves[0]
					scores := n.Shape().TotalSize() == len(z)
					if c.name == "masked" && !scores {
						continue // scores are products of finite numbers
					}
					m.fill(t, rand.New(rand.NewPCG(35, 36)), func(int) float64 { return 1 })
					if scores {
						require.NoError(t, gorgonia.Let(n, machineTensor(m.dt, z, n.Shape()...)))
					}
					require.ErrorContains(t, m.vm.RunAll(), c.want, "%s: %s", spec.Name, form.name)
					require.NoError(t, m.vm.Close())
				}
			}
		})
	}
}

// numbers returns what v holds at float64.
func numbers(t *testing.T, v gorgonia.Value) []float64 {
	t.Helper()
	switch d := v.Data().(type) {
	case []float64:
		return d
	case []float32:
		x := make([]float64, len(d))
		for i, f := range d {
			x[i] = float64(f)
		}
		return x
	case float64:
		return []float64{d}
	case float32:
		return []float64{float64(d)}
	}
	t.Fatalf("a %T", v.Data())
	return nil
}

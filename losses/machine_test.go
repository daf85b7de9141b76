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

// A machineForm is a way to put a loss at the end of a graph.
type machineForm struct {
	name   string
	leaves []string // of machineSizes, in the order of build's arguments

	// build returns the losses of the rows.
	build func(l losses.Loss, in []*gorgonia.Node, ids, shared *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)

	// want returns the same at float64 by Eval, and its gradients times up.
	want func(l losses.Loss, in [][]float64, y []int32, up []float64) (loss []float64, grads [][]float64)
}

const (
	machineRows    = 5 // the third is padding
	machineClasses = 7
	machineDim     = 3
	machineDraws   = 4
)

var machineSizes = map[string][]int{
	"z": {machineRows, machineClasses}, "h": {machineRows, machineDim}, "w": {machineClasses, machineDim}, "bias": {machineClasses},
	"pos": {machineRows}, "neg": {machineRows, machineDraws},
}

var (
	machineLabels = []int32{2, 0, -1, 6, 3}
	machineShared = []int32{1, 4, 4, 5} // one is drawn twice
	machineIDs    = []int32{1, 4, 4, 5, 0, 2, 3, 6, 1, 1, 1, 1, 5, 6, 0, -1, 3, 2, 1, 0}
)

func machineForms() []machineForm {
	sampled := func(own bool) func(l losses.Loss, in [][]float64, y []int32, up []float64) ([]float64, [][]float64) {
		return func(l losses.Loss, in [][]float64, y []int32, up []float64) ([]float64, [][]float64) {
			return machineLinear(l, in, y, up, func(i int) []int32 {
				draws := machineShared
				if own {
					draws = machineIDs[i*machineDraws : (i+1)*machineDraws]
				}
				return append([]int32{y[i]}, draws...)
			}, true)
		}
	}
	linear := []string{"h", "w", "bias"}
	classes := func(in []*gorgonia.Node) graph.Classes { return graph.Classes{H: in[0], W: in[1], Bias: in[2]} }
	return []machineForm{
		{"Node", []string{"z"}, func(l losses.Loss, in []*gorgonia.Node, _, _ *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return l.Node(in[0], t)
		}, machineScores},
		{"Loss", []string{"z"}, func(l losses.Loss, in []*gorgonia.Node, _, _ *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.Loss(l.Analytic, in[0], t)
		}, machineScores},
		{"LinearLoss", linear, func(l losses.Loss, in []*gorgonia.Node, _, _ *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.LinearLoss(l.Analytic, graph.Linear{H: in[0], W: in[1], Bias: in[2]}, t)
		}, func(l losses.Loss, in [][]float64, y []int32, up []float64) ([]float64, [][]float64) {
			all := make([]int32, machineClasses)
			for j := range all {
				all[j] = int32(j)
			}
			return machineLinear(l, in, y, up, func(int) []int32 { return all }, false)
		}},
		{"SampledLoss", []string{"pos", "neg"}, func(l losses.Loss, in []*gorgonia.Node, ids, _ *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLoss(l.Analytic, graph.Sampled{Pos: in[0], Neg: in[1], IDs: ids, Classes: machineClasses}, t)
		}, machinePairs},
		{"SampledLinearLoss", linear, func(l losses.Loss, in []*gorgonia.Node, ids, _ *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLinearLoss(l.Analytic, classes(in), graph.Sampled{IDs: ids}, t)
		}, sampled(true)},
		{"SampledLinearLoss of shared draws", linear, func(l losses.Loss, in []*gorgonia.Node, _, shared *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLinearLoss(l.Analytic, classes(in), graph.Sampled{IDs: shared}, t)
		}, sampled(false)},
	}
}

// machineRow is Eval without what is masked.
func machineRow(l losses.Loss, z []float64, y int) (float64, []float64) {
	dz := make([]float64, len(z))
	target := losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}
	return l.Analytic.F64.Eval(dz, z, target, make([]float64, l.Analytic.F64.WorkLen(len(z)))), dz
}

func machineScores(l losses.Loss, in [][]float64, y []int32, up []float64) (loss []float64, grads [][]float64) {
	loss, dz := make([]float64, machineRows), make([]float64, len(in[0]))
	for i, label := range y {
		if label < 0 {
			continue
		}
		v, d := machineRow(l, in[0][i*machineClasses:(i+1)*machineClasses], int(label))
		loss[i] = v
		for j := range d {
			dz[i*machineClasses+j] = up[i] * d[j]
		}
	}
	return loss, [][]float64{dz}
}

func machinePairs(l losses.Loss, in [][]float64, y []int32, up []float64) (loss []float64, grads [][]float64) {
	loss, dpos, dneg := make([]float64, machineRows), make([]float64, machineRows), make([]float64, machineRows*machineDraws)
	for i, label := range y {
		if label < 0 {
			continue
		}
		z := []float64{in[0][i]}
		for j, v := range in[1][i*machineDraws : (i+1)*machineDraws] {
			if machineIDs[i*machineDraws+j] < 0 {
				v = math.Inf(-1)
			}
			z = append(z, v)
		}
		v, d := machineRow(l, z, 0)
		loss[i], dpos[i] = v, up[i]*d[0]
		for j := range machineDraws {
			dneg[i*machineDraws+j] = up[i] * d[1+j]
		}
	}
	return loss, [][]float64{dpos, dneg}
}

// machineLinear scores the candidates of each row, which sampled ones come behind
// their positive.
func machineLinear(l losses.Loss, in [][]float64, y []int32, up []float64, candidates func(i int) []int32, sampled bool) (loss []float64, grads [][]float64) {
	h, w, bias := in[0], in[1], in[2]
	loss = make([]float64, machineRows)
	dh, dw, db := make([]float64, len(h)), make([]float64, len(w)), make([]float64, len(bias))
	for i, label := range y {
		if label < 0 {
			continue
		}
		ids := candidates(i)
		z := make([]float64, len(ids))
		for j, id := range ids {
			if id < 0 {
				z[j] = math.Inf(-1)
				continue
			}
			z[j] = bias[id] + dot(h[i*machineDim:(i+1)*machineDim], w[int(id)*machineDim:(int(id)+1)*machineDim])
		}
		at := int(label)
		if sampled {
			at = 0
		}
		v, d := machineRow(l, z, at)
		loss[i] = v
		for j, id := range ids {
			if id < 0 {
				continue
			}
			g := up[i] * d[j]
			db[id] += g
			for k := range machineDim {
				dh[i*machineDim+k] += g * w[int(id)*machineDim+k]
				dw[int(id)*machineDim+k] += g * h[i*machineDim+k]
			}
		}
	}
	return loss, [][]float64{dh, dw, db}
}

// TestOwnMachine puts every loss, in every form, at the end of a graph of a user's
// own, which a stock machine runs in whole.
func TestOwnMachine(t *testing.T) {
	require.NotEmpty(t, losses.All())
	for _, spec := range losses.All() {
		for _, l := range spec.Probes() {
			for _, form := range machineForms() {
				for _, by := range []string{"gorgonia.Grad", "graph.Grad"} {
					for _, bind := range []string{"", "all", "leaves"} {
						t.Run(fmt.Sprintf("%s/%s/%s/dual=%s", l, form.name, by, bind), func(t *testing.T) {
							ownMachine[float64](t, l, form, by, bind, 1e-9)
							ownMachine[float32](t, l, form, by, bind, 1e-4)
						})
					}
				}
			}
		}
	}
}

func ownMachine[T losses.Float](t *testing.T, l losses.Loss, form machineForm, by, bind string, tol float64) {
	t.Helper()
	dt := tensor.Float64
	if _, ok := any(T(0)).(float32); ok {
		dt = tensor.Float32
	}
	g := gorgonia.NewGraph()
	index := func(name string, data []int32, shape ...int) *gorgonia.Node {
		return gorgonia.NewTensor(g, tensor.Int32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name),
			gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
	}
	label := index("y", machineLabels, machineRows)
	ids, shared := index("ids", machineIDs, machineRows, machineDraws), index("shared", machineShared, machineDraws)
	var leaves gorgonia.Nodes
	for _, name := range form.leaves {
		shape := machineSizes[name]
		leaves = append(leaves, gorgonia.NewTensor(g, dt, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name)))
	}
	u := gorgonia.NewVector(g, dt, gorgonia.WithShape(machineRows), gorgonia.WithName("u"))
	targets, err := graph.LabelTargets(label)
	require.NoError(t, err)
	loss, err := form.build(l, leaves, ids, shared, targets)
	require.NoError(t, err)
	var e graph.Expr
	cost := e.N(graph.MeanRows(e.N(graph.Mul(loss, u)), targets))
	require.NoError(t, e.Err)
	var grads gorgonia.Nodes
	if by == "graph.Grad" {
		grads, err = graph.Grad(cost, leaves...)
	} else {
		grads, err = gorgonia.Grad(cost, leaves...)
	}
	require.NoError(t, err)
	var opts []gorgonia.VMOpt
	switch bind {
	case "all":
		opts = append(opts, gorgonia.BindDualValues())
	case "leaves":
		opts = append(opts, gorgonia.BindDualValues(leaves...))
	}
	vm := gorgonia.NewTapeMachine(g, opts...)
	defer vm.Close()

	rng := rand.New(rand.NewPCG(31, 32))
	bounded := l.Spec.Domain == losses.Cosines
	for step := range 2 {
		in := make([][]float64, len(leaves))
		for i, n := range leaves {
			data := make([]T, n.Shape().TotalSize())
			in[i] = make([]float64, len(data))
			for j := range data {
				x := rng.NormFloat64()
				if bounded { // |⟨h,w⟩ + b| < 1
					x = 0.5 * (2*rng.Float64() - 1)
				}
				data[j] = T(x)
				in[i][j] = float64(data[j])
			}
			require.NoError(t, gorgonia.Let(n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(data))))
		}
		up, mean := make([]T, machineRows), make([]float64, machineRows)
		for i := range up {
			up[i] = T(1.5*float64(i%3) - 1)
			mean[i] = float64(up[i]) / 4 // rows with a target
		}
		require.NoError(t, gorgonia.Let(u, tensor.New(tensor.WithShape(machineRows), tensor.WithBacking(up))))
		vm.Reset()
		require.NoError(t, vm.RunAll())

		rows, want := form.want(l, in, machineLabels, mean)
		sum := 0.0
		for i, v := range rows {
			sum += mean[i] * v
		}
		require.True(t, check.Near(numbers(t, cost.Value())[0], sum, tol, tol), "cost is %v, by Row %v", cost.Value(), sum)
		for i, n := range leaves {
			require.Equal(t, n.Shape(), grads[i].Value().Shape())
			got := numbers(t, grads[i].Value())
			worst, at := check.Worst(got, want[i], 1)
			require.Truef(t, worst <= tol, "step %d: gradient of %s, entry %d is %g, by Row %g", step, n.Name(), at, got[at], want[i][at])
			if bind != "" && by == "gorgonia.Grad" && step == 0 { // Gorgonia adds up those of later steps
				dual, err := n.Grad()
				require.NoError(t, err)
				got := numbers(t, dual)
				worst, at := check.Worst(got, want[i], 1)
				require.Truef(t, worst <= tol, "dual value of %s, entry %d is %g, by Row %g", n.Name(), at, got[at], want[i][at])
			}
		}
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

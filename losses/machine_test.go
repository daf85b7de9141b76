package losses_test

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// A machineForm is a way to put a loss at the end of a graph that a caller made by
// gorgonia.NewGraph.
type machineForm struct {
	name       string
	leaves     []string // of machineSizes, in the order of build's arguments
	definition bool     // the op runs the loss's Node

	// build returns the losses of the rows.
	build func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error)

	// want returns the same at float64 by Eval, and its gradients times up.
	want func(l losses.Loss, in [][]float64, t *machineTargets, up []float64) (loss []float64, grads [][]float64)
}

const (
	machineRows    = 5
	machineValid   = 4 // the third is padding
	machineClasses = 7
	machineDim     = 3
	machineDraws   = 4
	machineRoom    = 8 // positions of targets, of which machineSoft uses seven
)

var machineSizes = map[string][]int{
	"z": {machineRows, machineClasses}, "ragged": {machineRows * machineClasses},
	"h": {machineRows, machineDim}, "w": {machineClasses, machineDim}, "bias": {machineClasses},
	"pos": nil /* the targets' room */, "neg": {machineRows, machineDraws},
}

var (
	machineShared = []int32{1, 4, 4, 5} // one is drawn twice
	machineIDs    = []int32{1, 4, 4, 5, 0, 2, 3, 6, 1, 1, 1, 1, 5, 6, 0, -1, 3, 2, 1, 0}
)

// machineTargets are what the rows of a graph aim at.
type machineTargets struct {
	rows  []losses.Target[float64] // the third is padding
	start []int                    // the place of each row's first position among all
	soft  bool
}

func machineLabels() *machineTargets {
	one := func(y int32) losses.Target[float64] {
		return losses.Target[float64]{Pos: []int32{y}, Weight: []float64{1}}
	}
	return &machineTargets{rows: []losses.Target[float64]{one(2), one(0), {}, one(6), one(3)}, start: []int{0, 1, 2, 3, 4}}
}

// machineSoft has rows of several positions, whose weights float32 holds exactly.
func machineSoft() *machineTargets {
	return &machineTargets{soft: true, start: []int{0, 2, 3, 3, 6}, rows: []losses.Target[float64]{
		{Pos: []int32{1, 4}, Weight: []float64{0.25, 0.75}},
		{Pos: []int32{0}, Weight: []float64{1}},
		{},
		{Pos: []int32{2, 3, 6}, Weight: []float64{0.5, 0.375, 0.125}},
		{Pos: []int32{3}, Weight: []float64{1}},
	}}
}

// room returns for how many positions the targets have leaves.
func (m *machineTargets) room() int {
	if m.soft {
		return machineRoom
	}
	return machineRows
}

// nodes adds the leaves of the targets to g.
func (m *machineTargets) nodes(g *gorgonia.ExprGraph, dt tensor.Dtype) (*graph.Targets, error) {
	if !m.soft {
		label := make([]int32, machineRows)
		for i, t := range m.rows {
			if label[i] = -1; len(t.Pos) > 0 {
				label[i] = t.Pos[0]
			}
		}
		return graph.LabelTargets(machineInts(g, "y", label, machineRows))
	}
	ptr, pos, weight := make([]int32, 1, machineRows+1), make([]int32, machineRoom), make([]float64, machineRoom)
	for _, t := range m.rows {
		copy(pos[ptr[len(ptr)-1]:], t.Pos)
		copy(weight[ptr[len(ptr)-1]:], t.Weight)
		ptr = append(ptr, ptr[len(ptr)-1]+int32(len(t.Pos)))
	}
	return graph.SparseTargets(machineInts(g, "ptr", ptr, machineRows+1), machineInts(g, "position", pos, machineRoom),
		gorgonia.NewVector(g, dt, gorgonia.WithShape(machineRoom), gorgonia.WithName("weight"), gorgonia.WithValue(machineTensor(dt, weight, machineRoom))))
}

// machineTensor returns a tensor of a copy of x at dt.
func machineTensor(dt tensor.Dtype, x []float64, shape ...int) *tensor.Dense {
	if dt == tensor.Float64 {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(append([]float64{}, x...)))
	}
	few := make([]float32, len(x))
	for i, v := range x {
		few[i] = float32(v)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(few))
}

func machineInts(g *gorgonia.ExprGraph, name string, data []int32, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, tensor.Int32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name),
		gorgonia.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
}

// machineIndices are the draws of each row's own and those that the rows share, and the
// bounds of ragged rows.
type machineIndices struct{ own, shared, ptr *gorgonia.Node }

func newMachineIndices(g *gorgonia.ExprGraph) machineIndices {
	ptr := make([]int32, machineRows+1)
	for i := range ptr {
		ptr[i] = int32(i * machineClasses)
	}
	return machineIndices{machineInts(g, "ids", machineIDs, machineRows, machineDraws), machineInts(g, "shared", machineShared, machineDraws),
		machineInts(g, "bounds", ptr, machineRows+1)}
}

// machineForms are the ways to end a graph.
func machineForms() []machineForm {
	forms := machineOwnForms()
	for _, f := range forms {
		if f.name == "Loss" || f.name == "LinearLoss" || f.name == "SampledLinearLoss" {
			build := f.build
			f.name += " of the definition"
			f.definition = true
			f.build = func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
				l.Analytic = graph.FromNode(l.String(), l.Node)
				return build(l, in, x, t)
			}
			forms = append(forms, f)
		}
	}
	return forms
}

func machineOwnForms() []machineForm {
	linear := []string{"h", "w", "bias"}
	classes := func(in []*gorgonia.Node) graph.Classes { return graph.Classes{H: in[0], W: in[1], Bias: in[2]} }
	return []machineForm{
		{"Node", []string{"z"}, false, func(l losses.Loss, in []*gorgonia.Node, _ machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return l.Node(in[0], t)
		}, machineScores},
		{"Loss", []string{"z"}, false, func(l losses.Loss, in []*gorgonia.Node, _ machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.Loss(l.Analytic, in[0], t)
		}, machineScores},
		{"RaggedLoss", []string{"ragged"}, false, func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.RaggedLoss(l.Analytic, in[0], x.ptr, t)
		}, machineScores},
		{"LinearLoss", linear, false, func(l losses.Loss, in []*gorgonia.Node, _ machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.LinearLoss(l.Analytic, graph.Linear{H: in[0], W: in[1], Bias: in[2]}, t)
		}, machineLinear},
		{"SampledLoss", []string{"pos", "neg"}, false, func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLoss(l.Analytic, graph.Sampled{Pos: in[0], Neg: in[1], IDs: x.own, Classes: machineClasses}, t)
		}, machinePairs},
		{"SampledLinearLoss", linear, false, func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLinearLoss(l.Analytic, classes(in), graph.Sampled{IDs: x.own}, t)
		}, machineDrawn(true)},
		{"SampledLinearLoss of shared draws", linear, false, func(l losses.Loss, in []*gorgonia.Node, x machineIndices, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.SampledLinearLoss(l.Analytic, classes(in), graph.Sampled{IDs: x.shared}, t)
		}, machineDrawn(false)},
	}
}

// machineRow is Eval.
func machineRow(l losses.Loss, z []float64, t losses.Target[float64]) (float64, []float64) {
	dz := make([]float64, len(z))
	return l.Analytic.F64.Eval(dz, z, t, make([]float64, l.Analytic.F64.WorkLen(len(z)))), dz
}

// machineFirst is the label of candidates that stand behind their positive.
var machineFirst = losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}

// machineScores is the loss of scores of all classes.
func machineScores(l losses.Loss, in [][]float64, t *machineTargets, up []float64) (loss []float64, grads [][]float64) {
	loss, dz := make([]float64, machineRows), make([]float64, len(in[0]))
	for i, target := range t.rows {
		if len(target.Pos) == 0 {
			continue
		}
		v, d := machineRow(l, in[0][i*machineClasses:(i+1)*machineClasses], target)
		loss[i] = v
		for j := range d {
			dz[i*machineClasses+j] = up[i] * d[j]
		}
	}
	return loss, [][]float64{dz}
}

// machinePairs is that of the scores of positives and of draws.
func machinePairs(l losses.Loss, in [][]float64, t *machineTargets, up []float64) (loss []float64, grads [][]float64) {
	loss, dpos, dneg := make([]float64, machineRows), make([]float64, len(in[0])), make([]float64, len(in[1]))
	for i, target := range t.rows {
		for n, weight := range target.Weight {
			at := t.start[i] + n
			z := []float64{in[0][at]}
			for j, v := range in[1][i*machineDraws : (i+1)*machineDraws] {
				if machineIDs[i*machineDraws+j] < 0 {
					v = math.Inf(-1)
				}
				z = append(z, v)
			}
			v, d := machineRow(l, z, machineFirst)
			loss[i] += weight * v
			dpos[at] = up[i] * weight * d[0]
			for j := range machineDraws {
				dneg[i*machineDraws+j] += up[i] * weight * d[1+j]
			}
		}
	}
	return loss, [][]float64{dpos, dneg}
}

// machineLinear scores all classes of each row.
func machineLinear(l losses.Loss, in [][]float64, t *machineTargets, up []float64) (loss []float64, grads [][]float64) {
	all := make([]int32, machineClasses)
	for j := range all {
		all[j] = int32(j)
	}
	s := newMachineLayer(in)
	loss = make([]float64, machineRows)
	for i, target := range t.rows {
		if len(target.Pos) > 0 {
			loss[i] = s.add(l, i, all, target, up[i])
		}
	}
	return loss, s.grads
}

// machineDrawn scores a positive and the draws of its row, for each positive.
func machineDrawn(own bool) func(l losses.Loss, in [][]float64, t *machineTargets, up []float64) ([]float64, [][]float64) {
	return func(l losses.Loss, in [][]float64, t *machineTargets, up []float64) ([]float64, [][]float64) {
		s := newMachineLayer(in)
		loss := make([]float64, machineRows)
		for i, target := range t.rows {
			draws := machineShared
			if own {
				draws = machineIDs[i*machineDraws : (i+1)*machineDraws]
			}
			for n, weight := range target.Weight {
				loss[i] += weight * s.add(l, i, append([]int32{target.Pos[n]}, draws...), machineFirst, weight*up[i])
			}
		}
		return loss, s.grads
	}
}

// A machineLayer is H, W and bias, and their gradients.
type machineLayer struct{ in, grads [][]float64 }

func newMachineLayer(in [][]float64) *machineLayer {
	s := &machineLayer{in: in}
	for _, x := range in {
		s.grads = append(s.grads, make([]float64, len(x)))
	}
	return s
}

// add returns the loss of the classes ids of row i, and adds its gradient times up.
func (s *machineLayer) add(l losses.Loss, i int, ids []int32, t losses.Target[float64], up float64) float64 {
	h, w, bias := s.in[0][i*machineDim:(i+1)*machineDim], s.in[1], s.in[2]
	z := make([]float64, len(ids))
	for j, id := range ids {
		if id < 0 {
			z[j] = math.Inf(-1)
			continue
		}
		z[j] = bias[id] + dot(h, w[int(id)*machineDim:(int(id)+1)*machineDim])
	}
	v, d := machineRow(l, z, t)
	for j, id := range ids {
		if id < 0 {
			continue
		}
		g := up * d[j]
		s.grads[2][id] += g
		for k := range machineDim {
			s.grads[0][i*machineDim+k] += g * w[int(id)*machineDim+k]
			s.grads[1][int(id)*machineDim+k] += g * h[k]
		}
	}
	return v
}

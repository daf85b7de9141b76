package conditionalrisk

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// Risks are the risks of one loss under the distributions of several contexts. They own
// scratch memory: one goroutine at a time.
type Risks struct {
	each []*Risk
	rows *definitionRows // of all contexts, nil where the loss has a closed form
}

// NewRisks returns the risks of b under each of t [n][K]; see [New].
func NewRisks(b losses.Loss, t [][]float64) *Risks {
	r := &Risks{}
	for _, x := range t {
		r.each = append(r.each, newRisk(b, x))
	}
	if byDefinition(b) {
		r.rows = newDefinitionRows(b.Held(make([]float64, len(t[0]))), t)
	}
	return r
}

// Value returns the sum of the risks of scores z [n·K], end to end, and, where g is not
// nil, stores ∂/∂z in g [n·K].
func (r *Risks) Value(g, z []float64) float64 {
	if r.rows != nil {
		return r.rows.value(g, z)
	}
	sum := 0.0
	for u, one := range r.each {
		k := one.Len()
		var dz []float64
		if g != nil {
			dz = g[u*k : (u+1)*k]
		}
		sum += one.Value(dz, z[u*k:(u+1)*k])
	}
	return sum
}

// byDefinition reports whether the rows of b are those of its nodes, as it declares no
// closed form. A run of a graph costs tens of times what a row of it does.
func byDefinition(b losses.Loss) bool { return b.Spec.New == nil }

// definitionRows evaluates, in one run of a graph, a row for each label of each context.
type definitionRows struct {
	t        [][]float64
	z        []float64 // [n·K,K]
	loss, dz *gorgonia.Node
	program  [2]*graph.Program[float64] // of the losses; of these and their gradients
}

// newDefinitionRows returns nil if the definition does not compile: its rows, which are
// NaN then, say so.
func newDefinitionRows(b losses.Loss, t [][]float64) *definitionRows {
	k := len(t[0])
	r := &definitionRows{t: t}
	build := graph.NewBuilder[float64]()
	z, data := build.Input("scores", len(t)*k, k)
	label, y := build.Indices("labels", len(t)*k)
	for i := range y {
		y[i] = int32(i % k)
	}
	var e graph.Expr
	targets, err := graph.LabelTargets(label)
	if err != nil {
		return nil
	}
	r.z, r.loss = data, e.N(graph.Loss(b.Analytic, z, targets)) // which checks what the definition makes
	cost := e.N(graph.Sum(r.loss))
	if e.Err != nil {
		return nil
	}
	grads, err := graph.Grad(cost, z)
	if err != nil {
		return nil
	}
	r.dz = grads[0]
	for i, outs := range [2]gorgonia.Nodes{{r.loss}, {r.loss, r.dz}} {
		if r.program[i], err = build.Eval(outs...); err != nil {
			return nil
		}
	}
	return r
}

// value is that of Risks; NaN if the graph does not run.
func (r *definitionRows) value(g, z []float64) float64 {
	k := len(r.t[0])
	for row := range len(r.t) * k {
		copy(r.z[row*k:(row+1)*k], z[row/k*k:])
	}
	p := r.program[0]
	if g != nil {
		p = r.program[1]
	}
	if err := p.Run(); err != nil {
		for j := range g {
			g[j] = math.NaN()
		}
		return math.NaN()
	}
	var dz []float64
	if g != nil {
		clear(g)
		dz = p.Value(r.dz)
	}
	sum := 0.0
	for row, loss := range p.Value(r.loss) {
		u, y := row/k, row%k
		sum += r.t[u][y] * loss
		if g == nil {
			continue
		}
		for j, d := range dz[row*k : (row+1)*k] {
			g[u*k+j] += r.t[u][y] * d
		}
	}
	return sum
}

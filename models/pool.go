package models

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// pool encodes a context by what it has: the sum of a vector of each item of its history,
// divided by a power of their number n, which is 1 for a mean,
//
//	x = n^−power Σ_j v_j,    h = own·p_u + (1−own)·f(x)
//
// where v is a table of its own (FISM: Kabra, Karypis 2013) or that of the classes
// (table=tied), f is x itself, V x (map=linear), or V relu(U x + a) + b (map=relu), as
// YoutubeDNN's layers after its mean, and p_u a vector of the user's own, as in SimpleX. Without it
// (own=0) the model knows nobody by name, and serves whoever has a history; with it who was
// not in training has p_u = 0.
//
// FISM leaves the item that is to be found out of its own input. Where the history comes
// before the target, as by the tasks next and last, it is left out anyway. By the tasks
// user and pair it is in the input, and drop, which leaves each item out of the sum with
// that probability in a step of training and weighs the others 1/(1−drop), is what keeps a
// model from learning that an item is found by itself: with drop=0 they learn little
// else.
func init() {
	Register(Spec{
		Name:   "pool",
		Doc:    "h is the mean, or the sum over √n, of a vector of each item of the history",
		Source: "Kabra, Karypis: FISM (KDD 2013); Covington, Adams, Sargin: Deep neural networks for YouTube recommendations (RecSys 2016); Mao et al.: SimpleX (CIKM 2021)",
		Params: []Param{
			{Name: "power", Doc: "of the number of items by which their sum is divided: 0 is the sum, 1 the mean", Default: 0.5, Min: 0, Max: 1, Probe: []float64{1}},
			{Name: "drop", Doc: "probability with which a step of training leaves an item of the history out", Default: 0.5, Min: 0, Max: 0.99, Probe: []float64{0}},
			tableParam("own"),
			{Name: "map", Doc: "what the pooled vector goes through: none, linear or relu, a layer of d and one after it", Choices: Enum("none", "linear", "relu"), DefaultString: "none"},
			{Name: "own", Doc: "share of a vector of the user's own in h; 0 is none", Min: 0, Max: 0.99, Probe: []float64{0.5}},
		},
		New: func(v Values, s Setting) (Model, error) { return newPool(v, s), nil },
	})
}

type pool struct {
	FreeClasses
	power, drop, own float64
	seed             uint64
	item             *Table // [C,d] of the input; W where they are tied
	user             *Table // [U,d]; nil without
	in, out          *Table // [d,d] of the map; nil without
	inBias, outBias  *Table // [d,1]; nil without
}

func newPool(v Values, s Setting) *pool {
	m := &pool{power: v.Num("power"), drop: v.Num("drop"), own: v.Num("own"), seed: s.Seed}
	m.FreeClasses, m.item = historyTables(v, s)
	if m.own > 0 {
		m.user = s.NewTable("user", s.Users(), s.Dim)
	}
	layer := func(name string) *Table {
		return &Table{Name: name, Rows: s.Dim, Dim: s.Dim, Init: graph.Xavier()}
	}
	switch v.String("map") {
	case "linear":
		m.out = layer("map")
	case "relu":
		m.in, m.out = layer("hidden"), layer("map")
		// Of a history whose items are all dropped relu has what is below the bias and what
		// is above it: at 0 it would have a kink there.
		m.inBias, m.outBias = s.NewTable("hidden-bias", s.Dim, 1), &Table{Name: "map-bias", Rows: s.Dim, Dim: 1}
	}
	return m
}

// Dim implements Model.
func (m *pool) Dim() int { return m.W.Dim }

// Contexts implements Model.
func (m *pool) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ptr, ids, values, err := in.Bag(historyField)
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	if m.drop > 0 {
		values = e.N(in.Kept(historyField, m.drop, m.seed))
	}
	h := e.N(graph.Bag(in.Table(m.item), ptr, ids, values))
	if m.power > 0 {
		n := e.N(in.Lengths(historyField))
		h = e.N(graph.MulRow(h, e.N(graph.PowPositive(n, -m.power)))) // 0 of an empty history
	}
	if m.in != nil {
		h = e.N(graph.Relu(e.N(graph.AddBias(e.N(graph.MatMul(h, in.Table(m.in), false, true)), in.Vector(m.inBias)))))
	}
	if m.out != nil {
		h = e.N(graph.MatMul(h, in.Table(m.out), false, true))
	}
	if m.outBias != nil {
		h = e.N(graph.AddBias(h, in.Vector(m.outBias)))
	}
	if m.user != nil {
		user := e.N(in.IDs("user"))
		h = e.N(graph.Add(e.N(graph.Scale(e.N(graph.Lookup(in.Table(m.user), user)), m.own)), e.N(graph.Scale(h, 1-m.own))))
	}
	return h, e.Err
}

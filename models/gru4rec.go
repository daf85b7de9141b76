package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// gru4rec goes over a history by gated recurrent units, and each position encodes what
// comes before it and itself. With the items' vectors E [C,d],
//
//	h = GRU(…GRU(dropout(E[id_1]), dropout(E[id_2]), …)),   [hidden]
//	encoding = W·h + b                                       [d]
//
// E is a table of its own, or that of the classes (table=tied).
func init() {
	Register(Spec{
		Name:   "gru4rec",
		Doc:    "h is what gated recurrent units make of the history, in the order of time",
		Source: "Hidasi, Karatzoglou, Baltrunas, Tikk: Session-based recommendations with recurrent neural networks (ICLR 2016); Tan, Xu, Liu: Improved recurrent neural networks for session-based recommendations (DLRS 2016), of the dropout",
		Params: []Param{
			{Name: "layers", Doc: "of units, one on the other", Default: 1, Min: 1, Max: 16, Integer: true, Probe: []float64{2}},
			{Name: "hidden", Doc: "numbers of a unit; 0 is twice d", Default: 0, Min: 0, Max: 1 << 16, Integer: true, Probe: []float64{3}},
			dropParam(0.3),
			tableParam("tied"),
		},
		Ordered: true,
		Usual:   sequential(),
		New:     func(v Values, s Setting) (Model, error) { return newGRU4Rec(v, s), nil },
	})
}

type gru4rec struct {
	FreeClasses
	item  *Table // [C,d]
	units []gruLayer
	out   dense // [d,hidden]
	drop  float64
	seed  uint64
}

// A gruLayer is the weights of one unit.
type gruLayer struct{ x, h dense }

func newGRU4Rec(v Values, s Setting) *gru4rec {
	m := &gru4rec{drop: v.Num("drop"), seed: s.Seed}
	m.FreeClasses, m.item = historyTables(v, s)
	hidden := v.Int("hidden")
	if hidden == 0 {
		hidden = 2 * s.Dim
	}
	width := s.Dim
	for i := range v.Int("layers") {
		name := fmt.Sprintf("unit-%d.", i)
		m.units = append(m.units, gruLayer{newDense(name+"input", 3*hidden, width, graph.Xavier()), newDense(name+"state", 3*hidden, hidden, graph.Xavier())})
		width = hidden
	}
	m.out = newDense("out", s.Dim, hidden, graph.Xavier())
	return m
}

// Dim implements Model.
func (m *gru4rec) Dim() int { return m.W.Dim }

// Contexts implements Model.
func (m *gru4rec) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ptr, ids, _, err := in.Sequence(historyField)
	if err != nil {
		return nil, err
	}
	longest, err := in.Longest(historyField)
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	x := e.N(graph.Lookup(in.Table(m.item), ids))
	if m.drop > 0 {
		x = e.N(graph.Dropout(x, m.drop, m.seed))
	}
	for _, u := range m.units {
		x = e.N(graph.GRU(x, ptr, graph.GRUWeights{WX: in.Table(u.x.w), WH: in.Table(u.h.w), BX: in.Vector(u.x.b), BH: in.Vector(u.h.b)}, longest))
	}
	h := e.N(m.out.on(in, x, graph.AffineSetting{}))
	if e.Err != nil {
		return nil, e.Err
	}
	return in.Last(historyField, h)
}

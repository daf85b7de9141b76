package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// sasrec is self-attentive sequential recommendation: a history goes through blocks of
// causal attention and two layers, and each position encodes what comes before it and
// itself. With the items' vectors E [C,d] and those of places P [len,d],
//
//	x_i = dropout(√d·E[id_i] + P[place_i])
//	q = norm(x),  y = norm'(q + O·attention(Q·q, K·x, V·x))      of each block, then
//	x = y + dropout(W₂·dropout(relu(W₁·y)))
//	h_i = norm(x_i)
//
// Layers have biases and norms gains and biases of their own. The attention reads keys and
// values of what was not normalised, and what it gives is added to what was, as the
// authors' code has it. E is that of the classes (table=tied), or a table of its own.
func init() {
	Register(Spec{
		Name:   "sasrec",
		Doc:    "h is what blocks of causal self-attention make of the history, in the order of time",
		Source: "Kang, McAuley: Self-attentive sequential recommendation (ICDM 2018); Klenitskiy, Vasilev: Turning dross into gold loss: is BERT4Rec really better than SASRec? (RecSys 2023), of the first weights and full softmax",
		Params: []Param{
			{Name: "blocks", Doc: "of attention and two layers", Default: 2, Min: 1, Max: 64, Integer: true, Probe: []float64{1}},
			{Name: "heads", Doc: "of the attention, which divide d", Default: 1, Min: 1, Max: 1024, Integer: true},
			{Name: "len", Doc: "places that have vectors: the longest history, as the task gives it", Default: 50, Min: 1, Max: 1 << 20, Integer: true},
			dropParam(0.2),
			tableParam("tied"),
		},
		Ordered: true,
		Usual:   sequential(),
		New:     func(v Values, s Setting) (Model, error) { return newSASRec(v, s) },
	})
}

// dropParam is the dropout of a model of histories.
func dropParam(usual float64) Param {
	return Param{Name: "drop", Doc: "probability of each dropout, in training", Default: usual, Min: 0, Max: 0.99, Probe: []float64{0}}
}

// tableParam says which vectors of items a model reads a history by.
func tableParam(usual string) Param {
	return Param{Name: "table", Doc: "the items' vectors: a table of their own, or tied to those of the classes", Choices: Enum("own", "tied"), DefaultString: usual}
}

// historyTables returns the vectors of the classes, and those of the items of a history:
// their own, or tied.
func historyTables(v Values, s Setting) (classes FreeClasses, item *Table) {
	if v.String("table") == "own" {
		return NewFreeClasses(s), s.NewTable("history", s.Set.Items, s.Dim)
	}
	item = s.NewTable("item", s.Set.Items, s.Dim) // "class" is a table of heads that have vectors of their own
	return FreeClasses{item}, item
}

type sasrec struct {
	FreeClasses
	item, place *Table // [C,d], [len,d]
	blocks      []sasrecBlock
	last        norm
	heads       int
	drop        float64
	seed        uint64
}

// A sasrecBlock is attention and two layers.
type sasrecBlock struct {
	query, mid                  norm
	q, k, v, out, inner, second dense
}

// A dense is a layer's weights [m,k] and biases [m].
type dense struct{ w, b *Table }

// newDense returns a layer whose weights begin as init and biases as 0.
func newDense(name string, m, k int, init graph.Init) dense {
	return dense{&Table{Name: name, Rows: m, Dim: k, Init: init}, &Table{Name: name + ".bias", Rows: m, Dim: 1}}
}

// on returns the layer of x.
func (l dense) on(in *Inputs, x *gorgonia.Node, a graph.AffineSetting) (*gorgonia.Node, error) {
	return graph.Affine(x, in.Table(l.w), in.Vector(l.b), a)
}

// A norm is the gain and the bias [d] of a layer norm.
type norm struct{ gain, bias *Table }

// newNorm returns a norm whose gains begin as 1 and biases as 0.
func newNorm(name string, d int) norm {
	return norm{&Table{Name: name + ".gain", Rows: d, Dim: 1, Init: graph.Constant(1)}, &Table{Name: name + ".bias", Rows: d, Dim: 1}}
}

// normEps is beside the variance in the norms: that of the authors' code.
const normEps = 1e-8

func (n norm) on(in *Inputs, x *gorgonia.Node) (*gorgonia.Node, error) {
	return graph.LayerNorm(x, in.Vector(n.gain), in.Vector(n.bias), normEps)
}

func newSASRec(v Values, s Setting) (*sasrec, error) {
	m := &sasrec{heads: v.Int("heads"), drop: v.Num("drop"), seed: s.Seed}
	if s.Dim%m.heads != 0 {
		return nil, fmt.Errorf("models: sasrec: %d heads do not divide d = %d", m.heads, s.Dim)
	}
	m.FreeClasses, m.item = historyTables(v, s)
	m.place = s.NewTable("place", v.Int("len"), s.Dim)
	for i := range v.Int("blocks") {
		name := fmt.Sprintf("block-%d.", i)
		layer := func(of string) dense { return newDense(name+of, s.Dim, s.Dim, graph.Normal(s.Init)) }
		m.blocks = append(m.blocks, sasrecBlock{
			query: newNorm(name+"query-norm", s.Dim), mid: newNorm(name+"norm", s.Dim),
			q: layer("query"), k: layer("key"), v: layer("value"), out: layer("attention"), inner: layer("inner"), second: layer("outer"),
		})
	}
	m.last = newNorm("norm", s.Dim)
	return m, nil
}

// Dim implements Model.
func (m *sasrec) Dim() int { return m.W.Dim }

// Contexts implements Model.
func (m *sasrec) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ptr, ids, place, err := in.Sequence(historyField)
	if err != nil {
		return nil, err
	}
	longest, err := in.Longest(historyField)
	if err != nil {
		return nil, err
	}
	if longest > m.place.Rows {
		return nil, fmt.Errorf("models: sasrec: a history has %d events, and len=%d places have vectors; give it sasrec:len=%d, or train by a task of fewer, as next:len=%d", longest, m.place.Rows, longest, m.place.Rows)
	}
	var e graph.Expr
	x := e.N(graph.Scale(e.N(graph.Lookup(in.Table(m.item), ids)), math.Sqrt(float64(m.Dim()))))
	x = e.N(graph.Add(x, e.N(graph.Lookup(in.Table(m.place), place))))
	if m.drop > 0 {
		x = e.N(graph.Dropout(x, m.drop, m.seed))
	}
	for _, b := range m.blocks {
		query := e.N(b.query.on(in, x))
		q, k, v := e.N(b.q.on(in, query, graph.AffineSetting{})), e.N(b.k.on(in, x, graph.AffineSetting{})), e.N(b.v.on(in, x, graph.AffineSetting{}))
		o := e.N(graph.CausalAttention(q, k, v, ptr, graph.AttentionSetting{Heads: m.heads, Longest: longest, Drop: m.drop, Seed: m.seed}))
		y := e.N(b.mid.on(in, e.N(b.out.on(in, o, graph.AffineSetting{Residual: query}))))
		inner := e.N(b.inner.on(in, y, graph.AffineSetting{Activation: graph.ReluActivation, Drop: m.drop, Seed: m.seed}))
		x = e.N(b.second.on(in, inner, graph.AffineSetting{Drop: m.drop, Seed: m.seed, Residual: y}))
	}
	h := e.N(m.last.on(in, x))
	if e.Err != nil {
		return nil, e.Err
	}
	return in.Last(historyField, h)
}

package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// ngram encodes the last n events of a history, whose vectors are e_1 … e_n, the latest the
// last, and zeros where there are fewer: one after the other, through a layer (window=concat),
//
//	h = dropout(tanh(W·dropout([e_1 … e_n]) + b))
//
// or their mean (window=sum), whose order does not matter:
//
//	h = dropout(Σ_j e_j / n)
//
// The vectors are those of the classes (table=tied) or a table of their own. Where contexts
// have what follows on the target too, as those of task window:side=both, its first n events
// are read as well, by weights of their own, and the mean is over 2n.
//
// concat is the network of Bengio et al. without direct connections; its last layer is as wide
// as the vectors so that it can be tied to them (Press, Wolf 2017). sum over both sides is CBOW.
func init() {
	Register(Spec{
		Name:   "ngram",
		Doc:    "h is a layer over the vectors of the last n events, or their mean",
		Source: "Bengio, Ducharme, Vincent, Jauvin: A neural probabilistic language model (JMLR 2003); Mikolov, Chen, Corrado, Dean: Efficient estimation of word representations in vector space (2013), of CBOW; Press, Wolf: Using the output embedding to improve language models (EACL 2017)",
		Params: []Param{
			{Name: "n", Doc: "events that are read of a side, the nearest", Default: 4, Min: 1, Max: 1 << 12, Integer: true, Probe: []float64{2}},
			{Name: "window", Doc: "concat: their vectors one after the other, through a layer; sum: the sum of them, divided by how many fit", Choices: Enum("concat", "sum"), DefaultString: "concat"},
			dropParam(0.2),
			tableParam("tied"),
		},
		Ordered: true,
		Usual:   Usual{Score: Dot, Init: 0.1, Rate: 0.003, Task: "window", Batch: 512, Patience: 3, Metrics: []string{"perplexity", "nll"}},
		New:     func(v Values, s Setting) (Model, error) { return newNgram(v, s), nil },
	})
}

// followingField is what follows on the target, where contexts have it.
const followingField = "following"

type ngram struct {
	FreeClasses
	item *Table // [C,d] of the events
	n    int
	sum  bool
	both bool
	drop float64
	seed uint64

	layer dense  // [d,n·d]; of concat
	after *Table // [d,n·d] of what follows; nil without
}

func newNgram(v Values, s Setting) *ngram {
	m := &ngram{n: v.Int("n"), sum: v.String("window") == "sum", drop: v.Num("drop"), seed: s.Seed}
	m.FreeClasses, m.item = historyTables(v, s)
	if s.Contexts != nil {
		_, err := s.Contexts.Field(followingField)
		m.both = err == nil
	}
	if m.sum {
		return m
	}
	m.layer = newDense("layer", s.Dim, m.n*s.Dim, graph.Xavier())
	if m.both {
		m.after = &Table{Name: "layer-following", Rows: s.Dim, Dim: m.n * s.Dim, Init: graph.Xavier()}
	}
	return m
}

// Dim implements Model.
func (m *ngram) Dim() int { return m.W.Dim }

// Contexts implements Model.
func (m *ngram) Contexts(in *Inputs) (*gorgonia.Node, error) {
	if in.frame != nil {
		if _, err := in.frame.Field(followingField); (err == nil) != m.both {
			return nil, fmt.Errorf("models: ngram was made for contexts that have what follows on the target (%v), and these have it (%v)", m.both, err == nil)
		}
	}
	var e graph.Expr
	sides := []*gorgonia.Node{e.N(in.LastIDs(historyField, m.n))}
	if m.both {
		sides = append(sides, e.N(in.FirstIDs(followingField, m.n)))
	}
	if e.Err != nil {
		return nil, e.Err
	}
	var h *gorgonia.Node
	for i, ids := range sides {
		if m.sum {
			x := e.N(graph.Bag(in.Table(m.item), e.N(in.windowBounds(m.n)), ids, nil))
			if h != nil {
				x = e.N(graph.Add(h, x))
			}
			h = x
			continue
		}
		x := e.N(graph.Reshape(e.N(graph.Lookup(in.Table(m.item), ids)), in.Rows(), m.n*m.Dim()))
		if m.drop > 0 {
			x = e.N(graph.Dropout(x, m.drop, m.seed))
		}
		if i == 0 {
			h = e.N(m.layer.on(in, x, graph.AffineSetting{}))
		} else {
			h = e.N(graph.Affine(x, in.Table(m.after), nil, graph.AffineSetting{Residual: h}))
		}
	}
	if m.sum {
		h = e.N(graph.Scale(h, 1/float64(m.n*len(sides))))
	} else {
		h = e.N(graph.Tanh(h))
	}
	if m.drop > 0 {
		h = e.N(graph.Dropout(h, m.drop, m.seed))
	}
	return h, e.Err
}

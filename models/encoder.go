package models

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

var errNoModel = errors.New("models: the model is nil")

// Encode adds m's encodings [B,d] of the contexts of g, checked: one for each row of a
// batch, or, in a graph that Fit has made one of positions, for each example.
func Encode(g *Graph, m Model) (*gorgonia.Node, error) {
	if m == nil {
		return nil, errNoModel
	}
	x, err := checked("Contexts", m, g.Contexts, m.Contexts)
	if err != nil {
		return nil, err
	}
	return g.Contexts.examples(x)
}

// classes adds m's class vectors [C,d] of the classes of g, checked.
func classes(g *Graph, m Model) (*gorgonia.Node, error) {
	if m == nil {
		return nil, errNoModel
	}
	return checked("Classes", m, g.Classes, m.Classes)
}

// checked returns what a method of m gave for in.
func checked(what string, m Model, in *Inputs, method func(*Inputs) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	n, err := method(in)
	if err := in.g.err(); err != nil { // of which the other may be a consequence
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, fmt.Errorf("models: %T.%s returned no node", m, what)
	}
	if s := n.Shape(); len(s) != 2 || s[0] != in.Rows() || s[1] != m.Dim() {
		return nil, fmt.Errorf("models: %T.%s returned %v; want [%d,%d]", m, what, n.Shape(), in.Rows(), m.Dim())
	}
	return n, nil
}

// classGraph adds m's class vectors [C,d] of all classes of a frame to the graph of b,
// which reads nothing else. table is theirs where they are weights of their own, and
// nil where m computes them.
func classGraph(b *graph.Builder[float32], m Model, frame *data.Frame) (w *gorgonia.Node, table *Table, err error) {
	g := NewGraph(b, nil, 0, frame)
	if w, err = classes(g, m); err != nil {
		return nil, nil, err
	}
	return w, g.tableOf(w), nil
}

// freeClasses returns the table that m gives as the vectors of all classes of a frame,
// nil where it computes them.
func freeClasses(m Model, frame *data.Frame) (*Table, error) {
	_, table, err := classGraph(graph.NewPlan[float32](), m, frame)
	return table, err
}

// An Encoder computes encodings outside training, by weights that stay: what the model makes
// of tables alone, by [Inputs.Once], is computed at the first call of Encode. It is not safe
// for concurrent use.
type Encoder struct {
	g       *Graph
	program *graph.Program[float32]
	h       *gorgonia.Node
	dim     int
}

// NewEncoder compiles m's Contexts for blocks of up to rows rows of contexts.
func NewEncoder(m Model, contexts *data.Frame, rows int) (*Encoder, error) {
	return newEncoder(graph.NewBuilder[float32](), m, contexts, rows)
}

// EncoderBytes returns the memory that an Encoder takes, tables apart.
func EncoderBytes(m Model, contexts *data.Frame, rows int) (int64, error) {
	e, err := newEncoder(graph.NewPlan[float32](), m, contexts, rows)
	if err != nil {
		return 0, err
	}
	return e.program.Bytes() + e.g.apart.bytes(), e.Close()
}

func newEncoder(b *graph.Builder[float32], m Model, contexts *data.Frame, rows int) (*Encoder, error) {
	if m == nil {
		return nil, errNoModel
	}
	e := &Encoder{g: NewGraph(b, contexts, rows, nil), dim: m.Dim()}
	e.g.apart = &apart{b: b}
	var err error
	if e.h, err = Encode(e.g, m); err != nil {
		return nil, err
	}
	if e.program, err = b.Eval(e.h); err != nil {
		return nil, err
	}
	return e, e.g.apart.compile()
}

// Encode stores the encodings of rows of the contexts in dst [len(rows), d].
func (e *Encoder) Encode(dst []float32, rows []int32) error {
	if err := e.g.apart.run(); err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(len(rows), e.g.Contexts.Rows())
		if err := e.g.Contexts.Fill(rows[:n]); err != nil {
			return err
		}
		if err := e.program.Run(); err != nil {
			return err
		}
		copy(dst[:n*e.dim], e.program.Value(e.h))
		dst, rows = dst[n*e.dim:], rows[n:]
	}
	return nil
}

// Close frees the compiled graph.
func (e *Encoder) Close() error { return errors.Join(e.program.Close(), e.g.apart.close()) }

// A classEncoder gives the vectors [C,d] of the classes of a frame, by the weights of
// the moment.
type classEncoder struct {
	table   *Table // where they are weights of their own; else nil
	program *graph.Program[float32]
	w       *gorgonia.Node
}

func newClassEncoder(b *graph.Builder[float32], m Model, frame *data.Frame) (c classEncoder, err error) {
	if c.w, c.table, err = classGraph(b, m, frame); err == nil && c.table == nil {
		c.program, err = b.Eval(c.w)
	}
	return c, err
}

// vectors returns them: the memory of their table, or of the compiled graph, which is
// theirs until the next call.
func (c *classEncoder) vectors() ([]float32, error) {
	if c.table != nil {
		return c.table.Data, nil
	}
	if err := c.program.Run(); err != nil {
		return nil, err
	}
	return c.program.Value(c.w), nil
}

// ClassBytes returns the memory that ClassVectors takes, tables apart: none where the
// vectors are weights of their own.
func ClassBytes(m Model, frame *data.Frame) (int64, error) {
	c, err := newClassEncoder(graph.NewPlan[float32](), m, frame)
	if err != nil || c.table != nil {
		return 0, err
	}
	return c.program.Bytes(), c.program.Close()
}

// ClassVectors returns the vectors [C,d] that m gives to the classes of a frame: the
// memory of their table where they are weights of their own, else computed.
func ClassVectors(m Model, frame *data.Frame) ([]float32, error) {
	c, err := newClassEncoder(graph.NewBuilder[float32](), m, frame)
	if err != nil {
		return nil, err
	}
	return c.vectors()
}

package models

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
)

// Leaves binds a Model's inputs to the leaves of one graph of B rows. It reads
// tables for a batch and hands gradients back. It is not safe for concurrent
// use.
type Leaves struct {
	rows   int
	inputs []Input
	nodes  []*gorgonia.Node
	data   [][]float32 // gathered rows; nil for a whole table
	ids    [][]int32   // what was gathered last
}

// Bind adds m's leaves to b, for batches of up to rows users, as Params.
func Bind(b *graph.Builder[float32], m Model, rows int) *Leaves {
	l := &Leaves{rows: rows, inputs: m.Inputs()}
	for _, in := range l.inputs {
		t := in.Table
		if in.PerUser == 0 {
			l.nodes = append(l.nodes, b.Param(t.Name, t.Data, t.Rows, t.Dim))
			l.data, l.ids = append(l.data, nil), append(l.ids, nil)
			continue
		}
		var x []float32
		if !b.Plan() {
			x = make([]float32, rows*in.PerUser*t.Dim)
		}
		l.nodes = append(l.nodes, b.Param(t.Name, x, rows*in.PerUser, t.Dim))
		l.data = append(l.data, x)
		l.ids = append(l.ids, make([]int32, 0, rows*in.PerUser))
	}
	return l
}

// Nodes returns the leaves, to pass to Encode.
func (l *Leaves) Nodes() []*gorgonia.Node { return l.nodes }

// Encode returns m.Encode of the leaves, which m was bound to, and an error where that
// is no node [B,d].
func (l *Leaves) Encode(m Model) (*gorgonia.Node, error) {
	h, err := m.Encode(l.nodes)
	if err != nil {
		return nil, err
	}
	want := tensor.Shape{l.rows, m.Dim()}
	if h == nil {
		return nil, fmt.Errorf("models: Encode of a model gave neither a node %v nor an error", want)
	}
	if !h.Shape().Eq(want) || h.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("models: Encode of a model gave a node of %v %v; want float32 %v", h.Dtype(), h.Shape(), want)
	}
	return h, nil
}

// Gather reads the rows of users, at most as many as Bind was told. Leaves of
// the rows that remain keep what they hold.
func (l *Leaves) Gather(users []int32) error {
	if len(users) > l.rows {
		return fmt.Errorf("models: %d users in a batch of %d", len(users), l.rows)
	}
	for i, in := range l.inputs {
		if in.PerUser == 0 {
			continue
		}
		ids := in.Rows(l.ids[i][:0], users)
		if len(ids) != len(users)*in.PerUser {
			return fmt.Errorf("models: table %q: %d rows for %d users, want %d each", in.Table.Name, len(ids), len(users), in.PerUser)
		}
		l.ids[i] = ids
		if err := in.Table.Gather(l.data[i], ids); err != nil {
			return err
		}
	}
	return nil
}

// Apply hands the gradients that p computed for what was gathered last to the
// tables' updaters, one step each.
func (l *Leaves) Apply(p *graph.Program[float32], updater func(*Table) graph.Updater[float32]) error {
	for i, in := range l.inputs {
		u := updater(in.Table)
		var err error
		if in.PerUser == 0 {
			err = p.Step(l.nodes[i], in.Table, u)
		} else {
			// Rows of padding come last and are left out: a zero gradient is a step too.
			ids, g := l.ids[i], p.Grad(l.nodes[i])
			if g.Rows != nil { // the model reads few of the rows
				n, _ := slices.BinarySearch(g.Rows, int32(len(ids)))
				read := make([]int32, n)
				for j, r := range g.Rows[:n] {
					read[j] = ids[r]
				}
				ids = read
			}
			err = in.Table.Apply(u, ids, g.Data[:len(ids)*in.Table.Dim])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// An Encoder computes encodings outside training. It sees the tables' weights
// of the moment. It is not safe for concurrent use.
type Encoder struct {
	leaves  *Leaves
	program *graph.Program[float32]
	h       *gorgonia.Node
	dim     int
}

// NewEncoder compiles m's Encode for blocks of up to rows users.
func NewEncoder(m Model, rows int) (*Encoder, error) {
	b := graph.NewBuilder[float32]()
	e := &Encoder{leaves: Bind(b, m, rows), dim: m.Dim()}
	var err error
	if e.h, err = e.leaves.Encode(m); err != nil {
		return nil, err
	}
	if e.program, err = b.Eval(e.h); err != nil {
		return nil, err
	}
	return e, nil
}

// Encode stores the encodings of users in dst [len(users), d].
func (e *Encoder) Encode(dst []float32, users []int32) error {
	for len(users) > 0 {
		n := min(len(users), e.leaves.rows)
		if err := e.leaves.Gather(users[:n]); err != nil {
			return err
		}
		if err := e.program.Run(); err != nil {
			return err
		}
		copy(dst[:n*e.dim], e.program.Value(e.h))
		dst, users = dst[n*e.dim:], users[n:]
	}
	return nil
}

// Close frees the compiled graph.
func (e *Encoder) Close() error { return e.program.Close() }

package models

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// A Graph is one graph that a model and a head are built into: the leaves of their
// tables, one each, and what the model reads of contexts and of classes. Training is
// at float32; a float64 Graph exists to be checked. It is not safe for concurrent
// use.
type Graph struct {
	Contexts *Inputs // of a batch
	Classes  *Inputs // all of them

	leaves leaves
	tables []*Table
	nodes  []*gorgonia.Node // of tables, as they are read
	once   map[any]*gorgonia.Node
	within int    // calls of Once that are under way
	apart  *apart // of evaluations; nil in training
	fault  error  // of a table that is none, or too large
}

// maxNumbers is the most that a table can have: it keeps sums of bytes far from 2⁶³.
const maxNumbers = 1e13

// NewGraph returns the graph of b for batches of up to rows rows of contexts, and for
// all rows of classes. Either frame may be nil where nothing reads it.
func NewGraph(b *graph.Builder[float32], contexts *data.Frame, rows int, classes *data.Frame) *Graph {
	return newGraph(b, func(t *Table) []float32 { return t.Data }, contexts, rows, classes)
}

// NewCheck is NewGraph at float64, over copies of the tables' data: what
// [graph.CheckGradient] takes.
func NewCheck(b *graph.Builder[float64], contexts *data.Frame, rows int, classes *data.Frame) *Graph {
	wide := func(t *Table) []float64 {
		x := make([]float64, len(t.Data))
		for i, v := range t.Data {
			x[i] = float64(v)
		}
		return x
	}
	return newGraph(b, wide, contexts, rows, classes)
}

func newGraph[T graph.Float](b *graph.Builder[T], values func(*Table) []T, contexts *data.Frame, rows int, classes *data.Frame) *Graph {
	g := &Graph{leaves: leavesOf[T]{b, values}, once: map[any]*gorgonia.Node{}}
	g.Contexts = &Inputs{g: g, name: "context", frame: contexts, rows: rows, contexts: rows}
	g.Classes = &Inputs{g: g, name: "class", frame: classes, whole: true}
	if classes != nil {
		g.Classes.rows, g.Classes.contexts = classes.Rows, classes.Rows
	}
	return g
}

// Fit has the contexts of g be those of batches that take that room, in place of so many
// rows, before anything has read them. Where examples are of positions the encodings
// are, too: Rows is N then. It returns g.
func (g *Graph) Fit(room data.Room) *Graph {
	in := g.Contexts
	in.room, in.contexts, in.rows = room, room.Contexts, room.Contexts
	if room.Each {
		in.rows = room.Positions
	}
	return g
}

// Tables returns the tables that were read, in the order in which they were first.
func (g *Graph) Tables() []*Table { return g.tables }

// Node returns the leaf of a table, nil where nothing reads it.
func (g *Graph) Node(t *Table) *gorgonia.Node {
	for i, x := range g.tables {
		if x == t {
			return g.nodes[i]
		}
	}
	return nil
}

// tableOf returns the table whose leaf n is, or nil.
func (g *Graph) tableOf(n *gorgonia.Node) *Table {
	for i, x := range g.nodes {
		if x == n {
			return g.tables[i]
		}
	}
	return nil
}

// read returns the leaf of t, made at its first reader.
func (g *Graph) read(t *Table, shape ...int) *gorgonia.Node {
	if n := g.Node(t); n != nil {
		return n
	}
	if x := float64(t.Rows) * float64(t.Dim); x > maxNumbers {
		g.fault = fmt.Errorf("models: table %q has %.2g numbers, more than the %.0g that can be counted; lower model.dim", t.Name, x, maxNumbers)
	}
	if g.fault != nil {
		return nil
	}
	n := g.leaves.table(t, shape...)
	g.tables, g.nodes = append(g.tables, t), append(g.nodes, n)
	return n
}

// err returns why leaves could not be made.
func (g *Graph) err() error {
	if g.fault != nil {
		return g.fault
	}
	return g.leaves.err()
}

// matrix returns the leaf [Rows,Dim] of t.
func (g *Graph) matrix(t *Table) *gorgonia.Node {
	if t == nil {
		g.fault = errors.New("models: a table is nil")
		return nil
	}
	return g.read(t, t.Rows, t.Dim)
}

// vector returns the leaf [n] of t, of n rows, whose Dim is 1; nil of a nil t.
func (g *Graph) vector(t *Table) *gorgonia.Node {
	if t == nil {
		return nil
	}
	return g.read(t, t.Rows)
}

// Step hands the gradients of the last run of p, a program of this graph, to the
// tables' updaters, one step a table. Frozen tables have none.
func (g *Graph) Step(p *graph.Program[float32], updater func(*Table) graph.Updater[float32]) error {
	for i, t := range g.tables {
		if t.Frozen {
			continue
		}
		if err := p.Step(g.nodes[i], t, updater(t)); err != nil {
			return err
		}
	}
	return nil
}

// Sink has the runs of p that follow, a program of this graph, move tables by their
// updaters themselves, as [graph.Program.Sink] says, and returns those that it can move.
// Step is called after each run all the same.
func (g *Graph) Sink(p *graph.Program[float32], updater func(*Table) graph.BlockUpdater[float32]) (moved []*Table) {
	for i, t := range g.tables {
		if !t.Frozen && p.Sink(g.nodes[i], t, updater(t)) {
			moved = append(moved, t)
		}
	}
	return moved
}

// Inputs is how a model reads rows of a frame in one graph: those of a batch, whose
// leaves are filled between runs, all of them, or those that are drawn in the run.
//
// In training by a task such as next, rows are those of positions: every id of a
// sequence has an encoding, of what comes before it and itself. A model that composes IDs,
// Bag, Lengths, Sequence and Last need not know: each gives what a position is to have.
type Inputs struct {
	g        *Graph
	name     string // begins the names of leaves
	frame    *data.Frame
	rows     int       // of encodings
	contexts int       // rows of the frame that are read at once
	room     data.Room // the zero one, but of batches
	whole    bool
	drawn    *drawn // nil unless rows are drawn in the run

	names []string // of the fields that are read
	nodes []fieldNodes
	fill  []func(rows []int32)
	kept  []*gorgonia.Node // ones, of which some are dropped
	at    []int32          // of examples among positions; nil where each is one
}

// drawn are rows that a node of the graph draws: read after it has run.
type drawn struct {
	node *gorgonia.Node // Int32 [rows]: the rows, −1 in places that are left
	rows func() []int32 // those of the run
}

// fieldNodes are the leaves of a field.
type fieldNodes struct {
	id, ptr, ids, values *gorgonia.Node
	lengths, unit        *gorgonia.Node
	bounds, events       *gorgonia.Node // of a sequence
	place, last          *gorgonia.Node
	windows              []windowNode

	room int // ids that the leaves of a bag hold
}

// Rows returns the number of rows, or of positions: of a batch the largest.
func (in *Inputs) Rows() int { return in.rows }

// Fields returns the names of the fields that have been read.
func (in *Inputs) Fields() []string { return slices.Clone(in.names) }

// Table returns the leaf [Rows,Dim] of t: the same one however often it is asked for
// in a graph, on either side. Training moves t by the sum of what its readers give.
func (in *Inputs) Table(t *Table) *gorgonia.Node { return in.g.matrix(t) }

// Vector returns the leaf [n] of a table of n rows whose Dim is 1, such as the biases of a layer.
// Asked for as a vector and as a matrix, a table is what it was asked for first.
func (in *Inputs) Vector(t *Table) *gorgonia.Node {
	if t == nil || t.Dim != 1 {
		in.g.fault = errors.New("models: a vector of a table that is nil, or has not one number a row")
		return nil
	}
	return in.g.vector(t)
}

// Whole reports whether in reads every row of its frame, in order: row i is the frame's, and
// a model that has the vectors of all classes as one node returns it as it is.
func (in *Inputs) Whole() bool { return in.whole }

// Once returns what f returned the first time that key was asked for in the graph,
// on either side: what both sides share. What depends on tables alone is computed once in an
// evaluation, however many blocks of rows it has.
func (in *Inputs) Once(key any, f func() (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	g := in.g
	if n, ok := g.once[key]; ok {
		return n, nil
	}
	g.within++
	n, err := f()
	if g.within--; err != nil || n == nil {
		return n, err
	}
	if g.apart != nil && g.within == 0 {
		n = g.apart.leaf(g, n)
	}
	g.once[key] = n
	return n, nil
}

// IDs returns the ids [Rows()], Int32, of a field that has one in each row, −1 in rows
// of padding and in those that have none: what [graph.Lookup] takes.
func (in *Inputs) IDs(field string) (*gorgonia.Node, error) {
	f, nodes, err := in.field(field)
	if err != nil || nodes.id != nil {
		return nodes.id, err
	}
	if f.Lo != nil {
		return nil, fmt.Errorf("models: field %q has any number of ids a row; read it by Bag", field)
	}
	fill := func(ids, rows []int32) {
		for i := range ids {
			ids[i] = -1
			if i < len(rows) {
				ids[i] = f.One(int(rows[i]))
			}
		}
	}
	if d := in.drawn; d != nil {
		nodes.id, err = graph.HostInts(d.node, func(dst []int32) error {
			fill(dst, d.rows())
			return nil
		}, in.rows)
		return nodes.id, err
	}
	n, ids := in.g.leaves.indices(in.name+"."+field, in.rows)
	nodes.id = n
	if in.room.Each {
		in.filled(func(rows []int32) {
			at := 0
			in.eachPosition(rows, func(_ int, row int32, _ int) {
				ids[at] = f.One(int(row))
				at++
			})
			pad(ids[at:])
		})
		return n, nil
	}
	in.filled(func(rows []int32) { fill(ids, rows) })
	return n, nil
}

// Bag returns the ids of a field as compressed rows: bounds [Rows()+1] and ids [N], both
// Int32, and values [N], nil where the field has none: what [graph.Bag] takes. N is
// what the fullest batch needs; rows of padding are empty. Of positions those of a
// sequence have the ids up to their own.
func (in *Inputs) Bag(field string) (ptr, ids, values *gorgonia.Node, err error) {
	f, nodes, err := in.field(field)
	if err != nil || nodes.ptr != nil {
		return nodes.ptr, nodes.ids, nodes.values, err
	}
	if f.Lo == nil {
		return nil, nil, nil, fmt.Errorf("models: field %q has one id a row; read it by IDs", field)
	}
	room := max(in.most(f), 1) // a leaf is not empty
	if in.drawn != nil {
		return in.drawnBag(f, nodes, room)
	}
	name := in.name + "." + field
	var bounds, all []int32
	var setValues func(lo int, values []float32)
	nodes.room = room
	nodes.ptr, bounds = in.g.leaves.indices(name+".ptr", in.rows+1)
	nodes.ids, all = in.g.leaves.indices(name+".ids", room)
	if f.Value != nil {
		nodes.values, setValues = in.g.leaves.floats(name+".values", room)
	}
	if in.room.Each {
		in.filled(func(rows []int32) {
			at, i := 0, 0
			in.eachPosition(rows, func(_ int, row int32, place int) {
				ids, values := f.Row(int(row))
				if field == in.room.Sequence {
					ids = ids[:place+1]
				}
				if values != nil {
					setValues(at, values)
				}
				at += copy(all[at:], ids)
				i++
				bounds[i] = int32(at)
			})
			for ; i < in.rows; i++ {
				bounds[i+1] = int32(at)
			}
		})
		return nodes.ptr, nodes.ids, nodes.values, nil
	}
	in.filled(func(rows []int32) {
		at := 0
		for i := range in.rows {
			if i < len(rows) {
				ids, values := f.Row(int(rows[i]))
				if values != nil {
					setValues(at, values)
				}
				at += copy(all[at:], ids)
			}
			bounds[i+1] = int32(at)
		}
	})
	return nodes.ptr, nodes.ids, nodes.values, nil
}

// drawnBag is Bag of rows that are drawn in the run.
func (in *Inputs) drawnBag(f *data.Field, nodes *fieldNodes, room int) (ptr, ids, values *gorgonia.Node, err error) {
	d := in.drawn
	var e graph.Expr
	nodes.ptr = e.N(graph.HostInts(d.node, func(dst []int32) error {
		rows, at := d.rows(), int32(0)
		dst[0] = 0
		for i := range in.rows {
			if i < len(rows) {
				at += int32(f.Len(int(rows[i])))
			}
			dst[i+1] = at
		}
		return nil
	}, in.rows+1))
	nodes.ids = e.N(graph.HostInts(d.node, func(dst []int32) error {
		at := 0
		for _, r := range d.rows() {
			ids, _ := f.Row(int(r))
			at += copy(dst[at:], ids)
		}
		return nil
	}, room))
	if f.Value != nil {
		nodes.values = e.N(in.g.leaves.hostFloats(d.node, func(dst []float32) {
			at := 0
			for _, r := range d.rows() {
				_, values := f.Row(int(r))
				at += copy(dst[at:], values)
			}
		}, room))
	}
	return nodes.ptr, nodes.ids, nodes.values, e.Err
}

// field returns a field of the frame and the leaves that there are of it.
func (in *Inputs) field(name string) (*data.Field, *fieldNodes, error) {
	if in.frame == nil {
		return nil, &fieldNodes{}, fmt.Errorf("models: no frame of %s rows to read field %q of", in.name, name)
	}
	f, err := in.frame.Field(name)
	if err != nil {
		return nil, &fieldNodes{}, err
	}
	for i, n := range in.names {
		if n == name {
			return f, &in.nodes[i], nil
		}
	}
	in.names, in.nodes = append(in.names, name), append(in.nodes, fieldNodes{})
	return f, &in.nodes[len(in.nodes)-1], nil
}

// filled takes a field's filler. What is whole is filled at once, and never again.
func (in *Inputs) filled(f func(rows []int32)) {
	switch {
	case in.g.leaves.plan():
	case in.whole:
		all := make([]int32, in.rows)
		for i := range all {
			all[i] = int32(i)
		}
		f(all)
	default:
		in.fill = append(in.fill, f)
	}
}

// Fill gives the leaves of a batch the rows of its frame: at most as many as the graph is
// for, what is left is padding.
func (in *Inputs) Fill(rows []int32) error { return in.FillBatch(&data.Batch{Rows: rows}) }

// FillBatch is Fill of a batch whose examples may be of positions.
func (in *Inputs) FillBatch(batch *data.Batch) error {
	rows := batch.Rows
	if len(rows) > in.contexts {
		return fmt.Errorf("models: %d rows in a batch of %d", len(rows), in.contexts)
	}
	for _, r := range rows {
		if r < 0 || int(r) >= in.frame.Rows {
			return fmt.Errorf("models: row %d is outside [0,%d)", r, in.frame.Rows)
		}
	}
	if err := errors.Join(in.checkPositions(batch), in.checkBags(batch)); err != nil {
		return err
	}
	for _, f := range in.fill {
		f(rows)
	}
	pad(in.at[copy(in.at, batch.At):])
	return nil
}

package models

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses/param"
)

// Table is a matrix of trained weights outside the graph.
type Table = graph.Table[float32]

// An Input is one leaf that a Model's Encode reads.
type Input struct {
	Table *Table

	// PerUser is the number of rows of Table that each user of the batch reads:
	// the leaf is [B·PerUser, Table.Dim]. 0 means that the leaf is the whole table,
	// [Table.Rows, Table.Dim], at a cost that grows with it.
	PerUser int

	// Rows appends to dst the rows that users read, PerUser for each, in order,
	// each below Table.Rows; a negative one reads zeros and gets no gradient. It is
	// nil iff PerUser is 0. It is safe for concurrent use.
	Rows func(dst, users []int32) []int32
}

// A Model turns users into encodings.
//
// Its weights are the tables of its inputs, named uniquely, with fixed shapes;
// training writes their Data between steps and nothing else does. No table is
// the input of two, nor of the head. What a user is beside an id (a history,
// features) the model takes from the dataset that it was made with. All methods
// are safe for concurrent use while nobody writes the tables.
type Model interface {
	// Dim returns d, the width of an encoding.
	Dim() int

	// Inputs returns what Encode reads, the same in the same order every time.
	Inputs() []Input

	// Encode adds the encodings H [B,d] to the graph of its leaves: one leaf per
	// Input, in order, all of one precision, float32 or float64. It composes
	// package graph's primitives, keeps no node, and may be called for many graphs
	// and several B. Row b of H depends on the rows that user b reads and on whole
	// tables alone. It may return a leaf itself.
	Encode(leaves []*gorgonia.Node) (*gorgonia.Node, error)
}

// A Setting is what every model and head is made with.
type Setting struct {
	Set  *data.Dataset
	Dim  int     // d ≥ 1
	Init float64 // standard deviation of the first weights
	Seed uint64

	// Plan asks for the sizes of tables alone: NewTable leaves their Data nil. What
	// is made with it is attached to graph.NewPlan's graphs and never used.
	Plan bool
}

// validate returns what is wrong with s.
func (s Setting) validate() error {
	if err := s.Set.Validate(); err != nil {
		return err
	}
	if s.Dim < 1 {
		return fmt.Errorf("models: width %d is below 1", s.Dim)
	}
	return nil
}

// NewTable returns a table of weights drawn from N(0, Init²). The numbers depend
// on Seed, name and shape alone, so that one more table changes no other.
func (s Setting) NewTable(name string, rows, dim int) *Table {
	if s.Plan {
		return &Table{Name: name, Rows: rows, Dim: dim}
	}
	h := fnv.New64a()
	h.Write([]byte(name)) // a hash never fails
	rng := rand.New(rand.NewPCG(s.Seed, h.Sum64()))
	t := graph.NewTable[float32](name, rows, dim)
	for i := range t.Data {
		t.Data[i] = float32(s.Init * rng.NormFloat64())
	}
	return t
}

// A Spec describes a kind of model. All fields but Params are required.
type Spec struct {
	Name, Doc, Source string
	Params            []param.Param

	// New returns the model with fresh weights. An error is of the setting: the
	// dataset lacks what the model needs.
	New func(v param.Values, s Setting) (Model, error)
}

var registry = param.NewRegistry[Spec]("models", "model")

// Register adds s to the registry. It panics if s is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(s Spec) { registry.Add(s.Name, s.Params, s, fault(s.Doc, s.Source, s.New == nil)) }

func fault(doc, source string, noNew bool) error {
	if doc == "" || source == "" || noNew {
		return errors.New("lacks one of Doc, Source and New")
	}
	return nil
}

// All returns the registered models, sorted by name.
func All() []*Spec { return registry.All() }

// A Bound is a kind of model with its parameters: what a spec text denotes. It
// is immutable.
type Bound struct {
	Spec   *Spec
	Values param.Values
}

// Parse returns the model that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters. The error names what is
// wrong and lists the choices.
func Parse(text string) (Bound, error) {
	s, v, err := registry.Parse(text)
	if err != nil {
		return Bound{}, err
	}
	return Bound{s, v}, nil
}

// String returns the canonical spec text: Parse(b.String()) equals b.
func (b Bound) String() string { return param.SpecText(b.Spec.Name, b.Spec.Params, b.Values) }

// New returns the model with fresh weights. The error is of the setting, or says what
// a Spec's New gave that is no model.
func (b Bound) New(s Setting) (Model, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	m, err := b.Spec.New(b.Values, s)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("models: %s made no model and no error", b)
	}
	for i, in := range m.Inputs() {
		switch {
		case in.Table == nil:
			return nil, fmt.Errorf("models: %s: input %d has no table", b, i)
		case in.PerUser < 0 || (in.PerUser == 0) != (in.Rows == nil):
			return nil, fmt.Errorf("models: %s: table %q: Rows reads %d rows of a user; want a function for 1 or more, nil for 0", b, in.Table.Name, in.PerUser)
		}
	}
	return m, nil
}

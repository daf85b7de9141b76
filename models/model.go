package models

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Table is a matrix of trained weights.
type Table = graph.Table[float32]

// A Model is both sides of a score: what encodes a context, and what stands for a
// class. Its weights are Tables, named uniquely, which it takes into a graph by
// [Inputs.Table]; a table may be read anywhere, also on both sides. Training writes
// their Data between steps and nothing else does. All methods are safe for concurrent
// use while nobody writes the tables.
//
// Contexts and Classes compose package graph's nodes over what they read of in, at
// the precision of in's tables, keep no node, and may be called for many graphs.
type Model interface {
	// Dim returns d, the width of encodings and of class vectors.
	Dim() int

	// Contexts returns the encodings H [in.Rows(),d]. Row b depends on the row of in
	// that it stands for, and on tables, alone.
	Contexts(in *Inputs) (*gorgonia.Node, error)

	// Classes returns the vectors W [in.Rows(),d] of the classes that in reads.
	Classes(in *Inputs) (*gorgonia.Node, error)
}

// FreeClasses are class vectors that are weights of their own: a model embeds them.
// They are the leaf of a table W [C,d], of which a step on few classes touches few rows.
type FreeClasses struct{ W *Table } // [C,d]

// NewFreeClasses returns the table "class".
func NewFreeClasses(s Setting) FreeClasses {
	return FreeClasses{s.NewTable("class", s.Set.Items, s.Dim)}
}

// Classes implements Model.
func (c FreeClasses) Classes(in *Inputs) (*gorgonia.Node, error) { return in.Table(c.W), nil }

// Factored is a model whose scores are the products of two tables, which a solver may
// find without a gradient.
type Factored interface {
	Model
	// Factors returns the tables [users,d] and [C,d].
	Factors() (users, classes *Table)
}

// A Setting is what every model and head is made with.
type Setting struct {
	Set *data.Dataset // what the model is for: numbers of users and items, and their fields

	// Contexts is a frame with the fields of what the model will encode; nil is of the users
	// of Set. See Users.
	Contexts *data.Frame

	Dim  int     // d ≥ 1
	Init float64 // standard deviation of the first weights
	Seed uint64  // of what a head draws
}

// Users returns how many ids the field "user" of contexts has: the users of Set, unless a
// task's contexts are others.
func (s Setting) Users() int {
	if s.Contexts != nil {
		if f, err := s.Contexts.Field("user"); err == nil {
			return f.Size
		}
	}
	return s.Set.Users
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

// NewTable returns a table of weights that begin as draws from N(0, Init²), made when
// it is known that somebody reads them.
func (s Setting) NewTable(name string, rows, dim int) *Table {
	return &Table{Name: name, Rows: rows, Dim: dim, Init: graph.Normal(s.Init)}
}

// A Spec describes a kind of model. Name, Doc, Source and New are required; Params may be none.
type Spec struct {
	Name, Doc, Source string // registry key, one line, and the paper
	Params            []Param

	// Factored declares that New's models are [Factored].
	Factored bool

	// Ordered declares that they read the field "history" by [Inputs.Sequence]: they know the
	// order of events, and are trained by the tasks that have it.
	Ordered bool

	// Width returns the width of encodings where it is not that of the setting; nil is that.
	Width func(v Values, s Setting) int

	// Usual is how its models are trained and measured where nothing is said.
	Usual Usual

	// New returns the model, whose tables have no data yet. An error is of the setting: the
	// dataset lacks what the model needs.
	New func(v Values, s Setting) (Model, error)
}

// A Usual is how models of a kind are trained and measured where nothing is said. What is
// zero is as of any model: cosine scores, weights of deviation 0.1, Adam at 0.01, the task user, or
// next of an ordered model, 40 epochs of batches of 128, all of them, no penalty, and recall
// and NDCG at 20.
type Usual struct {
	Score    Score    // how encodings and classes meet
	Init     float64  // the standard deviation of the first weights
	Rate     float64  // Adam's learning rate
	Task     string   // a task's text
	Batch    int      // rows of a step
	Patience int      // evaluations on valid without a better one after which the best weights are kept
	Metrics  []string // what is measured; the first is watched. Where one asks for probabilities that a loss has not, those of any model are
	Epochs   int      // passes over the data
	L2       string   // the penalty on weights, as train.l2 has it

	// LabelBias are the biases under losses that read labels from a row of all classes
	// (losses.HotLabels), which elsewhere start at the prior.
	LabelBias Bias
}

// sequential is how models that know the order of a history are trained and measured in
// their publications, which rank all items for the one that came last: scores are products,
// weights begin small, and a run ends by what it reaches on valid, since it learns its train
// histories by heart soon after.
func sequential() Usual {
	return Usual{Score: Dot, Init: 0.02, Rate: 0.001, Patience: 5, Metrics: []string{"ndcg@10", "hr@10"}}
}

var registered = registry.NewRegistry[Spec]("models", "model")

// Register adds s to the registry. It panics if s is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(s Spec) { registered.Add(s.Name, s.Params, s, fault(s.Doc, s.Source, s.New == nil)) }

func fault(doc, source string, noNew bool) error {
	if doc == "" || source == "" || noNew {
		return errors.New("lacks one of Doc, Source and New")
	}
	return nil
}

// All returns the registered models, sorted by name.
func All() []*Spec { return registered.All() }

// A Kind is a kind of model with its parameters: what a spec text denotes. It
// is immutable.
type Kind struct{ registry.Choice[Spec] }

// Parse returns the model that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters. The error names what is
// wrong and lists the choices.
func Parse(text string) (Kind, error) {
	c, err := registered.Parse(text)
	return Kind{c}, err
}

// Probes returns the model at its default setting and at one further setting per probe
// of each parameter: the settings that tests and checks run.
func (s *Spec) Probes() []Kind {
	var all []Kind
	for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
		all = append(all, Kind{c})
	}
	return all
}

// New returns the model, whose tables have no data yet: training makes it from their
// Init and a seed, or Table.Initialise does. The error is of the setting, or says what
// a Spec's New gave that is no model.
func (k Kind) New(s Setting) (Model, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if k.Spec == nil {
		return nil, errors.New("models: a kind of no model; Parse makes one of a text")
	}
	m, err := k.Spec.New(k.Values, s)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("models: %s made no model and no error", k)
	}
	if _, ok := m.(Factored); ok != k.Spec.Factored {
		return nil, fmt.Errorf("models: %s declares Factored=%v and made a %T, whose methods say otherwise", k, k.Spec.Factored, m)
	}
	return m, nil
}

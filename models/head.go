package models

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// A Head is how classes meet encodings: it scores candidate classes for a loss in
// training, and ranks all classes in evaluation. Heads all and sampled take the class
// vectors of the model; the others have weights of their own in their place, tables
// that they take into the graph as a model does.
type Head interface {
	// Attach adds the class side of one training graph: from the encodings h [B,d] of
	// m in g, of batches of up to B rows with up to positions target entries, to their
	// losses under l. A head may be attached to many graphs.
	Attach(g *Graph, m Model, h *gorgonia.Node, l losses.Loss, positions int) (Attached, error)

	// Ranker returns what ranks the classes of a frame by the weights, until they
	// change.
	Ranker(m Model, classes *data.Frame) (Ranker, error)

	// Bytes returns what the head holds beside tables: the tree or the groups of its
	// classes, what a sampler keeps and what it takes on top to refresh that.
	Bytes() Footprint

	// RankerBytes returns what a Ranker of m and classes holds beside tables, with what it
	// allocates to rank rows rows of k places. Neither makes anything.
	RankerBytes(m Model, classes *data.Frame, rows, k int) (int64, error)
}

// A Footprint is memory in bytes: Kept all the time, and Peak on top at times.
type Footprint = sampler.Footprint

// ClassScores are what a head ranks by that scores each class by a vector of its own:
// z_j = ⟨h, W_j⟩/Temperature + Bias_j, with h of norm 1 if Cosine, as W then is.
type ClassScores struct {
	Dim         int       // d
	W           []float32 // [C,Dim]
	Bias        []float32 // [C] or nil
	Temperature float64
	Cosine      bool
}

// Vectored is a Head that ranks by ClassScores. They are read only, and may be the memory
// of weights.
type Vectored interface {
	Head
	ClassScores(m Model, classes *data.Frame) (*ClassScores, error)
}

// Lone is a Head that draws. Alone returns one of the same weights for steps of a single row,
// such as of somebody who is folded in: its draws need no other rows, and depend on nothing
// that was drawn before.
type Lone interface {
	Head
	Alone() (Head, error)
}

// An Attached is a head attached to one training graph. It is not safe for concurrent
// use.
type Attached interface {
	// Loss returns the losses [B], and Targets says which rows are padding.
	Loss() *gorgonia.Node
	Targets() *graph.Targets

	// Set prepares the next run for batch; step counts from 0 over the whole
	// training and decides what a head draws. Rows beyond the batch's are padding.
	Set(step int, batch *data.Batch) error

	// Moved tells that the tables have taken the step of the last run of p.
	Moved(p *graph.Program[float32])

	// State returns what the next step depends on beside the tables and what Set
	// takes: what a sampler has seen or built. It is not copied, has the same names in
	// the same order every time, and is empty where there is nothing of the kind.
	// SetState puts it back in another process; the slices are its own from then on,
	// and the error names what does not fit.
	State() []graph.Array
	SetState(state []graph.Array) error

	// Bytes returns what it holds beside its head, the tables and the compiled graph, at
	// its fullest. Attached to a plan's graph it says the same.
	Bytes() int64
}

// A Ranker ranks all classes. It may read the weights where they are: they must not
// change while it is in use. It uses all processors itself and is not safe for
// concurrent use.
type Ranker interface {
	// Rank stores in tops[i] the k ≥ 1 best classes for encoding i of h [n,d],
	// n = len(tops), in the order of the probabilities that the head's loss gives them
	// (of their scores, which also part equal probabilities, where it gives none or
	// keeps the scores' order), ties by lower id, without the classes skip(i),
	// ascending unique ids; skip is called from several goroutines. tops[i]
	// gets slices of its own. A score that is NaN or +Inf is an error: the model has
	// diverged. What a row gets does not depend on the rows beside it, nor on the
	// number of processors.
	Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error

	// Renew has it rank by the weights as they are now, in the memory that it has.
	Renew() error

	// Share returns a ranker of the same vectors for another goroutine: it holds no copy of
	// them. Neither is renewed from then on.
	Share() Ranker
}

// A RowRanker is a Ranker that has a faster way for one row, whose scores agree with those of
// Rank up to rounding.
type RowRanker interface {
	Ranker
	// RankRow stores in top, in the memory that it has, what Rank gives for h [d] and skip.
	// False says that there is no such way here.
	RankRow(top *Top, h []float32, skip []int32, k int) (bool, error)
}

// Score names how an encoding meets a class vector.
type Score string

// The scores. b_j is the class's bias, 0 without.
const (
	Dot    Score = "dot"    // z_j = ⟨h, w_j⟩/τ + b_j
	Cosine Score = "cosine" // z_j = ⟨h/‖h‖, w_j/‖w_j‖⟩/τ + b_j, norms at least 1e-12
)

// Scores lists the choices.
func Scores() []Score { return []Score{Cosine, Dot} }

var errNoHead = errors.New("models: the head is nil")

// Tables returns the tables that a training graph of m and head reads: those that
// encode contexts, and those that the class side reads beside them. Two of one name
// are an error.
func Tables(m Model, head Head, l losses.Loss, contexts, classFrame *data.Frame) (encoding, classes []*Table, err error) {
	if head == nil {
		return nil, nil, errNoHead
	}
	const rows = 2 // in-batch draws need a row beside another
	g := NewGraph(graph.NewPlan[float32](), contexts, rows, classFrame)
	h, err := Encode(g, m)
	if err != nil {
		return nil, nil, err
	}
	n := len(g.Tables())
	attached, err := head.Attach(g, m, h, l, rows)
	if err == nil {
		err = g.err()
	}
	if err != nil {
		return nil, nil, err
	}
	if attached == nil {
		return nil, nil, fmt.Errorf("models: %T attached nothing and returned no error", head)
	}
	names := map[string]bool{}
	for _, t := range g.Tables() {
		if names[t.Name] {
			return nil, nil, fmt.Errorf("models: two tables are named %q", t.Name)
		}
		names[t.Name] = true
	}
	return g.Tables()[:n:n], g.Tables()[n:], nil
}

// A HeadSetting is what every head is made with, beside the Setting.
type HeadSetting struct {
	Setting
	Score       Score              // how h and a class vector meet
	Temperature float64            // τ > 0
	Learned     *TemperatureBounds // train τ, from Temperature on and within these bounds; nil: it stays
	Bias        bool               // train a bias per class, 0 at first

	// Precision permits the products of scores to be rounded in training, of a head whose
	// spec says that it Rounds. Rankings never are.
	Precision graph.Precision

	// Loss is what the head is trained under: classes rank by its prediction map, trees
	// by that of their decisions, or by scores where it has none. The zero Loss is
	// softmax. A loss that takes cosines goes with Score Cosine, Temperature 1, not
	// Learned, and no Bias alone: what it divides them by is a parameter of its own.
	Loss losses.Loss
}

// newBias returns the biases [rows,1], all 0, of a head that has them, else nil.
func (s HeadSetting) newBias(name string, rows int) *Table {
	if !s.Bias {
		return nil
	}
	return &Table{Name: name, Rows: rows, Dim: 1}
}

// A HeadSpec describes a kind of head. Name, Doc, Source and New are required.
type HeadSpec struct {
	Name, Doc, Source string
	Params            []Param // in the order of the text form

	// More returns the further parameters that settings of Params call for: those of
	// what a string names. v holds Params alone.
	More func(v Values) ([]Param, error)

	// Exact says that every class is a candidate of every row, by a vector of its own:
	// the loss of a row is that of all its scores.
	Exact bool

	// ClassBias says that with HeadSetting.Bias each class has a bias of its own, and New's
	// heads are [ClassBiased]. Biases of decisions are none.
	ClassBias bool

	// Probabilities says that the rankers of New's heads are [Prober]s.
	Probabilities bool

	// Rounds says that its losses take products of all vectors of a context and of a class,
	// by graph.LinearLoss, to which New's heads give HeadSetting.Precision.
	Rounds bool

	// Sampling returns how candidates are drawn. Nil where none are: a decision has all
	// its classes as candidates.
	Sampling func(v Values) (Sampling, error)

	// Cost returns the declared arithmetic of a step under a loss; see HeadKind.Cost. The
	// zero Cost, or nil, declares nothing.
	Cost func(v Values, l losses.Loss) Cost

	New func(v Values, s HeadSetting) (Head, error)
}

var heads = registry.NewRegistry[HeadSpec]("models", "candidates")

// RegisterHead adds s to the registry. It panics if s is incomplete or malformed
// or its name is taken: mistakes of the program that its first run shows.
func RegisterHead(s HeadSpec) { heads.Add(s.Name, s.Params, s, fault(s.Doc, s.Source, s.New == nil)) }

// Heads returns the registered heads, sorted by name.
func Heads() []*HeadSpec { return heads.All() }

// LookupHead returns the head of that name; the error of an unknown name lists the
// choices.
func LookupHead(name string) (*HeadSpec, error) { return heads.Lookup(name) }

// A HeadKind is a kind of head with its parameters: what a spec text such as
// "all" denotes. It is immutable.
type HeadKind struct{ registry.Choice[HeadSpec] }

// ParseHead returns the head that text denotes. The error names what is wrong
// and lists the choices.
func ParseHead(text string) (HeadKind, error) {
	c, err := heads.ParseMore(text, moreOf)
	return HeadKind{c}, err
}

// chooseHead is ParseHead of a text that was read.
func chooseHead(t registry.Text) (HeadKind, error) {
	c, err := heads.Choose(t, moreOf)
	return HeadKind{c}, err
}

func moreOf(s *HeadSpec, own Values) ([]Param, error) {
	if s.More == nil {
		return nil, nil
	}
	return s.More(own)
}

// NewHead returns the head that text denotes, as ParseHead and New do.
func NewHead(text string, s HeadSetting) (Head, error) {
	b, err := ParseHead(text)
	if err != nil {
		return nil, err
	}
	return b.New(s)
}

// New returns the head. Its tables have no data yet; see Table.Initialise.
func (k HeadKind) New(s HeadSetting) (Head, error) {
	if k.Spec == nil {
		return nil, errors.New("models: a kind of no head; ParseHead makes one of a text")
	}
	if s.Score != Dot && s.Score != Cosine {
		var names []string
		for _, c := range Scores() {
			names = append(names, string(c))
		}
		return nil, fmt.Errorf("models: unknown score %q%s", s.Score, registry.Offer(string(s.Score), names))
	}
	if !(s.Temperature > 0) {
		return nil, fmt.Errorf("models: temperature %g is not above 0", s.Temperature)
	}
	if s.Learned != nil {
		if err := s.Learned.hold(s.Temperature); err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
	}
	if l := s.Loss.Spec; l != nil && l.Domain == losses.Cosines {
		if s.Score != Cosine || s.Temperature != 1 || s.Bias {
			return nil, fmt.Errorf("models: loss %s takes cosines: set the score to cosine, the temperature to 1 and no bias", s.Loss)
		}
		if s.Learned != nil {
			return nil, fmt.Errorf("models: %w", LearnedCosines(l))
		}
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	h, err := k.Spec.New(k.Values, s)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("models: %s made no head and no error", k)
	}
	return h, nil
}

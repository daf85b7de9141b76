package models

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/param"
	"github.com/fenchel-ml/fenchel/losses/sampler"
)

// A Head is the class side: it scores candidate classes for a loss in training,
// and ranks all classes in evaluation.
//
// Its weights are its tables, with fixed shapes and names unique among
// themselves and the model's; training writes their Data between steps and
// nothing else does.
type Head interface {
	// Tables returns the weights, the same in the same order every time.
	Tables() []*Table

	// Attach adds the class side of one training graph: from encodings h [B,d] of
	// batches of up to B rows with up to positions target entries to their losses
	// under l. A head may be attached to many graphs.
	Attach(b *graph.Builder[float32], h *gorgonia.Node, l losses.Bound, positions int) (Side, error)

	// Ranker returns what ranks by the weights, until they change.
	Ranker() Ranker
}

// A Side is a head attached to one training graph. It is not safe for concurrent
// use.
type Side interface {
	// Loss returns the losses [B], and Targets whose rows are padding.
	Loss() *gorgonia.Node
	Targets() *graph.Targets

	// Set prepares the next run for batch; step counts from 0 over the whole
	// training and decides what a head draws. Rows beyond the batch's are padding.
	Set(step int, batch *data.Batch) error

	// Apply hands the gradients of the last run to the tables' updaters, one step
	// each.
	Apply(p *graph.Program[float32], updater func(*Table) graph.Updater[float32]) error

	// Past returns what the next step depends on beside the tables and what Set
	// takes: what a sampler has seen or built. It is not copied, has the same names in
	// the same order every time, and is empty where there is nothing of the kind.
	// Resume puts it back in another process; the slices are the side's from then on,
	// and the error names what does not fit.
	Past() []Slot
	Resume(past []Slot) error
}

// A Slot is a named part of what a side keeps of earlier steps.
type Slot = sampler.Slot

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

// A HeadSetting is what every head is made with, beside the Setting.
type HeadSetting struct {
	Setting
	Score       Score
	Temperature float64 // τ > 0
	Bias        bool    // train a bias per class, 0 at first

	// Loss is what the head is trained under: classes rank by its prediction map, trees
	// by that of their decisions, or by scores where it has none. The zero Loss is
	// softmax.
	Loss losses.Bound
}

// newBias returns the biases [rows,1], all 0, of a head that has them, else nil.
func (s HeadSetting) newBias(name string, rows int) *Table {
	switch {
	case !s.Bias:
		return nil
	case s.Plan:
		return &Table{Name: name, Rows: rows, Dim: 1}
	}
	return graph.NewTable[float32](name, rows, 1)
}

// A HeadSpec describes a kind of head. All fields but Params, More and
// Draws are required.
type HeadSpec struct {
	Name, Doc, Source string
	Params            []param.Param

	// More returns the further parameters that settings of Params call for: those of
	// what a word names. v holds Params alone.
	More func(v param.Values) ([]param.Param, error)

	// Draws returns how many candidates are drawn against a positive. Nil where none
	// are: a decision has all its classes as candidates.
	Draws func(v param.Values) int

	New func(v param.Values, s HeadSetting) (Head, error)
}

var heads = param.NewRegistry[HeadSpec]("models", "candidates")

// RegisterHead adds s to the registry. It panics if s is incomplete or malformed
// or its name is taken: mistakes of the program that its first run shows.
func RegisterHead(s HeadSpec) { heads.Add(s.Name, s.Params, s, fault(s.Doc, s.Source, s.New == nil)) }

// Heads returns the registered heads, sorted by name.
func Heads() []*HeadSpec { return heads.All() }

// A BoundHead is a kind of head with its parameters: what a spec text such as
// "all" denotes. It is immutable.
type BoundHead struct {
	Spec   *HeadSpec
	Params []param.Param // Spec.Params and what Spec.More adds
	Values param.Values
}

// ParseHead returns the head that text denotes. The error names what is wrong
// and lists the choices.
func ParseHead(text string) (BoundHead, error) {
	s, ps, v, err := heads.ParseMore(text, func(s *HeadSpec, own param.Values) ([]param.Param, error) {
		if s.More == nil {
			return nil, nil
		}
		return s.More(own)
	})
	if err != nil {
		return BoundHead{}, err
	}
	return BoundHead{s, ps, v}, nil
}

// String returns the canonical spec text: ParseHead(b.String()) equals b.
func (b BoundHead) String() string { return param.SpecText(b.Spec.Name, b.Params, b.Values) }

// draws returns how many candidates are drawn against a positive, 0 where all are
// candidates.
func (b BoundHead) draws() int {
	if b.Spec.Draws == nil {
		return 0
	}
	return b.Spec.Draws(b.Values)
}

// value returns the text of a parameter's value, "" of one that the head has not.
func (b BoundHead) value(name string) string {
	for _, p := range b.Params {
		if p.Name == name {
			return b.Values.Of(p)
		}
	}
	return ""
}

// New returns the head with fresh weights.
func (b BoundHead) New(s HeadSetting) (Head, error) {
	if s.Score != Dot && s.Score != Cosine {
		var names []string
		for _, c := range Scores() {
			names = append(names, string(c))
		}
		return nil, fmt.Errorf("models: unknown score %q; the choices are %s", s.Score, strings.Join(names, ", "))
	}
	if !(s.Temperature > 0) {
		return nil, fmt.Errorf("models: temperature %g is not above 0", s.Temperature)
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	h, err := b.Spec.New(b.Values, s)
	if err != nil {
		return nil, err
	}
	if h == nil || slices.Contains(h.Tables(), nil) {
		return nil, fmt.Errorf("models: %s made no head, or one with a table that is nil, and no error", b)
	}
	return h, nil
}

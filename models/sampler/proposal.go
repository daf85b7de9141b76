package sampler

import "github.com/fenchel-ml/fenchel/graph"

// A Proposal is a distribution q(·|h) over the classes 0 … C−1. It is the interface that
// a distribution's file implements. A [Sampler] calls it; nobody else needs to.
//
// The methods are called in the order At, Draw, LogQ for one row at a time, with
// a RowState that belongs to that row. LogQ may also follow At directly. They keep
// no slice of the RowState, do not allocate and write to nothing but their first
// arguments and the RowState, so that rows run concurrently.
type Proposal interface {
	// Scratch returns the lengths of RowState.Floats and RowState.Ints for k draws.
	Scratch(k int) (floats, ints int)

	// At conditions on the row. It leaves in the scratch what Draw and LogQ of the row
	// read. A static distribution does nothing. A Refresher has a summary by then. At
	// returns an error where scores are not finite.
	At(st *RowState) error

	// Draw stores len(ids) ≥ 0 classes and their log q. An id of −1 is an empty
	// place, allowed only to an InBatch sampler whose batch has too few positives.
	Draw(ids []int32, logQ []float64, st *RowState) error

	// LogQ stores log q of the given classes, or of all classes in order where ids is
	// nil; logQ is as long. After Draw it refers to that draw, because a sampler without
	// replacement knows its number of tries only then.
	LogQ(logQ []float64, ids []int32, st *RowState)
}

// A RowState is what a Proposal knows of one row.
type RowState struct {
	H []float32 // [d], finite; nil unless Adaptive
	W []float32 // [C,d]; nil unless Adaptive

	// Batch lists the positives of the whole batch, −1 for none, and From [k] takes the
	// position in Batch of each draw, −1 for none. Only InBatch samplers have them.
	Batch []int32
	From  []int32

	Rand   Stream    // random numbers of this row
	Floats []float64 // scratch, arbitrary at At, kept from At to LogQ
	Ints   []int32   // scratch, as Floats

	// Ops counts the elementary operations of a step: a multiply-add, a table read or a
	// random number is one. They are counted where the work is done, so that a test can
	// check the declared Growth by them.
	Ops int64
}

// A Stateful proposal keeps something of earlier steps that its draws depend on: it is an
// Observer or a Refresher. A checkpoint saves what it keeps beside the weights, so that
// a resumed run draws what an uninterrupted one does.
type Stateful interface {
	// State returns what is kept, without a copy, by the same names in the same order
	// every time. Data is empty where nothing is kept yet.
	State() []graph.Array

	// SetState puts back what State returned, perhaps in another process, for the same
	// distribution at the same settings. The slices are the receiver's from then on.
	// The arrays have State's names and types in its order. A length or a value that
	// cannot be is an error, and the receiver is then undefined.
	SetState(state []graph.Array) error
}

// An Observer learns from the batches that pass.
type Observer interface {
	Stateful

	// Observe takes the positives of the next batch, −1 for none.
	Observe(positives []int32)
}

// A Refresher keeps a summary of W (codebooks, sums over subtrees). Between two
// refreshes W moves and the summary does not: the sampler stays exact, because
// log q is that of the summary it draws from, and its q only fits W less well.
type Refresher interface {
	Stateful

	// Refresh rebuilds the summary from W [C,d], in the memory of the old one where it
	// can. After an error there is no summary.
	Refresh(W []float32) error

	// Every is the number of steps between two refreshes, ≥ 1.
	Every() int
}

package data

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// A Batch is B examples: rows of their frame, what followed each, and the share of
// each in the mean. Weight is nil where all shares are 1; Targets has both Ptr and
// Weight.
type Batch struct {
	Rows    []int32   // [B]
	Targets Targets   // [B]
	Weight  []float32 // [B] or nil
}

// Batches deals examples out in batches. It is not safe for concurrent use: epochs
// share its buffers.
type Batches struct {
	x      *Examples
	size   int
	seed   uint64
	order  []int32 // [n] the examples in the order of the current epoch
	maxPos int
	batch  Batch
}

// MaxBatch is the largest size of batches: rows are numbered by int32, so no epoch has
// more.
const MaxBatch = math.MaxInt32

// NewBatches returns batches of up to size examples of x. The order of each epoch
// is a function of seed and the epoch's number alone.
func NewBatches(x *Examples, size int, seed uint64) (*Batches, error) {
	switch {
	case size < 1 || size > MaxBatch:
		return nil, fmt.Errorf("data: batches of %d rows, want at least 1 and at most %d", size, MaxBatch)
	case x == nil || x.Len() == 0:
		return nil, fmt.Errorf("data: no examples to make batches of")
	case x.Len() > math.MaxInt32:
		return nil, fmt.Errorf("data: %d examples, more than 2³¹−1", x.Len())
	}
	if err := x.checkBounds(); err != nil {
		return nil, err
	}
	b := &Batches{x: x, size: size, seed: seed, order: make([]int32, x.Len()), maxPos: min(size, x.Len())}
	if x.Targets.Ptr != nil { // the most that any batch can hold: its rows are the largest there are
		n := make([]int, x.Len())
		for i := range n {
			n[i] = len(x.Targets.Row(i))
		}
		b.maxPos = largest(n, size)
	}
	b.batch = Batch{
		Rows: make([]int32, 0, b.MaxRows()),
		Targets: Targets{
			Ptr:    make([]int32, 0, b.MaxRows()+1),
			Class:  make([]int32, 0, b.maxPos),
			Weight: make([]float32, 0, b.maxPos),
		},
	}
	if x.Weight != nil {
		b.batch.Weight = make([]float32, 0, b.MaxRows())
	}
	return b, nil
}

// Examples returns what the batches are of.
func (b *Batches) Examples() *Examples { return b.x }

// Len returns the number of batches of an epoch, at least 1.
func (b *Batches) Len() int { return 1 + (b.x.Len()-1)/b.size }

// MaxRows returns the largest number of rows of a batch.
func (b *Batches) MaxRows() int { return min(b.size, b.x.Len()) }

// MaxPos returns a bound on the number of target entries of any batch, over all
// rows; it depends on neither seed nor epoch.
func (b *Batches) MaxPos() int { return b.maxPos }

// Epoch returns the batches of an epoch, each example once, in an order that seed
// and epoch decide; the last batch holds what is left. A Batch is valid until the
// next one: the iteration reuses it and allocates nothing per batch.
func (b *Batches) Epoch(epoch int) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		// From the same start every time: the order must not depend on which epochs
		// ran before.
		for i := range b.order {
			b.order[i] = int32(i)
		}
		src := rand.New(rand.NewPCG(b.seed, mix(uint64(epoch))))
		src.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
		for rest := range slices.Chunk(b.order, b.size) {
			if !yield(b.fill(rest)) {
				return
			}
		}
	}
}

func (b *Batches) fill(examples []int32) *Batch {
	t, from := &b.batch.Targets, &b.x.Targets
	b.batch.Rows, b.batch.Weight = b.batch.Rows[:0], b.batch.Weight[:0]
	t.Ptr, t.Class, t.Weight = append(t.Ptr[:0], 0), t.Class[:0], t.Weight[:0]
	for _, i := range examples {
		b.batch.Rows = append(b.batch.Rows, b.x.Row[i])
		if b.x.Weight != nil {
			b.batch.Weight = append(b.batch.Weight, b.x.Weight[i])
		}
		lo, hi := from.bounds(int(i))
		t.Class = append(t.Class, from.Class[lo:hi]...)
		if from.Weight != nil {
			t.Weight = append(t.Weight, from.Weight[lo:hi]...)
		} else {
			for range hi - lo {
				t.Weight = append(t.Weight, 1/float32(hi-lo))
			}
		}
		t.Ptr = append(t.Ptr, int32(len(t.Class)))
	}
	return &b.batch
}

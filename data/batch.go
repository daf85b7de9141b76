package data

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// A Batch is B examples: what followed each, and the share of each in the mean, over the
// rows of their frame that are read. Weight is nil where all shares are 1; Targets has
// both Ptr and Weight.
//
// Where the examples are of positions, those of Rows lie end to end, At says which of them
// an example follows, and Of which of Rows it is one of. Elsewhere both are nil, and
// example b is of Rows[b].
type Batch struct {
	Rows    []int32   // [S] of the frame
	Of, At  []int32   // [B] or nil
	Targets Targets   // [B]
	Weight  []float32 // [B] or nil

	sequence  *Field // that positions are of; nil where examples are of rows
	positions int32  // of Rows
}

// Len returns B.
func (b *Batch) Len() int { return b.Targets.Rows() }

// Row returns the row of the frame that example i is of.
func (b *Batch) Row(i int) int32 {
	if b.Of != nil {
		i = int(b.Of[i])
	}
	return b.Rows[i]
}

// newBatch returns an empty batch of examples of x.
func newBatch(x *Examples) *Batch {
	b := &Batch{Targets: Targets{Weight: []float32{}}}
	if x.Place != nil {
		b.Of, b.At = []int32{}, []int32{}
		var err error
		if b.sequence, err = x.sequence(); err != nil { // who makes a batch has checked
			panic(err)
		}
	}
	if x.Weight != nil {
		b.Weight = []float32{}
	}
	b.reset()
	return b
}

// reset empties the batch.
func (b *Batch) reset() {
	t := &b.Targets
	b.Rows, b.Of, b.At, b.Weight, b.positions = b.Rows[:0], b.Of[:0], b.At[:0], b.Weight[:0], 0
	t.Ptr, t.Class, t.Weight = append(t.Ptr[:0], 0), t.Class[:0], t.Weight[:0]
}

// add adds a unit of x: its examples from lo up to hi.
func (b *Batch) add(x *Examples, lo, hi int) {
	t, from := &b.Targets, &x.Targets
	b.Rows = append(b.Rows, x.Row[lo])
	for i := lo; i < hi; i++ {
		if x.Place != nil {
			b.Of, b.At = append(b.Of, int32(len(b.Rows)-1)), append(b.At, b.positions+x.Place[i])
		}
		if x.Weight != nil {
			b.Weight = append(b.Weight, x.Weight[i])
		}
		first, end := from.bounds(i)
		t.Class = append(t.Class, from.Class[first:end]...)
		if from.Weight != nil {
			t.Weight = append(t.Weight, from.Weight[first:end]...)
		} else {
			for range end - first {
				t.Weight = append(t.Weight, 1/float32(end-first))
			}
		}
		t.Ptr = append(t.Ptr, int32(len(t.Class)))
	}
	if b.sequence != nil {
		b.positions += int32(b.sequence.Len(int(x.Row[lo])))
	}
}

// A Room is what the fullest batch of an epoch takes, whatever the epoch: what a graph is
// compiled for.
type Room struct {
	Contexts int // S, the most rows of the frame that a batch reads
	Rows     int // B, the most examples
	Places   int // the most target entries, over all examples

	// Sequence names the field whose ids are positions, "" without one, and Positions is N,
	// the most that a batch has; 0 where batches are not measured by them.
	Sequence  string
	Positions int

	// Times is how often each row of the frame may come in a batch, at most; nil where a row
	// comes once.
	Times []int32

	// Each says that examples are of positions, and All that every position of every
	// batch is one, in order, so that Batch.At says nothing.
	Each, All bool
}

// Room returns what the batch alone takes, of examples x.
func (b *Batch) Room(x *Examples) Room {
	r := Room{Contexts: len(b.Rows), Rows: b.Len(), Places: len(b.Targets.Class)}
	if x.Place == nil {
		r.Times = timesOf(x.Context, b.Rows)
	} else {
		r.Sequence, r.Positions, r.Each, r.All = x.Sequence, int(b.positions), true, len(b.At) == int(b.positions)
	}
	return r
}

// timesOf returns how often each row of a frame is among rows, nil where none is twice.
func timesOf(f *Frame, rows []int32) []int32 {
	times, most := make([]int32, f.Rows), int32(0)
	for _, r := range rows {
		times[r]++
		most = max(most, times[r])
	}
	if most < 2 {
		return nil
	}
	return times
}

// Batches deals examples out in batches. It is not safe for concurrent use: epochs
// share its buffers.
type Batches struct {
	x     *Examples
	size  int // units of a batch, where it is not packed
	seed  uint64
	order []int32 // units in the order of the current epoch
	units []unit  // nil: each is an example
	pack  *packing
	room  Room
	batch *Batch
}

// MaxBatch is the largest size of batches: rows are numbered by int32, so no epoch has
// more.
const MaxBatch = math.MaxInt32

// NewBatches returns batches of up to size examples of x. The order of each epoch
// is a function of seed and the epoch's number alone.
//
// Examples of positions are packed, see [NewPackedBatches], into batches of as many
// positions as size rows have on average, or as the longest row has.
func NewBatches(x *Examples, size int, seed uint64) (*Batches, error) {
	if size < 1 || size > MaxBatch {
		return nil, fmt.Errorf("data: batches of %d rows, want at least 1 and at most %d", size, MaxBatch)
	}
	b, err := newBatches(x, seed)
	if err != nil {
		return nil, err
	}
	if x.Place != nil {
		return b, b.packed(x.usualPositions(b.units, size))
	}
	b.size, b.order = size, make([]int32, x.Len())
	b.room.Contexts = min(size, x.Len())
	b.room.Rows, b.room.Places = b.room.Contexts, x.mostPlaces(b.room.Contexts)
	b.room.Times = timesOf(x.Context, x.Row)
	b.allocate()
	return b, nil
}

// NewPackedBatches returns batches of x measured by positions, the ids of x.Sequence: each
// holds as many rows as fit into so many positions, and all examples of a row are in one
// batch. Every epoch has the same number of batches, and these the same lengths: rows
// trade places with rows of their own length alone, and batches with each other, as seed
// and the epoch's number decide.
func NewPackedBatches(x *Examples, positions int, seed uint64) (*Batches, error) {
	b, err := newBatches(x, seed)
	if err != nil {
		return nil, err
	}
	return b, b.packed(positions)
}

func newBatches(x *Examples, seed uint64) (*Batches, error) {
	switch {
	case x == nil || x.Len() == 0:
		return nil, fmt.Errorf("data: no examples to make batches of")
	case x.Len() > math.MaxInt32:
		return nil, fmt.Errorf("data: %d examples, more than 2³¹−1", x.Len())
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	b := &Batches{x: x, seed: seed}
	if x.Place != nil {
		b.units = x.units()
	}
	return b, nil
}

// mostPlaces returns the most target entries that any rows examples have together.
func (x *Examples) mostPlaces(rows int) int {
	if x.Targets.Ptr == nil {
		return min(rows, x.Len())
	}
	n := make([]int, x.Len())
	for i := range n {
		n[i] = len(x.Targets.Row(i))
	}
	return largest(n, rows)
}

// allocate makes the buffers of a batch.
func (b *Batches) allocate() {
	b.batch = newBatch(b.x)
	t := &b.batch.Targets
	b.batch.Rows = make([]int32, 0, b.room.Contexts)
	t.Ptr, t.Class, t.Weight = make([]int32, 0, b.room.Rows+1), make([]int32, 0, b.room.Places), make([]float32, 0, b.room.Places)
	if b.x.Place != nil {
		b.batch.Of, b.batch.At = make([]int32, 0, b.room.Rows), make([]int32, 0, b.room.Rows)
	}
	if b.x.Weight != nil {
		b.batch.Weight = make([]float32, 0, b.room.Rows)
	}
}

// Examples returns what the batches are of.
func (b *Batches) Examples() *Examples { return b.x }

// Len returns the number of batches of an epoch, at least 1, of any epoch the same.
func (b *Batches) Len() int {
	if b.pack != nil {
		return len(b.pack.start) - 1
	}
	return 1 + (b.x.Len()-1)/b.size
}

// Room returns what the fullest batch takes; it depends on neither seed nor epoch.
func (b *Batches) Room() Room { return b.room }

// Bytes returns the memory that they hold beside the examples.
func (b *Batches) Bytes() int64 {
	n := 4*int64(len(b.order)) + 8*int64(len(b.units))
	if p := b.pack; p != nil {
		n += 4*int64(len(p.sorted)+len(p.batch)+len(p.dealt)+len(p.mixed)+len(p.turn)) + 8*int64(len(p.start)+len(p.next)+len(p.class))
	}
	r := b.room
	n += 4*int64(r.Contexts) + 4*int64(r.Rows+1) + 8*int64(r.Places) + 4*int64(len(r.Times))
	if b.x.Place != nil {
		n += 8 * int64(r.Rows)
	}
	if b.x.Weight != nil {
		n += 4 * int64(r.Rows)
	}
	return n
}

// Epoch returns the batches of an epoch, each example once, in an order that seed
// and epoch decide; the last batch holds what is left, where batches are not packed. A
// Batch is valid until the next one: the iteration reuses it and allocates nothing per
// batch.
func (b *Batches) Epoch(epoch int) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		src := rand.New(rand.NewPCG(b.seed, mix(uint64(epoch))))
		if b.pack != nil {
			b.pack.deal(src)
			for _, k := range b.pack.turn {
				if !yield(b.fill(b.pack.dealt[b.pack.start[k]:b.pack.start[k+1]])) {
					return
				}
			}
			return
		}
		// From the same start every time: the order must not depend on which epochs
		// ran before.
		for i := range b.order {
			b.order[i] = int32(i)
		}
		src.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
		for rest := range slices.Chunk(b.order, b.size) {
			if !yield(b.fill(rest)) {
				return
			}
		}
	}
}

// fill makes the batch of these units.
func (b *Batches) fill(units []int32) *Batch {
	b.batch.reset()
	for _, i := range units {
		if b.units == nil {
			b.batch.add(b.x, int(i), int(i)+1)
		} else {
			b.batch.add(b.x, int(b.units[i].lo), int(b.units[i].hi))
		}
	}
	return b.batch
}

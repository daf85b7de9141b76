package data

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Rows says what a row of a batch is.
type Rows int

// The row schemes.
const (
	// ByUser makes one row of each user who has items: its target is all of them,
	// at weight 1/m each.
	ByUser Rows = iota
	// ByPair makes one row of each interaction: its target is one item at weight 1.
	ByPair
)

var rowsNames = [...]string{ByUser: "user", ByPair: "pair"}

// String returns "user" or "pair".
func (r Rows) String() string {
	if r < 0 || int(r) >= len(rowsNames) {
		return fmt.Sprintf("Rows(%d)", int(r))
	}
	return rowsNames[r]
}

// ParseRows reads what String wrote.
func ParseRows(text string) (Rows, error) {
	i := slices.Index(rowsNames[:], text)
	if i < 0 {
		return 0, fmt.Errorf("data: unknown rows %q; the choices are %s", text, strings.Join(rowsNames[:], ", "))
	}
	return Rows(i), nil
}

// A Batch is B rows: Users[b] is the user of row b, whose target is the sparse
// distribution Pos[Ptr[b]:Ptr[b+1]] (items, strictly increasing) at
// Weight[Ptr[b]:Ptr[b+1]] (summing to 1).
type Batch struct {
	Users  []int32   // [B]
	Ptr    []int32   // [B+1]
	Pos    []int32   // [P]
	Weight []float32 // [P]
}

// Batches deals the pairs of a set out in batches. It is not safe for
// concurrent use: epochs share its buffers.
type Batches struct {
	x      *Interactions
	rows   Rows
	size   int
	seed   uint64
	first  []int32 // [n] the unit of each row, in order: a user, or a pair
	order  []int32 // [n] the same in the order of the current epoch
	owner  []int32 // [Len()] the user of each pair; ByPair only
	maxPos int
	batch  Batch
}

// MaxBatch is the largest size of batches: rows are numbered by int32, so no epoch has
// more.
const MaxBatch = math.MaxInt32

// NewBatches returns batches of up to size rows over x. The order of each epoch
// is a function of seed and the epoch's number alone.
func NewBatches(x *Interactions, rows Rows, size int, seed uint64) (*Batches, error) {
	if size < 1 || size > MaxBatch {
		return nil, fmt.Errorf("data: batches of %d rows, want at least 1 and at most %d", size, MaxBatch)
	}
	if x == nil || x.Len() == 0 {
		return nil, fmt.Errorf("data: no interactions to make batches of")
	}
	b := &Batches{x: x, rows: rows, size: size, seed: seed}
	switch rows {
	case ByUser:
		var degrees []int
		for u := range x.users {
			if m := len(x.Of(u)); m > 0 {
				b.first = append(b.first, int32(u))
				degrees = append(degrees, m)
			}
		}
		// The most that any batch can hold: its rows are the largest there are.
		slices.Sort(degrees)
		for _, m := range degrees[max(0, len(degrees)-size):] {
			b.maxPos += m
		}
	case ByPair:
		b.owner = make([]int32, x.Len())
		b.first = make([]int32, x.Len())
		for u := range x.users {
			for p := x.ptr[u]; p < x.ptr[u+1]; p++ {
				b.owner[p], b.first[p] = int32(u), int32(p)
			}
		}
		b.maxPos = min(size, x.Len())
	default:
		return nil, fmt.Errorf("data: unknown rows %v; the choices are %s", rows, strings.Join(rowsNames[:], ", "))
	}
	b.order = make([]int32, len(b.first))
	b.batch = Batch{
		Users:  make([]int32, 0, b.MaxRows()),
		Ptr:    make([]int32, 0, b.MaxRows()+1),
		Pos:    make([]int32, 0, b.maxPos),
		Weight: make([]float32, 0, b.maxPos),
	}
	return b, nil
}

// Rows returns the number of rows of an epoch.
func (b *Batches) Rows() int { return len(b.first) }

// Len returns the number of batches of an epoch, at least 1.
func (b *Batches) Len() int { return 1 + (len(b.first)-1)/b.size }

// MaxRows returns the largest number of rows of a batch.
func (b *Batches) MaxRows() int { return min(b.size, len(b.first)) }

// MaxPos returns a bound on the number of target entries of any batch, over all
// rows; it depends on neither seed nor epoch.
func (b *Batches) MaxPos() int { return b.maxPos }

// Epoch returns the batches of an epoch, each row once, in an order that seed
// and epoch decide; the last batch holds what is left. A Batch is valid until the
// next one: the iteration reuses it and allocates nothing per batch.
func (b *Batches) Epoch(epoch int) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		// From the same start every time: the order must not depend on which epochs
		// ran before.
		copy(b.order, b.first)
		src := rand.New(rand.NewPCG(b.seed, mix(uint64(epoch))))
		src.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
		for rest := range slices.Chunk(b.order, b.size) {
			if !yield(b.fill(rest)) {
				return
			}
		}
	}
}

func (b *Batches) fill(units []int32) *Batch {
	t := &b.batch
	t.Users, t.Pos, t.Weight = t.Users[:0], t.Pos[:0], t.Weight[:0]
	t.Ptr = append(t.Ptr[:0], 0)
	for _, unit := range units {
		if b.rows == ByPair {
			t.Users = append(t.Users, b.owner[unit])
			t.Pos = append(t.Pos, b.x.item[unit])
			t.Weight = append(t.Weight, 1)
		} else {
			items := b.x.Of(int(unit))
			t.Users = append(t.Users, unit)
			t.Pos = append(t.Pos, items...)
			w := 1 / float32(len(items))
			for range items {
				t.Weight = append(t.Weight, w)
			}
		}
		t.Ptr = append(t.Ptr, int32(len(t.Pos)))
	}
	return t
}

package data

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type row struct {
	user int32
	pos  int32
}

// An epoch holds every row once, within the bounds that size a graph, in an
// order that only seed and epoch decide.
func TestEpoch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPairs(t)
		x, _, err := FromPairs(p.users, p.items, p.user, p.item, p.value, p.time)
		require.NoError(t, err)
		task := rapid.SampledFrom([]string{"user", "pair"}).Draw(t, "task")
		size := rapid.IntRange(1, 20).Draw(t, "size")
		examples := examplesOf(t, x, task)
		b, err := NewBatches(examples, size, 42)
		if x.Len() == 0 {
			require.ErrorContains(t, err, "no examples")
			return
		}
		require.NoError(t, err)
		collect := func(b *Batches, epoch int) (seen []row) {
			batches, total, left := 0, 0, examples.Len()
			for batch := range b.Epoch(epoch) {
				n := len(batch.Rows)
				require.Equal(t, min(size, left), n, "only the last batch is partial")
				require.LessOrEqual(t, n, b.Room().Rows)
				require.LessOrEqual(t, len(batch.Targets.Class), b.Room().Places)
				require.Len(t, batch.Targets.Ptr, n+1)
				require.Len(t, batch.Targets.Weight, len(batch.Targets.Class))
				require.EqualValues(t, 0, batch.Targets.Ptr[0])
				require.EqualValues(t, len(batch.Targets.Class), batch.Targets.Ptr[n])
				for k, u := range batch.Rows {
					lo, hi := batch.Targets.Ptr[k], batch.Targets.Ptr[k+1]
					require.Less(t, lo, hi)
					sum := 0.0
					for q := lo; q < hi; q++ {
						require.True(t, q == lo || batch.Targets.Class[q] > batch.Targets.Class[q-1])
						sum += float64(batch.Targets.Weight[q])
						seen = append(seen, row{u, batch.Targets.Class[q]})
					}
					require.InDelta(t, 1, sum, 1e-6)
					if task == "user" {
						require.EqualValues(t, len(x.ItemsOf(int(u))), hi-lo)
					} else {
						require.EqualValues(t, 1, hi-lo)
					}
				}
				batches, total, left = batches+1, total+n, left-n
			}
			require.Equal(t, b.Len(), batches)
			require.Equal(t, examples.Len(), total)
			return seen
		}
		third := collect(b, 3)
		other := collect(b, 4)
		fresh, err := NewBatches(examples, size, 42)
		require.NoError(t, err)
		require.Equal(t, other, collect(fresh, 4), "the order depends on which epochs ran before")
		for _, seen := range [][]row{third, other} {
			seen = slices.Clone(seen)
			slices.SortFunc(seen, func(a, b row) int { return int(a.user-b.user)*1000 + int(a.pos-b.pos) })
			var want []row
			for u := range x.Users() {
				for _, i := range x.ItemsOf(u) {
					want = append(want, row{int32(u), i})
				}
			}
			require.Equal(t, want, seen)
		}
	})
}

func TestEpochsAndSeedsDiffer(t *testing.T) {
	d := oneUser(t, 50, nil)
	order := func(seed uint64, epoch int) (items []int32) {
		b, err := NewBatches(examplesOf(t, d.Train, "pair"), 7, seed)
		require.NoError(t, err)
		for batch := range b.Epoch(epoch) {
			items = append(items, batch.Targets.Class...)
		}
		return items
	}
	require.NotEqual(t, order(1, 0), order(1, 1))
	require.NotEqual(t, order(1, 0), order(2, 0))
	require.Equal(t, order(1, 1), order(1, 1))
}

// Room.Places is reached where the batch of the largest users comes up.
func TestRoomIsTight(t *testing.T) {
	x, err := FromCSR(4, 5, []int{0, 5, 6, 9, 9}, []int32{0, 1, 2, 3, 4, 0, 1, 2, 3}, nil, nil)
	require.NoError(t, err)
	b, err := NewBatches(examplesOf(t, x, "user"), 2, 1)
	require.NoError(t, err)
	require.Equal(t, [4]int{3, 2, 2, 8}, [4]int{b.Examples().Len(), b.Len(), b.Room().Rows, b.Room().Places})
	most := 0
	for epoch := range 50 {
		for batch := range b.Epoch(epoch) {
			most = max(most, len(batch.Targets.Class))
		}
	}
	require.Equal(t, 8, most)
}

func TestBatchesRefuse(t *testing.T) {
	d := oneUser(t, 3, nil)
	_, err := NewBatches(examplesOf(t, d.Train, "user"), 0, 1)
	require.ErrorContains(t, err, "batches of 0 rows")
	_, err = ParseTask("item")
	require.ErrorContains(t, err, "the choices are label, last, ")
	_, err = ParseTask("user:n=1")
	require.ErrorContains(t, err, "takes no parameters")
}

// An epoch allocates for itself, not for its batches.
func TestBatchesDoNotAllocate(t *testing.T) {
	d, err := Demo{Users: 400, Items: 200, PerUser: 10}.Generate()
	require.NoError(t, err)
	for _, task := range Tasks() {
		perEpoch := func(size int) float64 {
			b, err := NewBatches(examplesOf(t, d.Train, task.Name), size, 1)
			require.NoError(t, err)
			epoch := 0
			return testing.AllocsPerRun(5, func() {
				for batch := range b.Epoch(epoch) {
					_ = batch
				}
				epoch++
			})
		}
		require.Equal(t, perEpoch(400), perEpoch(1), task.Name)
	}
}

// TestBatchSize: a batch may be larger than an epoch, which is then one step, and sizes
// that no count of rows reaches are refused, not wrapped around to an epoch of none.
func TestBatchSize(t *testing.T) {
	x, _, err := FromPairs(3, 2, []int32{0, 1, 1, 2}, []int32{0, 0, 1, 1}, nil, nil)
	require.NoError(t, err)
	for _, task := range []string{"user", "pair"} {
		examples := examplesOf(t, x, task)
		b, err := NewBatches(examples, MaxBatch, 1)
		require.NoError(t, err)
		require.Equal(t, 1, b.Len())
		require.Equal(t, examples.Len(), b.Room().Rows)
		for _, size := range []int{-1, 0, MaxBatch + 1, math.MaxInt} {
			_, err := NewBatches(examples, size, 1)
			require.ErrorContains(t, err, "at least 1 and at most 2147483647", "%d", size)
		}
	}
}

// examplesOf returns the examples that a task makes of a train set, valid if there
// are any.
func examplesOf(t require.TestingT, x *Interactions, task string) *Examples {
	s, err := ParseTask(task)
	require.NoError(t, err)
	d := &Dataset{Users: x.Users(), Items: x.Items(), Train: x, Text: task == "skipgram", Histories: &Histories{x.items, x.ptr, x.item, make([]uint8, x.Len())}}
	if s.ByFeatures() {
		d.Histories, d.Points = nil, make([]uint8, x.Users())
	}
	e, err := s.Spec.Train(s.Values, d)
	require.NoError(t, err)
	if x.Len() > 0 {
		require.NoError(t, e.Validate(x.Items()))
	}
	return e
}

// Weights of examples, and those of their targets, come with the batch.
func TestBatchWeights(t *testing.T) {
	e := &Examples{
		Context: &Frame{Rows: 3, Fields: []Field{{Name: "user", Size: 3}}}, Row: []int32{2, 0, 2},
		Targets: Targets{Ptr: []int32{0, 1, 3, 4}, Class: []int32{4, 0, 1, 2}, Weight: []float32{1, 0.25, 0.75, 1}},
		Weight:  []float32{10, 20, 30},
	}
	require.NoError(t, e.Validate(5))
	b, err := NewBatches(e, 2, 7)
	require.NoError(t, err)
	seen := map[float32]bool{}
	for batch := range b.Epoch(0) {
		for k, w := range batch.Weight {
			i := int(w)/10 - 1
			require.Equal(t, e.Row[i], batch.Rows[k])
			require.Equal(t, e.Targets.Row(i), batch.Targets.Row(k))
			lo, hi := batch.Targets.Ptr[k], batch.Targets.Ptr[k+1]
			require.Equal(t, e.Targets.Weight[e.Targets.Ptr[i]:e.Targets.Ptr[i+1]], batch.Targets.Weight[lo:hi])
			seen[w] = true
		}
	}
	require.Len(t, seen, 3)
}

// Examples that were not validated are no panic: what a batch reads is checked.
func TestBatchesOfBrokenExamples(t *testing.T) {
	for want, e := range map[string]*Examples{
		"1 targets for 2 examples":                       {Row: []int32{0, 1}, Targets: Targets{Class: []int32{1}}},
		"1 weights for 2 examples":                       {Row: []int32{0, 1}, Targets: Targets{Class: []int32{1, 2}}, Weight: []float32{1}},
		"example 0: the targets' bounds go from 0 to 9":  {Row: []int32{0, 1}, Targets: Targets{Ptr: []int32{0, 9, 2}, Class: []int32{1, 2}}},
		"example 0: the targets' bounds go from 0 to -3": {Row: []int32{0, 1}, Targets: Targets{Ptr: []int32{0, -3, 2}, Class: []int32{1, 2}}},
		"1 weights for 2 classes of targets":             {Row: []int32{0}, Targets: Targets{Ptr: []int32{0, 2}, Class: []int32{1, 2}, Weight: []float32{1}}},
	} {
		_, err := NewBatches(e, 2, 0)
		require.ErrorContains(t, err, want)
	}
	_, err := (*Examples)(nil).First(3)
	require.ErrorContains(t, err, "no examples")
	require.ErrorContains(t, (*Examples)(nil).Validate(3), "without a frame")
	require.ErrorContains(t, (&Examples{Context: &Frame{Rows: 1}}).Validate(0), "want 1 to 2147483647")
}

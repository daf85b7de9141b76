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
		rows := Rows(rapid.IntRange(0, 1).Draw(t, "rows"))
		size := rapid.IntRange(1, 20).Draw(t, "size")
		b, err := NewBatches(x, rows, size, 42)
		if x.Len() == 0 {
			require.ErrorContains(t, err, "no interactions")
			return
		}
		require.NoError(t, err)
		collect := func(b *Batches, epoch int) (seen []row) {
			batches, total, left := 0, 0, b.Rows()
			for batch := range b.Epoch(epoch) {
				n := len(batch.Users)
				require.Equal(t, min(size, left), n, "only the last batch is partial")
				require.LessOrEqual(t, n, b.MaxRows())
				require.LessOrEqual(t, len(batch.Pos), b.MaxPos())
				require.Len(t, batch.Ptr, n+1)
				require.Len(t, batch.Weight, len(batch.Pos))
				require.EqualValues(t, 0, batch.Ptr[0])
				require.EqualValues(t, len(batch.Pos), batch.Ptr[n])
				for k, u := range batch.Users {
					lo, hi := batch.Ptr[k], batch.Ptr[k+1]
					require.Less(t, lo, hi)
					sum := 0.0
					for q := lo; q < hi; q++ {
						require.True(t, q == lo || batch.Pos[q] > batch.Pos[q-1])
						sum += float64(batch.Weight[q])
						seen = append(seen, row{u, batch.Pos[q]})
					}
					require.InDelta(t, 1, sum, 1e-6)
					if rows == ByUser {
						require.EqualValues(t, len(x.Of(int(u))), hi-lo)
					} else {
						require.EqualValues(t, 1, hi-lo)
					}
				}
				batches, total, left = batches+1, total+n, left-n
			}
			require.Equal(t, b.Len(), batches)
			require.Equal(t, b.Rows(), total)
			return seen
		}
		third := collect(b, 3)
		other := collect(b, 4)
		fresh, err := NewBatches(x, rows, size, 42)
		require.NoError(t, err)
		require.Equal(t, other, collect(fresh, 4), "the order depends on which epochs ran before")
		for _, seen := range [][]row{third, other} {
			seen = slices.Clone(seen)
			slices.SortFunc(seen, func(a, b row) int { return int(a.user-b.user)*1000 + int(a.pos-b.pos) })
			var want []row
			for u := range x.Users() {
				for _, i := range x.Of(u) {
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
		b, err := NewBatches(d.Train, ByPair, 7, seed)
		require.NoError(t, err)
		for batch := range b.Epoch(epoch) {
			items = append(items, batch.Pos...)
		}
		return items
	}
	require.NotEqual(t, order(1, 0), order(1, 1))
	require.NotEqual(t, order(1, 0), order(2, 0))
	require.Equal(t, order(1, 1), order(1, 1))
}

// MaxPos is reached where the batch of the largest users comes up.
func TestMaxPosIsTight(t *testing.T) {
	x, err := FromCSR(4, 5, []int{0, 5, 6, 9, 9}, []int32{0, 1, 2, 3, 4, 0, 1, 2, 3}, nil, nil)
	require.NoError(t, err)
	b, err := NewBatches(x, ByUser, 2, 1)
	require.NoError(t, err)
	require.Equal(t, [4]int{3, 2, 2, 8}, [4]int{b.Rows(), b.Len(), b.MaxRows(), b.MaxPos()})
	most := 0
	for epoch := range 50 {
		for batch := range b.Epoch(epoch) {
			most = max(most, len(batch.Pos))
		}
	}
	require.Equal(t, 8, most)
}

func TestBatchesRefuse(t *testing.T) {
	d := oneUser(t, 3, nil)
	_, err := NewBatches(d.Train, ByUser, 0, 1)
	require.ErrorContains(t, err, "batches of 0 rows")
	_, err = NewBatches(d.Train, Rows(9), 1, 1)
	require.ErrorContains(t, err, "unknown rows Rows(9)")
	_, err = ParseRows("item")
	require.ErrorContains(t, err, "the choices are user, pair")
	for _, r := range []Rows{ByUser, ByPair} {
		back, err := ParseRows(r.String())
		require.NoError(t, err)
		require.Equal(t, r, back)
	}
}

// An epoch allocates for itself, not for its batches.
func TestBatchesDoNotAllocate(t *testing.T) {
	d, err := Demo{Users: 400, Items: 200, PerUser: 10}.Generate()
	require.NoError(t, err)
	for _, rows := range []Rows{ByUser, ByPair} {
		perEpoch := func(size int) float64 {
			b, err := NewBatches(d.Train, rows, size, 1)
			require.NoError(t, err)
			epoch := 0
			return testing.AllocsPerRun(5, func() {
				for batch := range b.Epoch(epoch) {
					_ = batch
				}
				epoch++
			})
		}
		require.Equal(t, perEpoch(400), perEpoch(1), rows.String())
	}
}

// TestBatchSize: a batch may be larger than an epoch, which is then one step, and sizes
// that no count of rows reaches are refused, not wrapped around to an epoch of none.
func TestBatchSize(t *testing.T) {
	x, _, err := FromPairs(3, 2, []int32{0, 1, 1, 2}, []int32{0, 0, 1, 1}, nil, nil)
	require.NoError(t, err)
	for _, rows := range []Rows{ByUser, ByPair} {
		b, err := NewBatches(x, rows, MaxBatch, 1)
		require.NoError(t, err)
		require.Equal(t, 1, b.Len())
		require.Equal(t, b.Rows(), b.MaxRows())
		for _, size := range []int{-1, 0, MaxBatch + 1, math.MaxInt} {
			_, err := NewBatches(x, rows, size, 1)
			require.ErrorContains(t, err, "at least 1 and at most 2147483647", "%d", size)
		}
	}
}

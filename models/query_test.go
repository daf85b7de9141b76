package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
)

// TestChunkOfColdItems: what a chunk of users holds is bounded where most items are
// left out, and is what it was where none is.
func TestChunkOfColdItems(t *testing.T) {
	require.Equal(t, 4096, Chunk(1e6, 20, 0))
	require.Equal(t, 100, Chunk(100, 20, 0))
	require.Equal(t, 4096, Chunk(1e6, 20, 4096))
	require.Equal(t, 16, Chunk(1e6, 20, 1e7))
	require.Equal(t, []int32{1, 2, 3, 5, 9}, merge(nil, []int32{2, 5}, []int32{1, 2, 3, 9}))
	require.Equal(t, []int32{1, 4}, merge([]int32{}, nil, []int32{1, 4}))
}

// TestQueryRefusesMasksThatRankersMisread: a ranker walks along a mask, so that a class
// that is out of order or said twice would let the classes behind it through.
func TestQueryRefusesMasksThatRankersMisread(t *testing.T) {
	frame := &data.Frame{Rows: 2, Fields: []data.Field{{Name: "user", Size: 2}}}
	for _, c := range []struct {
		mask []int32
		want string
	}{
		{[]int32{3, 3, 7}, "class 3 at place 1 follows 3"},
		{[]int32{5, 3}, "class 3 at place 1 follows 5"},
		{[]int32{-1}, "class -1 at place 0 is outside [0,9)"},
		{[]int32{2, 9}, "class 9 at place 1 is outside [0,9)"},
	} {
		q := Query{Contexts: frame, Rows: []int32{0, 1}, Classes: 9, K: 2, LeftOut: c.mask}
		require.ErrorContains(t, q.Validate(), "leaves out: "+c.want)
		q.LeftOut, q.Seen = nil, func(i int) []int32 {
			if i == 0 {
				return nil
			}
			return c.mask
		}
		err := q.Each(t.Context(), func(int, []int32, [][]int32) error { return nil })
		require.ErrorContains(t, err, "what row 1 of a query has seen: "+c.want)
	}
	good := Query{Contexts: frame, Rows: []int32{0, 1}, Classes: 9, K: 2, LeftOut: []int32{0, 8}, Seen: func(int) []int32 { return []int32{3, 7} }}
	require.NoError(t, good.Each(t.Context(), func(_ int, _ []int32, masks [][]int32) error {
		require.Equal(t, [][]int32{{0, 3, 7, 8}, {0, 3, 7, 8}}, masks)
		return nil
	}))
	good.Classes = 1 << 31
	require.ErrorContains(t, good.Validate(), "want 1 to 2147483647")
	require.ErrorContains(t, (*Query)(nil).Validate(), "without a frame of contexts")
	require.Equal(t, 0, (&Query{}).Chunk(), "of no query, which has no k to divide by")
}

package models

import (
	"testing"

	"github.com/stretchr/testify/require"
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

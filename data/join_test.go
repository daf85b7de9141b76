package data

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJoinValid: the joined set has valid's pairs in train, no valid, another hash, and the
// set that it was made of is as it was.
func TestJoinValid(t *testing.T) {
	d, err := Load(Config{Source: "demo:users=20,items=100,per-user=10"})
	require.NoError(t, err)
	hash := d.Hash()
	joined, err := d.JoinValid()
	require.NoError(t, err)
	require.Equal(t, d.Train.Len()+d.Valid.Len(), joined.Train.Len())
	require.Zero(t, joined.Valid.Len())
	require.Equal(t, d.Test, joined.Test)
	for u := range d.Users {
		for _, i := range slices.Concat(d.Train.ItemsOf(u), d.Valid.ItemsOf(u)) {
			require.True(t, joined.Train.Has(u, i))
		}
	}
	require.Equal(t, hash, d.Hash())
	require.NotEqual(t, hash, joined.Hash())
	again, err := joined.JoinValid()
	require.NoError(t, err)
	require.Same(t, joined, again)
	_, err = (&Dataset{}).JoinValid()
	require.ErrorContains(t, err, "train is nil")
}

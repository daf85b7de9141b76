package settings

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOr(t *testing.T) {
	require.Equal(t, []int{1, 2}, Or(nil, 1, 2))
	require.Equal(t, []int{1, 2}, Or([]int{}, 1, 2))
	require.Equal(t, []int{3}, Or([]int{3}, 1, 2))
}

// TestFaults: every fault is in the error, in order, and nothing else is.
func TestFaults(t *testing.T) {
	var f Faults
	f.Add(nil)
	f.Within("draws", 1, 10, 1, 10)
	f.Texts([]string{"a", "b"}, func(string) error { return nil })
	require.False(t, f.Any())
	require.NoError(t, f.Err())
	cause := errors.New("cause")
	f.Within("sizes", 2, 4, 1, 3, 5)
	f.Texts([]string{"a", "b"}, func(text string) error {
		if text == "b" {
			return cause
		}
		return nil
	})
	f.Addf("budget: %d", -1)
	require.True(t, f.Any())
	require.ErrorIs(t, f.Err(), cause)
	require.EqualError(t, f.Err(), "sizes: 1 is outside [2, 4]\nsizes: 5 is outside [2, 4]\ncause\nbudget: -1")
}

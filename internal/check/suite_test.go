package check

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A suite goes on after a fault, names each, and takes a panic for one.
func TestSuite(t *testing.T) {
	cause := errors.New("disk")
	var reached []string
	err := Suite(func(s *T) {
		require.True(t, s.Run("good", func(s *T) {
			s.True(true, "no")
			s.NoError(nil, "no")
			s.Equal([]int{1}, []int{1}, "no")
			s.AtMost(1, 1, "no")
			s.AtLeast(1, 1, "no")
			s.Above(2, 1, "no")
		}))
		require.False(t, s.Run("outer", func(s *T) {
			s.Run("inner", func(s *T) {
				s.True(false, "x is %d", 3)
				reached = append(reached, "after a fault")
			})
			s.Run("read", func(s *T) { s.NoError(cause, "reading") })
			s.Run("nan", func(s *T) { s.AtMost(math.NaN(), 1, "y") })
			s.Run("nan", func(s *T) { s.AtLeast(math.NaN(), 1, "y") })
			s.Run("nan", func(s *T) { s.Above(1, 1, "y") })
			s.Run("equal", func(s *T) { s.Equal(math.NaN(), math.NaN(), "z%d", 1) })
			reached = append(reached, "after the checks")
		}))
		s.Run("index", func(*T) { _ = []int{}[len(reached)] })
		s.Fail("the last")
	})
	require.Equal(t, []string{"after the checks"}, reached)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "index: panic: runtime error: index out of range [1] with length 0")
	for _, line := range []string{
		"outer/inner: x is 3\n", "outer/read: reading: disk\n", "outer/nan: y: NaN is above 1\n", "outer/nan: y: NaN is below 1\n",
		"outer/nan: y: 1 is not above 1\n", "outer/equal: z1: got NaN, want NaN\n", "\nthe last",
	} {
		require.ErrorContains(t, err, line)
	}
	require.NoError(t, Suite(func(s *T) { s.Run("good", func(*T) {}) }))
}

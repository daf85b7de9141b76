//go:build (amd64 || arm64) && !purego

package kernel

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestStream: a kernel that takes the steps asks for all of the memory, without steps for
// none.
func TestStream(t *testing.T) {
	x, idle := make([]float32, 1000), make([]float32, 1)
	at := func(x []float32) uintptr { return uintptr(unsafe.Pointer(&x[0])) }
	for _, steps := range []int{1, 7, 250, 4000, 9999} {
		s := newStream(x, steps, idle)
		require.Equal(t, at(x), s.at)
		require.GreaterOrEqual(t, steps*s.step, 4*len(x))
		require.Less(t, steps*(s.step-1), 4*len(x))
	}
	require.Equal(t, stream{at(idle), 0}, newStream(nil, 5, idle))
	require.Equal(t, stream{at(idle), 0}, newStream(x, 0, idle))
}

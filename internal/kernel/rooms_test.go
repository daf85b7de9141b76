package kernel

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRoomsOfFewerWorkers: where GOMAXPROCS rises after rooms were made, no worker is without
// one, and every room has the length that was asked for last.
func TestRoomsOfFewerWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var r rooms[float32]
	r.grow(3)
	runtime.GOMAXPROCS(2)
	r.grow(5)
	runtime.GOMAXPROCS(8)
	r.parallel(100, func(worker, _ int) { r[worker][4]++ })
	sum := float32(0)
	for _, room := range r {
		sum += room[4]
	}
	require.Equal(t, float32(100), sum)
}

package kernel

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpreadPanics: a panic of a task, on whichever goroutine, is the caller's to recover,
// and of several it is that of the first task.
func TestSpreadPanics(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for range 50 {
		for _, first := range []int{0, 7, 30} {
			require.PanicsWithValue(t, first, func() {
				Spread(4, 31, func(_, task int) {
					if task >= first {
						panic(task)
					}
				})
			})
		}
	}
}

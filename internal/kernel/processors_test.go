package kernel

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMoreProcessors: GOMAXPROCS may become larger in the midst of a pass, whose scratch is that
// of fewer workers.
func TestMoreProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const b, c, d, k = 40, 500, 8, 3
	x := Linear{B: b, C: c, D: d, H: normal(source(1), b*d, 1), W: normal(source(2), c*d, 1)}
	var r Ranker
	want, got := make([]int32, b*k), make([]int32, b*k)
	require.NoError(t, r.TopK(want, nil, &x, k, nil))

	r = Ranker{}
	require.NoError(t, r.TopK(got, nil, &x, k, func(int) []int32 {
		runtime.GOMAXPROCS(8)
		time.Sleep(100 * time.Microsecond) // every worker gets a task
		return nil
	}))
	require.Equal(t, want, got)

	x.Label = make([]int32, b)
	var ws Workspace
	runtime.GOMAXPROCS(1)
	require.NoError(t, ws.prepare(&x, make([]float32, b), 1))
	runtime.GOMAXPROCS(8)
	ws.parallel(8, func(worker, _ int) {
		time.Sleep(100 * time.Microsecond)
		require.Less(t, worker, len(ws.tiles))
	})
}

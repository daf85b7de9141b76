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
	const b, c, d, k = 100, 3000, 32, 10
	x := Linear{B: b, C: c, D: d, H: normal(source(1), b*d, 1), W: normal(source(2), c*d, 1), Label: make([]int32, b)}
	var ws Workspace
	loss := make([]float32, b)
	require.NoError(t, ws.prepare(&x, loss, 1))
	runtime.GOMAXPROCS(8)
	ws.parallel(8, func(worker, _ int) {
		time.Sleep(100 * time.Microsecond) // every worker gets a task
		require.Less(t, worker, len(ws.tiles))
	})

	stop, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GOMAXPROCS([]int{1, 8, 2, 5}[n%4])
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	for range 40 {
		var ws Workspace
		g := Grad{H: make([]float32, len(x.H)), W: make([]float32, len(x.W))}
		for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.5}, Rankmax{Margin: 1}} {
			require.NoError(t, l.Forward(&ws, &x, loss))
			require.NoError(t, l.Backward(&ws, &x, loss, &g))
		}
		var r Ranker
		require.NoError(t, r.TopK(make([]int32, b*k), nil, &x, k, nil))
	}
}

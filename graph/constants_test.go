package graph_test

import (
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestGraphsAreBuiltInParallel: the first graphs of a process are differentiated at the same
// time. A process of its own does so, because any test before it would have asked Gorgonia's
// shared constants already; the race detector judges.
func TestGraphsAreBuiltInParallel(t *testing.T) {
	if os.Getenv("FENCHEL_TEST_PARALLEL_GRAPHS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGraphsAreBuiltInParallel$")
		cmd.Env = append(os.Environ(), "FENCHEL_TEST_PARALLEL_GRAPHS=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	start := make(chan struct{})
	var built sync.WaitGroup
	for i := range 16 {
		built.Go(func() {
			var e graph.Expr
			dt := []tensor.Dtype{tensor.Float32, tensor.Float64}[i%2]
			x := gorgonia.NewScalar(gorgonia.NewGraph(), dt, gorgonia.WithName("x"))
			cost := e.N(gorgonia.Add(e.N(gorgonia.Square(x)), e.N(gorgonia.Cube(x))))
			cost = e.N(gorgonia.Add(cost, e.N(gorgonia.Add(e.N(gorgonia.Log2(x)), e.N(gorgonia.Log1p(x))))))
			<-start
			grads, err := gorgonia.Grad(cost, x)
			if e.Err != nil || err != nil || len(grads) != 1 {
				t.Errorf("%v, %v: %d gradients", e.Err, err, len(grads))
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // all of them stand before their derivative
	close(start)
	built.Wait()
}

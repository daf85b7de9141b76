package sampler

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// refreshParam is the schedule of every sampler that keeps a summary of W. At
// C = 10⁴ and d = 64 a rebuild takes 20 to 120 ms on two cores (BenchmarkRefresh),
// so that 500 steps share 0.04 to 0.25 ms each.
var refreshParam = registry.Param{
	Name: "refresh", Doc: "steps between two rebuilds of the summary of the class table",
	Default: 500, Min: 1, Max: 1e12, Integer: true,
}

// every implements Refresher.Every from the refresh parameter.
type every int

func (e every) Every() int { return int(e) }

// parts runs fn(lo, hi) over [0, n) in parts of fixed size, on as many
// goroutines as there are processors. The parts do not depend on that number, so
// neither does a result that fn stores by index or by part.
func parts(n, size int, fn func(lo, hi int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+size-1)/size) {
		wg.Go(func() {
			for {
				lo := int(next.Add(int64(size))) - size
				if lo >= n {
					return
				}
				fn(lo, min(lo+size, n))
			}
		})
	}
	wg.Wait()
}

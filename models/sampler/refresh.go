package sampler

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// refreshParam is the schedule of every sampler that keeps a summary of W. At
// C = 10⁴ and d = 64 a rebuild takes 20 to 120 ms on two cores (BenchmarkRefresh),
// so that 500 steps share 0.04 to 0.25 ms each.
var refreshParam = Param{
	Name: "refresh", Doc: "steps between two rebuilds of the summary of the class table",
	Default: 500, Min: 1, Max: 1e12, Integer: true,
}

// every implements Refresher.Every from the refresh parameter.
type every int

func (e every) Every() int { return int(e) }

// goroutines is how many share n things in parts of fixed size.
func goroutines(n, size int) int { return min(runtime.GOMAXPROCS(0), (n+size-1)/size) }

// parts runs fn(lo, hi) over [0, n) in parts of fixed size, on as many
// goroutines as there are processors. The parts do not depend on that number, so
// neither does a result that fn stores by index or by part. begin is called in each
// goroutine and returns its fn, which then has scratch of its own.
func parts(n, size int, begin func() (fn func(lo, hi int))) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines(n, size) {
		wg.Go(func() {
			fn := begin()
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

package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Parallel runs f(worker, task) once for every task in [0, tasks) on up to
// GOMAXPROCS goroutines and returns when all are done. Worker is in
// [0, [Workers]) and names the goroutine, so that it can own scratch.
//
// Which worker runs which task, and when, is not determined: a task writes only
// what is its own, and results that are to be added are added after Parallel, in
// the order of the tasks.
//
// A panic of f, which may be a caller's own function, goes on in the goroutine of the
// caller once all goroutines have ended: elsewhere nobody could recover it. Of several it
// is that of the first task, as it is on one goroutine.
func Parallel(tasks int, f func(worker, task int)) { Spread(Workers(), tasks, f) }

// Spread is Parallel on up to that many goroutines.
func Spread(workers, tasks int, f func(worker, task int)) {
	workers = min(workers, tasks)
	if workers <= 1 {
		for t := range tasks {
			f(0, t)
		}
		return
	}
	var next atomic.Int64
	var mu sync.Mutex
	first, fault := tasks, any(nil) // the first task that panicked, and with what
	run := func(worker int) {
		t := 0
		defer func() {
			if r := recover(); r != nil {
				mu.Lock()
				defer mu.Unlock()
				if t < first {
					first, fault = t, r
				}
			}
		}()
		for {
			if t = int(next.Add(1)) - 1; t >= tasks {
				return
			}
			f(worker, t)
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { run(w) })
	}
	// The scheduler keeps the goroutine that was started last for this processor for
	// some time, some 30 µs, before another may take it. That shall not be a worker.
	wg.Go(func() {})
	run(0)
	wg.Wait()
	if first < tasks {
		panic(fault)
	}
}

// Workers returns the number of goroutines that Parallel uses at most.
func Workers() int { return runtime.GOMAXPROCS(0) }

// cut returns the bounds of part i of n things cut into equal parts of size,
// the last one shorter.
func cut(i, size, n int) (lo, hi int) { return i * size, min((i+1)*size, n) }

// ceil returns ⌈a/b⌉ for positive b.
func ceil(a, b int) int { return (a + b - 1) / b }

// grow returns s with length n, reallocated where its capacity is short; the
// content is not kept.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

package kernel

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	r := &region{f: f, tasks: tasks, first: tasks, parts: make([]part, workers-1)}
	r.running.Store(int32(workers))
	r.ended.Lock()
	regions.Add(1)
	defer regions.Add(-1)
	fresh := false
	for i := range r.parts {
		fresh = r.enlist(&r.parts[i], i+1) || fresh
	}
	if fresh {
		// The scheduler keeps the goroutine that was started last for this processor for
		// some time, some 30 µs, before another may take it. That shall not be a worker.
		go func() {}()
	}
	r.run(0)
	for i := range r.parts {
		r.dismiss(&r.parts[i])
	}
	linger(func() bool { return r.running.Load() == 0 })
	r.ended.Lock()
	if r.first < tasks {
		panic(r.fault)
	}
}

// regions counts those that have begun and not ended.
var regions atomic.Int32

// A region is a call of Spread.
type region struct {
	f       func(worker, task int)
	tasks   int
	parts   []part // of the workers from 1 on
	next    atomic.Int64
	running atomic.Int32 // workers that have not ended

	// ended is locked until all have. It is no WaitGroup because a helper may be of another
	// bubble of testing/synctest than the caller.
	ended sync.Mutex

	mu    sync.Mutex
	first int // task that panicked, and with what
	fault any
}

// run does tasks while there are any.
func (r *region) run(worker int) {
	t := 0
	defer func() {
		if fault := recover(); fault != nil {
			r.mu.Lock()
			if t < r.first {
				r.first, r.fault = t, fault
			}
			r.mu.Unlock()
		}
		r.leave()
	}()
	for {
		if t = int(r.next.Add(1)) - 1; t >= r.tasks {
			return
		}
		r.f(worker, t)
	}
}

// leave is the last that a worker does.
func (r *region) leave() {
	if r.running.Add(-1) == 0 {
		r.ended.Unlock()
	}
}

// enlist has a helper run the region as that worker, and says whether it is a new one.
func (r *region) enlist(p *part, worker int) bool {
	h, fresh := newHelper()
	*p = part{r, worker, h}
	h.part.Store(p)
	if fresh {
		go h.work()
	}
	return fresh
}

// dismiss takes the part back if its helper has not begun it: no task is left. It may be
// long until then where the system has given the helper's processor to another program; so
// that helper is the last to be chosen.
func (r *region) dismiss(p *part) {
	if p.helper.part.CompareAndSwap(p, nil) {
		ready.Lock()
		ready.helpers = slices.Insert(ready.helpers, 0, p.helper)
		ready.Unlock()
		r.leave()
	}
}

// A part of a region is what one worker does of it.
type part struct {
	*region
	worker int
	helper *helper
}

// A helper is a goroutine that does a part of one region after the other. After each it is
// ready for the next for a moment: a step has many short regions, and between two of them
// a processor goes to sleep, from which it wakes up later than some of them last.
type helper struct{ part atomic.Pointer[part] }

// ready are the helpers that wait for a part.
var ready struct {
	sync.Mutex
	helpers []*helper
}

// newHelper returns one of those that are ready, if there are any: the last one, which is
// the most awake.
func newHelper() (h *helper, fresh bool) {
	ready.Lock()
	defer ready.Unlock()
	n := len(ready.helpers)
	if n == 0 {
		return new(helper), true
	}
	h = ready.helpers[n-1]
	ready.helpers = ready.helpers[:n-1]
	return h, false
}

// leave says whether the helper was ready still, and is not from now on: somebody has
// chosen it otherwise, and its part comes.
func (h *helper) leave() bool {
	ready.Lock()
	defer ready.Unlock()
	i := slices.Index(ready.helpers, h)
	if i >= 0 {
		ready.helpers = slices.Delete(ready.helpers, i, i+1)
	}
	return i >= 0
}

func (h *helper) work() {
	for {
		if p := h.part.Swap(nil); p != nil { // not dismissed
			p.run(p.worker)
			if !h.wait() {
				return
			}
		}
		comes := func() bool { return h.part.Load() != nil }
		for !linger(comes) {
			if h.leave() {
				return
			}
			runtime.Gosched()
		}
	}
}

// wait makes the helper ready, and says whether it is: no more wait than can be at work.
func (h *helper) wait() bool {
	most := Workers() - 1
	ready.Lock()
	defer ready.Unlock()
	if len(ready.helpers) >= most {
		return false
	}
	ready.helpers = append(ready.helpers, h)
	return true
}

// lingering is how long a goroutine without work keeps its processor awake, by the clock
// and, where that is coarse or, as in a bubble of testing/synctest, stands still, by rounds.
const (
	lingering = 200 * time.Microsecond
	rounds    = 4096
)

// linger waits for that long at most until done, and says whether it is. It takes no
// processor from others: neither from threads, where there are more than processors, nor
// from what other regions have to do.
func linger(done func() bool) bool {
	if runtime.GOMAXPROCS(0) > runtime.NumCPU() {
		return done()
	}
	begun := time.Now()
	for range rounds {
		for range 8 {
			if done() {
				return true
			}
			pause()
		}
		if regions.Load() > 1 || time.Since(begun) > lingering {
			break
		}
	}
	return done()
}

// Workers returns the number of goroutines that Parallel uses at most.
func Workers() int { return runtime.GOMAXPROCS(0) }

// cut returns the bounds of part i of n things cut into equal parts of size,
// the last one shorter.
func cut(i, size, n int) (lo, hi int) { return i * size, min((i+1)*size, n) }

// ceil returns ⌈a/b⌉ for positive b.
func ceil(a, b int) int { return (a + b - 1) / b }

// sixteens rounds up to a multiple of 16, which the columns of products come in.
func sixteens(n int) int { return ceil(n, 16) * 16 }

// rooms are memory of each worker. A region that uses them runs by their parallel, on no more
// workers than there are rooms: GOMAXPROCS may have become larger since they were made.
type rooms[T any] [][]T

// grow makes a room of n for each worker that there may be now.
func (r *rooms[T]) grow(n int) {
	*r = enough(*r, Workers())
	for i := range *r {
		(*r)[i] = grow((*r)[i], n)
	}
}

// parallel is Parallel on as many workers as have a room.
func (r rooms[T]) parallel(tasks int, f func(worker, task int)) {
	Spread(min(len(r), Workers()), tasks, f)
}

// grow returns s with length n, reallocated where its capacity is short; the
// content is not kept.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// TestSpreadAtOnce: every task of every region is done once, by a worker of its own number,
// where regions are begun by several goroutines at once, and by tasks of others; and helpers
// that no region needs end.
func TestSpreadAtOnce(t *testing.T) {
	for _, threads := range []int{runtime.NumCPU(), runtime.NumCPU() + 2} { // without more threads than processors helpers linger
		t.Run(fmt.Sprint(threads), func(t *testing.T) { spreadAtOnce(t, threads) })
	}
}

func spreadAtOnce(t *testing.T, threads int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	before := runtime.NumGoroutine()
	var callers sync.WaitGroup
	var faults atomic.Int64
	for c := range 3 {
		callers.Go(func() {
			for i := range 300 {
				workers, tasks := 2+(i+c)%3, 1+(7*i+c)%23
				count := make([]atomic.Int32, tasks)
				busy := make([]atomic.Int32, workers)
				Spread(workers, tasks, func(worker, task int) {
					if busy[worker].Add(1) != 1 {
						faults.Add(1)
					}
					count[task].Add(1)
					if i%20 == 0 {
						Spread(2, 3, func(_, _ int) { count[task].Add(1) })
					}
					if i%50 == 0 {
						time.Sleep(time.Millisecond) // longer than helpers linger
					}
					busy[worker].Add(-1)
				})
				want := int32(1)
				if i%20 == 0 {
					want = 4
				}
				for task := range count {
					if count[task].Load() != want {
						faults.Add(1)
					}
				}
			}
		})
	}
	callers.Wait()
	require.Zero(t, faults.Load())
	left := func() int {
		ready.Lock()
		defer ready.Unlock()
		return len(ready.helpers) + max(0, runtime.NumGoroutine()-before)
	}
	for end := time.Now().Add(10 * time.Second); left() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.Zero(t, left())
}

// TestSpreadAlone: a region whose tasks are done ends, whatever keeps a helper from its part:
// the system may have given that one's processor to another program.
func TestSpreadAlone(t *testing.T) {
	stuck := new(helper) // nobody's goroutine
	ready.Lock()
	ready.helpers = append(ready.helpers, stuck)
	ready.Unlock()
	ended := make(chan int64)
	go func() {
		var n atomic.Int64
		Spread(2, 5, func(_, _ int) { n.Add(1) })
		ended <- n.Load()
	}()
	select {
	case n := <-ended:
		require.EqualValues(t, 5, n)
	case <-time.After(10 * time.Second):
		t.Error("the region waits for a helper that has not begun")
	}
	require.True(t, stuck.leave()) // it is ready for another region
}

// TestSpreadInBubble: helpers end where the clock stands still, as it does in a bubble of
// testing/synctest while a goroutine runs, and regions may have helpers of other bubbles.
func TestSpreadInBubble(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU())) // without more threads than processors helpers linger
	once := func(t *testing.T) {
		var n atomic.Int64
		Spread(3, 7, func(_, _ int) { n.Add(1) })
		require.EqualValues(t, 7, n.Load())
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for range 100 {
			once(t)
			synctest.Test(t, once)
		}
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("a bubble does not end")
	}
}

func BenchmarkSpread(b *testing.B) {
	for b.Loop() {
		Spread(2, 2, func(_, _ int) {})
	}
}

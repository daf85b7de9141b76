package graph

import (
	"fmt"
	"runtime"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// parts is how many pieces parallel work is cut into. It is a constant, so that
// what each piece computes, and with it every bit of the result, does not
// depend on the number of threads.
const parts = 32

// grain is the least work, in scalar operations, that is worth a goroutine.
const grain = 1 << 15

// workers returns the largest worker number that parallel passes, plus one.
func workers() int { return runtime.GOMAXPROCS(0) }

// parallel calls f on the pieces of [0,n) from several goroutines; cost is the
// work of the whole in scalar operations, and little work stays on the
// caller's goroutine. Pieces must write to disjoint memory. worker < workers()
// numbers the goroutine, for scratch that one of them uses at a time. The first
// error in the order of pieces is returned; a panic is one.
func parallel(n, cost int, f func(worker, lo, hi int) error) error {
	return parallelOn(workers(), n, cost, f)
}

// parallelOn is parallel on up to that many goroutines.
func parallelOn(most, n, cost int, f func(worker, lo, hi int) error) error {
	size := pieceSize(n)
	if n == 0 {
		return nil
	}
	pieces := (n + size - 1) / size
	var failed [parts]error
	piece := func(worker, i int) {
		defer func() {
			if r := recover(); r != nil {
				failed[i] = fmt.Errorf("%v", r)
			}
		}()
		failed[i] = f(worker, i*size, min((i+1)*size, n))
	}
	kernel.Spread(min(most, 1+cost/grain), pieces, piece)
	for _, err := range failed[:pieces] {
		if err != nil {
			return err
		}
	}
	return nil
}

// pieceSize returns how many of n things a piece of parallel has, the last one fewer.
func pieceSize(n int) int { return max(1, (n+parts-1)/parts) }

// pieceOf returns the number of the piece of n things that begins with that one.
func pieceOf(lo, n int) int { return lo / pieceSize(n) }

// A scratch is memory per worker, grown on demand and kept between runs.
type scratch[T any] [][]T

// of returns n elements, arbitrary ones, for that worker of parallel. Call grow before.
func (s scratch[T]) of(worker int) []T { return s[worker] }

// grow makes room for n elements of each worker.
func (s *scratch[T]) grow(n int) {
	for len(*s) < workers() {
		*s = append(*s, nil)
	}
	for i := range *s {
		if len((*s)[i]) < n {
			(*s)[i] = make([]T, n)
		}
	}
}

// parallel is the function of that name on no more workers than grow has made room for:
// GOMAXPROCS may have become larger since.
func (s scratch[T]) parallel(n, cost int, f func(worker, lo, hi int) error) error {
	return parallelOn(min(len(s), workers()), n, cost, f)
}

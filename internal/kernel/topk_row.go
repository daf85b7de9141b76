package kernel

import (
	"fmt"
	"math"
	"slices"
)

// A RowRanker finds the best classes of one row: a product with each row of W, where a Ranker
// has tiles of rows that one alone does not fill. It holds the memory of its calls, so that
// one costs no allocation but what Spread takes; the zero value is ready, for one goroutine
// at a time.
type RowRanker struct {
	h, w, bias []float32
	skip       []int32
	d, k       int
	workers    []rowRankWorker
	scan       func(worker, chunk int) // a closure once, not in each call
	all        []uint64
}

type rowRankWorker struct {
	z    []float32 // [rowChunk]
	keys []uint64  // [≤ limit(k)]
	thr  float32
	bad  int32 // a class whose score is NaN or +Inf; −1
}

// rowChunk is the classes of a task of a RowRanker: some 20 µs at 64 numbers each.
const rowChunk = 4096

// chunkIDs are the rows of a chunk.
var chunkIDs = func() (ids [rowChunk]int32) {
	for i := range ids {
		ids[i] = int32(i)
	}
	return ids
}()

// TopK stores the k best rows of w [C,len(h)] by ⟨h, w_j⟩ + bias_j, best first and ties to the
// lower, in ids [k], and their scores in scores [k], and returns how many there are: fewer
// than k where skip, rising classes that are left out, leaves fewer. bias nil is 0. A score
// that is NaN or +Inf is an error that names the class.
func (r *RowRanker) TopK(ids []int32, scores, h, w, bias []float32, k int, skip []int32) (n int, err error) {
	d := len(h)
	if d == 0 || len(w)%d != 0 || k < 1 || len(ids) != k || len(scores) != k || bias != nil && len(bias) != len(w)/d {
		panic("kernel: RowRanker: lengths differ")
	}
	classes := len(w) / d
	r.h, r.w, r.bias, r.skip, r.d, r.k = h, w, bias, skip, d, k
	if r.scan == nil {
		r.scan = r.chunk
	}
	workers := Workers()
	r.workers = enough(r.workers, workers)
	for i := range r.workers {
		x := &r.workers[i]
		x.z, x.keys, x.thr, x.bad = grow(x.z, rowChunk), slices.Grow(x.keys[:0], limit(k)), float32(math.Inf(-1)), -1
	}
	Spread(workers, ceil(classes, rowChunk), r.scan)
	r.h, r.w, r.bias, r.skip = nil, nil, nil, nil
	r.all = r.all[:0]
	bad := int32(-1)
	for i := range r.workers {
		x := &r.workers[i]
		r.all = append(r.all, x.keys...)
		if x.bad >= 0 && (bad < 0 || x.bad < bad) {
			bad = x.bad
		}
	}
	if bad >= 0 {
		return 0, fmt.Errorf("class %d has a score that is no number", bad)
	}
	if len(r.all) > k {
		selectTop(r.all, k)
		r.all = r.all[:k]
	}
	bestFirst(r.all)
	for i, x := range r.all {
		ids[i], scores[i] = keyClass(x), keyScore(x)
	}
	return len(r.all), nil
}

// chunk keeps the best of a chunk among those of a worker: which worker has it does not
// matter, since keys are in one order.
func (r *RowRanker) chunk(worker, chunk int) {
	x := &r.workers[worker]
	lo := chunk * rowChunk
	hi := min(lo+rowChunk, len(r.w)/r.d)
	z := x.z[:hi-lo]
	gatherDot(z, r.h, r.w[lo*r.d:hi*r.d], chunkIDs[:hi-lo])
	if r.bias != nil {
		for i, b := range r.bias[lo:hi] {
			z[i] += b
		}
	}
	skip := r.skip
	if at, _ := slices.BinarySearch(skip, int32(lo)); at > 0 {
		skip = skip[at:]
	}
	for i, v := range z {
		if v < x.thr { // what equals it may be of a lower class: workers take chunks in any order
			continue
		}
		if !(v <= math.MaxFloat32) {
			if x.bad < 0 || int32(lo+i) < x.bad {
				x.bad = int32(lo + i)
			}
			continue
		}
		class := int32(lo + i)
		for len(skip) > 0 && skip[0] < class {
			skip = skip[1:]
		}
		if len(skip) > 0 && skip[0] == class {
			continue
		}
		x.keys = append(x.keys, key(v, class))
		if len(x.keys) == limit(r.k) {
			selectTop(x.keys, r.k)
			x.keys = x.keys[:r.k]
			x.thr = keyScore(slices.Min(x.keys))
		}
	}
}

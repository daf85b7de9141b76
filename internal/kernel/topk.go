package kernel

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Ranker finds the best classes of every row, exactly, over all classes: one
// pass over W for up to 512 rows at a time that keeps what is above each row's k-th best
// score so far. It holds the memory of its calls, about 8·B·k bytes for each of up
// to 8 chunks of classes; the zero value is ready, for one goroutine at a time.
type Ranker struct {
	// By, if not nil, is what classes rank by in place of their score; a masked class
	// stays one. NaN must stay NaN. It is called from several goroutines.
	By func(score float32) float32

	ws      Workspace
	found   []uint64  // [chunks][B][k]
	count   []int32   // [chunks][B]
	bound   []float32 // [B] a score that k classes of the first chunk reach, or −Inf
	workers []rankWorker
}

type rankWorker struct {
	coarse      coarseTile
	z, val, thr []float32
	idx         []uint32
	keys        []uint64 // [group][limit]
	n           []int
	all         []uint64
}

// bytes returns the memory that r holds.
func (r *Ranker) bytes() int {
	n := r.ws.Bytes() + 8*cap(r.found) + 4*(cap(r.count)+cap(r.bound))
	for _, w := range r.workers {
		n += w.coarse.bytes() + 4*(cap(w.z)+cap(w.val)+cap(w.thr)+cap(w.idx)) + 8*(cap(w.keys)+cap(w.n)+cap(w.all))
	}
	return n
}

// RankerBytes returns what a Ranker holds after a TopK of k of c classes for b rows of
// width d.
func RankerBytes(b, c, d, k int) int64 {
	chunks, group := rankCut(b, c)
	panels, dp := ceil(max(b, 1), tileRows), paddedWidth(d, false)
	rows := int64(b)*(1+4*int64(dp+linePad)) + 4*int64(panels)*int64(d)*tileRows
	found := 8*int64(chunks)*int64(b)*int64(k) + 4*int64(chunks+1)*int64(b)
	worker := int64(4*(tileClasses*tileRows+2*rankHits+group)) + 8*int64(group)*int64(limit(k)+1) + 8*int64(chunks)*int64(k)
	coarseRows, coarseWorker := coarseBytes(b, d)
	return rows + found + coarseRows + int64(Workers())*(worker+coarseWorker)
}

// A task of TopK is a group of rows and a chunk of classes. The first chunk, a short
// one, fills lists from nothing, at some k·log(classes/k) candidates a row; where
// there are enough groups to share it, the others start from the bound that it found.
// A group reads W once, so it is large where that leaves every goroutine several tasks.
const (
	rankRows    = 512                       // of a group at most
	rankHits    = tileClasses*tileRows + 16 // that the filter may store of a tile
	rankClasses = 1 << 16
	rankChunks  = 8
	rankTasks   = 4 // tasks for each goroutine, so that the last to end is not long alone
)

// rankCut returns how many chunks of classes and rows a group has. The largest groups are
// worth sharing a bound, and so are made where every goroutine has one.
func rankCut(b, c int) (chunks, group int) {
	chunks, group = max(1, min(rankChunks, c/rankClasses)), rankRows
	few := func() bool { return chunks*ceil(b, group) < rankTasks*Workers() }
	if ceil(b, group) < Workers() || few() {
		group /= 2
	}
	if few() {
		group = tileRows
	}
	return chunks, group
}

// TopK stores the k best classes of each row of x, best first, in ids [B,k], and
// their scores, or what By makes of them, in scores [B,k] unless that is nil. Ties go to the lower class. The
// targets of x are ignored; masked classes, classes in seen(i), which are in
// increasing order, and NaN scores are left out. Where fewer than k remain, ids end
// in −1 and scores in −Inf. A nil seen excludes nothing.
func (r *Ranker) TopK(ids []int32, scores []float32, x *Linear, k int, seen func(i int) []int32) error {
	if k < 1 || len(ids) != x.B*k || scores != nil && len(scores) != x.B*k {
		return fmt.Errorf("kernel: top %d of %d rows with room for %d ids", k, x.B, len(ids))
	}
	if err := errors.Join(Err(), x.validateShape()); err != nil {
		return err
	}
	ws := &r.ws
	ws.x, ws.panels, ws.live = x, ceil(x.B, tileRows), grow(ws.live, x.B)
	for i := range ws.live {
		ws.live[i] = true
	}
	ws.layout(1)
	if ws.coarse.kind = nil; r.By == nil {
		ws.coarsen()
	}
	blocks := ceil(x.C, blockClasses)
	chunks, size := rankCut(x.B, x.C)
	groups := ceil(x.B, size)
	r.found, r.count = grow(r.found, chunks*x.B*k), grow(r.count, chunks*x.B)
	r.bound = grow(r.bound, x.B)
	for i := range r.bound {
		r.bound[i] = float32(math.Inf(-1))
	}
	ws.growScratch()
	r.workers = enough(r.workers, len(ws.tiles))
	for i := range r.workers {
		r.workers[i].coarse.begin(ws)
		r.workers[i].all = slices.Grow(r.workers[i].all[:0], chunks*k)
	}
	first := 0 // chunks before the others
	if groups >= Workers() {
		first = 1
	}
	scan := func(worker, chunk, group int) {
		lo, hi := chunk*blocks/chunks*blockClasses, min((chunk+1)*blocks/chunks*blockClasses, x.C)
		b0, b1 := cut(group, size, x.B)
		w := &r.workers[worker]
		w.scan(ws, worker, size, r.By, k, lo, hi, r.bound[b0:b1], b0, seen)
		for i := b0; i < b1; i++ {
			at := chunk*x.B + i
			best := w.best(i-b0, k)
			r.count[at] = int32(copy(r.found[at*k:][:k], best))
			if chunk < first && len(best) == k {
				r.bound[i] = keyScore(slices.Min(best))
			}
		}
	}
	ws.parallel(first*groups, func(worker, group int) { scan(worker, 0, group) })
	ws.parallel((chunks-first)*groups, func(worker, task int) {
		scan(worker, first+task%(chunks-first), task/(chunks-first))
	})
	ws.parallel(x.B, func(worker, i int) {
		w := &r.workers[worker]
		w.all = w.all[:0]
		for chunk := range chunks {
			at := chunk*x.B + i
			w.all = append(w.all, r.found[at*k:][:r.count[at]]...)
		}
		if len(w.all) > k {
			selectTop(w.all, k)
			w.all = w.all[:k]
		}
		bestFirst(w.all)
		for j := range k {
			id, s := int32(-1), float32(math.Inf(-1))
			if j < len(w.all) {
				id, s = keyClass(w.all[j]), keyScore(w.all[j])
			}
			ids[i*k+j] = id
			if scores != nil {
				scores[i*k+j] = s
			}
		}
	})
	return nil
}

// A key orders by score, then by lower class: the score as an integer of the same
// order, then the complement of the class.
func key(score float32, class int32) uint64 {
	b := math.Float32bits(score + 0) // −0 equals 0
	if b>>31 != 0 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return uint64(b)<<32 | uint64(^uint32(class))
}

func keyClass(k uint64) int32 { return int32(^uint32(k)) }

func keyScore(k uint64) float32 {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

// bestFirst sorts keys, the best one first.
func bestFirst(keys []uint64) {
	slices.SortFunc(keys, func(a, b uint64) int {
		if a > b {
			return -1
		}
		return 1 // keys differ: each holds its class
	})
}

// limit is the room for the keys of a row: a selection costs about as much as
// there are keys, and is needed once in limit−k.
func limit(k int) int { return 2*k + 64 }

// scan keeps the k best of the classes lo … hi, and some more, for the rows from b0
// on, where they are above the rows' bounds.
func (w *rankWorker) scan(ws *Workspace, worker, group int, by func(float32) float32, k, lo, hi int, bound []float32, b0 int, seen func(i int) []int32) {
	b1 := b0 + len(bound)
	w.z, w.val, w.idx = grow(w.z, tileClasses*tileRows), grow(w.val, rankHits), grow(w.idx, rankHits)
	w.thr, w.n = grow(w.thr, group), grow(w.n, group)
	w.keys = grow(w.keys, group*limit(k))
	clear(w.n)
	for r := range w.thr {
		w.thr[r] = float32(math.Inf(1)) // no row
	}
	copy(w.thr, bound)
	for c0 := lo; c0 < hi; c0 += tileClasses {
		n := min(tileClasses, hi-c0)
		vectors, ld := ws.classRows(worker, c0, n, ws.coarse.kind != nil)
		ws.columnsOf(worker, vectors, ld, n)
		for p := b0; p < b1; p += tileRows {
			next := share(ws.classesFrom(ws.x.W, c0+n, hi), (p-b0)/tileRows, ceil(b1-b0, tileRows))
			thr := w.thr[p-b0:]
			found, ok := w.coarse.above(ws, vectors, ld, p/tileRows, c0, n, thr, w.val, w.idx, next)
			if !ok {
				ws.scores(worker, w.z, tileRows, vectors, ld, c0, n, p/tileRows, nil, next)
				w.rank(ws, by, c0, n)
				found = tileFilter(w.z, tileRows, n, thr, w.val, w.idx, c0)
			}
			for h, v := range w.val[:found] {
				r, class := p-b0+int(w.idx[h]%tileRows), int32(w.idx[h]/tileRows)
				// The bound may have risen since the filter ran. What equals it has a
				// higher class than those that set it. NaN fails, too.
				if !(v > w.thr[r]) {
					continue
				}
				if seen != nil {
					if _, is := slices.BinarySearch(seen(b0+r), class); is {
						continue
					}
				}
				w.add(r, k, key(v, class))
			}
		}
	}
}

// rank replaces the scores of a tile by what classes rank by.
func (w *rankWorker) rank(ws *Workspace, by func(float32) float32, c0, n int) {
	if by == nil {
		return
	}
	for c := range n {
		if ws.x.masked(c0 + c) {
			continue
		}
		row := w.z[c*tileRows:][:tileRows]
		for i, v := range row {
			row[i] = by(v)
		}
	}
}

func (w *rankWorker) add(r, k int, x uint64) {
	keys := w.keys[r*limit(k):][:limit(k)]
	keys[w.n[r]] = x
	if w.n[r]++; w.n[r] < len(keys) {
		return
	}
	selectTop(keys, k)
	w.n[r] = k
	w.thr[r] = keyScore(slices.Min(keys[:k]))
}

// best returns the at most k best keys of a row, in no order.
func (w *rankWorker) best(r, k int) []uint64 {
	keys := w.keys[r*limit(k):][:w.n[r]]
	if len(keys) > k {
		selectTop(keys, k)
		keys = keys[:k]
	}
	return keys
}

// selectTop moves the k largest of the distinct keys a to the front, 0 < k <
// len(a): Hoare's selection with the median of three.
func selectTop(a []uint64, k int) {
	lo, hi := 0, len(a)-1
	for lo < hi {
		x, y, z := a[lo], a[(lo+hi)/2], a[hi]
		pivot := max(min(x, y), min(max(x, y), z))
		i, j := lo, hi
		for i <= j {
			for a[i] > pivot {
				i++
			}
			for a[j] < pivot {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return
		}
	}
}

package kernel

import "math"

// candidates are the scores of a chunk and a panel above the bound, in the order
// of their classes.
type candidates struct {
	val []float32
	idx []uint32 // class·64 + row
}

// candidateBudget returns up to how many candidates the sparse path is to have.
func (ws *Workspace) candidateBudget() float64 {
	return min(float64(ws.x.B)*float64(ws.x.C)/candidateShare, maxCandidates)
}

// expectedAbove estimates, from the sample, how many scores lie above the bounds of
// the filter.
func (ws *Workspace) expectedAbove() float64 {
	s := &ws.threshold
	s.count = grow(s.count, ws.panels*tileRows)
	ws.parallel(ws.panels, func(worker, panel int) {
		z, n := ws.sampleScores(worker, panel)
		ws.countAbove(panel, z, n)
	})
	return sumGo(s.count)
}

// countAbove estimates that of a panel from the scores z of n sampled classes.
func (ws *Workspace) countAbove(panel int, z []float32, n int) {
	s := &ws.threshold
	var f, g, r [tileRows]float32
	tileHingeSum(z, tileRows, n, s.low[panel*tileRows:][:tileRows], f[:], g[:], r[:], 0)
	for r, v := range g {
		s.count[panel*tileRows+r] = float64(v) * float64(ws.x.C) / float64(n)
	}
}

// filter lists the scores above the bounds. It gives up, and reports false, where
// they are more than limit, or where one chunk has too many. A chunk decides by its own
// number and never by what others have found by then, so that the answer does not
// depend on the number of goroutines.
func (ws *Workspace) filter(limit int) bool {
	s := &ws.threshold
	s.lists = enough(s.lists, ws.chunks*ws.panels)
	lists := s.lists[:ws.chunks*ws.panels]
	for i := range lists {
		lists[i].val, lists[i].idx = lists[i].val[:0], lists[i].idx[:0]
	}
	found := make([]int, ws.chunks)
	chunkLimit := max(limit/ws.chunks*4, tileClasses*tileRows)
	list := func(chunk, panel, k int, val []float32, idx []uint32) {
		if k == 0 {
			return
		}
		l := &lists[chunk*ws.panels+panel]
		l.val, l.idx = append(l.val, val[:k]...), append(l.idx, idx[:k]...)
		found[chunk] += k
	}
	room := func(worker int) (val []float32, idx []uint32) {
		s.val[worker], s.idx[worker] = grow(s.val[worker], tileClasses*tileRows+16), grow(s.idx[worker], tileClasses*tileRows+16)
		return s.val[worker], s.idx[worker]
	}
	bounds := func(panel int) []float32 { return s.low[panel*tileRows:][:tileRows] }
	ws.coarsen()
	for i := range s.coarse {
		s.coarse[i].begin(ws)
	}
	ws.eachTileBut(false, func(worker, chunk, panel, c0, n int, w []float32, ldw int, next []float32) bool {
		if found[chunk] > chunkLimit {
			return true
		}
		val, idx := room(worker)
		k, ok := s.coarse[worker].above(ws, w, ldw, panel, c0, n, bounds(panel), val, idx, next)
		if ok {
			list(chunk, panel, k, val, idx)
			s.coarse[worker].capture(ws, panel, ws.inCell(c0, panel), val)
		}
		return ok
	}, func(worker, chunk, panel, c0, n int, z []float32) {
		if found[chunk] > chunkLimit {
			return
		}
		ws.capture(z, c0, ws.inCell(c0, panel))
		val, idx := room(worker)
		k := tileFilter(z, tileRows, n, bounds(panel), val, idx, c0)
		if rows := ws.x.B - panel*tileRows; rows < tileRows {
			k = withinRows(rows, val[:k], idx)
		}
		list(chunk, panel, k, val, idx)
	})
	total := 0
	for _, k := range found {
		total += k
		if k > chunkLimit {
			return false
		}
	}
	return total <= limit
}

// withinRows keeps the hits of the first rows of a panel, for of a class that is NaN the
// others are hits, too.
func withinRows(rows int, val []float32, idx []uint32) (k int) {
	for i, v := range val {
		if int(idx[i]%tileRows) < rows {
			val[k], idx[k] = v, idx[i]
			k++
		}
	}
	return k
}

// solveCandidates finds the threshold of every row among its candidates, and stores
// the loss.
func (h thresholded) solveCandidates(ws *Workspace, loss []float32) {
	s := &ws.threshold
	ws.parallel(ws.panels, func(worker, panel int) {
		all, start := ws.candidatesByRow(worker, panel)
		for r := range tileRows {
			i := panel*tileRows + r
			if i >= ws.x.B {
				break
			}
			loss[i] = 0
			if ws.live[i] {
				s.sums[i] = h.solveRow(all[start[r]:start[r+1]], s.low[i])
				s.tau[i] = float32(s.sums[i].tau)
				loss[i] = h.lossOf(ws.targets(i), s.sums[i])
			}
		}
	})
}

// candidatesByRow returns the candidates of a panel row by row, those of row r from
// start[r] to start[r+1]. Every row's share is padded with −Inf to whole rows of a tile,
// for the kernel.
func (ws *Workspace) candidatesByRow(worker, panel int) (all []float32, start [tileRows + 1]int) {
	s := &ws.threshold
	for chunk := range ws.chunks {
		for _, id := range s.lists[chunk*ws.panels+panel].idx {
			start[id%tileRows+1]++
		}
	}
	for r := range tileRows {
		start[r+1] = start[r] + ceil(start[r+1], tileRows)*tileRows
	}
	s.rows[worker] = grow(s.rows[worker], start[tileRows])
	all = s.rows[worker]
	for i := range all {
		all[i] = float32(math.Inf(-1))
	}
	fill := start
	for chunk := range ws.chunks {
		l := &s.lists[chunk*ws.panels+panel]
		for k, id := range l.idx {
			r := id % tileRows
			all[fill[r]] = l.val[k]
			fill[r]++
		}
	}
	return all, start
}

// solveRow returns τ and its sums for the scores z of one row, which the caller has
// padded with −Inf to a multiple of 64. The bound is below τ. z is overwritten.
func (h thresholded) solveRow(z []float32, bound float32) hingeSums {
	m := float64(maximum(z))
	base := max(float64(bound), m-1)
	if h.q < 1 {
		return h.bisectRow(z, float32(base), float32(m))
	}
	// Differences to the bound are small, and exact or nearly so.
	b := float32(base)
	for i := range z {
		z[i] -= b
	}
	tau := 0.0
	for it := 0; ; it++ {
		var at, f, g, r [tileRows]float32
		for i := range at {
			at[i] = float32(tau)
		}
		tileHingeSum(z, tileRows, len(z)/tileRows, at[:], f[:], g[:], r[:], float32(h.q-1))
		t := hingeSums{tau: float64(b) + tau, f: sum64(f[:]), g: sum64(g[:]), r: sum64(r[:])}
		step := h.newton(1, t.f, t.g)
		if it == 50 || !(step > 1e-7) {
			if m > math.MaxFloat32 { // +Inf among the scores
				t.f = math.NaN()
			}
			return t
		}
		tau = float64(at[0]) + step
	}
}

// bisectRow is solveRow for q < 1, between two bounds: τ is the largest float32 at
// which the sum is 1 or more.
func (h thresholded) bisectRow(z []float32, lo, hi float32) (t hingeSums) {
	for mid := lo; ; {
		var at, f, g, r [tileRows]float32
		for i := range at {
			at[i] = mid
		}
		tileHingeSum(z, tileRows, len(z)/tileRows, at[:], f[:], g[:], r[:], float32(h.q-1))
		if sum := sum64(f[:]); !(sum < 1) || mid == lo {
			t, lo = hingeSums{tau: float64(mid), f: sum, g: sum64(g[:]), r: sum64(r[:])}, mid
		} else {
			hi = mid
		}
		mid = middle(lo, hi)
		if !(mid > lo && mid < hi) {
			if hi > math.MaxFloat32 { // +Inf among the scores
				t.f = math.NaN()
			}
			return t
		}
	}
}

func sum64(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// nonzeros appends the entries of ∂L/∂z of the candidates of a chunk to nz.
func (h thresholded) nonzeros(ws *Workspace, chunk int, nz []nonzero) []nonzero {
	s := &ws.threshold
	for panel := range ws.panels {
		l := &s.lists[chunk*ws.panels+panel]
		for k, id := range l.idx {
			i := panel*tileRows + int(id%tileRows)
			if x := l.val[k] - s.tau[i]; !(x <= 0) {
				nz = append(nz, nonzero{int32(id / tileRows), int32(i), x})
			}
		}
	}
	h.power(nz)
	for k := range nz {
		nz[k].v *= s.scale[nz[k].row]
	}
	return nz
}

// power raises the values to e, a strip at a time.
func (h thresholded) power(nz []nonzero) {
	switch h.e {
	case 1:
		return
	case 2:
		for k := range nz {
			nz[k].v *= nz[k].v
		}
		return
	}
	var strip [256]float32
	for len(nz) > 0 {
		n := min(len(strip), len(nz))
		for k := range n {
			strip[k] = nz[k].v
		}
		pow(strip[:n], strip[:n], float32(h.e))
		for k := range n {
			nz[k].v = strip[k]
		}
		nz = nz[n:]
	}
}

package kernel

// A product by rows goes through blocks of rows of A and C, of one size whatever the number
// of goroutines, so that what makes a block of A or goes on with one of C finds it in cache.

// RowsNT stores A·Bᵀ in C, as [GemmNT] does, and calls done for each block of rows lo to
// hi−1 of C when they are there, on any goroutine.
func RowsNT[T Float](c, a, b []T, m, n, k int, done func(lo, hi int)) {
	gemmRows("RowsNT", c, m, n, k, view[T]{a, k, 1}, view[T]{b, 1, k}, nil, done)
}

// RowsNN stores A·B in C, as [GemmNN] does, and calls make for each block of rows lo to hi−1
// of A before it reads them, on any goroutine.
func RowsNN[T Float](c, a, b []T, m, n, k int, make func(lo, hi int)) {
	gemmRows("RowsNN", c, m, n, k, view[T]{a, k, 1}, view[T]{b, n, 1}, make, nil)
}

// RowBlock is the size of the blocks.
const RowBlock = blockM

// EachRowBlock calls f for each block of m rows, on several goroutines.
func EachRowBlock(m int, f func(lo, hi int)) {
	Parallel(ceil(m, RowBlock), func(_, t int) { f(cut(t, RowBlock, m)) })
}

func gemmRows[T Float](name string, c []T, m, n, k int, a, b view[T], before, after func(lo, hi int)) {
	if min(m, n, k) < 1 || len(a.x) < m*k || len(b.x) < k*n || len(c) < m*n {
		panic("kernel: " + name + ": a slice is shorter than its dimensions")
	}
	tasks, pool := gemmPools[T]()
	shared := pool.Get().(*gemmShared[T])
	defer pool.Put(shared)
	ready := b.col == 1 && n%16 == 0 && n <= blockN
	packed := !ready && k*sixteens(n) <= sharedFloats
	if packed {
		shared.panels = grow(shared.panels, k*sixteens(n))
		for j := 0; j < n; j += blockN {
			nc := min(blockN, n-j)
			pack(shared.panels[k*j:], sixteens(nc), k, nc, view[T]{b.from(0, j), b.row, b.col})
		}
	}
	workers := Workers()
	if m*n*k < parallelWork {
		workers = 1
	}
	Spread(workers, ceil(m, RowBlock), func(_, t int) {
		lo, hi := cut(t, RowBlock, m)
		if before != nil {
			before(lo, hi)
		}
		s := tasks.Get().(*gemmScratch[T])
		g := gemmTask[T]{m: m, n: n, a: a, b: b, c: c, i0: lo, i1: hi, j1: n, k1: k, ready: ready, scratch: s}
		if packed {
			g.panels, g.wholeK = shared.panels, k
		}
		g.run()
		tasks.Put(s)
		if after != nil {
			after(lo, hi)
		}
	})
}

package kernel

import "sync"

// GemmNN stores A·B in C, or adds it where add is set: A is [m,k], B is [k,n],
// C is [m,n].
func GemmNN[T Float](c, a, b []T, m, n, k int, add bool) {
	gemm("GemmNN", c, m, n, k, view[T]{a, k, 1}, view[T]{b, n, 1}, add)
}

// GemmNT stores A·Bᵀ in C, or adds it where add is set: A is [m,k], B is [n,k],
// C is [m,n]. Scores are GemmNT(z, H, W).
func GemmNT[T Float](c, a, b []T, m, n, k int, add bool) {
	gemm("GemmNT", c, m, n, k, view[T]{a, k, 1}, view[T]{b, 1, k}, add)
}

// GemmTN stores Aᵀ·B in C, or adds it where add is set: A is [k,m], B is [k,n],
// C is [m,n]. With G = ∂L/∂z, ∂L/∂W is GemmTN(dW, G, H).
func GemmTN[T Float](c, a, b []T, m, n, k int, add bool) {
	gemm("GemmTN", c, m, n, k, view[T]{a, 1, m}, view[T]{b, n, 1}, add)
}

// A view is a matrix: entry (i,j) is x[i*row+j*col].
type view[T Float] struct {
	x        []T
	row, col int
}

func (v view[T]) from(i, j int) []T { return v.x[i*v.row+j*v.col:] }

// gemmGo stores A·B in C, or adds it: A is nr × nk with entry (r,k) at
// a[r*ra+k*ka], B is nk × nc with rows at b[k*ldb], C has rows at c[r*ldc].
func gemmGo[T Float](a []T, ra, ka, nr, nk int, b []T, ldb int, c []T, ldc, nc int, add bool) {
	for r := range nr {
		cr := c[r*ldc:][:nc]
		if !add {
			clear(cr)
		}
		// Four k at a time: one load and one store of C for four products.
		k := 0
		for ; k+4 <= nk; k += 4 {
			i := r*ra + k*ka
			a0, a1, a2, a3 := a[i], a[i+ka], a[i+2*ka], a[i+3*ka]
			b0, b1, b2, b3 := b[k*ldb:][:nc], b[(k+1)*ldb:][:nc], b[(k+2)*ldb:][:nc], b[(k+3)*ldb:][:nc]
			for j := range cr {
				cr[j] += (a0*b0[j] + a1*b1[j]) + (a2*b2[j] + a3*b3[j])
			}
		}
		for ; k < nk; k++ {
			axpyGo(a[r*ra+k*ka], b[k*ldb:][:nc], cr)
		}
	}
}

// Blocks of the product: at most 192 × 256 × 64 multiply-adds a call, 30 µs at
// 200 Gflop/s; the packed block of B, 64 KiB, stays in the second-level cache.
const (
	blockM = 192
	blockK = 256
	blockN = 64
)

// parallelWork is the number of multiply-adds below which goroutines cost more
// than they save.
const parallelWork = 1 << 21

type gemmScratch[T Float] struct {
	b [blockK * blockN]T
	c [blockM * blockN]T
}

// gemmShared is what the tasks of a product share: B packed, and products of parts of k.
type gemmShared[T Float] struct{ panels, parts []T }

var (
	gemmPool32   = sync.Pool{New: func() any { return new(gemmScratch[float32]) }}
	gemmPool64   = sync.Pool{New: func() any { return new(gemmScratch[float64]) }}
	sharedPool32 = sync.Pool{New: func() any { return new(gemmShared[float32]) }}
	sharedPool64 = sync.Pool{New: func() any { return new(gemmShared[float64]) }}
)

func gemmPools[T Float]() (task, shared *sync.Pool) {
	var z T
	if _, ok := any(z).(float32); ok {
		return &gemmPool32, &sharedPool32
	}
	return &gemmPool64, &sharedPool64
}

func gemm[T Float](name string, c []T, m, n, k int, a, b view[T], add bool) {
	if min(m, n, k) < 0 || len(a.x) < m*k || len(b.x) < k*n || len(c) < m*n {
		panic("kernel: " + name + ": a slice is shorter than its dimensions")
	}
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !add {
			clear(c[:m*n])
		}
		return
	}
	// Packing B pays only if several rows of A meet it.
	if m < 4 || m*n*k < 4096 {
		gemmSmall(c, m, n, k, a, b, add)
		return
	}
	_, pool := gemmPools[T]()
	shared := pool.Get().(*gemmShared[T])
	if parts := partsOf(m, n, k); parts > 1 {
		gemmSplit(shared, c, m, n, k, parts, a, b, add)
	} else {
		gemmTiles(shared, 1, func(int) (lo, hi int, whole []T) { return 0, k, c }, m, n, k, a, b, add)
	}
	pool.Put(shared)
}

// sharedFloats is the most that tasks share of a kind.
const sharedFloats = 1 << 20

// partsOf returns into how many parts of k a product is cut: one, unless it is long and has
// few blocks of C, as the gradient of a layer's weights over all rows of a batch. Its tasks
// would be few, and A be read from memory for each of them.
func partsOf(m, n, k int) int {
	const most, long = 32, 8 * blockK
	if ceil(m, blockM)*ceil(n, blockN) > most/2 || k < long {
		return 1
	}
	return max(1, min(most, k/blockK, sharedFloats/(m*n)))
}

// gemmSplit computes the products of parts of k aside, and adds them in their order.
func gemmSplit[T Float](shared *gemmShared[T], c []T, m, n, k, parts int, a, b view[T], add bool) {
	mn, size := m*n, ceil(k, parts)
	parts = ceil(k, size)
	shared.parts = grow(shared.parts, parts*mn)
	gemmTiles(shared, parts, func(p int) (lo, hi int, c []T) {
		lo, hi = cut(p, size, k)
		return lo, hi, shared.parts[p*mn:][:mn]
	}, m, n, k, a, b, false)
	const piece = 1 << 12
	sum := func(_, t int) {
		lo, hi := cut(t, piece, mn)
		if !add {
			clear(c[lo:hi])
		}
		for p := range parts {
			Axpy(1, shared.parts[p*mn+lo:p*mn+hi], c[lo:hi])
		}
	}
	if parts*mn < parallelWork {
		for t := range ceil(mn, piece) {
			sum(0, t)
		}
		return
	}
	Parallel(ceil(mn, piece), sum)
}

// gemmTiles computes products of parts of k, each a range of k and a C of its own, in
// blocks of C.
func gemmTiles[T Float](shared *gemmShared[T], parts int, part func(p int) (lo, hi int, c []T), m, n, k int, a, b view[T], add bool) {
	mb, nb := ceil(m, blockM), ceil(n, blockN)
	run := Parallel
	if m*n*k < parallelWork {
		run = func(tasks int, f func(worker, task int)) { Spread(1, tasks, f) }
	}
	// Rows of B lie as the kernels want them if they have whole vectors. Where a block is
	// met by many rows of A, as in none of Aᵀ·B, they are to be next to each other too.
	ready := b.col == 1 && n%16 == 0 && (n <= blockN || a.row == 1)
	packed := !ready && parts == 1 && mb > 1 && k*sixteens(n) <= sharedFloats
	if packed {
		shared.panels = grow(shared.panels, k*sixteens(n))
		run(nb, func(_, j int) {
			j0, j1 := cut(j, blockN, n)
			pack(shared.panels[k*j0:], ceil(j1-j0, 16)*16, k, j1-j0, view[T]{b.from(0, j0), b.row, b.col})
		})
	}
	// A task computes rows × columns of blocks of C. Of several it asks ahead for the memory of
	// the next ones; it is one where there are too few for all workers, or where B would not stay
	// in the second-level cache from one row of blocks to the next.
	const stays = 1 << 16
	rows, columns := 1, 1
	switch workers := Workers(); {
	case parts >= 2*workers:
		rows, columns = mb, nb
	case parts == 1 && mb >= 16*workers && k*n <= stays:
		rows, columns = 4, nb
	}
	groups := ceil(mb, rows) * ceil(nb, columns)
	pool, _ := gemmPools[T]()
	run(parts*groups, func(_, t int) {
		s := pool.Get().(*gemmScratch[T])
		g := gemmTask[T]{m: m, n: n, a: a, b: b, ready: ready, add: add, scratch: s, split: parts > 1}
		g.k0, g.k1, g.c = part(t / groups)
		t %= groups
		g.i0, g.i1 = cut(t%ceil(mb, rows), rows*blockM, m)
		g.j0, g.j1 = cut(t/ceil(mb, rows), columns*blockN, n)
		if packed {
			g.panels, g.wholeK = shared.panels, k
		}
		g.run()
		pool.Put(s)
	})
}

// A gemmTask is a piece of a product: rows i0 to i1 and columns j0 to j1 of C, over the k from
// k0 to k1.
type gemmTask[T Float] struct {
	m, n                   int
	a, b                   view[T]
	c                      []T
	i0, i1, j0, j1, k0, k1 int
	ready, add, split      bool
	panels                 []T // B packed, of that many k
	wholeK                 int
	scratch                *gemmScratch[T]
}

// run computes the blocks: of a part of a long sum k by k, so that A is read once from
// memory, and else C block by block.
func (g *gemmTask[T]) run() {
	ni, nj, nk := ceil(g.i1-g.i0, blockM), ceil(g.j1-g.j0, blockN), ceil(g.k1-g.k0, blockK)
	same := nj * nk // blocks of C and k that the same rows of A serve
	if g.split {
		same = ni * nj
	}
	for t := range ni * nj * nk {
		i, j, k := t/(nj*nk), t/nk%nj, t%nk
		if g.split {
			k, i, j = t/(ni*nj), t/nj%ni, t%nj
		}
		i0, i1 := g.i0+i*blockM, min(g.i0+(i+1)*blockM, g.i1)
		j0, j1 := g.j0+j*blockN, min(g.j0+(j+1)*blockN, g.j1)
		k0, k1 := g.k0+k*blockK, min(g.k0+(k+1)*blockK, g.k1)
		bj, ready := view[T]{g.b.from(k0, j0), g.b.row, g.b.col}, g.ready
		if g.panels != nil {
			wide := ceil(j1-j0, 16) * 16
			bj, ready = view[T]{g.panels[g.wholeK*j0+k0*wide:], wide, 1}, true
		}
		p, q := g.ahead(i1, k1, t%same, same)
		gemmPart(g.scratch, g.c[i0*g.n+j0:], g.n, i1-i0, j1-j0, k1-k0, view[T]{g.a.from(i0, k0), g.a.row, g.a.col}, bj, ready, g.add || k > 0, p, q)
	}
}

// ahead returns share i of n of what is read of A next, and of what is read of B or written to
// C beside it: nothing where that does not lie in one piece.
func (g *gemmTask[T]) ahead(i1, k1, i, n int) (p, q []T) {
	share := func(x []T, lo, hi, width int) []T {
		x = x[lo*width : hi*width]
		return x[len(x)*i/n : len(x)*(i+1)/n]
	}
	switch {
	case g.split && g.a.row == 1 && g.b.col == 1 && g.i1-g.i0 == g.m && g.j1-g.j0 == g.n:
		k2 := min(k1+blockK, g.k1)
		return share(g.a.x, k1, k2, g.m), share(g.b.x, k1, k2, g.n)
	case !g.split && g.a.col == 1 && g.j1-g.j0 == g.n:
		i2 := min(i1+blockM, g.i1)
		return share(g.a.x, i1, i2, g.a.row), share(g.c, i1, i2, g.n)
	}
	return nil, nil
}

// gemmSmall is the product for a few rows of A: one pass over B for each.
func gemmSmall[T Float](c []T, m, n, k int, a, b view[T], add bool) {
	for i := range m {
		ci := c[i*n:][:n]
		if !add {
			clear(ci)
		}
		switch {
		case b.col == 1:
			for l := range k {
				Axpy(a.x[i*a.row+l*a.col], b.x[l*b.row:][:n], ci)
			}
		case a.col == 1: // rows of both are contiguous
			for j := range ci {
				ci[j] += Dot(a.x[i*a.row:][:k], b.x[j*b.col:][:k])
			}
		default: // B is transposed only in GemmNT, and A is not
			panic("kernel: both matrices are transposed")
		}
	}
}

// gemmPart computes nr ≤ blockM rows and nc ≤ blockN columns of C over nk ≤ blockK. Entries of C
// are sums over k in one order, whatever the partition. Ready says that the rows of b go on, up
// to a multiple of 16, with its next columns or with zeros. It asks for p and q to be in the
// cache.
func gemmPart[T Float](s *gemmScratch[T], c []T, ldc, nr, nc, nk int, a, b view[T], ready, add bool, p, q []T) {
	// The kernels work on 16 columns. The packed B is padded with zeros to that,
	// and a ragged C is computed aside.
	wide := sixteens(nc)
	rows, ldb := s.b[:], wide
	if ready {
		rows, ldb = b.x, b.row
	} else {
		pack(rows, wide, nk, nc, b)
	}
	if wide == nc {
		gemmCall(a.x, a.row, a.col, nr, nk, rows, ldb, c, ldc, wide, add, p, q)
		return
	}
	if add {
		for r := range nr {
			copy(s.c[r*wide:], c[r*ldc:][:nc])
		}
	}
	gemmCall(a.x, a.row, a.col, nr, nk, rows, ldb, s.c[:], wide, wide, add, p, q)
	for r := range nr {
		copy(c[r*ldc:][:nc], s.c[r*wide:])
	}
}

func gemmCall[T Float](a []T, ra, ka, nr, nk int, b []T, ldb int, c []T, ldc, nc int, add bool, p, q []T) {
	if c32, ok := f32(c); ok {
		a32, _ := f32(a)
		b32, _ := f32(b)
		p32, _ := f32(p)
		q32, _ := f32(q)
		gemmAhead(a32, ra, ka, nr, nk, b32, ldb, c32, ldc, nc, add, p32, q32)
		return
	}
	gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
}

// gemmNow is gemmCall that asks for no memory ahead.
func gemmNow[T Float](a []T, ra, ka, nr, nk int, b []T, ldb int, c []T, ldc, nc int, add bool) {
	gemmCall(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add, nil, nil)
}

// pack stores the nk × nc block of b in dst with rows of length wide, zero
// beyond nc.
func pack[T Float](dst []T, wide, nk, nc int, b view[T]) {
	if b.col == 1 {
		for k := range nk {
			row := dst[k*wide:][:wide]
			copy(row, b.x[k*b.row:][:nc])
			clear(row[nc:])
		}
		return
	}
	transposed(dst, wide, b.x, b.col, nc, nk, nil)
}

//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// columnRows is how many rows of an A that lies by columns kernels of 16 columns take at once.
const columnRows = 24

// gemmBlock is gemmGo for nc a multiple of 16.
func gemmBlock(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool) {
	gemmAhead(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add, nil, nil)
}

// gemmAhead is gemmBlock that asks for p and q to be in the second-level cache, evenly
// while it multiplies. It takes as many rows at a time as let one call last under 60 µs, so
// that the collector, which cannot stop assembly, is not held back.
func gemmAhead(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool, p, q []float32) {
	if nr == 0 || nc == 0 {
		return
	}
	if active == pathGo {
		gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
		return
	}
	products := blockM * blockK // and as many for each of 64 columns
	if active == pathNEON {
		products /= 4 // for four lanes
	}
	most := max(6, products/max(1, nk)/6*6)
	if active != pathAVX512 && ra == 1 && nc > 16 {
		// A kernel passes over A once for 16 columns. Of an A that is read along its columns a
		// cache line holds few numbers of a row, and they stay in the first-level cache from
		// pass to pass if they are those of few rows.
		most = min(most, columnRows)
	}
	if nr > most {
		for lo := 0; lo < nr; lo += most {
			hi := min(lo+most, nr)
			gemmAhead(a[lo*ra:], ra, ka, hi-lo, nk, b, ldb, c[lo*ldc:], ldc, nc, add, p[len(p)*lo/nr:len(p)*hi/nr], q[len(q)*lo/nr:len(q)*hi/nr])
		}
		return
	}
	if nk > 0 {
		_, _ = a[(nr-1)*ra+(nk-1)*ka], b[(nk-1)*ldb+nc-1]
	}
	_ = c[(nr-1)*ldc+nc-1]
	acc := flag(add)
	// Whole groups of six rows, then of four, then one by one, of which there are few: 128
	// rows are 20 groups of six and two of four.
	r6 := nr / 6 * 6
	if rest := nr - r6; r6 > 0 && (rest == 2 || rest == 3) {
		r6 -= 6
	}
	r4 := r6 + (nr-r6)/4*4
	steps := r6 / 6 * (nk / 4) // of the kernel of six rows, at each of which it asks, in one strip of columns
	strips := nc / 16
	if active == pathAVX512 {
		strips = nc/64 + bits.OnesCount(uint(nc%64))
	}
	ps, qs := newStream(p, steps*strips, b), newStream(q, steps*strips, b)
	for j := 0; j < nc; {
		w := 16
		if active == pathAVX512 {
			w = min(64, 1<<(bits.Len(uint(nc-j))-1)) // 64, 32 or 16
		}
		bj := step(ptr(b), j)
		for _, g := range [...]struct{ lo, hi, size int }{{0, r6, 6}, {r6, r4, 4}, {r4, nr, 1}} {
			if g.lo == g.hi {
				continue
			}
			gemmTile(g.size, w, step(ptr(a), g.lo*ra), ra, ka, g.hi-g.lo, nk, bj, ldb, step(ptr(c), g.lo*ldc+j), ldc, acc, ps, qs)
		}
		ps.at += uintptr(steps * ps.step)
		qs.at += uintptr(steps * qs.step)
		j += w
	}
}

// A stream is memory that a kernel asks for from at on, going on by step bytes at a time. It
// holds a number in place of a pointer because it ends behind the memory.
type stream struct {
	at   uintptr
	step int
}

// newStream returns the stream that covers x in that many steps; of no x, it stays at idle,
// which is in the cache.
func newStream(x []float32, steps int, idle []float32) stream {
	if len(x) == 0 || steps == 0 {
		return stream{at: uintptr(unsafe.Pointer(ptr(idle)))}
	}
	return stream{uintptr(unsafe.Pointer(ptr(x))), ceil(4*len(x), steps)}
}

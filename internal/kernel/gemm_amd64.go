//go:build amd64 && !purego

package kernel

import "math/bits"

// gemmBlock is gemmGo for nc a multiple of 16. It takes as many rows at a time as
// let one call last under 60 µs, so that the collector, which cannot stop
// assembly, is not held back.
func gemmBlock(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool) {
	if nr == 0 || nc == 0 {
		return
	}
	if active == pathGo {
		gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
		return
	}
	if most := max(6, blockM*blockK/max(1, nk)/6*6); nr > most {
		gemmBlock(a, ra, ka, most, nk, b, ldb, c, ldc, nc, add)
		gemmBlock(a[most*ra:], ra, ka, nr-most, nk, b, ldb, c[most*ldc:], ldc, nc, add)
		return
	}
	if nk > 0 {
		_, _ = a[(nr-1)*ra+(nk-1)*ka], b[(nk-1)*ldb+nc-1]
	}
	_ = c[(nr-1)*ldc+nc-1]
	acc := flag(add)
	// Whole groups of six rows, then of four, then one by one.
	r6 := nr / 6 * 6
	r4 := r6 + (nr-r6)/4*4
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
			gemmTile(g.size, w, step(ptr(a), g.lo*ra), ra, ka, g.hi-g.lo, nk, bj, ldb, step(ptr(c), g.lo*ldc+j), ldc, acc)
		}
		j += w
	}
}

// gemmTile calls the kernel of mr rows and w columns of the active path.
func gemmTile(mr, w int, a *float32, ra, ka, nr, nk int, b *float32, ldb int, c *float32, ldc, add int) {
	if active == pathAVX2 {
		w = 0
	}
	switch 10*w + mr {
	case 646:
		gemm6x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 644:
		gemm4x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 641:
		gemm1x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 326:
		gemm6x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 324:
		gemm4x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 321:
		gemm1x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 166:
		gemm6x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 164:
		gemm4x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 161:
		gemm1x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 6:
		gemm6x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 4:
		gemm4x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 1:
		gemm1x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	default:
		panic("kernel: no such matrix kernel")
	}
}

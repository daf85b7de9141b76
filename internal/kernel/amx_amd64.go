//go:build amd64 && !purego

package kernel

import "unsafe"

// tileShape configures all tiles as 16 rows of 64 bytes: 16 numbers of float32, or 32 of
// bfloat16.
var tileShape = func() *[64]byte {
	c := new([64]byte)
	c[0] = 1 // palette
	for t := range 8 {
		c[16+2*t], c[48+t] = 64, 16
	}
	return c
}()

// amxMost bounds the multiply-adds of one call, so that it stays under some 60 µs and the
// collector, which cannot stop assembly, is not held back.
const amxMost = 1 << 24

// bf16Product stores the sum of products a·b of bfloat16 matrices in c, of stride ldc, or
// adds it: m×n numbers of sums over k, of float32. a has rows of stride lda; b has pairs of
// rows, as bf16Pairs makes them, of 2·ldb numbers each. All three sizes are multiples of 32,
// and m and k are at least that. The result is that of one order of additions, whatever is
// around it: 16 pairs of k at a time, first to last, of the first operands, then of the
// next. It needs the path with tiles.
func bf16Product(c []float32, ldc int, ab []bf16Operands, lda, ldb, m, n, k int, add bool) {
	if m%32 != 0 || n%32 != 0 || k%32 != 0 || k == 0 || len(ab) == 0 || len(ab) > 3 {
		panic("kernel: product by tiles of sizes that are no multiples of 32")
	}
	if m == 0 || n == 0 {
		return
	}
	_ = c[(m-1)*ldc+n-1]
	var places [6]*uint16
	for i, s := range ab {
		_, _ = s.a[(m-1)*lda+k-1], s.b[(k/2-1)*2*ldb+2*n-1]
		places[2*i], places[2*i+1] = ptr(s.a), ptr(s.b)
	}
	for most := max(32, amxMost/(n*k*len(ab))/32*32); m > 0; m -= most {
		rows := min(most, m)
		amxProduct(&tileShape[0], ptr(c), 4*ldc, &places[0], len(ab), k/32, 2*lda, 4*ldb, rows/32, n/32, flag(add))
		if rows == m {
			return
		}
		c = c[rows*ldc:]
		for i := range ab {
			places[2*i] = (*uint16)(unsafe.Add(unsafe.Pointer(places[2*i]), 2*rows*lda))
		}
	}
}

// bf16Rows stores x, a multiple of 16 numbers, rounded to bfloat16 in hi and, unless lo is
// nil, what that loses, rounded likewise, in lo. Rounding is to nearest and even; NaN stays
// NaN, and what is beyond the largest number becomes infinite, of which lo is NaN.
func bf16Rows(hi, lo []uint16, x []float32) {
	n := len(x)
	if n%16 != 0 || len(hi) < n || lo != nil && len(lo) < n {
		panic("kernel: rows of bfloat16 of the wrong size")
	}
	bf16Rows512(ptr(hi), ptr(lo), ptr(x), n)
}

// bf16Pairs stores n rows of w numbers of x, of stride ldx, as bf16Rows rounds them: in
// hi and, unless it is nil, lo in pairs of rows, x[i][j] at 2(i/2·w+j)+i%2, and unless rhi
// is nil row by row in rhi and, with lo, in rlo. n is even and w a multiple of 16.
func bf16Pairs(hi, lo, rhi, rlo []uint16, x []float32, ldx, n, w int) {
	size := n * w
	if n%2 != 0 || w%16 != 0 || len(hi) < size || lo != nil && len(lo) < size ||
		rhi != nil && (len(rhi) < size || lo != nil && len(rlo) < size) {
		panic("kernel: pairs of bfloat16 of the wrong size")
	}
	if size == 0 {
		return
	}
	_ = x[(n-1)*ldx+w-1]
	bf16Pairs512(ptr(hi), ptr(lo), ptr(rhi), ptr(rlo), ptr(x), ldx, n, w)
}

// bf16Transpose stores the transpose of n rows of w numbers of x, of stride ldx, as bf16Rows
// rounds them, in rows of stride ldd of hi and, unless it is nil, lo. n is a multiple of
// 32 and w of 16.
func bf16Transpose(hi, lo []uint16, ldd int, x []float32, ldx, n, w int) {
	if n%32 != 0 || w%16 != 0 {
		panic("kernel: transpose to bfloat16 of the wrong size")
	}
	if n == 0 || w == 0 {
		return
	}
	_, _ = x[(n-1)*ldx+w-1], hi[(w-1)*ldd+n-1]
	if lo != nil {
		_ = lo[(w-1)*ldd+n-1]
	}
	bf16Transpose512(ptr(hi), ptr(lo), ldd, ptr(x), ldx, n, w)
}

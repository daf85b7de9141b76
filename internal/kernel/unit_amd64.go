//go:build amd64 && !purego

package kernel

// Rows longer than vectorPiece are left to what takes them piece by piece, and one call
// takes at most as many rows as make it up.

// divideRows is divideRowsGo.
func divideRows(dst []float32, ldd int, w []float32, n, d int) {
	if active == pathGo || d == 0 || d > vectorPiece {
		divideRowsGo(dst, ldd, w, n, d)
		return
	}
	for most := vectorPiece / d; n > 0; {
		m := min(most, n)
		to, from := dst[:(m-1)*ldd+d], w[:m*d]
		if active == pathAVX512 {
			unitRows512(ptr(to), ldd, ptr(from), m, d)
		} else {
			unitRows256(ptr(to), ldd, ptr(from), m, d)
		}
		if n -= m; n > 0 {
			dst, w = dst[m*ldd:], w[m*d:]
		}
	}
}

// unitGrads is unitGradsGo.
func unitGrads(g, w []float32, n, d int) {
	if active == pathGo || d == 0 || d > vectorPiece {
		unitGradsGo(g, w, n, d)
		return
	}
	for most := vectorPiece / d; n > 0; {
		m := min(most, n)
		grad, row := g[:m*d], w[:m*d]
		if active == pathAVX512 {
			unitGrads512(ptr(grad), ptr(row), m, d)
		} else {
			unitGrads256(ptr(grad), ptr(row), m, d)
		}
		g, w, n = g[m*d:], w[m*d:], n-m
	}
}

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

// unitKernel reports whether the kernels of unitMove take rows g [n,d] at once: whole groups of
// four vectors, and a call as long as others.
func unitKernel(g []float32, d int) bool {
	lanes := 8
	if active == pathAVX512 {
		lanes = 16
	}
	return active != pathGo && d%(4*lanes) == 0 && len(g) <= min(vectorPiece, unitRowsMost*d)
}

func unitSGD(w, g []float32, d int, rate float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	if active == pathAVX512 {
		return unitSGD512(ptr(w), ptr(g), len(g)/d, d, &norms[0], rate), true
	}
	return unitSGD256(ptr(w), ptr(g), len(g)/d, d, &norms[0], rate), true
}

func unitAdagrad(w, s, g []float32, d int, lr, eps float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	if active == pathAVX512 {
		return unitAdagrad512(ptr(w), ptr(s), ptr(g), len(g)/d, d, &norms[0], lr, eps), true
	}
	return unitAdagrad256(ptr(w), ptr(s), ptr(g), len(g)/d, d, &norms[0], lr, eps), true
}

func unitAdam(w, m, v, g []float32, d int, lr, eps, beta1, beta2 float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	if active == pathAVX512 {
		return unitAdam512(ptr(w), ptr(m), ptr(v), ptr(g), len(g)/d, d, &norms[0], lr, eps, beta1, beta2, 1-beta1, 1-beta2), true
	}
	return unitAdam256(ptr(w), ptr(m), ptr(v), ptr(g), len(g)/d, d, &norms[0], lr, eps, beta1, beta2, 1-beta1, 1-beta2), true
}

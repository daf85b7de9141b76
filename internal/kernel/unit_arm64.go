//go:build !purego

package kernel

// divideRows is divideRowsGo.
func divideRows(dst []float32, ldd int, w []float32, n, d int) {
	if active == pathGo || d == 0 || d > vectorPiece {
		divideRowsGo(dst, ldd, w, n, d)
		return
	}
	callRows(n, d, func(lo, m int) {
		unitRows128(ptr(dst[lo*ldd:][:(m-1)*ldd+d]), ldd, ptr(w[lo*d:][:m*d]), m, d)
	})
}

// unitGrads is unitGradsGo.
func unitGrads(g, w []float32, n, d int) {
	if active == pathGo || d == 0 || d > vectorPiece {
		unitGradsGo(g, w, n, d)
		return
	}
	callRows(n, d, func(lo, m int) {
		unitGrads128(ptr(g[lo*d:][:m*d]), ptr(w[lo*d:][:m*d]), m, d)
	})
}

// unitKernel reports whether the kernels of unitMove take rows g [n,d] at once: whole groups of
// four vectors, and a call as long as others.
func unitKernel(g []float32, d int) bool {
	return active != pathGo && d%16 == 0 && len(g) <= min(vectorPiece, unitRowsMost*d)
}

func unitSGD(w, g []float32, d int, rate float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	return unitSGD128(ptr(w), ptr(g), len(g)/d, d, &norms[0], rate), true
}

func unitAdagrad(w, s, g []float32, d int, lr, eps float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	return unitAdagrad128(ptr(w), ptr(s), ptr(g), len(g)/d, d, &norms[0], lr, eps), true
}

func unitAdam(w, m, v, g []float32, d int, lr, eps, beta1, beta2 float32) (float32, bool) {
	if !unitKernel(g, d) {
		return 0, false
	}
	var norms [2 * unitRowsMost]float32
	return unitAdam128(ptr(w), ptr(m), ptr(v), ptr(g), len(g)/d, d, &norms[0], lr, eps, beta1, beta2, 1-beta1, 1-beta2), true
}

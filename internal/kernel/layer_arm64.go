//go:build !purego

package kernel

func addBias(dst, x, b []float32) {
	if active == pathGo {
		addBiasGo(dst, x, b)
		return
	}
	k := len(b)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) { addBias128(&dst[lo], &x[lo], &b[0], (hi-lo)/k, k) })
}

func colSum(acc, x []float32) {
	if active == pathGo {
		colSumGo(acc, x)
		return
	}
	k, numbers := len(acc), callNumbers
	if k > 32 { // strips of columns read a block of rows again: it is to stay in the cache
		numbers /= 4
	}
	inCalls(len(x)/k, k, numbers, func(lo, hi int) { colSum128(&acc[0], &x[lo], (hi-lo)/k, k) })
}

func layerNorm(dst, x, gain, bias []float32, eps float32) {
	if active == pathGo {
		layerNormGo(dst, x, gain, bias, eps)
		return
	}
	k := len(gain)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) {
		layerNorm128(&dst[lo], &x[lo], &gain[0], &bias[0], (hi-lo)/k, k, 1/float32(k), eps)
	})
}

func layerNormBack(dx, dgain, dbias, x, gain, g []float32, eps float32) {
	if active == pathGo {
		layerNormBackGo(dx, dgain, dbias, x, gain, g, eps)
		return
	}
	k := len(gain)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) {
		layerNormBack128(&dx[lo], &dgain[0], &dbias[0], &x[lo], &gain[0], &g[lo], (hi-lo)/k, k, 1/float32(k), eps)
	})
}

func dropout(dst, x []float32, first, key, cut uint32, scale float32) {
	if active == pathGo {
		dropoutGo(dst, x, first, key, cut, scale)
		return
	}
	dropout128(ptr(dst), ptr(x), len(x), first, key, cut, scale)
}

func causalSoftmax(p []float32, ld, rows, n int) {
	if active == pathGo {
		softmaxRowsGo(p, ld, rows, n)
		return
	}
	eachRowsOf(rows, ld, func(lo, count int) { causalSoftmax128(&p[lo*ld], ld, count, n+lo) })
}

func causalSoftmaxBack(g, p []float32, ld, rows, n int) {
	if active == pathGo {
		softmaxBackRowsGo(g, p, ld, rows, n)
		return
	}
	eachRowsOf(rows, ld, func(lo, count int) { causalSoftmaxBack128(&g[lo*ld], &p[lo*ld], ld, count, n+lo) })
}

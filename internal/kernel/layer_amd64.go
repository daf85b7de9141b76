//go:build amd64 && !purego

package kernel

func addBias(dst, x, b []float32) {
	if active == pathGo {
		addBiasGo(dst, x, b)
		return
	}
	form := addBias512
	if active == pathAVX2 {
		form = addBias256
	}
	k := len(b)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) { form(&dst[lo], &x[lo], &b[0], (hi-lo)/k, k) })
}

func colSum(acc, x []float32) {
	if active == pathGo {
		colSumGo(acc, x)
		return
	}
	form := colSum512
	if active == pathAVX2 {
		form = colSum256
	}
	k, numbers := len(acc), callNumbers
	if k > 64 { // strips of columns read a block of rows again: it is to stay in the cache
		numbers /= 4
	}
	inCalls(len(x)/k, k, numbers, func(lo, hi int) { form(&acc[0], &x[lo], (hi-lo)/k, k) })
}

func layerNorm(dst, x, gain, bias []float32, eps float32) {
	if active == pathGo {
		layerNormGo(dst, x, gain, bias, eps)
		return
	}
	form := layerNorm512
	if active == pathAVX2 {
		form = layerNorm256
	}
	k := len(gain)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) {
		form(&dst[lo], &x[lo], &gain[0], &bias[0], (hi-lo)/k, k, 1/float32(k), eps)
	})
}

func layerNormBack(dx, dgain, dbias, x, gain, g []float32, eps float32) {
	if active == pathGo {
		layerNormBackGo(dx, dgain, dbias, x, gain, g, eps)
		return
	}
	form := layerNormBack512
	if active == pathAVX2 {
		form = layerNormBack256
	}
	k := len(gain)
	inCalls(len(x)/k, k, callNumbers, func(lo, hi int) {
		form(&dx[lo], &dgain[0], &dbias[0], &x[lo], &gain[0], &g[lo], (hi-lo)/k, k, 1/float32(k), eps)
	})
}

func dropout(dst, x []float32, first, key, cut uint32, scale float32) {
	switch active {
	case pathAVX512:
		dropout512(ptr(dst), ptr(x), len(x), first, key, cut, scale)
	case pathAVX2:
		dropout256(ptr(dst), ptr(x), len(x), first, key, cut, scale)
	default:
		dropoutGo(dst, x, first, key, cut, scale)
	}
}

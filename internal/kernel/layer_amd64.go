//go:build amd64 && !purego

package kernel

// inCalls calls f on the numbers of pieces of n rows of k: of as many rows as have that many
// numbers, and one at least.
func inCalls(n, k, numbers int, f func(lo, hi int)) {
	most := max(1, numbers/k)
	for lo := 0; lo < n; lo += most {
		f(lo*k, min(lo+most, n)*k)
	}
}

// callNumbers is how many numbers a call takes, so that it lasts under 60 µs.
const callNumbers = 1 << 14

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

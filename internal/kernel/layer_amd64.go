//go:build amd64 && !purego

package kernel

// rowsOfCall returns how many rows of k numbers a call takes, so that it lasts under
// 60 µs.
func rowsOfCall(k int) int { return max(1, 1<<14/k) }

func addBias(dst, x, b []float32) {
	if active == pathGo {
		addBiasGo(dst, x, b)
		return
	}
	k := len(b)
	for most := rowsOfCall(k) * k; len(x) > 0; {
		n := min(most, len(x))
		if active == pathAVX512 {
			addBias512(ptr(dst), ptr(x), ptr(b), n/k, k)
		} else {
			addBias256(ptr(dst), ptr(x), ptr(b), n/k, k)
		}
		dst, x = dst[n:], x[n:]
	}
}

func colSum(acc, x []float32) {
	if active == pathGo {
		colSumGo(acc, x)
		return
	}
	k := len(acc)
	most := rowsOfCall(k)
	if k > 64 { // strips of columns read a block of rows again: it is to stay in the cache
		most = max(1, 1<<12/k)
	}
	for most *= k; len(x) > 0; {
		n := min(most, len(x))
		if active == pathAVX512 {
			colSum512(ptr(acc), ptr(x), n/k, k)
		} else {
			colSum256(ptr(acc), ptr(x), n/k, k)
		}
		x = x[n:]
	}
}

func layerNorm(dst, x, gain, bias []float32, eps float32) {
	if active == pathGo {
		layerNormGo(dst, x, gain, bias, eps)
		return
	}
	k := len(gain)
	for most := rowsOfCall(k) * k; len(x) > 0; {
		n := min(most, len(x))
		if active == pathAVX512 {
			layerNorm512(ptr(dst), ptr(x), ptr(gain), ptr(bias), n/k, k, 1/float32(k), eps)
		} else {
			layerNorm256(ptr(dst), ptr(x), ptr(gain), ptr(bias), n/k, k, 1/float32(k), eps)
		}
		dst, x = dst[n:], x[n:]
	}
}

func layerNormBack(dx, dgain, dbias, x, gain, g []float32, eps float32) {
	if active == pathGo {
		layerNormBackGo(dx, dgain, dbias, x, gain, g, eps)
		return
	}
	k := len(gain)
	for most := rowsOfCall(k) * k; len(x) > 0; {
		n := min(most, len(x))
		if active == pathAVX512 {
			layerNormBack512(ptr(dx), ptr(dgain), ptr(dbias), ptr(x), ptr(gain), ptr(g), n/k, k, 1/float32(k), eps)
		} else {
			layerNormBack256(ptr(dx), ptr(dgain), ptr(dbias), ptr(x), ptr(gain), ptr(g), n/k, k, 1/float32(k), eps)
		}
		dx, x, g = dx[n:], x[n:], g[n:]
	}
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

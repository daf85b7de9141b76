//go:build !purego

package kernel

func dot(x, y []float32) (s float32) {
	y = y[:len(x)]
	if active == pathGo {
		return dotGo(x, y)
	}
	for ; len(x) > vectorPiece; x, y = x[vectorPiece:], y[vectorPiece:] {
		s += dot128(ptr(x), ptr(y), vectorPiece)
	}
	return s + dot128(ptr(x), ptr(y), len(x))
}

func axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	if active == pathGo {
		axpyGo(a, x, y)
		return
	}
	for ; len(x) > vectorPiece; x, y = x[vectorPiece:], y[vectorPiece:] {
		axpy128(a, ptr(x), ptr(y), vectorPiece)
	}
	axpy128(a, ptr(x), ptr(y), len(x))
}

func sum(x []float32) (s float32) {
	if active == pathGo {
		return sumGo(x)
	}
	for ; len(x) > vectorPiece; x = x[vectorPiece:] {
		s += sum128(ptr(x), vectorPiece)
	}
	return s + sum128(ptr(x), len(x))
}

func sumSquares(x []float32) (s float32) {
	if active == pathGo {
		return dotGo(x, x)
	}
	for ; len(x) > vectorPiece; x = x[vectorPiece:] {
		s += sumSquares128(ptr(x), vectorPiece)
	}
	return s + sumSquares128(ptr(x), len(x))
}

func maximum(x []float32) float32 {
	const lanes = 4
	if active == pathGo || len(x) < lanes {
		return maxGo(x)
	}
	if len(x) > vectorPiece {
		return max(maximum(x[:vectorPiece]), maximum(x[vectorPiece:]))
	}
	var most [lanes]float32
	n := len(x) / lanes * lanes
	max128(ptr(x), n, &most[0])
	return max(maxGo(most[:]), maxGo(x[n:]))
}

func exp(dst, x []float32, shift float32) (s float32) {
	dst = dst[:len(x)]
	if active == pathGo {
		return expGo(dst, x, shift)
	}
	for ; len(x) > callNumbers; dst, x = dst[callNumbers:], x[callNumbers:] {
		s += exp128(ptr(dst), ptr(x), callNumbers, shift)
	}
	return s + exp128(ptr(dst), ptr(x), len(x), shift)
}

func logs(dst, x []float32) {
	dst = dst[:len(x)]
	if active == pathGo {
		logGo(dst, x)
		return
	}
	for ; len(x) > callNumbers; dst, x = dst[callNumbers:], x[callNumbers:] {
		log128(ptr(dst), ptr(x), callNumbers)
	}
	log128(ptr(dst), ptr(x), len(x))
}

func pow(dst, x []float32, p float32) {
	dst = dst[:len(x)]
	if active == pathGo {
		powGo(dst, x, p)
		return
	}
	for ; len(x) > callNumbers; dst, x = dst[callNumbers:], x[callNumbers:] {
		pow128(ptr(dst), ptr(x), callNumbers, p)
	}
	pow128(ptr(dst), ptr(x), len(x), p)
}

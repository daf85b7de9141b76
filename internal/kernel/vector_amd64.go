//go:build amd64 && !purego

package kernel

func dot(x, y []float32) (s float32) {
	y = y[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		s += dot(x[:vectorPiece], y[:vectorPiece])
		x, y = x[vectorPiece:], y[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + dot512(ptr(x), ptr(y), len(x))
	case pathAVX2:
		return s + dot256(ptr(x), ptr(y), len(x))
	}
	return dotGo(x, y)
}

func axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		axpy(a, x[:vectorPiece], y[:vectorPiece])
		x, y = x[vectorPiece:], y[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		axpy512(a, ptr(x), ptr(y), len(x))
	case pathAVX2:
		axpy256(a, ptr(x), ptr(y), len(x))
	default:
		axpyGo(a, x, y)
	}
}

func sum(x []float32) (s float32) {
	for active != pathGo && len(x) > vectorPiece {
		s += sum(x[:vectorPiece])
		x = x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + sum512(ptr(x), len(x))
	case pathAVX2:
		return s + sum256(ptr(x), len(x))
	}
	return sumGo(x)
}

func sumSquares(x []float32) (s float32) {
	for active != pathGo && len(x) > vectorPiece {
		s += sumSquares(x[:vectorPiece])
		x = x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + sumSquares512(ptr(x), len(x))
	case pathAVX2:
		return s + sumSquares256(ptr(x), len(x))
	}
	return dotGo(x, x)
}

func maximum(x []float32) float32 {
	if active != pathGo && len(x) > vectorPiece {
		return max(maximum(x[:vectorPiece]), maximum(x[vectorPiece:]))
	}
	var lanes [16]float32
	switch n := len(x); {
	case active == pathAVX512 && n >= 16:
		n -= n % 16
		max512(ptr(x), n, &lanes[0])
		return max(maxGo(lanes[:16]), maxGo(x[n:]))
	case active == pathAVX2 && n >= 8:
		n -= n % 8
		max256(ptr(x), n, &lanes[0])
		return max(maxGo(lanes[:8]), maxGo(x[n:]))
	}
	return maxGo(x)
}

func exp(dst, x []float32, shift float32) (s float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		s += exp(dst[:vectorPiece], x[:vectorPiece], shift)
		dst, x = dst[vectorPiece:], x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + exp512(ptr(dst), ptr(x), len(x), shift)
	case pathAVX2:
		return s + exp256(ptr(dst), ptr(x), len(x), shift)
	}
	return expGo(dst, x, shift)
}

func logs(dst, x []float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		logs(dst[:vectorPiece], x[:vectorPiece])
		x, dst = x[vectorPiece:], dst[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		log512(ptr(dst), ptr(x), len(x))
	case pathAVX2:
		log256(ptr(dst), ptr(x), len(x))
	default:
		logGo(dst, x)
	}
}

func pow(dst, x []float32, p float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		pow(dst[:vectorPiece], x[:vectorPiece], p)
		x, dst = x[vectorPiece:], dst[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		pow512(ptr(dst), ptr(x), len(x), p)
	case pathAVX2:
		pow256(ptr(dst), ptr(x), len(x), p)
	default:
		powGo(dst, x, p)
	}
}

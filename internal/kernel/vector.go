package kernel

import "math"

// f32 returns x as []float32, and whether it is one.
func f32[T Float](x []T) ([]float32, bool) {
	y, ok := any(x).([]float32)
	return y, ok
}

func sameLength[T Float](name string, x, y []T) {
	if len(x) != len(y) {
		panic("kernel: " + name + ": lengths differ")
	}
}

// Dot returns Σ x[i]·y[i].
func Dot[T Float](x, y []T) T {
	sameLength("Dot", x, y)
	if x32, ok := f32(x); ok {
		y32, _ := f32(y)
		return T(dot(x32, y32))
	}
	return dotGo(x, y)
}

func dotGo[T Float](x, y []T) T {
	y = y[:len(x)]
	// Four sums: the additions of one would wait for each other.
	var s [4]T
	for len(x) >= 4 {
		s[0] += x[0] * y[0]
		s[1] += x[1] * y[1]
		s[2] += x[2] * y[2]
		s[3] += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		s[0] += v * y[i]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// Axpy adds a·x to y.
func Axpy[T Float](a T, x, y []T) {
	sameLength("Axpy", x, y)
	if x32, ok := f32(x); ok {
		y32, _ := f32(y)
		axpy(float32(a), x32, y32)
		return
	}
	axpyGo(a, x, y)
}

func axpyGo[T Float](a T, x, y []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

// Sum returns Σ x[i], added in a fixed order of several partial sums.
func Sum[T Float](x []T) T {
	if x32, ok := f32(x); ok {
		return T(sum(x32))
	}
	return sumGo(x)
}

func sumGo[T Float](x []T) T {
	var s [4]T
	for len(x) >= 4 {
		s[0] += x[0]
		s[1] += x[1]
		s[2] += x[2]
		s[3] += x[3]
		x = x[4:]
	}
	for _, v := range x {
		s[0] += v
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// SumSquares returns Σ x[i]².
func SumSquares[T Float](x []T) T {
	if x32, ok := f32(x); ok {
		return T(sumSquares(x32))
	}
	return dotGo(x, x)
}

// Max returns the largest entry; NaN if any entry is NaN, and −Inf for none.
func Max[T Float](x []T) T {
	if x32, ok := f32(x); ok {
		return T(maximum(x32))
	}
	return maxGo(x)
}

func maxGo[T Float](x []T) T {
	m := T(math.Inf(-1))
	for _, v := range x {
		m = max(m, v) // the built-in keeps NaN
	}
	return m
}

// Scale multiplies x by a.
func Scale[T Float](a T, x []T) {
	if x32, ok := f32(x); ok {
		scaleForm.on(x32, x32, x32, float32(a), 0)
		return
	}
	for i := range x {
		x[i] *= a
	}
}

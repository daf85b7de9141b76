package kernel

import "math"

// Sums of float32 numbers that are kept in float64, so that of many terms none is lost. The
// order is fixed by the length, and differs between paths. Slices are of one length.

// A wideSum is such a sum: its assembly, and the Go loop that defines it. What takes one
// operand ignores y.
type wideSum struct {
	avx512, avx2 func(x, y *float32, n int) float64
	loop         func(x, y []float32) float64
}

// of returns the sum over x and y.
func (f wideSum) of(x, y []float32) (s float64) {
	sameLength("wide sum", x, y)
	form := f.avx512
	switch active {
	case pathGo:
		return f.loop(x, y)
	case pathAVX2:
		form = f.avx2
	}
	// As many at a time as let a call last under 60 µs.
	const piece = 1 << 16
	for len(x) > piece {
		s += form(&x[0], &y[0], piece)
		x, y = x[piece:], y[piece:]
	}
	if len(x) > 0 {
		s += form(&x[0], &y[0], len(x))
	}
	return s
}

// SumWide returns Σ x[i].
func SumWide(x []float32) float64 { return sumWideForm.of(x, x) }

func sumWideLoop(x, _ []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// SumUnmasked returns Σ x[i] over the i at which ref is not −Inf.
func SumUnmasked(x, ref []float32) float64 { return sumUnmaskedForm.of(x, ref) }

func sumUnmaskedLoop(x, ref []float32) (s float64) {
	for i, v := range x {
		if !(ref[i] < -math.MaxFloat32) {
			s += float64(v)
		}
	}
	return s
}

// CountUnmasked returns how many of x are not −Inf.
func CountUnmasked(x []float32) float64 { return countUnmaskedForm.of(x, x) }

func countUnmaskedLoop(x, _ []float32) (s float64) {
	for _, v := range x {
		if !(v < -math.MaxFloat32) {
			s++
		}
	}
	return s
}

// DotWide returns Σ [Product](x[i], y[i]).
func DotWide(x, y []float32) float64 {
	s := dotWideForm.of(x, y)
	if s == s {
		return s
	}
	// A NaN, of which the vectors do not know whether it is of 0·Inf.
	s = 0
	for i, v := range x {
		s += Product(float64(v), float64(y[i]))
	}
	return s
}

func dotWideLoop(x, y []float32) (s float64) {
	for i, v := range x {
		s += float64(v) * float64(y[i])
	}
	return s
}

// LogSumExp32 is [LogSumExp] over all of z by exponentials in float32, which is within
// 1e-6 of the logarithm.
func LogSumExp32(z []float32) (top float32, log float64) {
	if top = Max(z); top < -math.MaxFloat32 {
		return top, 0
	}
	var e [64]float32 // stays in the cache
	sum := 0.0
	for ; len(z) > len(e); z = z[len(e):] {
		sum += float64(exp(e[:], z[:len(e)], top))
	}
	return top, math.Log(sum + float64(exp(e[:len(z)], z, top)))
}

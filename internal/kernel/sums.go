package kernel

import "math"

// Sums that are kept in float64, so that of many terms none is lost. The
// order is fixed by the length, and differs between paths. Slices are of one length.

type sumForm = func(x, y *float32, n int) float64

// A wideSum is such a sum: its assembly, and the Go loop that defines it. What takes one
// operand ignores y.
type wideSum struct {
	avx512, avx2, neon sumForm // of the paths of this processor
	loop               func(x, y []float32) float64
}

// of returns the sum over x and y.
func (f wideSum) of(x, y []float32) (s float64) {
	sameLength("wide sum", x, y)
	var form sumForm
	switch active {
	case pathAVX512:
		form = f.avx512
	case pathAVX2:
		form = f.avx2
	case pathNEON:
		form = f.neon
	default:
		return f.loop(x, y)
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

// wide is f of either precision: at float64 by its loop.
func wide[T Float](f wideSum, loop func(x, y []T) float64, x, y []T) float64 {
	if x32, ok := f32(x); ok {
		y32, _ := f32(y)
		return f.of(x32, y32)
	}
	sameLength("wide sum", x, y)
	return loop(x, y)
}

// SumWide returns Σ x[i].
func SumWide[T Float](x []T) float64 { return wide(sumWideForm, sumWideLoop, x, x) }

func sumWideLoop[T Float](x, _ []T) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// SumUnmasked returns Σ x[i] over the i at which ref is not −Inf.
func SumUnmasked[T Float](x, ref []T) float64 { return wide(sumUnmaskedForm, sumUnmaskedLoop, x, ref) }

func sumUnmaskedLoop[T Float](x, ref []T) (s float64) {
	for i, v := range x {
		if !math.IsInf(float64(ref[i]), -1) {
			s += float64(v)
		}
	}
	return s
}

// CountUnmasked returns how many of x are not −Inf.
func CountUnmasked[T Float](x []T) float64 { return wide(countUnmaskedForm, countUnmaskedLoop, x, x) }

func countUnmaskedLoop[T Float](x, _ []T) (s float64) {
	for _, v := range x {
		if !math.IsInf(float64(v), -1) {
			s++
		}
	}
	return s
}

// DotWide returns Σ [Product](x[i], y[i]).
func DotWide[T Float](x, y []T) float64 {
	s := wide(dotWideForm, dotWideLoop, x, y)
	if s == s {
		return s
	}
	// A NaN, of which the sum does not know whether it is of 0·Inf.
	s = 0
	for i, v := range x {
		s += Product(float64(v), float64(y[i]))
	}
	return s
}

func dotWideLoop[T Float](x, y []T) (s float64) {
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

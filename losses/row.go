package losses

import (
	"math"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The rows compute in float64 and store in T: a float32 row costs the same
// memory traffic as float32 arithmetic would and keeps all of its inputs' digits.
// The exponentials of a float32 softmax are the kernel's, in float32.

// peak returns the largest score of z and its first position. The value is NaN
// if z holds a NaN or +Inf, or nothing but masks: a row whose loss is NaN.
func peak[T Float](z []T) (m float64, at int) {
	top := z[0]
	for j, s := range z {
		if s != s {
			return math.NaN(), 0
		}
		if s > top {
			top, at = s, j
		}
	}
	m = float64(top)
	return m + (m - m), at // m−m is NaN at ±Inf
}

// exps stores e^{(z_j−m)·inv} in dst, 0 at a mask and at position skip, and returns
// their sum.
func exps[T Float](dst, z []T, m, inv float64, skip int) float64 {
	for j, s := range z {
		dst[j] = T((float64(s) - m) * inv)
	}
	if skip >= 0 {
		dst[skip] = T(math.Inf(-1))
	}
	kernel.Exp(dst, dst, 0)
	sum := 0.0 // in order, so that masks change no bit
	for _, e := range dst {
		sum += float64(e)
	}
	return sum
}

// finite counts the candidates of z that are not masked; NaN counts as one.
func finite[T Float](z []T) int {
	n := 0
	for _, s := range z {
		if !math.IsInf(float64(s), -1) {
			n++
		}
	}
	return n
}

func nan[T Float]() T { return T(math.NaN()) }

func masked[T Float](s T) bool { return math.IsInf(float64(s), -1) }

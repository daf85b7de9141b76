package losses

import (
	"math"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The rows compute in float64 and store in T: a float32 row costs the same
// memory traffic as float32 arithmetic would and keeps all of its inputs' digits.
// The exponentials of a float32 softmax are the kernel's, in float32.

// Peak returns the largest score of z and its first position. The value is NaN
// if z holds a NaN or +Inf, or nothing but masks: a row whose loss is NaN.
func Peak[T Float](z []T) (m float64, at int) {
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

// Exps stores e^{(z_j−m)·inv} in dst, which may be z, 0 at a mask, and returns their sum.
// A float32 exponential is right to about 1e-7.
func Exps[T Float](dst, z []T, m, inv float64) float64 { return expsBut(dst, z, m, inv, -1) }

// expsBut is Exps with 0 at position skip.
func expsBut[T Float](dst, z []T, m, inv float64, skip int) float64 {
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

// Unmasked counts the candidates of z that are not masked; NaN counts as one.
func Unmasked[T Float](z []T) int {
	n := 0
	for _, s := range z {
		if !math.IsInf(float64(s), -1) {
			n++
		}
	}
	return n
}

func nan[T Float]() T { return T(math.NaN()) }

// Masked reports whether a score is that of a masked candidate, −Inf.
func Masked[T Float](s T) bool { return math.IsInf(float64(s), -1) }

// Softplus returns log(1 + e^x), to rounding at any x.
func Softplus(x float64) float64 { return kernel.Softplus(x) }

// Sigmoid returns 1/(1 + e^{−x}), to rounding at any x.
func Sigmoid(x float64) float64 { return kernel.Sigmoid(x) }

// positivePow returns x^q for x > 0, without the general power where it can.
func positivePow(x, q float64) float64 {
	switch {
	case q == 1 || x == 1:
		return x
	case q == 2:
		return x * x
	}
	return math.Pow(x, q)
}

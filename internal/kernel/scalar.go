package kernel

import "math"

// These have one implementation for the kernels, the ops of graphs, the losses' closed
// forms and the studies, so that none of them is off by a rounding from the others. They
// compute in float64 and sum in order of index.

// Sigmoid returns 1/(1+e^{−x}) without overflow.
func Sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// Softplus returns log(1+e^x) without overflow, and exactly where it is tiny.
func Softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// LogSumExp returns log Σ e^z over the entries ids of z, over all where ids is nil, as
// the largest entry and the log of the sum shifted by it. Where every entry is −Inf, or
// there is none, that is −Inf and 0; where one is NaN or +Inf the sum of the two is NaN.
func LogSumExp[T Float](z []T, ids []int32) (top, log float64) {
	m, sum := T(math.Inf(-1)), 0.0
	if ids == nil {
		for _, x := range z {
			m = max(m, x) // the built-in keeps NaN
		}
	}
	for _, i := range ids {
		m = max(m, z[i])
	}
	top = float64(m)
	if math.IsInf(top, -1) {
		return top, 0
	}
	if ids == nil {
		for _, x := range z {
			sum += math.Exp(float64(x) - top) // Inf − Inf is NaN, and stays
		}
	}
	for _, i := range ids {
		sum += math.Exp(float64(z[i]) - top)
	}
	return top, math.Log(sum)
}

// NormFloor is the least norm that a vector is divided by: the zero vector stays zero.
const NormFloor = 1e-12

// Norm returns max(‖x‖₂, NormFloor). The sum of squares of float32 numbers neither
// overflows nor vanishes.
func Norm[T Float](x []T) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return max(math.Sqrt(s), NormFloor)
}

// NormalizeRows stores in dst the rows of x [n,d], each divided by its [Norm], in float64, where
// [Unit] is of float32. dst may be x.
func NormalizeRows(dst, x []float32, d int) {
	Parallel(len(x)/d, func(_, i int) {
		row, to := x[i*d:(i+1)*d], dst[i*d:(i+1)*d]
		scale := 1 / Norm(row)
		for k, v := range row {
			to[k] = float32(float64(v) * scale)
		}
	})
}

// Package check holds the comparisons that tests and the gradient check share.
//
// A comparison fails on NaN: every predicate is written so that a NaN on either
// side is false.
package check

import "math"

// Near reports whether |got − want| ≤ atol + rtol·|want|. Equal infinities are
// near; a NaN on either side is not.
func Near(got, want, rtol, atol float64) bool {
	if got == want {
		return true
	}
	return math.Abs(got-want) <= atol+rtol*math.Abs(want) && !math.IsInf(got, 0)
}

// Worst returns the largest |got−want| / (floor + |want|) over the entries
// and its index; a NaN anywhere is the worst of all, reported as +Inf. The
// slices have one length ≥ 1.
func Worst(got, want []float64, floor float64) (worst float64, at int) {
	worst = -1
	for i := range got {
		e := math.Abs(got[i]-want[i]) / (floor + math.Abs(want[i]))
		if got[i] == want[i] {
			e = 0
		}
		if math.IsNaN(e) {
			return math.Inf(1), i
		}
		if e > worst {
			worst, at = e, i
		}
	}
	return worst, at
}

// CentralDifference stores in g the central difference of f at x with step
// h·max(1,|x_i|): error O(h²) from truncation and O(ε/h) from rounding.
// x is restored before return.
func CentralDifference(g []float64, f func([]float64) float64, x []float64, h float64) {
	for i, xi := range x {
		step := h * math.Max(1, math.Abs(xi))
		hi, lo := xi+step, xi-step
		x[i] = hi
		a := f(x)
		x[i] = lo
		g[i] = (a - f(x)) / (hi - lo)
		x[i] = xi
	}
}

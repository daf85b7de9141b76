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

// Finite reports whether x is a number other than ±Inf.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

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

// Derivative returns f'(0) by central differences and Richardson extrapolation
// (Ridders' method), and an estimate of its error. It starts at step h and,
// until the estimate is at most tol, anew at steps 16 times smaller: large steps
// lose to curvature and to kinks that they straddle, small ones to rounding.
//
// Source: Ridders 1982, Adv. Eng. Software 4(2), 75-76.
func Derivative(f func(step float64) float64, h, tol float64) (d, err float64) {
	const levels = 6
	d, err = math.NaN(), math.Inf(1)
	for range 5 {
		var a [levels]float64 // a[j]: extrapolated j times at the last step
		s := h
		for i := range levels {
			last := a
			a[0] = (f(s) - f(-s)) / (2 * s)
			power := 1.0
			for j := 1; j <= i; j++ {
				power *= 4 // the error is a series in the square of the step
				a[j] = (power*a[j-1] - last[j-1]) / (power - 1)
				e := math.Max(math.Abs(a[j]-a[j-1]), math.Abs(a[j]-last[j-1]))
				if e < err {
					d, err = a[j], e
				}
			}
			if err <= tol/16 {
				return d, err
			}
			s /= 2
		}
		if err <= tol {
			return d, err
		}
		h /= 16
	}
	return d, err
}

// Subderivative returns f'(0) to within tol·size, by [Derivative], which it begins anew at
// smaller steps where the result is not got: a kink or a jump of curvature that lies within
// the first steps can make it settle beside the derivative. Where no step gives got, and
// the slopes of the two sides are more than 1e-6·size apart, f has a kink at 0: then it
// returns what is nearest to got of the numbers between the slopes, each of which is a
// derivative, and true.
func Subderivative(f func(step float64) float64, got, tol, size float64) (want float64, kink bool) {
	bar, best := tol*size, math.Inf(1)
	want = math.NaN()
	// The last begins below 2·kinkStep: a kink is farther than that, or the slopes see it.
	for _, h := range []float64{0.05, 0.05 / 32, 0.05 / 1024, 0.05 / 4096} {
		d, uncertain := Derivative(f, h, bar/4)
		if math.Abs(got-d) <= bar && uncertain <= bar {
			return d, false
		}
		if uncertain < best {
			want, best = d, uncertain
		}
	}
	// At a kink central differences settle nowhere, or on the mean of both sides.
	right, left := slope(f, kinkStep), slope(f, -kinkStep)
	if math.Abs(right-left) > kinkGap*size {
		return min(max(got, min(left, right)), max(left, right)), true
	}
	return want, false
}

// kinkStep is the step by which slopes are taken, of which they look twice as far, and kinkGap
// how far the two are apart at a kink: a hundred times what a smooth function gives.
const (
	kinkStep = 1e-5
	kinkGap  = 1e-6
)

// slope returns the derivative at 0 on the side of step h, of second order in it.
func slope(f func(float64) float64, h float64) float64 {
	return (4*f(h) - f(2*h) - 3*f(0)) / (2 * h)
}

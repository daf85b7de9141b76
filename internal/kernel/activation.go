package kernel

import "math"

// Accuracy of the activations, against the true value, in float32; a test holds each
// bound:
//
//	Expm1Each, SigmoidEach, TanhEach, AtanEach     ≤ 4 ulp
//	Log1pEach, SoftplusEach                        ≤ 4 ulp
//	GELUEach                                       ≤ 8 ulp for x ≥ −5; below that the
//	                                               value's magnitude is under 2e-6, and
//	                                               the error under 1e-12
//
// Values below 2⁻¹²⁶ may be 0.

// millsPoly interpolates, as the polynomials of math.go do, √½·(t+2)·e^(t²)·erfc(t) of
// w = (t−2)/(t+2) on [−1,2/3], degree 8. The variable is that of M. M. Shepherd and J. G.
// Laframboise, Mathematics of Computation 36, 1981. atanhPoly interpolates so, beside its
// leading coefficient, 2·artanh(s)/s of s² on [0,1/9], degree 4.
var (
	millsPoly = [...]float32{0.72236809, -0.48589611, 0.19761456, -0.025764737, -0.015189766, 0.00455704, 0.0021063165, -0.00054036916, -0.00032988144}
	atanhPoly = [...]float32{2, 0.6666664, 0.40007561, 0.2823662, 0.26851498}
)

func horner(c []float32, x float32) float32 {
	y := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		y = y*x + c[i]
	}
	return y
}

// Expm1Each stores e^a − 1 in dst.
func Expm1Each(dst, a []float32) { expm1Form.on(dst, a, a, 0, 0) }

// expm1One splits x = n·ln2 + r: with p = e^r − 1 the value is 2^n·p + (2^n − 1), where
// for n = 0 nothing cancels.
func expm1One(x float32) float32 {
	switch {
	case x < -20: // e^−20 is nothing beside 1
		return -1
	case x > 88.72284: // log of the largest float32
		return float32(math.Inf(1))
	case x != x:
		return x
	}
	n := float32(math.RoundToEven(float64(x * math.Log2E)))
	r := x - n*ln2Hi
	r -= n * ln2Lo
	p := horner(expPoly[:], r)*(r*r) + r
	h := pow2(int32(n) - 1) // half of 2^n, which may be above the range
	y := h*p + (h - 0.5)
	return y + y
}

// Log1pEach stores log(1+a) in dst: −Inf at −1, NaN below.
func Log1pEach(dst, a []float32) { log1pForm.on(dst, a, a, 0, 0) }

// log1pOne is the logarithm of u = 1+x rounded, and what the rounding lost over u.
func log1pOne(x float32) float32 {
	u := 1 + x
	if v, ok := logSpecial(u); ok {
		return v
	}
	e, f, p := logParts(u)
	return f + (p + e*ln2Lo + (x-(u-1))/u) + e*ln2Hi
}

// SoftplusEach stores log(1+e^a) in dst.
func SoftplusEach(dst, a []float32) { softplusForm.on(dst, a, a, 0, 0) }

// softplusOne takes log(1+e) of e = e^−|x| as 2·artanh of e/(2+e), which is at most 1/3.
func softplusOne(x float32) float32 {
	e := exp1(-abs1(x))
	s := e / (2 + e)
	return max(x, 0) + s*horner(atanhPoly[:], s*s)
}

// SigmoidEach stores 1/(1+e^−a) in dst.
func SigmoidEach(dst, a []float32) { sigmoidForm.on(dst, a, a, 0, 0) }

func sigmoidOne(x float32) float32 {
	e, top := exp1(-abs1(x)), float32(1)
	if x < 0 {
		top = e
	}
	return top / (1 + e)
}

// SigmoidBack stores g·σ'(x) in dst: the gradient by x of [SigmoidEach].
func SigmoidBack(dst, g, x []float32) { sigmoidBackForm.on(dst, g, x, 0, 0) }

func sigmoidBackOne(g, x float32) float32 {
	e := exp1(-abs1(x))
	return Product(g, e/((1+e)*(1+e))) // σ(x)σ(−x): nothing cancels near 1
}

// TanhEach stores tanh a in dst.
func TanhEach(dst, a []float32) { tanhForm.on(dst, a, a, 0, 0) }

func tanhOne(x float32) float32 {
	m := expm1One(-2 * abs1(x))
	return float32(math.Copysign(float64(-m/(2+m)), float64(x)))
}

// TanhBack stores g·(1 − y²) in dst: the gradient by x of [TanhEach], whose value is y.
func TanhBack(dst, g, y []float32) { tanhBackForm.on(dst, g, y, 0, 0) }

func tanhBackOne(g, y float32) float32 { return Product(g, 1-y*y) }

// AtanEach stores arctan a in dst.
func AtanEach(dst, a []float32) { atanForm.on(dst, a, a, 0, 0) }

// GELUEach stores a·Φ(a) in dst, with the normal distribution Φ; 0 at −Inf. Source: D.
// Hendrycks and K. Gimpel, Gaussian Error Linear Units, 2016.
func GELUEach(dst, a []float32) { geluForm.on(dst, a, a, 0, 0) }

// geluOne is x·Φ(x) by the tail of the normal distribution on the side of x.
func geluOne(x float32) float32 {
	s := short(x)
	_, t := normalTail(s)
	return max(x, 0) - s*t
}

// GELUBack stores g·(Φ(x) + x·φ(x)) in dst, with the density φ of Φ: the gradient by x
// of [GELUEach].
func GELUBack(dst, g, x []float32) { geluBackForm.on(dst, g, x, 0, 0) }

func geluBackOne(g, x float32) float32 {
	s := short(x)
	e, t := normalTail(s)
	d := t - s*(e*rootTwoPi)
	if !math.Signbit(float64(x)) {
		d = 1 - d
	}
	return Product(g, d)
}

const (
	normalFar  = 14                 // beyond it Φ is 0 or 1
	rootTwoPi  = 0.3989422804014327 // 1/√(2π)
	twoRootTwo = 2 * math.Sqrt2
)

// short returns min(|x|, 14).
func short(x float32) float32 { return min(abs1(x), normalFar) }

// normalTail returns e^(−s²/2), and 1−Φ(s), for 0 ≤ s ≤ 14.
func normalTail(s float32) (e, tail float32) {
	// s² in two parts: e^(−s²/2) has the relative error of its half.
	q := s * s
	lost := float32(float64(s)*float64(s) - float64(q))
	e = exp1(-0.5 * q)
	e += -0.5 * lost * e
	r := 1 / (s + twoRootTwo)
	return e, e * r * horner(millsPoly[:], 1-2*twoRootTwo*r)
}

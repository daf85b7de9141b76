package kernel

import "math"

// Accuracy of the functions on vectors, against the true value, in float32:
//
//	Exp     ≤ 2 ulp
//	Log     ≤ 2 ulp
//	Pow     relative error ≤ (4 + 2·|p·log₂x|)·2⁻²⁴
//
// Paths avx2 and go flush results of Exp and Pow below 2⁻¹²⁶ to zero.
// A test holds each bound. The float64 forms are those of package math.

// The polynomials of the functions, lowest power first. Each interpolates, at
// Chebyshev nodes, the function named, on the interval named; a test recomputes
// them. The leading coefficients are exact.
var (
	// (2^r − 1)/r on [0,1], degree 5.
	exp2Poly = [...]float32{0.693147182, 0.240227208, 0.0554960221, 0.0096521955, 0.00126921665, 0.000208179146}
	// (e^r − 1 − r)/r² on [−ln2/2, ln2/2], degree 4.
	expPoly = [...]float32{0.5, 0.166665778, 0.0416665561, 0.00836317334, 0.00139261759}
	// (log(1+f) − f + f²/2)/f³ on [√½−1, √2−1], degree 8.
	logPoly = [...]float32{0.333333313, -0.24999997, 0.200007156, -0.166678026, 0.142490581, -0.124256872, 0.116854198, -0.114797339, 0.0697161108}
)

// ln2 in two parts: n·ln2Hi is exact for |n| < 2¹⁵. Source: W. J. Cody and
// W. Waite, Software Manual for the Elementary Functions, 1980.
const (
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
)

// Exp stores exp(x[i]−shift) in dst and returns the sum of dst. dst may be x.
func Exp[T Float](dst, x []T, shift T) T {
	sameLength("Exp", dst, x)
	if d32, ok := f32(dst); ok {
		x32, _ := f32(x)
		return T(exp(d32, x32, float32(shift)))
	}
	var s T
	for i, v := range x {
		e := T(math.Exp(float64(v - shift)))
		dst[i] = e
		s += e
	}
	return s
}

func expGo(dst, x []float32, shift float32) float32 {
	var s float32
	for i, v := range x {
		e := exp1(v - shift)
		dst[i] = e
		s += e
	}
	return s
}

// Log stores the natural logarithm of x in dst: −Inf at 0, NaN below. dst may
// be x.
func Log[T Float](dst, x []T) {
	sameLength("Log", dst, x)
	if d32, ok := f32(dst); ok {
		x32, _ := f32(x)
		logs(d32, x32)
		return
	}
	for i, v := range x {
		dst[i] = T(math.Log(float64(v)))
	}
}

func logGo(dst, x []float32) {
	for i, v := range x {
		dst[i] = log1(v)
	}
}

// Pow stores x[i]^p in dst, for x[i] ≥ 0; NaN for negative x[i], and 1 for p = 0.
// dst may be x.
func Pow[T Float](dst, x []T, p T) {
	sameLength("Pow", dst, x)
	if p == 0 {
		for i := range dst {
			dst[i] = 1
		}
		return
	}
	if d32, ok := f32(dst); ok {
		x32, _ := f32(x)
		pow(d32, x32, float32(p))
		return
	}
	for i, v := range x {
		if v < 0 {
			dst[i] = T(math.NaN())
			continue
		}
		dst[i] = T(math.Pow(float64(v), float64(p)))
	}
}

func powGo(dst, x []float32, p float32) {
	for i, v := range x {
		dst[i] = pow1(v, p)
	}
}

// exp2One returns 2^t: the fraction through the polynomial, the floor into the
// exponent. Results below 2⁻¹²⁶ are 0.
func exp2One(t float32) float32 {
	switch {
	case t < -126:
		return 0
	case t >= 128:
		return float32(math.Inf(1))
	case t != t:
		return t
	}
	n := int32(t)
	if float32(n) > t {
		n--
	}
	r := t - float32(n)
	e := exp2Poly[5]
	e = e*r + exp2Poly[4]
	e = e*r + exp2Poly[3]
	e = e*r + exp2Poly[2]
	e = e*r + exp2Poly[1]
	e = e*r + exp2Poly[0]
	e = e*r + 1
	return math.Float32frombits(math.Float32bits(e) + uint32(n)<<23)
}

func exp1(x float32) float32 {
	switch {
	case x < -87.33654: // log 2⁻¹²⁶
		return 0
	case x > 88.72284: // log of the largest float32
		return float32(math.Inf(1))
	case x != x:
		return x
	}
	n := float32(math.RoundToEven(float64(x * math.Log2E)))
	r := x - n*ln2Hi
	r -= n * ln2Lo
	e := expPoly[4]
	e = e*r + expPoly[3]
	e = e*r + expPoly[2]
	e = e*r + expPoly[1]
	e = e*r + expPoly[0]
	e = e*r*r + r + 1
	// In two halves, so that neither leaves the range of the exponent.
	h := int32(n) / 2
	return e * pow2(h) * pow2(int32(n)-h)
}

// pow2 returns 2^n for −126 ≤ n ≤ 127.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// logParts splits a positive finite x into 2^e·(1+f), √½ ≤ 1+f < √2, and
// returns p = log(1+f) − f beside them.
func logParts(x float32) (e, f, p float32) {
	if x < 0x1p-126 { // subnormal
		x *= 1 << 23
		e = -23
	}
	b := math.Float32bits(x)
	e += float32(int32(b>>23) - 127)
	f = math.Float32frombits(b&0x007fffff | 0x3f800000)
	if f >= math.Sqrt2 {
		f *= 0.5
		e++
	}
	f--
	for i := len(logPoly) - 1; i >= 0; i-- {
		p = p*f + logPoly[i]
	}
	return e, f, f * f * (f*p - 0.5)
}

// logSpecial returns log x where x is not positive and finite, and whether it
// is so.
func logSpecial(x float32) (float32, bool) {
	switch {
	case x == 0:
		return float32(math.Inf(-1)), true
	case !(x > 0):
		return float32(math.NaN()), true
	case x > math.MaxFloat32:
		return x, true
	}
	return 0, false
}

func log1(x float32) float32 {
	if v, ok := logSpecial(x); ok {
		return v
	}
	e, f, p := logParts(x)
	return f + (p + e*ln2Lo) + e*ln2Hi
}

func pow1(x, p float32) float32 {
	if v, ok := logSpecial(x); ok {
		return exp2One(p * v)
	}
	e, f, q := logParts(x)
	return exp2One(p * (e + (f+q)*math.Log2E))
}

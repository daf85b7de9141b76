package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// An eachCase is an elementwise function of a, and of b where it takes two operands, with
// its value in float64.
type eachCase struct {
	name  string
	f     func(dst, a, b []float32)
	want  func(a, b float64) float64
	exact bool    // the value is the true one rounded, at most once
	ulp   float64 // else the bound of the error
}

func one(f func(dst, a []float32)) func(dst, a, b []float32) {
	return func(dst, a, _ []float32) { f(dst, a) }
}

func of(f func(float64) float64) func(a, b float64) float64 {
	return func(a, _ float64) float64 { return f(a) }
}

// phi is the normal distribution, phi1 its density.
func phi(x float64) float64  { return math.Erfc(-x/math.Sqrt2) / 2 }
func phi1(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func positivePart(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a
}

func eachCases() []eachCase {
	return []eachCase{
		{"AddEach", AddEach[float32], func(a, b float64) float64 { return a + b }, true, 0},
		{"SubEach", SubEach[float32], func(a, b float64) float64 { return a - b }, true, 0},
		{"MulEach", MulEach[float32], Product[float64], true, 0},
		{"DivEach", DivEach[float32], func(a, b float64) float64 { return a / b }, true, 0},
		{"AddScalarEach", one(func(d, a []float32) { AddScalarEach(d, a, 0.75) }), of(func(a float64) float64 { return a + 0.75 }), true, 0},
		{"MulScalarEach", one(func(d, a []float32) { MulScalarEach(d, a, -1.75) }), of(func(a float64) float64 { return -1.75 * a }), true, 0},
		{"MulScalarEach by 0", one(func(d, a []float32) { MulScalarEach(d, a, 0) }), of(func(a float64) float64 { return Product(a, 0) }), true, 0},
		{"Scale", one(func(d, a []float32) { copy(d, a); Scale(-1.75, d) }), of(func(a float64) float64 { return -1.75 * a }), true, 0},
		{"DivScalarEach", one(func(d, a []float32) { DivScalarEach(d, a, -1.75) }), of(func(a float64) float64 { return a / -1.75 }), true, 0},
		{"FillEach", func(d, _, _ []float32) { FillEach(d, -1.75) }, of(func(float64) float64 { return -1.75 }), true, 0},
		{"FillUnmasked", one(func(d, a []float32) { FillUnmasked(d, a, -1.75) }), of(func(a float64) float64 {
			if math.IsInf(a, -1) {
				return 0
			}
			return -1.75
		}), true, 0},
		{"SquareEach", one(SquareEach), of(func(a float64) float64 { return a * a }), true, 0},
		{"SqrtEach", one(SqrtEach), of(math.Sqrt), true, 0},
		{"AbsEach", one(AbsEach), of(math.Abs), true, 0},
		{"ClampEach", one(func(d, a []float32) { ClampEach(d, a, -0.5, 1) }), of(func(a float64) float64 { return min(max(a, -0.5), 1) }), true, 0},
		{"SignEach", one(SignEach), of(func(a float64) float64 {
			if a == 0 || a != a {
				return a
			}
			return math.Copysign(1, a)
		}), true, 0},
		{"StepEach", one(StepEach), of(func(a float64) float64 {
			switch {
			case a > 0:
				return 1
			case a <= 0:
				return 0
			}
			return a
		}), true, 0},
		{"InsideEach", one(func(d, a []float32) { InsideEach(d, a, -0.5, 1) }), of(func(a float64) float64 {
			if -0.5 < a && a < 1 {
				return 1
			}
			return 0
		}), true, 0},
		{"ReluEach", one(ReluEach), of(func(a float64) float64 { return positivePart(a, a) }), true, 0},
		{"ReluBack", ReluBack[float32], positivePart, true, 0},
		{"SoftmaxBack", func(d, a, b []float32) { SoftmaxBack(d, a, b, 0.25) }, func(a, b float64) float64 { return a * float64(float32(b)-0.25) }, true, 0},
		{"FillMaskedEach", one(func(d, a []float32) { FillMaskedEach(d, a, 3) }), of(func(a float64) float64 {
			if math.IsInf(a, -1) {
				return 3
			}
			return a
		}), true, 0},
		{"MaskLike", MaskLike[float32], func(a, b float64) float64 {
			if math.IsInf(b, -1) {
				return 0
			}
			return a
		}, true, 0},
		{"Expm1Each", one(Expm1Each), of(math.Expm1), false, 4},
		{"Log1pEach", one(Log1pEach), of(math.Log1p), false, 4},
		{"SoftplusEach", one(SoftplusEach), of(Softplus), false, 4},
		{"SigmoidEach", one(SigmoidEach), of(Sigmoid), false, 4},
		{"SigmoidBack", SigmoidBack, func(a, b float64) float64 { return Product(a, Sigmoid(b)*Sigmoid(-b)) }, false, 6},
		{"TanhEach", one(TanhEach), of(math.Tanh), false, 4},
		{"TanhBack", TanhBack, func(a, b float64) float64 { return Product(a, 1-b*b) }, false, -1},
		{"AtanEach", one(AtanEach), of(math.Atan), false, 4},
		{"GELUEach", one(GELUEach), of(func(a float64) float64 { return Product(a, phi(a)) }), false, -1},
		{"GELUBack", GELUBack, func(a, b float64) float64 {
			b = min(max(b, -normalFar), normalFar)
			return Product(a, phi(b)+b*phi1(b))
		}, false, -1},
	}
}

// fits holds the value against the true one, within the bound of its case.
func (c eachCase) fits(got float32, a, b float32) bool {
	want := c.want(float64(a), float64(b))
	if c.name == "SigmoidBack" && got == 0 && math.Abs(float64(b)) > 87.3 {
		return true // the derivative was flushed
	}
	if math.IsNaN(want) || math.IsInf(float64(float32(want)), 0) {
		return near(float64(got), float64(float32(want)), 0, 0)
	}
	if !c.exact && math.Abs(want) < 0x1p-125 {
		return math.Abs(float64(got)) < 0x1p-124 // flushed, or subnormal
	}
	switch {
	case c.exact:
		return got == float32(want)
	case c.ulp > 0:
		return ulps(got, want) <= c.ulp
	case c.name == "GELUEach":
		if a < -5 {
			return math.Abs(float64(got)-want) <= 1e-12
		}
		return ulps(got, want) <= 8
	}
	// The factor of a is off by two roundings of numbers up to 1, and the product by one.
	return near(float64(got), want, 0x1p-23, 6*0x1p-24*math.Abs(float64(a)))
}

func TestElementwiseAccuracy(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		x := functionArguments(-20, 20)
		x = append(x, functionArguments(-1, 1)...)
		x = append(x, functionArguments(-110, 110)...)
		for i := range 2000 {
			x = append(x, float32(math.Ldexp(1+float64(i)/2000, -i/16)), float32(-math.Ldexp(1+float64(i)/2000, -i/16)))
		}
		r := rand.New(rand.NewPCG(3, 4))
		for _, c := range eachCases() {
			a, b := slices.Clone(x), slices.Clone(x)
			r.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
			dst := make([]float32, len(a))
			c.f(dst, a, b)
			for i, got := range dst {
				if !c.fits(got, a[i], b[i]) {
					require.Failf(t, "inaccurate", "%s(%v, %v) = %v, want %v: %v ulp", c.name, a[i], b[i], got, c.want(float64(a[i]), float64(b[i])), ulps(got, c.want(float64(a[i]), float64(b[i]))))
				}
			}
		}
	})
}

func TestElementwiseAtAllLengths(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(12)
		eachLength(func(n, offset int) {
			a, b := guard(normal(r, n, 2), offset), guard(normal(r, n, 2), (offset+3)%16)
			dst := guard(make([]float32, n), (offset+5)%16)
			for _, c := range eachCases() {
				c.f(dst.x, a.x, b.x)
				for i, got := range dst.x {
					if !c.fits(got, a.x[i], b.x[i]) {
						require.Failf(t, "wrong", "%s: entry %d of %d: (%v, %v) gives %v", c.name, i, n, a.x[i], b.x[i], got)
					}
				}
				same := guard(a.x, offset)
				c.f(same.x, same.x, b.x)
				for i, v := range same.x {
					if math.Float32bits(dst.x[i]) != math.Float32bits(v) {
						require.Failf(t, "differs in place", "%s: entry %d of %d", c.name, i, n)
					}
				}
				same.requireIntact(t, c.name)
			}
			a.requireIntact(t, "a")
			b.requireIntact(t, "b")
			dst.requireIntact(t, "dst")
		})
	})
}

// TestElementwiseLong covers lengths that take several calls.
func TestElementwiseLong(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		const n = 2*(1<<14) + 37
		a, dst := make([]float32, n), make([]float32, n)
		for i := range a {
			a[i] = float32(i)
		}
		AddEach(dst, a, a)
		for i, x := range dst {
			if x != float32(2*i) {
				require.Failf(t, "wrong", "entry %d is %v", i, x)
			}
		}
		require.PanicsWithValue(t, "kernel: elementwise: lengths differ", func() { AddEach(dst, a[1:], a) })
		require.PanicsWithValue(t, "kernel: elementwise: lengths differ", func() { AddEach(dst, a, a[1:]) })
	})
}

// TestPolynomialsOfActivations holds the coefficients against the functions that they are of.
func TestPolynomialsOfActivations(t *testing.T) {
	value := func(p []float32, x float64) (y float64) {
		for k := len(p) - 1; k >= 0; k-- {
			y = y*x + float64(p[k])
		}
		return y
	}
	for i := range 1001 {
		u := float64(i) / 1000
		w := -1 + u*(2.0/3+1)
		s := 2 * (1 + w) / (1 - w)
		want := math.Sqrt(0.5) * (s + 2) * math.Exp(s*s) * math.Erfc(s)
		require.InEpsilon(t, want, value(millsPoly[:], w), 1e-7, "at %v", w)
		if s = u / 3; s > 0 {
			require.InEpsilon(t, 2*math.Atanh(s)/s, value(atanhPoly[:], s*s), 3e-8, "at %v", s)
		}
	}
}

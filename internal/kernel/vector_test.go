package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// lengths are all from 0 to 257 at one alignment, and the ragged ones around
// vector lengths at every alignment.
func eachLength(f func(n, offset int)) {
	for n := range 258 {
		f(n, n%16)
	}
	for offset := range 16 {
		for _, n := range []int{0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 129} {
			f(n, offset)
		}
	}
}

func TestVectorKernelsMatchTheirDefinition(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(1)
		eachLength(func(n, offset int) {
			x, y := guard(normal(r, n, 1), offset), guard(normal(r, n, 1), (offset+3)%16)
			var xy, s, ss, abs float64
			m := math.Inf(-1)
			for i, v := range x.x {
				xy += float64(v) * float64(y.x[i])
				s += float64(v)
				ss += float64(v) * float64(v)
				abs += math.Abs(float64(v)) + math.Abs(float64(v)*float64(y.x[i]))
				m = max(m, float64(v))
			}
			tol := 1e-6 * (abs + ss)
			require.InDelta(t, xy, float64(Dot(x.x, y.x)), tol, "Dot, %d", n)
			require.InDelta(t, s, float64(Sum(x.x)), tol, "Sum, %d", n)
			require.InDelta(t, ss, float64(SumSquares(x.x)), tol, "SumSquares, %d", n)
			require.Equal(t, float32(m), Max(x.x), "Max, %d", n)
			want := make([]float32, n)
			for i := range want {
				want[i] = float32(float64(y.x[i]) - 0.75*float64(x.x[i]))
			}
			Axpy(-0.75, x.x, y.x)
			requireNear(t, want, y.x, 1e-6, 1e-6, "Axpy, %d", n)
			x.requireIntact(t, "x")
			y.requireIntact(t, "y")
		})
	})
}

func TestVectorKernelsKeepNaNAndInfinities(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, n := range []int{1, 8, 15, 16, 33, 70} {
			for at := range n {
				x := make([]float32, n)
				x[at] = nan
				one := make([]float32, n)
				one[at] = 1
				for name, v := range map[string]float32{"Dot": Dot(x, one), "Sum": Sum(x), "SumSquares": SumSquares(x), "Max": Max(x)} {
					require.True(t, v != v, "%s of %d with NaN at %d is %v", name, n, at, v)
				}
				x[at] = inf
				for name, v := range map[string]float32{"Dot": Dot(x, one), "Sum": Sum(x), "SumSquares": SumSquares(x), "Max": Max(x)} {
					require.Equal(t, inf, v, "%s of %d with Inf at %d", name, n, at)
				}
				x[at] = -inf
				require.Equal(t, -inf, Sum(x))
				if n > 1 {
					require.Zero(t, Max(x))
				} else {
					require.Equal(t, -inf, Max(x))
				}
				Axpy(1, x, one)
				require.Equal(t, -inf, one[at])
			}
		}
	})
}

// functionArguments are the special values, the neighbourhoods of every branch
// and a sweep of the range.
func functionArguments(lo, hi float64) []float32 {
	x := []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan, math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-127, 0x1.fffffep-127, math.Sqrt2, math.Nextafter32(math.Sqrt2, 0), math.Sqrt2 / 2,
		-87.3, -87.4, -103, -104, -105, 88.7, 88.72284, 88.73, 89, 128, 127.5, -126, -126.5, -127, -150}
	for i := range 40000 {
		x = append(x, float32(lo+(hi-lo)*float64(i)/40000))
	}
	return x
}

// ulps is the distance of got from want in units of want's last place.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	if math.IsNaN(want) || math.IsInf(float64(w), 0) || math.IsNaN(float64(got)) || math.IsInf(float64(got), 0) {
		if near(float64(got), float64(w), 0, 0) {
			return 0
		}
		return math.Inf(1)
	}
	ulp := float64(math.Nextafter32(float32(math.Abs(want)), inf)) - math.Abs(float64(w))
	return math.Abs(float64(got)-want) / ulp
}

func TestExpAndLogAccuracy(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, f := range []struct {
			name string
			fn   func(dst, x []float32)
			want func(float64) float64
			x    []float32
		}{
			{"Exp", func(d, x []float32) { Exp(d, x, 0) }, math.Exp, functionArguments(-110, 90)},
			{"Exp near 0", func(d, x []float32) { Exp(d, x, 0) }, math.Exp, functionArguments(-1, 1)},
			{"Log", func(d, x []float32) { Log(d, x) }, math.Log, functionArguments(0, 10)},
			{"Log wide", func(d, x []float32) { Log(d, x) }, math.Log, functionArguments(1, 1e30)},
		} {
			dst := make([]float32, len(f.x))
			f.fn(dst, f.x)
			for i, x := range f.x {
				want := f.want(float64(x))
				if got := dst[i]; want < 0x1p-126 && want > 0 && (got == 0 || near(float64(got), want, 0, 3e-45)) {
					continue // documented: flushed, or subnormal
				}
				if u := ulps(dst[i], want); !(u <= 2) {
					require.Failf(t, "inaccurate", "%s(%v) = %v, want %v: %v ulp", f.name, x, dst[i], want, u)
				}
			}
		}
	})
}

func TestPowAccuracy(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, p := range []float32{0, 1, 2, 0.5, 4, 1.0 / 3, 10, -0.5} {
			x := functionArguments(0, 3)
			dst := make([]float32, len(x))
			Pow(dst, x, p)
			for i, v := range x {
				want := math.Pow(float64(v), float64(p))
				if v < 0 && p != 0 {
					want = math.NaN()
				}
				got := float64(dst[i])
				if math.Abs(want) < 0x1p-126 && math.Abs(got) <= 0x1p-125 {
					continue
				}
				tol := (4 + 2*math.Abs(float64(p)*math.Log2(float64(v)))) * 0x1p-24
				if v == 0 || math.IsInf(float64(v), 0) || p == 0 {
					tol = 0 // exact
				}
				if want >= math.MaxFloat32*(1-tol) && got >= math.MaxFloat32*(1-tol) {
					continue // on one side of the overflow or the other
				}
				if !near(got, want, tol, 0) {
					require.Failf(t, "inaccurate", "Pow(%v, %v) = %v, want %v", v, p, got, want)
				}
			}
		}
	})
}

func TestFunctionsAtAllLengths(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(2)
		eachLength(func(n, offset int) {
			x := guard(normal(r, n, 2), offset)
			for i := range x.x {
				x.x[i] = float32(math.Abs(float64(x.x[i])))
			}
			dst := guard(make([]float32, n), (offset+5)%16)
			want := make([]float32, n)
			s := Exp(dst.x, x.x, 0.5)
			wantSum := expGo(want, x.x, 0.5)
			requireNear(t, want, dst.x, 5e-7, 0, "Exp, %d", n)
			require.InEpsilon(t, wantSum+1, s+1, 1e-5, "sum of Exp, %d", n)
			Log(dst.x, x.x)
			logGo(want, x.x)
			requireNear(t, want, dst.x, 5e-7, 1e-7, "Log, %d", n)
			Pow(dst.x, x.x, 1.7)
			powGo(want, x.x, 1.7)
			requireNear(t, want, dst.x, 3e-6, 0, "Pow, %d", n)
			x.requireIntact(t, "x")
			dst.requireIntact(t, "dst")
		})
	})
}

// TestPolynomials recomputes the coefficients: each polynomial interpolates its
// function at Chebyshev nodes.
func TestPolynomials(t *testing.T) {
	for _, p := range []struct {
		name   string
		c      []float32
		f      func(x float64) float64
		lo, hi float64
	}{
		{"exp2", exp2Poly[:], func(r float64) float64 { return math.Expm1(r*math.Ln2) / r }, 0, 1},
		{"exp", expPoly[:], func(r float64) float64 { return series(r, 1.0/2, 1.0/6, (math.Expm1(r)-r)/(r*r)) }, -math.Ln2 / 2, math.Ln2 / 2},
		{"log", logPoly[:], func(f float64) float64 { return series(f, 1.0/3, -1.0/4, (math.Log1p(f)-f+f*f/2)/(f*f*f)) }, math.Sqrt(0.5) - 1, math.Sqrt2 - 1},
	} {
		n := len(p.c)
		for i := range n {
			x := (p.lo+p.hi)/2 + (p.hi-p.lo)/2*math.Cos(math.Pi*(float64(i)+0.5)/float64(n))
			var y float64
			for k := n - 1; k >= 0; k-- {
				y = y*x + float64(p.c[k])
			}
			require.InDelta(t, p.f(x), y, 2e-7, "%s at %v", p.name, x)
		}
	}
}

// series is c0 + c1·x where x is too small for the quotient q.
func series(x, c0, c1, q float64) float64 {
	if math.Abs(x) < 1e-4 {
		return c0 + c1*x
	}
	return q
}

// TestLongVectors covers lengths that take several calls.
func TestLongVectors(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		const n = 2*(1<<16) + 37
		x, y, dst := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = 0.5, 2
		}
		x[n-1], x[1<<16] = 0.25, 0.75
		require.InEpsilon(t, float64(n), float64(Dot(x, y)), 1e-6)
		require.InEpsilon(t, float64(n)/2, float64(Sum(x)), 1e-6)
		require.InEpsilon(t, float64(n)/4, float64(SumSquares(x)), 1e-5)
		require.Equal(t, float32(0.75), Max(x))
		require.InEpsilon(t, float64(n), float64(Exp(dst, x, 0.5)), 1e-5)
		require.InDelta(t, math.Exp(-0.25), dst[n-1], 1e-6)
		Log(dst, x)
		require.InDelta(t, math.Log(0.75), dst[1<<16], 1e-6)
		require.InDelta(t, math.Log(0.25), dst[n-1], 1e-6)
		Pow(dst, x, 3)
		require.InDelta(t, 0.25*0.25*0.25, dst[n-1], 1e-6)
		Axpy(2, x, y)
		require.Equal(t, []float32{3, 3.5, 2.5}, []float32{y[0], y[1<<16], y[n-1]})
		clear(dst)
		Adagrad(y, dst, x, n, []int32{0}, 1, 0)
		require.InDelta(t, 1.5, y[n-1], 1e-6)
		clear(dst)
		// With the corrections of step 1 the step is 1 whatever the gradient.
		Adam(y, dst, make([]float32, n), x, n, []int32{0}, float32(math.Sqrt(0.001)/0.1), 0, 0.9, 0.999)
		require.InDelta(t, 0.5, y[n-1], 1e-4)
	})
}

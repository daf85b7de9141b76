package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWideSums(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(31)
		check := func(n, offset int) {
			x, y := guard(normal(r, n, 1), offset), guard(normal(r, n, 1), (offset+3)%16)
			for i := range n {
				if i%5 == 2 {
					y.x[i] = -inf
				}
			}
			var sum, kept, count float64
			for i, v := range x.x {
				sum += float64(v)
				if y.x[i] != -inf {
					kept += float64(v)
					count++
				}
			}
			tol := 1e-13 * float64(n+1)
			require.InDelta(t, sum, SumWide(x.x), tol, "%d", n)
			require.InDelta(t, kept, SumUnmasked(x.x, y.x), tol, "%d", n)
			require.Equal(t, count, CountUnmasked(y.x), "%d", n)
			// A weight of 0 beside a masked score is nothing.
			var dot float64
			for i := range n {
				if y.x[i] == -inf {
					x.x[i] = 0
				} else {
					dot += float64(x.x[i]) * float64(y.x[i])
				}
			}
			require.InDelta(t, dot, DotWide(x.x, y.x), tol, "%d", n)
			for i := range n { // without any
				y.x[i] = float32(i % 7)
			}
			dot = 0
			for i, v := range x.x {
				dot += float64(v) * float64(y.x[i])
			}
			require.InDelta(t, dot, DotWide(x.x, y.x), 4*tol, "%d", n)
			x.requireIntact(t, "x")
			y.requireIntact(t, "y")
		}
		eachLength(check)
		check(2*(1<<16)+37, 3) // several calls
		// What float32 would lose is kept: 2²⁴ + 1 is none of its numbers.
		require.Equal(t, float64(1<<24+3), SumWide([]float32{1 << 24, 1, 1, 1}))
		for _, special := range []float32{nan, inf, -inf} {
			x := normal(r, 37, 1)
			x[21] = special
			ones := make([]float32, 37)
			FillEach(ones, 1)
			for name, got := range map[string]float64{"SumWide": SumWide(x), "SumUnmasked": SumUnmasked(x, ones), "DotWide": DotWide(x, ones)} {
				require.True(t, near(got, float64(special), 0, 0), "%s of %v is %v", name, special, got)
			}
			require.Equal(t, math.IsInf(float64(special), -1), CountUnmasked(x) == 36)
		}
		require.PanicsWithValue(t, "kernel: wide sum: lengths differ", func() { DotWide(make([]float32, 2), make([]float32, 3)) })
	})
}

func TestLogSumExp32(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(32)
		for _, n := range []int{1, 5, 64, 511, 512, 513, 5000} {
			z := normal(r, n, 5)
			z[n/2] = max(z[n/2], 80)
			if n > 5 {
				z[3] = -inf
			}
			wantTop, wantLog := LogSumExp(z, nil)
			top, log := LogSumExp32(z)
			require.Equal(t, float32(wantTop), top)
			require.InDelta(t, wantLog, log, 1e-6, "%d", n)
			require.Zero(t, testing.AllocsPerRun(10, func() { LogSumExp32(z) }))
			z[n/2] = 0
			wantTop, wantLog = LogSumExp(z, nil)
			top, log = LogSumExp32(z)
			require.InDelta(t, wantTop+wantLog, float64(top)+log, 1e-6, "%d", n)
		}
		top, log := LogSumExp32([]float32{-inf, -inf})
		require.Equal(t, -inf, top)
		require.Zero(t, log)
		for _, special := range []float32{nan, inf} {
			top, log = LogSumExp32([]float32{1, special, -inf})
			require.True(t, math.IsNaN(float64(top)+log), "%v", special)
		}
		require.True(t, func() bool { top, log := LogSumExp32(nil); return top == -inf && log == 0 }())
	})
}

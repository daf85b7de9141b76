package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// eachMatrix calls f with widths around those of vectors and strips, few rows and many.
func eachMatrix(f func(rows, k, offset int)) {
	for k := range 140 {
		f(1+k%4, k+1, k%16)
	}
	for _, k := range []int{1, 7, 8, 64, 200, 257} {
		f(0, k, 0)
		f((3<<14)/k+1, k, 3) // several calls
	}
}

func TestAddBiasAndColumnSums(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(21)
		eachMatrix(func(rows, k, offset int) {
			x, b, dst, acc := guard(normal(r, rows*k, 1), offset), guard(normal(r, k, 1), (offset+1)%16), guard(normal(r, rows*k, 1), (offset+2)%16), guard(normal(r, k, 1), (offset+5)%16)
			want := append([]float32{}, acc.x...)
			AddBias(dst.x, x.x, b.x)
			AddRowsTo(acc.x, x.x)
			for i, v := range x.x {
				if dst.x[i] != v+b.x[i%k] {
					require.Failf(t, "wrong", "entry %d of %d rows of %d: %v", i, rows, k, dst.x[i])
				}
				want[i%k] += v
			}
			require.Equal(t, want, acc.x, "%d rows of %d", rows, k)
			for _, g := range []guarded{x, b, dst, acc} {
				g.requireIntact(t, "matrix")
			}
		})
	})
	require.PanicsWithValue(t, "kernel: AddBias: the matrix has a broken row", func() { AddBias(make([]float32, 5), make([]float32, 5), make([]float32, 2)) })
	require.PanicsWithValue(t, "kernel: AddRowsTo: the matrix has a broken row", func() { AddRowsTo(nil, make([]float32, 5)) })
}

// layerNorm64 is the textbook form: y, and the gradients by x, gain and bias.
func layerNorm64(x, gain, bias, g []float32, eps float64) (y, dx, dgain, dbias []float64) {
	k := len(gain)
	y, dx, dgain, dbias = make([]float64, len(x)), make([]float64, len(x)), make([]float64, k), make([]float64, k)
	for o := 0; o < len(x); o += k {
		var m, q float64
		for _, v := range x[o : o+k] {
			m += float64(v) / float64(k)
		}
		for _, v := range x[o : o+k] {
			q += (float64(v) - m) * (float64(v) - m) / float64(k)
		}
		sd := math.Sqrt(q + eps)
		var a, b float64
		for j, v := range x[o : o+k] {
			hat, up := (float64(v)-m)/sd, float64(g[o+j])
			y[o+j] = hat*float64(gain[j]) + float64(bias[j])
			dgain[j] += up * hat
			dbias[j] += up
			a += up * float64(gain[j]) / float64(k)
			b += up * float64(gain[j]) * hat / float64(k)
		}
		for j, v := range x[o : o+k] {
			dx[o+j] = (float64(g[o+j])*float64(gain[j]) - a - (float64(v)-m)/sd*b) / sd
		}
	}
	return y, dx, dgain, dbias
}

func TestLayerNorm(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(22)
		eachMatrix(func(rows, k, offset int) {
			x, g, gain, bias := guard(normal(r, rows*k, 2), offset), guard(normal(r, rows*k, 1), (offset+3)%16), guard(normal(r, k, 1), (offset+1)%16), guard(normal(r, k, 1), (offset+7)%16)
			for i := range x.x {
				x.x[i] += 3 // a mean that is not 0
			}
			dst, dx, dgain, dbias := guard(normal(r, rows*k, 1), (offset+2)%16), guard(normal(r, rows*k, 1), (offset+4)%16), guard(make([]float32, k), (offset+6)%16), guard(make([]float32, k), (offset+9)%16)
			const eps = 1e-3
			LayerNorm(dst.x, x.x, gain.x, bias.x, eps)
			LayerNormBack(dx.x, dgain.x, dbias.x, x.x, gain.x, g.x, eps)
			y, wx, wg, wb := layerNorm64(x.x, gain.x, bias.x, g.x, eps)
			requireRMS(t, y, dst.x, 2e-6, 1e-6, "value")
			requireRMS(t, wx, dx.x, 1e-5, 1e-4, "dx")
			requireRMS(t, wg, dgain.x, 1e-4, 1e-5, "dgain")
			requireRMS(t, wb, dbias.x, 1e-4, 1e-5, "dbias")
			LayerNormBack(g.x, dgain.x, dbias.x, x.x, gain.x, g.x, eps)
			require.Equal(t, dx.x, g.x, "in place, and added to the sums of before")
			for i := range wg {
				wg[i], wb[i] = 2*wg[i], 2*wb[i]
			}
			requireRMS(t, wg, dgain.x, 1e-4, 1e-5, "dgain twice")
			requireRMS(t, wb, dbias.x, 1e-4, 1e-5, "dbias twice")
			for _, m := range []guarded{x, g, gain, bias, dst, dx, dgain, dbias} {
				m.requireIntact(t, "matrix")
			}
		})
		x := []float32{1, 2, nan, 4, 1, 2, 3, 4}
		LayerNorm(x, x, []float32{1, 1, 1, 1}, make([]float32, 4), 1e-5)
		for i, v := range x {
			require.Equal(t, i < 4, v != v, "a row with NaN, and the next")
		}
		for _, k := range []int{33, 100} { // whose sums of equal numbers, and inverses, are rounded
			x, bias := make([]float32, k), normal(r, k, 1)
			for i := range x {
				x[i] = 123456.7
			}
			LayerNorm(x, x, normal(r, k, 1), bias, 1e-5)
			require.Equal(t, bias, x, "a row of equal numbers")
		}
	})
}

// TestDropEach: the paths keep the same elements, at the rate of the cut, whatever part
// of the array a call has; blocks and keys have nothing to do with each other.
func TestDropEach(t *testing.T) {
	const n = 3<<16 + 41
	r := source(23)
	x := normal(r, n, 1)
	d := Drop{Key: 77, Cut: 1288490189} // 0.3·2³²
	want := make([]float32, n)
	restore, err := Use("go")
	require.NoError(t, err)
	DropEach(want, x, 0, d, 1.5)
	restore()
	kept := 0
	for i, v := range want {
		if v == 0 {
			continue
		}
		if kept++; v != x[i]*1.5 {
			require.Failf(t, "wrong", "entry %d is %v", i, v)
		}
	}
	require.InDelta(t, 0.7, float64(kept)/n, 4*math.Sqrt(0.21/n))
	wide := make([]float64, n)
	DropEach(wide, widen(x), 0, d, 1.5)
	for i, v := range wide {
		if (want[i] != 0) != (v != 0) {
			require.Failf(t, "float64 keeps others", "entry %d", i)
		}
	}
	onPaths(t, func(t *testing.T) {
		got := make([]float32, n)
		DropEach(got, x, 0, d, 1.5)
		require.Equal(t, want, got)
		eachLength(func(n, offset int) {
			at := 1<<16 - 70 + offset
			dst := guard(normal(r, n, 1), offset)
			DropEach(dst.x, x[at:at+n], at, d, 1.5)
			require.Equal(t, want[at:at+n], dst.x)
			dst.requireIntact(t, "dst")
			DropEach(dst.x, x[at:at+n], at, Drop{}, 1)
			require.Equal(t, x[at:at+n], dst.x, "nothing is below 0")
		})
	})
	same := func(a, b []float32) float64 {
		s := 0.0
		for i, v := range a {
			if (v != 0) == (b[i] != 0) {
				s++
			}
		}
		return s / float64(len(a))
	}
	other := make([]float32, n)
	for _, key := range []uint64{76, 78, 77 << 1, 0x9e3779b97f4a7c15} {
		DropEach(other, x, 0, Drop{key, d.Cut}, 1.5)
		require.InDelta(t, 0.58, same(want, other), 4*math.Sqrt(0.25/n), "key %d", key)
	}
	require.InDelta(t, 0.58, same(want[:1<<16], want[1<<16:2<<16]), 4*math.Sqrt(0.25/(1<<16)), "blocks")
	for _, shift := range []int{1, 2, 8, 64} {
		require.InDelta(t, 0.58, same(want[shift:], want[:n-shift]), 4*math.Sqrt(0.25/n), "places %d apart", shift)
	}
}

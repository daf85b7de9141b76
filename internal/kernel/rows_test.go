package kernel

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGatherKernelsMatchTheirDefinition(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(20)
		for d := range 150 {
			for _, n := range []int{0, 1, 7, 20} {
				offset := (d + n) % 16
				const rows = 30
				tab, h := guard(normal(r, rows*d, 1), offset), guard(normal(r, d, 1), (offset+1)%16)
				ids := make([]int32, n)
				for i := range ids {
					ids[i] = int32(r.IntN(rows))
				}
				if n > 1 { // the last row, and one twice
					ids[0], ids[1] = rows-1, rows-1
				}
				out, want := guard(make([]float32, n), offset), make([]float32, n)
				GatherDot(out.x, h.x, tab.x, ids)
				gatherDotGo(want, h.x, tab.x, ids)
				requireNear(t, want, out.x, 1e-5, 1e-5, "GatherDot, d=%d, n=%d", d, n)
				out.requireIntact(t, "out")
				wide := func(x []float32) []float64 { // among NaNs
					y := make([]float64, len(x)+2*guardBand)
					for i := range y {
						y[i] = math.NaN()
					}
					y = y[guardBand+offset%8:][:len(x)]
					for i, v := range x {
						y[i] = float64(v)
					}
					return y
				}
				all := wide(out.x)
				out64, want64 := all[:n:n], make([]float64, n)
				GatherDot(out64, wide(h.x), wide(tab.x), ids)
				gatherDotGo(want64, wide(h.x), wide(tab.x), ids)
				for i, w := range want64 {
					require.InDelta(t, w, out64[i], 1e-12, "GatherDot of float64, d=%d, n=%d", d, n)
				}
				require.True(t, math.IsNaN(all[:n+1][n]))
				coef := normal(r, n, 1)
				acc := guard(h.x, offset)
				wantAcc := append([]float32(nil), h.x...)
				GatherAxpy(acc.x, coef, tab.x, ids)
				gatherAxpyGo(wantAcc, coef, tab.x, ids)
				requireNear(t, wantAcc, acc.x, 1e-5, 1e-5, "GatherAxpy, d=%d, n=%d", d, n)
				acc.requireIntact(t, "acc")
			}
		}
	})
	require.PanicsWithValue(t, "kernel: GatherDot: row 3 of a table of 3", func() {
		GatherDot(make([]float32, 1), make([]float32, 2), make([]float32, 6), []int32{3})
	})
	require.Panics(t, func() { GatherAxpy(make([]float32, 2), make([]float32, 1), make([]float32, 6), []int32{-1}) })
}

func TestOptimizerKernelsMatchTheirDefinition(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(21)
		eachLength(func(n, offset int) {
			g := normal(r, n, 1)
			w0, s0, m0 := normal(r, n, 1), normal(r, n, 1), normal(r, n, 1)
			for i := range s0 {
				s0[i] *= s0[i]
			}
			w, s, m := guard(w0, offset), guard(s0, (offset+1)%16), guard(m0, (offset+2)%16)
			wantW, wantS, wantM := guard(w0, 0), guard(s0, 0), guard(m0, 0)
			Adagrad(w.x, s.x, g, 0.1, 1e-8)
			adagradGo(wantW.x, wantS.x, g, 0.1, 1e-8)
			requireSame(t, wantW, w, 1e-6, 1e-6, "Adagrad w")
			requireSame(t, wantS, s, 1e-6, 1e-6, "Adagrad s")
			root := math.Sqrt(1 - math.Pow(0.999, 3))
			Adam(w.x, m.x, s.x, g, float32(0.1*root/(1-math.Pow(0.9, 3))), float32(1e-8*root), 0.9, 0.999)
			for i, x := range g { // the textbook form, in float64
				mi := 0.9*float64(wantM.x[i]) + 0.1*float64(x)
				vi := 0.999*float64(wantS.x[i]) + 0.001*float64(x)*float64(x)
				step := 0.1 * (mi / (1 - math.Pow(0.9, 3))) / (math.Sqrt(vi/(1-math.Pow(0.999, 3))) + 1e-8)
				wantW.x[i], wantM.x[i], wantS.x[i] = float32(float64(wantW.x[i])-step), float32(mi), float32(vi)
			}
			requireSame(t, wantW, w, 1e-5, 1e-5, "Adam w")
			requireSame(t, wantM, m, 1e-6, 1e-6, "Adam m")
			requireSame(t, wantS, s, 1e-5, 1e-6, "Adam v")
		})
	})
}

func TestOccurrences(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	onPaths(t, func(t *testing.T) {
		r := source(22)
		for _, n := range []int{0, 1, 5000} {
			for _, rows := range []int{1, 900, 70_000} {
				const d, b = 6, 40
				src := normal(r, b*d, 1)
				ids, from, coef := make([]int32, n), make([]int32, n), normal(r, n, 1)
				for i := range ids {
					ids[i], from[i] = int32(r.IntN(rows)), int32(r.IntN(b))
				}
				want := map[int][]float64{}
				for i, id := range ids {
					if want[int(id)] == nil {
						want[int(id)] = make([]float64, d)
					}
					for k := range d {
						want[int(id)][k] += float64(coef[i]) * float64(src[int(from[i])*d+k])
					}
				}
				var o Occurrences
				o.Group(ids, from, coef)
				require.Len(t, o.Row, len(want))
				var first []float32
				for _, procs := range []int{1, 4} {
					runtime.GOMAXPROCS(procs)
					tab := make([]float32, rows*d)
					o.Each(d, src, [][]float32{tab}, func(row int, grad []float32) { Axpy(1, grad, tab[row*d:][:d]) })
					if first == nil {
						first = tab
					}
					require.Equal(t, first, tab)
				}
				for k, row := range o.Row {
					if k > 0 {
						require.Less(t, o.Row[k-1], row)
					}
					for j, w := range want[int(row)] {
						require.InDelta(t, w, first[int(row)*d+j], 2e-4)
					}
				}
			}
		}
	})
}

func TestScatterAdd(t *testing.T) {
	tab := []float32{0, 0, 1, 1}
	ScatterAdd(tab, []float32{1, 2, 3, 4, 5, 6}, 2, []int32{1, 0, 1})
	require.Equal(t, []float32{3, 4, 7, 9}, tab)
}

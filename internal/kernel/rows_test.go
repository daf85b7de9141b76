package kernel

import (
	"maps"
	"math"
	"runtime"
	"slices"
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
			if n == 0 {
				return
			}
			Adagrad(w.x, s.x, g, n, []int32{0}, 0.1, 1e-8)
			adagradGo(wantW.x, wantS.x, g, n, []int32{0}, 0.1, 1e-8)
			requireSame(t, wantW, w, 1e-6, 1e-6, "Adagrad w")
			requireSame(t, wantS, s, 1e-6, 1e-6, "Adagrad s")
			one, wantOne := guard([]float32{0.5}, offset), guard([]float32{0.5}, 0)
			RowAdagrad(w.x, one.x, g, n, []int32{0}, 0.1, 1e-8)
			rowAdagradGo(wantW.x, wantOne.x, g, n, []int32{0}, 0.1, 1e-8)
			requireSame(t, wantW, w, 1e-6, 1e-6, "RowAdagrad w")
			requireSame(t, wantOne, one, 1e-5, 0, "RowAdagrad s")
			root := math.Sqrt(1 - math.Pow(0.999, 3))
			Adam(w.x, m.x, s.x, g, n, []int32{0}, float32(0.1*root/(1-math.Pow(0.9, 3))), float32(1e-8*root), 0.9, 0.999)
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

// TestOptimizerKernelsMoveRows moves scattered rows, and no others, to the bits of
// rows that are moved alone.
func TestOptimizerKernelsMoveRows(t *testing.T) {
	const rows, n = 40, 23
	onPaths(t, func(t *testing.T) {
		r := source(26)
		for d := 1; d < 150; d++ {
			if testing.Short() && d > 36 && d%37 != 0 {
				continue
			}
			g, ids := normal(r, n*d, 1), make([]int32, n+9)
			for i, id := range r.Perm(rows)[:n+9] {
				ids[i] = int32(id)
			}
			tables := func() (x [3]guarded) {
				r := source(27)
				for i := range x {
					x[i] = guard(normal(r, rows*d, 1), (d+i)%16)
					for k, v := range x[i].x {
						x[i].x[k] = v * v
					}
				}
				return x
			}
			one := []int32{0}
			for _, rule := range []string{"Adagrad", "RowAdagrad", "Adam"} {
				got, want := tables(), tables()
				move := func(x [3]guarded, lo, hi int, g []float32, ids []int32) {
					switch rule {
					case "Adagrad":
						Adagrad(x[0].x[lo:hi], x[1].x[lo:hi], g, d, ids, 0.1, 1e-8)
					case "RowAdagrad":
						RowAdagrad(x[0].x[lo:hi], x[1].x[lo/d:hi/d], g, d, ids, 0.1, 1e-8)
					case "Adam":
						Adam(x[0].x[lo:hi], x[1].x[lo:hi], x[2].x[lo:hi], g, d, ids, 0.1, 1e-8, 0.9, 0.999)
					}
				}
				move(got, 0, rows*d, g, ids)
				for i, id := range ids[:n] {
					move(want, int(id)*d, (int(id)+1)*d, g[i*d:(i+1)*d], one)
				}
				for i := range got {
					got[i].requireIntact(t, "table")
					requireBits(t, want[i].x, got[i].x, "table %d, d=%d, %s", i, d, rule)
				}
			}
		}
	})
	require.PanicsWithValue(t, "kernel: Adagrad: row 3 of a table of 3", func() {
		Adagrad(make([]float32, 6), make([]float32, 6), make([]float32, 2), 2, []int32{3, 1}, 1, 0)
	})
	require.Panics(t, func() { Adagrad(make([]float32, 6), make([]float32, 6), make([]float32, 4), 2, []int32{1}, 1, 0) })
	require.PanicsWithValue(t, "kernel: RowAdagrad: row 3 of a table of 3", func() {
		RowAdagrad(make([]float32, 6), make([]float32, 6), make([]float32, 2), 2, []int32{3, 1}, 1, 0)
	})
	require.PanicsWithValue(t, "kernel: RowAdagrad: row 2 of a table of 2", func() {
		RowAdagrad(make([]float32, 6), make([]float32, 2), make([]float32, 2), 2, []int32{2}, 1, 0)
	})
}

func TestAddRows(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(22)
		for d := range 150 {
			const rows = 30
			from := guard(normal(r, rows*d, 1), d%16)
			ptr := []int32{2, 3, 3, 8, 20}
			src, coef := make([]int32, 25), normal(r, 25, 1)
			for i := range src {
				src[i] = int32(r.IntN(rows))
			}
			src[7] = rows - 1
			start := normal(r, 4*d, 1)
			for _, c := range [][]float32{coef, nil} {
				dst, want := guard(start, (d+3)%16), slices.Clone(start)
				AddRows(dst.x, d, ptr, src, c, from.x)
				addRowsGo(want, d, ptr, src, c, from.x)
				requireNear(t, want, dst.x, 1e-5, 1e-5, "AddRows, d=%d, coef %v", d, c != nil)
				dst.requireIntact(t, "dst")
			}
		}
	})
	require.PanicsWithValue(t, "kernel: AddRows: row 3 of a table of 3", func() {
		AddRows(make([]float32, 2), 2, []int32{0, 1}, []int32{3}, nil, make([]float32, 6))
	})
	require.Panics(t, func() {
		AddRows(make([]float32, 2), 2, []int32{0, 1}, []int32{0}, make([]float32, 2), make([]float32, 6))
	})
}

// TestGrouping holds a grouping against a stable sort, with one goroutine and several.
func TestGrouping(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := source(25)
	var g Grouping
	for _, n := range []int{1, 2, 2048, 2049, 1 << 22, math.MaxInt32} {
		for _, length := range []int{0, 1, 2, 1000, 3*groupingPart + 5, 10} {
			ids := make([]int32, length)
			for i := range ids {
				ids[i] = int32(r.IntN(n))
				if r.IntN(5) == 0 {
					ids[i] = -1 - int32(r.IntN(3))
				}
			}
			want := map[int32][]int32{}
			for i, id := range ids {
				if id >= 0 {
					want[id] = append(want[id], int32(i))
				}
			}
			for _, procs := range []int{1, 4} {
				runtime.GOMAXPROCS(procs)
				g.Group(ids, n)
				require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Clip(append([]int32(nil), g.Row...)))
				require.Len(t, g.Ptr, len(g.Row)+1)
				require.Zero(t, g.Ptr[0])
				for u, id := range g.Row {
					require.Equal(t, want[id], g.Place[g.Ptr[u]:g.Ptr[u+1]])
				}
			}
		}
	}
}

package kernel

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func transpose[T any](x []T, m, n int) []T {
	y := make([]T, len(x))
	for i := range m {
		for j := range n {
			y[j*m+i] = x[i*n+j]
		}
	}
	return y
}

// product is the textbook product in float64.
func product(c, a, b []float64, m, n, k int, add bool) []float64 {
	c = append([]float64(nil), c...)
	for i := range m {
		for j := range n {
			var s float64
			for l := range k {
				s += a[i*k+l] * b[l*n+j]
			}
			if add {
				s += c[i*n+j]
			}
			c[i*n+j] = s
		}
	}
	return c
}

func TestGemm(t *testing.T) {
	shapes := [][3]int{{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}, {1, 70, 5}, {2, 3, 100}, {7, 17, 33}, {13, 64, 64}, {6, 16, 1}, {25, 100, 300}, {200, 130, 70}, {257, 65, 19},
		{64, 64, 4100}, {36, 100, 2304}, {400, 256, 70}, {400, 100, 300}, {6200, 70, 40}} // long ones, those whose tasks share B, and one whose tasks are of several blocks
	onPaths(t, func(t *testing.T) {
		r := source(3)
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			if testing.Short() && m*n*k > 9_000_000 {
				continue
			}
			for _, add := range []bool{false, true} {
				a, b, c0 := normal(r, m*k, 1), normal(r, k*n, 1), normal(r, m*n, 1)
				want := product(widen(c0), widen(a), widen(b), m, n, k, add)
				at, bt := transpose(a, m, k), transpose(b, k, n)
				for name, f := range map[string]func(c []float32){
					"NN": func(c []float32) { GemmNN(c, a, b, m, n, k, add) },
					"NT": func(c []float32) { GemmNT(c, a, bt, m, n, k, add) },
					"TN": func(c []float32) { GemmTN(c, at, b, m, n, k, add) },
				} {
					c := guard(c0, 3)
					f(c.x)
					requireRMS(t, want, c.x, 1e-6, 1e-7, fmt.Sprintf("%s %v add=%v", name, s, add))
					c.requireIntact(t, "C")
				}
			}
		}
	})
}

func TestGemmFloat64(t *testing.T) {
	r := source(4)
	m, n, k := 37, 70, 45
	a, b, c0 := widen(normal(r, m*k, 1)), widen(normal(r, k*n, 1)), widen(normal(r, m*n, 1))
	want := product(c0, a, b, m, n, k, true)
	for name, f := range map[string]func(c []float64){
		"NN": func(c []float64) { GemmNN(c, a, b, m, n, k, true) },
		"NT": func(c []float64) { GemmNT(c, a, transpose(b, k, n), m, n, k, true) },
		"TN": func(c []float64) { GemmTN(c, transpose(a, m, k), b, m, n, k, true) },
	} {
		c := append([]float64(nil), c0...)
		f(c)
		require.InDeltaSlice(t, want, c, 1e-12, name)
	}
}

func TestGemmIgnoresStaleC(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		a, b := []float32{1, 2, 3, 4, 5, 6, 7, 8}, []float32{1, 1}
		c := []float32{nan, nan, nan, nan}
		GemmNN(c, a, b, 4, 1, 2, false)
		require.Equal(t, []float32{3, 7, 11, 15}, c)
	})
}

func TestGemmSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	shapes := [][3]int{{301, 150, 130}, {64, 64, 5003}, {6200, 20, 300}} // the second is cut along k, and the third has tasks of several blocks
	if testing.Short() {
		shapes = [][3]int{{301, 150, 33}, {64, 64, 2100}, {6200, 20, 20}}
	}
	onPaths(t, func(t *testing.T) {
		r := source(5)
		for name, f := range map[string]func(c, a, b []float32, m, n, k int, add bool){"NN": GemmNN[float32], "NT": GemmNT[float32], "TN": GemmTN[float32]} {
			for _, s := range shapes {
				m, n, k := s[0], s[1], s[2]
				a, b := normal(r, m*k, 1), normal(r, k*n, 1)
				var first []float32
				for _, procs := range []int{1, 2, 4} {
					runtime.GOMAXPROCS(procs)
					c := make([]float32, m*n)
					f(c, a, b, m, n, k, false)
					if first == nil {
						first = c
					}
					requireBits(t, first, c, "%s %v", name, s)
				}
			}
		}
	})
}

// TestGemmPartsOfK: what is cut along k, into how many parts, by shape alone.
func TestGemmPartsOfK(t *testing.T) {
	for _, c := range []struct{ m, n, k, parts int }{
		{64, 64, 2047, 1}, {64, 64, 2048, 8}, {64, 64, 25600, 32}, {64, 256, 25600, 32},
		{4096, 64, 25600, 1}, {192, 1024, 25600, 5}, {3, 1 << 17, 4096, 1},
	} {
		require.Equal(t, c.parts, partsOf(c.m, c.n, c.k), "%v", c)
	}
}

func BenchmarkGemm(b *testing.B) {
	m, n, k := 192, 256, 64
	for _, name := range Paths() {
		for kind, f := range map[string]func(c, x, y []float32, m, n, k int, add bool){"NN": GemmNN[float32], "NT": GemmNT[float32]} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				restore, err := Use(name)
				require.NoError(b, err)
				defer restore()
				r := source(6)
				x, y, c := normal(r, m*k, 1), normal(r, n*k, 1), make([]float32, m*n)
				for b.Loop() {
					f(c, x, y, m, n, k, false)
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
			})
		}
	}
}

//go:build amd64 && !purego

package kernel

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bf16Of returns x rounded to bfloat16, to nearest and even: the definition of what the
// kernels do.
func bf16Of(x float32) uint16 {
	u := math.Float32bits(x)
	if x != x {
		return uint16(u>>16) | 1<<6
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

func bf16Float(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// bf16Low returns what bf16Of loses of x, rounded likewise, but for NaN, whose high half
// says it.
func bf16Low(x float32) uint16 {
	u := math.Float32bits(x - bf16Float(bf16Of(x)))
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// sameBF16 holds two numbers to the same bits; a NaN of the low half is any.
func sameBF16(t *testing.T, want, got uint16, low bool, what string, args ...any) {
	t.Helper()
	w, g := bf16Float(want), bf16Float(got)
	if want != got && !(w != w && g != g) {
		require.Failf(t, "not equal", "%s: got %#04x, want %#04x (low half %v)", fmt.Sprintf(what, args...), got, want, low)
	}
}

// roundables are n numbers among which are all kinds that rounding tells apart.
func roundables(n int) []float32 {
	r := source(5)
	x := make([]float32, n)
	special := []uint32{0, 1 << 31, 1, 0x7fff, 0x8000, 0x8001, 0x18000, 0x7f800000, 0xff800000, 0x7f800001, 0x7fffffff, 0xffffffff,
		0x7fc00000, 0x7f7fffff, 0x7f7f8000, 0x7f7f7fff, 0x3f808000, 0x3f818000, 0x3f807fff, 0x00800000, 0x007fffff, 0x807f8000}
	for i := range x {
		switch {
		case i < len(special):
			x[i] = math.Float32frombits(special[i])
		case i%3 == 0:
			x[i] = math.Float32frombits(r.Uint32())
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

func TestBF16Rows(t *testing.T) {
	onTiles(t)
	for _, n := range []int{0, 16, 32, 1024} {
		for off := range 3 {
			x := roundables(n + off)[off:]
			hi, lo, alone := make([]uint16, n+1), make([]uint16, n+1), make([]uint16, n+1)
			hi[n], lo[n], alone[n] = 7, 7, 7
			bf16Rows(hi, lo, x)
			bf16Rows(alone, nil, x)
			for i, v := range x {
				sameBF16(t, bf16Of(v), hi[i], false, "%v", v)
				sameBF16(t, bf16Low(v), lo[i], true, "%v", v)
			}
			require.Equal(t, hi, alone)
			require.EqualValues(t, 7, lo[n])
			require.EqualValues(t, 7, hi[n])
		}
	}
	require.Panics(t, func() { bf16Rows(make([]uint16, 15), nil, make([]float32, 16)) })
}

func TestBF16PairsAndTranspose(t *testing.T) {
	onTiles(t)
	for _, s := range []struct{ n, w, ldx int }{{2, 16, 16}, {32, 32, 40}, {6, 64, 64}, {96, 192, 256}, {64, 16, 17}} {
		x := roundables((s.n-1)*s.ldx + s.w)
		size := s.n * s.w
		make4 := func() (m [4][]uint16) {
			for i := range m {
				m[i] = make([]uint16, size+1)
				m[i][size] = 7
			}
			return m
		}
		m, high, only := make4(), make4(), make4()
		bf16Pairs(m[0], m[1], m[2], m[3], x, s.ldx, s.n, s.w)
		bf16Pairs(high[0], nil, high[2], nil, x, s.ldx, s.n, s.w)
		bf16Pairs(only[0], only[1], nil, nil, x, s.ldx, s.n, s.w)
		require.Equal(t, m[0], high[0])
		require.Equal(t, m[2], high[2])
		require.Equal(t, m[:2], only[:2])
		for i := range s.n {
			for j := range s.w {
				v, pair, row := x[i*s.ldx+j], 2*(i/2*s.w+j)+i%2, i*s.w+j
				sameBF16(t, bf16Of(v), m[0][pair], false, "pair %d,%d", i, j)
				sameBF16(t, bf16Low(v), m[1][pair], true, "pair %d,%d", i, j)
				sameBF16(t, bf16Of(v), m[2][row], false, "row %d,%d", i, j)
				sameBF16(t, bf16Low(v), m[3][row], true, "row %d,%d", i, j)
			}
		}
		for i := range m {
			require.EqualValues(t, 7, m[i][size])
		}
		if s.n%32 != 0 {
			continue
		}
		ldd := s.n + 32
		hi, lo, alone := make([]uint16, s.w*ldd), make([]uint16, s.w*ldd), make([]uint16, s.w*ldd)
		bf16Transpose(hi, lo, ldd, x, s.ldx, s.n, s.w)
		bf16Transpose(alone, nil, ldd, x, s.ldx, s.n, s.w)
		require.Equal(t, hi, alone)
		for j := range s.w {
			for i := range ldd {
				if i >= s.n {
					require.Zero(t, hi[j*ldd+i])
					require.Zero(t, lo[j*ldd+i])
					continue
				}
				sameBF16(t, bf16Of(x[i*s.ldx+j]), hi[j*ldd+i], false, "transpose %d,%d", i, j)
				sameBF16(t, bf16Low(x[i*s.ldx+j]), lo[j*ldd+i], true, "transpose %d,%d", i, j)
			}
		}
	}
}

// fma32 is the fused multiply-add of float32; results below the normal range become 0, as
// TDPBF16PS has it. The product of two bfloat16 is exact in float64, and so is the sum unless
// the two are far apart, where rounding twice could differ: it is rounded to odd first.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	if math.IsInf(s, 0) || s != s {
		return float32(s)
	}
	v := s - p
	if e := (p - (s - v)) + (float64(c) - v); e != 0 && math.Float64bits(s)&1 == 0 {
		if (e > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return flush(float32(s))
}

func flush(x float32) float32 {
	if x > -0x1p-126 && x < 0x1p-126 {
		return 0
	}
	return x
}

// amxGo is bf16Product by its definition: each 16 pairs of k have a sum of their even
// members and one of the odd ones.
func amxGo(c []float32, ldc int, ab []bf16Operands, lda, ldb, m, n, k int, add bool) {
	for i := range m {
		for j := range n {
			var s float32
			if add {
				s = c[i*ldc+j]
			}
			for _, o := range ab {
				for k0 := 0; k0 < k; k0 += 32 {
					var sum [2]float32
					for l := range 32 {
						a, b := flush(bf16Float(o.a[i*lda+k0+l])), flush(bf16Float(o.b[2*((k0+l)/2*ldb+j)+l%2]))
						sum[l%2] = fma32(a, b, sum[l%2])
					}
					s = flush(flush(s) + flush(sum[0]+sum[1]))
				}
			}
			c[i*ldc+j] = s
		}
	}
}

// bf16Random returns n random numbers.
func bf16Random(seed uint64, n int) []uint16 {
	r, x := source(seed), make([]uint16, n)
	for i := range x {
		x[i] = bf16Of(float32(r.NormFloat64()))
	}
	return x
}

func TestBF16Product(t *testing.T) {
	onTiles(t)
	for _, s := range []struct{ m, n, k, segments int }{{32, 32, 32, 1}, {96, 64, 64, 3}, {64, 96, 96, 2}, {32, 64, 128, 3}} {
		for _, add := range []bool{false, true} {
			lda, ldb, ldc := s.k+32, s.n+16, s.n+3
			ab := make([]bf16Operands, s.segments)
			for i := range ab {
				ab[i] = bf16Operands{bf16Random(uint64(i+1), s.m*lda), bf16Random(uint64(i+9), s.k*ldb)}
			}
			ab[0].a[0], ab[0].a[1], ab[0].b[2] = 3, 0x807f, 0x40 // below the normal range
			c := guard(normal(source(2), (s.m-1)*ldc+s.n, 1), 1)
			want := append([]float32(nil), c.x...)
			amxGo(want, ldc, ab, lda, ldb, s.m, s.n, s.k, add)
			bf16Product(c.x, ldc, ab, lda, ldb, s.m, s.n, s.k, add)
			require.Equal(t, want, c.x, "%+v add=%v", s, add)
			c.requireIntact(t, fmt.Sprintf("%+v", s))
		}
	}
	require.Panics(t, func() {
		bf16Product(make([]float32, 1024), 32, []bf16Operands{{make([]uint16, 1023), make([]uint16, 1024)}}, 32, 32, 32, 32, 32, false)
	})
	require.Panics(t, func() {
		bf16Product(make([]float32, 1024), 32, []bf16Operands{{make([]uint16, 1024), make([]uint16, 1024)}}, 32, 32, 16, 32, 32, false)
	})
}

// TestBF16ProductInPieces has a product cut into calls, each of which adds as one does.
func TestBF16ProductInPieces(t *testing.T) {
	onTiles(t)
	const m, n, k = 96, 64, 8192 // two calls
	ab := []bf16Operands{{bf16Random(1, m*k), bf16Random(2, k*n)}}
	got, want := make([]float32, m*n), make([]float32, m*n)
	bf16Product(got, n, ab, k, n, m, n, k, false)
	for i := 0; i < m; i += 32 {
		bf16Product(want[i*n:], n, []bf16Operands{{ab[0].a[i*k:], ab[0].b}}, k, n, 32, n, k, false)
	}
	require.Equal(t, want, got)
}

// TestTilesStayRight has many goroutines multiply while the system switches threads
// inside the kernel, goroutines are preempted and move between threads, and collections run:
// no tile may be lost, or found in another's product. Every result is compared bit by bit.
func TestTilesStayRight(t *testing.T) {
	onTiles(t)
	const m, n, k = 64, 128, 128
	wantProducts, limit := int64(200_000), 20*time.Second
	if testing.Short() {
		wantProducts, limit = 1000, 10*time.Second
	}
	procs := runtime.GOMAXPROCS(max(4, 4*runtime.NumCPU())) // more than there are processors
	defer runtime.GOMAXPROCS(procs)
	ab := []bf16Operands{{bf16Random(1, m*k), bf16Random(2, k*n)}, {bf16Random(3, m*k), bf16Random(4, k*n)}, {bf16Random(5, m*k), bf16Random(6, k*n)}}
	want := make([]float32, m*n)
	bf16Product(want, n, ab, k, n, m, n, k, false)
	var products, wrong atomic.Int64
	var collections runtime.MemStats
	runtime.ReadMemStats(&collections)
	before := collections.NumGC
	var all sync.WaitGroup
	stop := time.Now().Add(limit)
	for g := range 2 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			got := make([]float32, m*n)
			var kept [64][]byte
			for i := 0; products.Add(1) <= wantProducts && time.Now().Before(stop); i++ {
				bf16Product(got, n, ab, k, n, m, n, k, false)
				for j := range got {
					if got[j] != want[j] {
						wrong.Add(1)
						break
					}
				}
				kept[i%64] = make([]byte, 1<<14)
				switch {
				case g == 0 && i%16 == 0:
					runtime.GC()
				case g%4 == 1:
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&collections)
	require.Zero(t, wrong.Load(), "of %d products", products.Load())
	require.Greater(t, products.Load(), int64(100))
	require.Greater(t, collections.NumGC, before)
	t.Logf("%d products, %d collections", products.Load(), collections.NumGC-before)
}

package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// gru64 is the textbook form, one segment and one number at a time.
func gru64(u *GRU[float32]) []float64 {
	n, d, h := len(u.X)/u.D, u.D, u.H
	out := make([]float64, n*h)
	for s := range len(u.Ptr) - 1 {
		old := make([]float64, h)
		for t := u.Ptr[s]; t < u.Ptr[s+1]; t++ {
			gate := func(i, j int) (x, r float64) {
				x, r = float64(u.BX[i*h+j]), float64(u.BH[i*h+j])
				for k := range d {
					x += float64(u.WX[(i*h+j)*d+k]) * float64(u.X[int(t)*d+k])
				}
				for k := range h {
					r += float64(u.WH[(i*h+j)*h+k]) * old[k]
				}
				return x, r
			}
			now := make([]float64, h)
			for j := range h {
				rx, rh := gate(0, j)
				zx, zh := gate(1, j)
				nx, nh := gate(2, j)
				z := Sigmoid(zx + zh)
				now[j] = (1-z)*math.Tanh(nx+Sigmoid(rx+rh)*nh) + z*old[j]
				out[int(t)*h+j] = now[j]
			}
			old = now
		}
	}
	return out
}

// gruOf returns a GRU of normal draws over segments of those lengths, and rows before and
// behind them.
func gruOf(d, h int, lengths ...int32) *GRU[float32] {
	ptr := []int32{1}
	for _, n := range lengths {
		ptr = append(ptr, ptr[len(ptr)-1]+n)
	}
	r := source(41)
	n := int(ptr[len(ptr)-1]) + 2
	return &GRU[float32]{X: normal(r, n*d, 1), WX: normal(r, 3*h*d, 0.5), WH: normal(r, 3*h*h, 0.5), BX: normal(r, 3*h, 0.5), BH: normal(r, 3*h, 0.5), Ptr: ptr, D: d, H: h}
}

// TestGRU holds the value against the textbook, and a gradient of each operand against the
// differences of it: ragged segments in several groups, of widths of whole vectors and not.
func TestGRU(t *testing.T) {
	lengths := []int32{3, 0, 1, 9, 2}
	for i := range int32(40) {
		lengths = append(lengths, i*i%7)
	}
	onPaths(t, func(t *testing.T) {
		for _, c := range [][2]int{{5, 3}, {16, 32}, {1, 1}, {40, 16}} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				u := gruOf(c[0], c[1], lengths...)
				n := len(u.X) / u.D
				r := source(42)
				dst, g := guard(normal(r, n*u.H, 1), 3), normal(r, n*u.H, 1)
				to := GRUGrad[float32]{X: normal(r, len(u.X), 1), WX: normal(r, len(u.WX), 1), WH: normal(r, len(u.WH), 1), BX: normal(r, len(u.BX), 1), BH: normal(r, len(u.BH), 1)}
				u.Forward(dst.x)
				requireRMS(t, gru64(u), dst.x, 2e-6, 1e-7, "value")
				dst.requireIntact(t, "value")
				u.Backward(to, g)
				for i, p := range []struct{ x, grad []float32 }{{u.X, to.X}, {u.WX, to.WX}, {u.WH, to.WH}, {u.BX, to.BX}, {u.BH, to.BH}} {
					// A direction, whose steps are powers of two, so that they are exact enough.
					v, was := normal(r, len(p.x), 1), append([]float32{}, p.x...)
					var got, norm float64
					for j, d := range v {
						got += float64(d) * float64(p.grad[j])
						norm += float64(d) * float64(d) * float64(p.grad[j]) * float64(p.grad[j])
					}
					cost := func(step float32) (sum float64) {
						for j, d := range v {
							p.x[j] = was[j] + step*d
						}
						for j, h := range gru64(u) {
							sum += h * float64(g[j])
						}
						copy(p.x, was)
						return sum
					}
					const step = 1. / 4096
					want := (cost(step) - cost(-step)) / (2 * step)
					require.InDelta(t, want, got, 2e-3*math.Sqrt(norm)+1e-3, "gradient %d", i)
				}
				alone := GRUGrad[float32]{WH: make([]float32, len(u.WH))}
				u.Backward(alone, g)
				require.Equal(t, to.WH, alone.WH, "a gradient alone")
			})
		}
	})
}

// TestGRUStaysInSegments: NaN and infinities of one segment leave the others as they are.
func TestGRUStaysInSegments(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		run := func(spoil bool) (h, dx []float32) {
			u := gruOf(16, 16, 4, 3, 5)
			if spoil {
				u.X[0], u.X[6*16], u.X[7*16+3], u.X[14*16] = nan, inf, nan, nan
			}
			n := len(u.X) / u.D
			h, dx = make([]float32, n*16), make([]float32, n*16)
			u.Forward(h)
			u.Backward(GRUGrad[float32]{X: dx}, normal(source(43), n*16, 1))
			return h, dx
		}
		h, dx := run(false)
		badH, badX := run(true)
		for _, rows := range [][2]int{{0, 5}, {8, 15}} {
			require.Equal(t, h[rows[0]*16:rows[1]*16], badH[rows[0]*16:rows[1]*16])
			require.Equal(t, dx[rows[0]*16:rows[1]*16], badX[rows[0]*16:rows[1]*16])
		}
		require.True(t, badH[7*16] != badH[7*16], "NaN reaches its own")
	})
}

// TestGRUOfFewer: a segment has the same bits beside fewer others.
func TestGRUOfFewer(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, h := range []int{5, 16} {
			u := gruOf(7, h, 4, 3, 5, 5, 2, 1, 1)
			all, alone := make([]float32, len(u.X)/7*h), make([]float32, len(u.X)/7*h)
			u.Forward(all)
			u.Ptr = []int32{5, 8}
			u.Forward(alone)
			require.Equal(t, all[5*h:8*h], alone[5*h:8*h])
		}
	})
}

package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// attention64 is the textbook form of o, and of the gradients by q, k and v of g by it.
func attention64(a *Attention[float32], g []float32) (o, dq, dk, dv []float64) {
	n, d, w := len(a.Q)/a.D, a.D, a.D/a.Heads
	o, dq, dk, dv = make([]float64, n*d), make([]float64, n*d), make([]float64, n*d), make([]float64, n*d)
	for s := range len(a.Ptr) - 1 {
		lo, hi := int(a.Ptr[s]), int(a.Ptr[s+1])
		for h := range a.Heads {
			for i := lo; i < hi; i++ {
				at := func(row, c int) int { return row*d + h*w + c }
				p, keep, sum := make([]float64, i+1-lo), make([]float64, i+1-lo), 0.0
				for j := range p {
					var z float64
					for c := range w {
						z += float64(a.Q[at(i, c)]) * float64(a.K[at(lo+j, c)])
					}
					p[j] = math.Exp(float64(a.Scale) * z)
					sum += p[j]
					one := []float64{1}
					if a.Drop.Cut != 0 {
						DropEach(one, one, (h*n+i)*n+j, a.Drop, float64(a.Rest))
					}
					keep[j] = one[0]
				}
				var mean float64
				dp := make([]float64, len(p))
				for j := range p {
					p[j] /= sum
					for c := range w {
						up := float64(g[at(i, c)])
						o[at(i, c)] += p[j] * keep[j] * float64(a.V[at(lo+j, c)])
						dv[at(lo+j, c)] += p[j] * keep[j] * up
						dp[j] += keep[j] * up * float64(a.V[at(lo+j, c)])
					}
					mean += p[j] * dp[j]
				}
				for j := range p {
					dz := float64(a.Scale) * p[j] * (dp[j] - mean)
					for c := range w {
						dq[at(i, c)] += dz * float64(a.K[at(lo+j, c)])
						dk[at(lo+j, c)] += dz * float64(a.Q[at(i, c)])
					}
				}
			}
		}
	}
	return o, dq, dk, dv
}

// TestAttention: segments that are empty, of one row, ragged and longer than a block, rows
// of no segment on both sides, heads of widths that products take and others, with and
// without a dropout, agree with the textbook; and what is kept changes no bit.
func TestAttention(t *testing.T) {
	ptr := []int32{2, 3, 3, 80, 80, 145, 161}
	const n = 163
	onPaths(t, func(t *testing.T) {
		for _, c := range []struct {
			d, heads int
			drop     bool
		}{{16, 1, false}, {48, 3, true}, {5, 1, false}, {12, 2, true}, {40, 2, false}, {1, 1, false}} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				r := source(31)
				in := make([]guarded, 4)
				for i := range in {
					in[i] = guard(normal(r, n*c.d, 1), i)
				}
				a := &Attention[float32]{Q: in[0].x, K: in[1].x, V: in[2].x, Ptr: ptr, D: c.d, Heads: c.heads, Scale: 0.6}
				if c.drop {
					a.Drop, a.Rest = Drop{Key: 7, Cut: 1 << 30}, 4./3
				}
				g := in[3].x
				o, dq, dk, dv := attention64(a, g)
				var first [][]float32
				for _, keep := range []int{0, 5000, AttentionKept(n, 77, c.heads)} {
					a.Keep = keep
					out := make([]guarded, 4)
					for i := range out {
						out[i] = guard(normal(r, n*c.d, 9), 5+i) // what was there before
					}
					a.Forward(out[0].x)
					a.Backward(out[1].x, out[2].x, out[3].x, g)
					for i, want := range [][]float64{o, dq, dk, dv} {
						requireRMS(t, want, out[i].x, 1e-5, 1e-6, fmt.Sprintf("%d, keep %d", i, keep))
						out[i].requireIntact(t, "result")
						if keep > 0 {
							requireEqual(t, first[i], out[i].x, "%d, keep %d", i, keep)
						}
					}
					if keep == 0 {
						first = [][]float32{out[0].x, out[1].x, out[2].x, out[3].x}
					}
				}
				for i := range 3 { // each alone
					var to [3][]float32
					to[i] = make([]float32, n*c.d)
					a.Backward(to[0], to[1], to[2], g)
					requireEqual(t, first[1+i], to[i], "gradient %d", i)
				}
				require.LessOrEqual(t, len(a.kept), AttentionKept(n, 77, c.heads))
				require.LessOrEqual(t, len(a.work[0]), AttentionWork(77, c.d, c.heads, true))
			})
		}
	})
}

// TestAttentionStaysInSegments: NaN and infinities of one segment leave the others as they
// are, bit by bit.
func TestAttentionStaysInSegments(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		const n, d = 100, 16
		r := source(32)
		run := func(spoil func(x []float32)) [4][]float32 {
			r := source(33)
			var x [3][]float32
			for i := range x {
				x[i] = normal(r, n*d, 1)
				spoil(x[i])
			}
			a := &Attention[float32]{Q: x[0], K: x[1], V: x[2], Ptr: []int32{0, 30, 31, 90}, D: d, Heads: 1, Scale: 1, Keep: 1 << 20}
			var out [4][]float32
			for i := range out {
				out[i] = make([]float32, n*d)
			}
			a.Forward(out[0])
			a.Backward(out[1], out[2], out[3], normal(r, n*d, 1))
			return out
		}
		clean := run(func([]float32) {})
		spoiled := run(func(x []float32) {
			x[30*d], x[95*d], x[99*d+1] = nan, nan, inf
			for i := range d {
				x[5*d+i] = []float32{inf, -inf, nan}[r.IntN(3)]
			}
		})
		for i := range clean {
			require.Equal(t, clean[i][31*d:90*d], spoiled[i][31*d:90*d])
			require.Equal(t, make([]float32, 10*d), spoiled[i][90*d:], "of no segment")
			require.True(t, math.IsNaN(float64(spoiled[i][30*d])) || i == 1 || i == 2, "NaN reaches its own")
		}
	})
}

func TestTransposed(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(34)
		for _, rows := range []int{1, 7, 8, 9, 16, 17, 50} {
			for _, width := range []int{1, 7, 8, 15, 16, 40, 65, 300} {
				ldx, ldd := width+3, sixteens(rows)+1
				x := guard(normal(r, rows*ldx, 1), width%16)
				for _, scales := range [][]float32{nil, normal(r, width, 1)} {
					dst := guard(normal(r, width*ldd, 1), rows%16)
					transposed(dst.x, ldd, x.x, ldx, rows, width, scales)
					for j := range width {
						for i := range sixteens(rows) {
							var want float32
							if i < rows {
								want = x.x[i*ldx+j]
								if scales != nil {
									want *= scales[j]
								}
							}
							if got := dst.x[j*ldd+i]; got != want {
								require.Equal(t, want, got, "%d rows of %d: %d,%d", rows, width, i, j)
							}
						}
					}
					dst.requireIntact(t, "dst")
				}
			}
		}
	})
}

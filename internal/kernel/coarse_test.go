package kernel

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// onFilters runs f on every path that has a filter, and gives it the name of the path without one.
func onFilters(t *testing.T, f func(t *testing.T, plain string)) {
	t.Helper()
	n := 0
	for _, name := range Paths() {
		restore, err := Use(name)
		require.NoError(t, err)
		if Filter() != "none" {
			n++
			t.Run(name, func(t *testing.T) { f(t, Path()) })
		}
		restore()
	}
	if n == 0 {
		needs.System(t, "a processor of which a path has a filter")
	}
}

// on runs f on the path of that name.
func on(t *testing.T, name string, f func()) {
	t.Helper()
	restore, err := Use(name)
	require.NoError(t, err)
	defer restore()
	f()
}

func TestQuantizeMatchesItsDefinition(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, d := range []int{16, 32, 48, 64, 80, 128, 208} {
			for _, n := range []int{1, 2, 7, 17, 64, 96} {
				r := source(uint64(d + n))
				ld := d + n%3*16
				x := normal(r, n*ld, math.Exp(3*r.NormFloat64()))
				for i := range x[:min(len(x), 3*ld)] {
					switch n % 4 {
					case 1:
						x[i] *= 1e-25 // squares vanish
					case 2:
						x[i] = 0
					case 3:
						x[i] = float32(math.Copysign(3, float64(x[i]))) // lengths rule
					}
				}
				in := guard(x, n%16)
				for _, k := range []struct {
					limit, length float32
					offset        int
				}{{63, 126, 64}, {127, 251, 0}, {127, math.MaxFloat32, 128}} {
					q, want := make([]byte, n*d), make([]byte, n*d)
					par, wantPar := guard(make([]float32, 4*parRows), n%16), make([]float32, 4*parRows)
					quantize(q, par.x, in.x, ld, d, n, k.limit, k.length, 3, 0.5, k.offset)
					quantizeGo(want, wantPar, in.x, ld, d, n, k.limit, k.length, 3, 0.5, k.offset)
					what := fmt.Sprintf("d=%d n=%d %v", d, n, k)
					for p, rtol := range []float64{2e-6, 2e-4, 1e-4, 2e-6} {
						requireNear(t, wantPar[p*parRows:][:n], par.x[p*parRows:][:n], rtol, 1e-30, "%s, number %d", what, p)
					}
					holds := func(x, most float64, part string) {
						if !(x <= most) {
							require.Failf(t, "too large", "%s, %s: %v is above %v", what, part, x, most)
						}
					}
					for i, v := range want {
						holds(math.Abs(float64(v)-float64(q[i])), 1, "difference of integers")
					}
					for i := range n { // what the bound of the error relies on, in float64
						a := 1 / float64(par.x[i])
						var e, norm float64
						var half [2]float64
						for j, v := range in.x[i*ld:][:d] {
							y := float64(int(q[i*d+j]) - k.offset)
							if k.offset == 0 {
								y = float64(int8(q[i*d+j]))
							}
							holds(math.Abs(y), float64(k.limit), "integer")
							e += (float64(v) - a*y) * (float64(v) - a*y)
							norm += float64(v) * float64(v)
							if j%coarseBlock == 0 {
								half = [2]float64{}
							}
							half[j%4/2] += y * y
							holds(half[j%4/2], math.Pow(float64(k.length)+math.Sqrt(32)/2, 2), "squared length of a half")
						}
						holds(math.Sqrt(e), coarseSlack*float64(par.x[2*parRows+i])+0x1p-22*math.Sqrt(norm), "error") // 1/a is rounded, too
						holds(math.Sqrt(norm), coarseSlack*float64(par.x[3*parRows+i]), "length")
					}
					par.requireIntact(t, what)
				}
			}
		}
	})
}

// TestCoarseSumsFit: the products of the largest integers that quantize gives fit where they
// are added.
func TestCoarseSumsFit(t *testing.T) {
	for _, k := range coarseKinds {
		if k.wide {
			require.Less(t, coarseMost*255*127, math.MaxInt32)
			continue
		}
		grown := func(i int) float64 { return float64(k.length[i]) + math.Sqrt(coarseBlock/2)/2 }
		require.LessOrEqual(t, grown(0)*grown(1), float64(math.MaxInt16), k.name)
		require.LessOrEqual(t, 2*(int(k.limit)+k.offset)*127, math.MaxInt16, "a pair")
		require.Less(t, k.offset-int(k.limit), k.offset)
		require.Positive(t, k.offset-int(k.limit))
	}
	require.LessOrEqual(t, coarseMost*127*127, 1<<24, "exact in float32")
}

func TestCoarseAboveMatchesItsDefinition(t *testing.T) {
	onFilters(t, func(t *testing.T, _ string) {
		k := activeCoarse
		for _, d := range []int{16, 48, 64, 80, 128, 144} {
			for _, n := range []int{6, 12, 96} {
				r := source(uint64(d * n))
				u, s := make([]byte, n*d), make([]int8, d*tileRows)
				for i := range u {
					u[i] = byte(k.offset + r.IntN(2*int(k.limit)/6) - int(k.limit)/6)
				}
				for i := range s {
					s[i] = int8(r.IntN(80) - 40)
				}
				blocks := k.blocks(d)
				start := make([]int32, blocks*tileRows)
				for i := range start {
					if start[i] = int32(r.IntN(2000) - 1000); !k.wide {
						start[i] = start[i]<<16 | int32(r.IntN(1<<16))
					}
				}
				par, thr, kappa := make([]float32, 4*parRows), make([]float32, tileRows), make([]float32, tileRows)
				for c := range parRows {
					par[c], par[parRows+c], par[2*parRows+c] = 0.5+r.Float32(), 10*r.Float32(), r.Float32()
				}
				for i := range thr {
					thr[i], kappa[i] = float32(3000*r.NormFloat64()), 0.5+r.Float32()
				}
				thr[3], thr[4], thr[5], par[7], par[parRows+3], par[parRows+4] = inf, -inf, nan, 0, nan, -inf
				for _, bias := range []bool{false, true} {
					mask, want := make([]uint64, n+2), make([]uint64, n)
					mask[n], mask[n+1] = 0xfeed, 0xfeed
					room := guard(make([]float32, coarseRoom), 5)
					coarseAbove(k, mask, n, u, d, s, start, blocks, par, thr, kappa, room.x, bias, make([]float32, n))
					coarseAboveGo(k, want, n, u, d, s, start, blocks, par, thr, kappa, bias)
					differ := 0
					for c := range n {
						differ += bitsOf(mask[c] ^ want[c])
					}
					require.LessOrEqual(t, differ, n*tileRows/1000+1, "d=%d n=%d: but for thresholds that round apart", d, n)
					require.Equal(t, []uint64{0xfeed, 0xfeed}, mask[n:])
					room.requireIntact(t, "room")
				}
			}
		}
	})
}

func bitsOf(x uint64) (n int) {
	for ; x != 0; x &= x - 1 {
		n++
	}
	return n
}

// TestPairDotsHaveTheBitsOfTiles: a score alone is that of a tile.
func TestPairDotsHaveTheBitsOfTiles(t *testing.T) {
	onFilters(t, func(t *testing.T, _ string) {
		for _, d := range []int{1, 2, 3, 4, 5, 7, 16, 64, 100, 513, 1000} {
			for _, bias := range []bool{false, true} {
				p := newProblem(source(uint64(d)), problemConfig{b: 70, c: 200, d: d, sd: 1, bias: bias})
				p.W[3] = nan
				p.W[d+d/2] = -inf
				p.W[7*d] = 1e-42
				ws := Workspace{x: &p.Linear}
				require.NoError(t, ws.prepare(&p.Linear, make([]float32, 70), 0.37))
				ws.coarsen()
				z, val := make([]float32, tileClasses*tileRows), make([]float32, coarsePairs)
				var tile coarseTile
				tile.begin(&ws)
				for panel, rows := range []int{64, 6} {
					for _, c0 := range []int{0, 96, 192} {
						n := min(tileClasses, p.C-c0)
						ws.scores(0, z, tileRows, p.W[c0*d:], d, c0, n, panel, nil, nil)
						w, ldw := ws.classRows(0, c0, n, true)
						tile.take(&ws, w, ldw, c0, n)
						for _, some := range []int{1, 2, 7, 8, 9, 40} {
							r := source(uint64(some))
							for i := range some {
								tile.pair[i] = uint32(r.IntN(n)*tileRows + r.IntN(rows))
							}
							tile.score(&ws, panel, some, val)
							for i, id := range tile.pair[:some] {
								want := z[id]
								if want != want {
									require.NotEqual(t, val[i], val[i])
									continue
								}
								if math.Float32bits(want) != math.Float32bits(val[i]) {
									require.Equal(t, want, val[i], "d=%d, pair %d of %d", d, i, some)
									require.Fail(t, "the signs of zeros differ")
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestFilterGivesUp: where most scores are above the bound it is soon not asked any more.
func TestFilterGivesUp(t *testing.T) {
	onFilters(t, func(t *testing.T, _ string) {
		p := newProblem(source(3), problemConfig{b: 64, c: 100 * tileClasses, d: 16, sd: 1})
		ws := Workspace{x: &p.Linear}
		require.NoError(t, ws.prepare(&p.Linear, make([]float32, 64), 1))
		ws.coarsen()
		var tile coarseTile
		tile.begin(&ws)
		asked := func(bound float32) (n int) {
			thr := make([]float32, tileRows)
			for i := range thr {
				thr[i] = bound
			}
			val, idx := make([]float32, rankHits), make([]uint32, rankHits)
			for c0 := 0; c0 < p.C; c0 += tileClasses {
				tile.above(&ws, p.W[c0*16:], 16, 0, c0, tileClasses, thr, val, idx, nil)
				if tile.c0 == c0 {
					n++
				}
			}
			return n
		}
		require.LessOrEqual(t, asked(0), 8)
		require.GreaterOrEqual(t, asked(4), 60, "and again once few are")
	})
}

// TestFilterRulesNothingOut: what is out of range, and what is not a number, is scored.
func TestFilterRulesNothingOut(t *testing.T) {
	onFilters(t, func(t *testing.T, _ string) {
		for _, v := range []float32{0x1p-41, 0x1p41, inf, nan, -inf} {
			p := newProblem(source(3), problemConfig{b: 70, c: 20, d: 16, sd: 1})
			clear(p.H[66*16 : 67*16])
			p.H[66*16+3] = v
			ws := Workspace{x: &p.Linear}
			require.NoError(t, ws.prepare(&p.Linear, make([]float32, 70), 1))
			ws.coarsen()
			require.Equal(t, []bool{true, false}, ws.coarse.fits, "a row of %v", v)
		}
		for _, v := range []float32{0x1p70, inf, nan, -inf} {
			for _, bias := range []bool{false, true} {
				p := newProblem(source(3), problemConfig{b: 64, c: 96, d: 16, sd: 1, bias: true})
				p.Bias[5] = v
				if !bias {
					p.W[5*16+7], p.Bias = v, nil
				} else if v == 0x1p70 {
					p.Bias[5] = 0x1p101
				}
				ws := Workspace{x: &p.Linear}
				require.NoError(t, ws.prepare(&p.Linear, make([]float32, 64), 1))
				ws.coarsen()
				var tile coarseTile
				tile.begin(&ws)
				thr := make([]float32, tileRows)
				for i := range thr {
					thr[i] = 1e30
				}
				tile.above(&ws, p.W, 16, 0, 0, 96, thr, make([]float32, rankHits), make([]uint32, rankHits), nil)
				for c, m := range tile.mask[:96] {
					want := uint64(0)
					if c == 5 && !(bias && v == -inf) { // which is masked
						want = math.MaxUint64
					}
					require.Equal(t, want, m, "class %d beside %v, bias %v", c, v, bias)
				}
			}
		}
	})
}

// TestFilterNames: a path alone has no filter, and its name with one has it.
func TestFilterNames(t *testing.T) {
	for _, name := range Paths() {
		base, kind, filtered := name, "none", false
		for _, k := range coarseKinds {
			if b, ok := strings.CutSuffix(name, "+"+k.name); ok {
				base, kind, filtered = b, k.name, true
			}
		}
		on(t, name, func() {
			require.Equal(t, base, Path())
			require.Equal(t, kind, Filter())
			require.Equal(t, filtered, Filter() != "none")
		})
	}
	_, err := Use("go+int8")
	require.ErrorContains(t, err, "not supported")
	_, err = Use("avx2+mmx")
	require.ErrorContains(t, err, "is not a path")
}

package kernel

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
		t.Skip("no path has a filter here")
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
						ws.scores(z, tileRows, p.W[c0*d:], d, c0, n, panel, nil, nil)
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
								require.Equal(t, math.Float32bits(want), math.Float32bits(val[i]), "d=%d, pair %d of %d", d, i, some)
							}
						}
					}
				}
			}
		}
	})
}

// An adversary is a problem that a filter may take wrongly.
type adversary struct {
	name string
	make func(r *adversarial) Linear
}

type adversarial struct{ b, c, d int }

func (a *adversarial) normal(seed uint64) *problem {
	return newProblem(source(seed), problemConfig{b: a.b, c: a.c, d: a.d, sd: 1})
}

func adversaries() []adversary {
	change := func(f func(p *problem)) func(*adversarial) Linear {
		return func(a *adversarial) Linear {
			p := a.normal(uint64(a.c*a.d + a.b))
			f(p)
			return p.Linear
		}
	}
	rows := func(p *problem, f func(c int, w []float32)) {
		for c := range p.C {
			f(c, p.W[c*p.D:][:p.D])
		}
	}
	return []adversary{
		{"normal", change(func(*problem) {})},
		{"within the margin", change(func(p *problem) {
			rows(p, func(c int, w []float32) {
				for k := range w {
					w[k] = p.W[k] * (1 + 1e-6*float32(c%7))
				}
			})
		})},
		{"ties", change(func(p *problem) {
			rows(p, func(c int, w []float32) { copy(w, p.W[c%5*p.D:][:p.D]) })
		})},
		{"one huge class in a tile", change(func(p *problem) {
			rows(p, func(c int, w []float32) {
				if c%tileClasses == 17 {
					Scale(1000, w)
				}
			})
		})},
		{"norms from tiny to huge", change(func(p *problem) {
			rows(p, func(c int, w []float32) { Scale(float32(math.Exp2(float64(c%120-60))), w) })
		})},
		{"rows from tiny to huge", change(func(p *problem) {
			for i := range p.B {
				Scale(float32(math.Exp2(float64(i%90-45))), p.H[i*p.D:][:p.D])
			}
		})},
		{"denormal classes", change(func(p *problem) { Scale(1e-41, p.W) })},
		{"denormal rows", change(func(p *problem) { Scale(1e-41, p.H) })},
		{"overflow", change(func(p *problem) { Scale(3e18, p.H); Scale(3e19, p.W) })},
		{"zeros", change(func(p *problem) {
			rows(p, func(c int, w []float32) {
				if c%3 > 0 {
					clear(w)
				}
			})
			clear(p.H[:p.D])
		})},
		{"not finite", change(func(p *problem) {
			rows(p, func(c int, w []float32) {
				switch c % 50 {
				case 7:
					w[0] = nan
				case 9:
					w[p.D-1] = inf
				case 11:
					w[p.D/2] = -inf
				}
			})
		})},
		{"a row that is not finite", change(func(p *problem) { p.H[0], p.H[len(p.H)-1] = inf, nan })},
		{"biases", change(func(p *problem) {
			p.Bias = normal(source(5), p.C, 3)
			for c := range p.Bias {
				switch c % 40 {
				case 3:
					p.Bias[c] = -inf
				case 5:
					p.Bias[c] = 1e6
				case 7:
					p.Bias[c] = -1e6
				}
			}
		})},
		{"biases that are not finite", change(func(p *problem) {
			p.Bias = normal(source(5), p.C, 3)
			p.Bias[1], p.Bias[p.C/2], p.Bias[p.C-1] = nan, inf, 3e38
		})},
		{"an offset of all biases", change(func(p *problem) {
			p.Bias = normal(source(5), p.C, 1)
			for c := range p.Bias {
				p.Bias[c] += 3e8
			}
		})},
		{"errors of classes along the rows", change(func(p *problem) { along(p, p.H, p.W, activeCoarse.limit) })},
		{"errors of rows along the classes", change(func(p *problem) {
			along(p, p.W, p.H, 127)
			rows(p, func(c int, w []float32) { // the others are seen as they are, and before
				if c < p.C-p.C/8 {
					clear(w)
					w[0] = 1.2 - float32(c%50)/200
				}
			})
		})},
		{"sums that round one way", change(func(p *problem) { // 2^24 and 1.01 is 2 more
			p.Bias = make([]float32, p.C)
			for i := range p.H {
				p.H[i] = 1
			}
			rows(p, func(c int, w []float32) {
				p.Bias[c] = 1 << 24
				for k := range w {
					w[k] = 1.01
				}
				if c < p.C-p.C/8 {
					clear(w)
					w[0] = float32(2 * (c % 50 * p.D / 64))
				}
			})
		})},
		{"flat", change(func(p *problem) { // every integer is at its limit
			for _, x := range [][]float32{p.H, p.W} {
				for i := range x {
					x[i] = float32(math.Copysign(1, float64(x[i])))
				}
			}
		})},
	}
}

// along makes all rows of flat those of one pattern, and those of x small integers at a step of
// 1, less or more 0.49 along the pattern: products of integers are wrong by as much as they can be.
func along(p *problem, flat, x []float32, limit float32) {
	for i := range flat {
		flat[i] = float32(1 - i%p.D%3%2*2)
	}
	for i := range x {
		k, row := i%p.D, i/p.D
		switch k {
		case 0:
			x[i] = limit
		default:
			x[i] = float32((row*7+k*5)%5-2) + float32(row%2*2-1)*0.49*flat[k]
		}
	}
}

// adversarialSizes are few rows and classes, tiles and panels that end early, and several blocks.
func adversarialSizes() []adversarial {
	if testing.Short() {
		return []adversarial{{3, 5, 1}, {70, 500, 64}, {65, 200, 100}}
	}
	return []adversarial{{3, 5, 1}, {1, 95, 7}, {70, 700, 64}, {65, 400, 100}, {130, 300, 16}, {5, 3000, 200}}
}

// equalBits reports numbers of equal bits; one NaN is as any.
func equalBits(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

// TestFilteredTopKIsExact: with a filter the best classes, their order and the bits of their
// scores are those without.
func TestFilteredTopKIsExact(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	onFilters(t, func(t *testing.T, plain string) {
		tried := 0
		for _, a := range adversaries() {
			for _, size := range adversarialSizes() {
				x := a.make(&size)
				x.Label = nil
				seen := make([][]int32, x.B)
				r := source(9)
				for i := range seen {
					for c := range int32(x.C) {
						if i%2 > 0 && r.IntN(4) == 0 {
							seen[i] = append(seen[i], c)
						}
					}
				}
				for _, k := range []int{1, 10} {
					top := func(skip func(i int) []int32) ([]int32, []float32) {
						var ranker Ranker
						ids, scores := make([]int32, x.B*k), make([]float32, x.B*k)
						require.NoError(t, ranker.TopK(ids, scores, &x, k, skip))
						if ranker.ws.coarse.kind != nil && slices.Contains(ranker.ws.coarse.fits, true) && slices.ContainsFunc(ranker.workers, func(w rankWorker) bool { return w.coarse.c0 >= 0 }) {
							tried++
						}
						return ids, scores
					}
					for _, skip := range []func(int) []int32{nil, func(i int) []int32 { return seen[i] }} {
						var wantIDs []int32
						var wantScores []float32
						on(t, plain, func() { wantIDs, wantScores = top(skip) })
						for _, procs := range []int{1, 3} {
							runtime.GOMAXPROCS(procs)
							ids, scores := top(skip)
							require.Equal(t, wantIDs, ids, "%s %+v", a.name, size)
							require.True(t, equalBits(wantScores, scores), "%s %+v", a.name, size)
						}
					}
				}
			}
		}
		require.Greater(t, tried, 100, "the filter was used")
	})
}

// TestFilteredLossesAreExact: with a filter losses and gradients have the bits without.
func TestFilteredLossesAreExact(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	losses := map[string]Loss{
		"sparsemax": Entmax{Alpha: 2}, "entmax": Entmax{Alpha: 1.5}, "entmax 3": Entmax{Alpha: 3}, "normmax": Normmax{Alpha: 2}, "map": mappedEntmax(1.5),
		"rankmax": Rankmax{Margin: 1}, "kth": kthLoss(5), "contrastive": Stream(Contrastive{Margin: 2, Weight: 1}),
	}
	onFilters(t, func(t *testing.T, plain string) {
		sparse := 0
		for _, a := range adversaries() {
			for _, size := range adversarialSizes() {
				x := a.make(&size)
				if !slices.ContainsFunc(x.Bias, func(b float32) bool { return b == -inf }) {
					x.Label[0] = -1 // padding
				}
				for i, y := range x.Label {
					for y >= 0 && x.masked(int(y)) {
						y = (y + 1) % int32(x.C)
						x.Label[i] = y
					}
				}
				Scale(3, x.H)
				g := normal(source(4), x.B, 1)
				for name, l := range losses {
					run := func() (loss []float32, out Grad, rows bool) {
						var ws Workspace
						ws.ShiftInvariant = name != "contrastive" && name != "kth"
						loss = make([]float32, x.B)
						out = Grad{H: make([]float32, len(x.H)), W: make([]float32, len(x.W))}
						require.NoError(t, l.Forward(&ws, &x, loss), "%s %+v", a.name, size)
						require.NoError(t, l.Backward(&ws, &x, g, &out), "%s %+v", a.name, size)
						return loss, out, ws.sparse && ws.coarse.kind != nil
					}
					var want []float32
					var wantGrad Grad
					on(t, plain, func() { want, wantGrad, _ = run() })
					for _, procs := range procsOf(name) {
						runtime.GOMAXPROCS(procs)
						got, grad, rows := run()
						if rows {
							sparse++
						}
						what := fmt.Sprintf("%s, %s %+v", name, a.name, size)
						require.True(t, equalBits(want, got), what)
						require.True(t, equalBits(wantGrad.H, grad.H), what)
						require.True(t, equalBits(wantGrad.W, grad.W), what)
					}
				}
			}
		}
		require.Greater(t, sparse, 40, "the filter was used")
	})
}

// procsOf returns at how many goroutines a loss is tried: one kind of each at several.
func procsOf(loss string) []int {
	if loss == "entmax" || loss == "rankmax" {
		return []int{1, 3}
	}
	return []int{2}
}

// kthLoss is the rivals' log-odds against the label, and against the k-th largest score.
func kthLoss(k int) KthLargestRivals {
	return KthLargestRivals{K: k, Tau: 1, Value: func(rivals, label, kth float64) (v, byRivals, byLabel float64) {
		return rivals - label + 0.1*kth, 1, -1
	}}
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

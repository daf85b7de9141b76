package kernel

import (
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

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
		{"biases that steps of small rows make infinite", change(func(p *problem) {
			p.Bias = make([]float32, p.C)
			for c := range p.Bias {
				if c%30 == 0 {
					p.Bias[c] = 1e30 * (1 + float32(c)/float32(p.C))
				}
			}
			Scale(0x1p-26, p.H)
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
		return []adversarial{{3, 5, 1}, {66, 200, 64}, {65, 104, 100}}
	}
	return []adversarial{{3, 5, 1}, {1, 95, 7}, {70, 700, 64}, {65, 400, 100}, {130, 300, 16}, {5, 3000, 200}}
}

// equalBits reports numbers of equal bits; one NaN is as any.
func equalBits(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

// requireBits holds got to the bits of want, without the reflection of require.Equal, which
// takes longer than the kernels.
func requireBits(t *testing.T, want, got []float32, format string, args ...any) {
	t.Helper()
	if !equalBits(want, got) {
		require.Equalf(t, want, got, format, args...)
		require.Failf(t, "the signs of zeros differ", format, args...)
	}
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
		for at, a := range adversaries() {
			for of, size := range adversarialSizes() {
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
				for i, name := range slices.Sorted(maps.Keys(losses)) {
					if testing.Short() && (at+of+i)%3 > 0 { // each problem and loss at one size
						continue
					}
					l := losses[name]
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

package kernel

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// everyLoss returns every kind of fused loss once or more.
func everyLoss() []lossCase {
	all := slices.Concat(tiledCases(), thresholdCases())
	for _, c := range gramCases() {
		all = append(all, lossCase(c))
	}
	return append(all, lossCase{loss: Softmax{Tau: 0.5}}, lossCase{loss: Weighed{Loss: Entmax{Alpha: 1.5}, Omega: 2, Unit: 1}})
}

// nameOf names a loss in a message: functions have no text.
func nameOf(l Loss) string {
	if s, ok := l.(streamed); ok {
		return fmt.Sprintf("%T", s.Tiled)
	}
	return fmt.Sprintf("%T", l)
}

// unitShapes are few, with and without columns beyond whole vectors, many chunks, many
// rows, masks and padding.
var unitShapes = []problemConfig{
	{b: 3, c: 2, d: 5, sd: 2, bias: true},
	{b: 5, c: 1, d: 16, sd: 1},
	{b: 20, c: 800, d: 16, sd: 2, bias: true, masked: true, positives: 2, padding: true},
	{b: 258, c: 200, d: 20, sd: 4},
}

// led is a Sink that leads the gradient by unit vectors through the norm itself.
type led struct{ moving }

func (s led) UnitRows(worker, c0, n int, dw []float32) bool {
	UnitGrads(dw, s.w[c0*s.d:][:n*s.d], s.d)
	s.Rows(worker, c0, n, dw)
	return true
}

// collected is a Sink that keeps what it gets.
type collected struct {
	mu    sync.Mutex
	d     int
	dw    []float32
	times []int
	fault string
}

func (s *collected) Rows(worker, c0, n int, dw []float32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := c0+n == len(s.times)
	if worker < 0 || worker >= Workers() || n < 1 || c0%SinkRows(s.d) != 0 || n%SinkRows(s.d) != 0 && !last || len(dw) != n*s.d {
		s.fault = fmt.Sprintf("worker %d, %d rows from %d, %d numbers", worker, n, c0, len(dw))
	}
	for c := range n {
		s.times[c0+c]++
	}
	copy(s.dw[c0*s.d:], dw)
	for i := range dw { // it may be written to
		dw[i] = nan
	}
}

func (s *collected) Ahead(c0, n int) (p, q []float32) { return s.dw[c0*s.d : (c0+n)*s.d], nil }

// moving is a Sink that also spoils the rows of W that it gets.
type moving struct {
	*collected
	w []float32
}

func (s moving) Rows(worker, c0, n int, dw []float32) {
	s.collected.Rows(worker, c0, n, dw)
	for i := range n * s.d {
		s.w[c0*s.d+i] = nan
	}
}

// TestUnit: a layer of unit vectors has the losses and gradients, to the bit, of one whose
// W holds them, and that of W is led through the norm.
func TestUnit(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(31)
		for at, cfg := range unitShapes {
			p := newProblem(r, cfg)
			clear(p.W[len(p.W)-p.D:]) // a row of norm 0
			unit := *p
			unit.W = make([]float32, len(p.W))
			for c := range p.C {
				Unit(unit.W[c*p.D:][:p.D], p.W[c*p.D:][:p.D])
			}
			p.Unit = true
			for i, c := range everyLoss() {
				name := nameOf(c.loss)
				for _, shift := range []bool{false, true} {
					if testing.Short() && shift == ((at+i)%2 == 0) { // each loss with both, at one shape or another
						continue
					}
					a, b := Workspace{Budget: 1 << 30, ShiftInvariant: shift}, Workspace{ShiftInvariant: shift}
					loss, out := p.outputs()
					want, wantOut := unit.outputs()
					what := fmt.Sprintf("%s %v shift=%t", name, cfg, shift)
					require.NoError(t, c.loss.Forward(&a, &p.Linear, loss), what)
					require.NoError(t, c.loss.Forward(&b, &unit.Linear, want), what)
					requireEqual(t, want, loss, what)
					require.NoError(t, c.loss.Backward(&a, &p.Linear, p.g, out), what)
					require.NoError(t, c.loss.Backward(&b, &unit.Linear, p.g, wantOut), what)
					for j := range p.C {
						row := wantOut.W[j*p.D:][:p.D]
						UnitGrad(row, row, p.W[j*p.D:][:p.D])
					}
					requireNumbers(t, wantOut.H, out.H, what+": dH")
					requireNumbers(t, wantOut.W, out.W, what+": dW")
					requireNumbers(t, wantOut.Bias, out.Bias, what+": dBias")
					if a.Sparse() {
						requireRows(t, &a, c.loss, p, out, what)
					}
				}
			}
		}
	})
}

// TestUnitRows: the vector kernels have the bits of the primitives that define them, at all
// lengths and alignments, and write nothing else.
func TestUnitRows(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(34)
		for d := 1; d <= 130; d++ {
			for _, n := range []int{1, 3} {
				offset, ldd := d%7, d+d%3*10
				w, g := guard(normal(r, n*d, 1), offset), guard(normal(r, n*d, 1), 5-offset%5)
				if d%5 == 0 {
					clear(w.x[:d])
				}
				if d%11 == 0 {
					w.x[(n-1)*d] = nan
				}
				dst := guard(normal(r, n*ldd, 1), offset%3)
				want, wantGrad := slices.Clone(dst.x), slices.Clone(g.x)
				for c := range n {
					clear(want[c*ldd:][:min(ldd, (d+31)/32*32)])
					unitGo(want[c*ldd:][:d], w.x[c*d:][:d])
					unitGradGo(wantGrad[c*d:][:d], w.x[c*d:][:d])
				}
				unitRows(dst.x, ldd, w.x, n, d)
				requireNumbers(t, want, dst.x, fmt.Sprintf("%d rows of %d", n, d))
				unitGrads(g.x, w.x, n, d)
				requireNumbers(t, wantGrad, g.x, fmt.Sprintf("gradient of %d rows of %d", n, d))
				for _, x := range []guarded{w, g, dst} {
					x.requireIntact(t, fmt.Sprint(d))
				}
			}
		}
		const d, n = 4096, 40 // more than one call
		w, g := normal(r, n*d, 1), normal(r, n*d, 1)
		want, wantGrad, dst := make([]float32, n*d), slices.Clone(g), make([]float32, n*d)
		divideRowsGo(want, d, w, n, d)
		unitGradsGo(wantGrad, w, n, d)
		unitRows(dst, d, w, n, d)
		unitGrads(g, w, n, d)
		requireNumbers(t, want, dst, "rows")
		requireNumbers(t, wantGrad, g, "gradients")
	})
}

// TestUnitMoves: one kernel has the bits of the three that it stands for: of weights, state
// and sum of squares, where rows are as long as it wants and elsewhere.
func TestUnitMoves(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(35)
		for _, d := range []int{1, 20, 32, 64, 96, 128, 320} {
			for _, n := range []int{1, 3, SinkRows(d), SinkRows(d) + 1} {
				for name, move := range map[string][2]func(x [4][]float32) float32{
					"sgd": {
						func(x [4][]float32) float32 { return UnitSGD(x[0], x[3], d, 0.1) },
						func(x [4][]float32) float32 { Axpy(-0.1, x[3], x[0]); return 0 },
					},
					"adagrad": {
						func(x [4][]float32) float32 { return UnitAdagrad(x[0], x[1], x[3], d, 0.1, 1e-3) },
						func(x [4][]float32) float32 { Adagrad(x[0], x[1], x[3], n*d, firstRow, 0.1, 1e-3); return 0 },
					},
					"adam": {
						func(x [4][]float32) float32 { return UnitAdam(x[0], x[1], x[2], x[3], d, 0.1, 1e-3, 0.9, 0.99) },
						func(x [4][]float32) float32 {
							Adam(x[0], x[1], x[2], x[3], n*d, firstRow, 0.1, 1e-3, 0.9, 0.99)
							return 0
						},
					},
				} {
					what := fmt.Sprintf("%s: %d rows of %d", name, n, d)
					var got, want [4][]float32
					var bands [4]guarded
					for i := range got {
						bands[i] = guard(normal(r, n*d, 1), (i+d+n)%9)
						got[i] = bands[i].x
						if i == 1 || i == 2 { // sums of squares
							for k, v := range got[i] {
								got[i][k] = v * v
							}
						}
					}
					clear(got[0][:d]) // a row of norm 0
					if n == 3 {
						got[0][2*d] = nan
					}
					for i := range got {
						want[i] = slices.Clone(got[i])
					}
					for c := range n {
						unitGradGo(want[3][c*d:][:d], want[0][c*d:][:d])
					}
					squares := SumSquares(want[3])
					move[1](want)
					requireNumbers(t, []float32{squares}, []float32{move[0](got)}, what+": sum of squares")
					for i := range 3 {
						requireNumbers(t, want[i], got[i], what)
						bands[i].requireIntact(t, what)
					}
				}
			}
		}
	})
	require.PanicsWithValue(t, "kernel: UnitAdam: lengths differ", func() {
		UnitAdam(make([]float32, 8), make([]float32, 8), make([]float32, 7), make([]float32, 8), 4, 1, 1, 0, 0)
	})
	require.PanicsWithValue(t, "kernel: UnitSGD: no whole rows", func() { UnitSGD(make([]float32, 6), make([]float32, 6), 4, 1) })
}

// requireNumbers holds two arrays equal to the bit, but for the sign of 0.
func requireNumbers(t *testing.T, want, got []float32, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, v := range want {
		if v != got[i] && (v == v || got[i] == got[i]) {
			require.Failf(t, "bits", "%s: entry %d is %v, want %v", what, i, got[i], v)
		}
	}
}

// TestSinks: every loss that says so hands each row of the gradient of W to a Sink once, in
// the blocks that are promised and with the bits of the matrix, and reads no row of W
// that it has handed on; the others refuse.
func TestSinks(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(32)
		refused := 0
		for _, cfg := range unitShapes {
			for _, unit := range []bool{false, true} {
				for _, c := range everyLoss() {
					name := nameOf(c.loss)
					p := newProblem(r, cfg)
					p.Unit = unit
					what := fmt.Sprintf("%s %v unit=%t", name, cfg, unit)
					var ws Workspace
					loss, out := p.outputs()
					require.NoError(t, c.loss.Forward(&ws, &p.Linear, loss), what)
					require.NoError(t, c.loss.Backward(&ws, &p.Linear, p.g, out), what)
					s := &collected{d: p.D, dw: make([]float32, len(p.W)), times: make([]int, p.C)}
					_, again := p.outputs()
					again.W, again.Sink = nil, moving{s, p.W}
					if p.B%2 == 0 {
						again.Sink = led{moving{s, p.W}}
					}
					sparse := ws.Sparse()
					err := c.loss.Backward(&ws, &p.Linear, p.g, again)
					if !Sinks(c.loss) {
						if refused++; !sparse {
							require.ErrorContains(t, err, "finishes none before the last class", what)
						}
						continue
					}
					require.NoError(t, err, what)
					require.Empty(t, s.fault, what)
					require.Equal(t, slices.Repeat([]int{1}, p.C), s.times, what)
					requireNumbers(t, out.W, s.dw, what+": dW")
					requireNumbers(t, out.H, again.H, what+": dH")
					requireNumbers(t, out.Bias, again.Bias, what+": dBias")
				}
			}
		}
		require.Positive(t, refused)
		p := newProblem(r, unitShapes[0])
		var ws Workspace
		loss, out := p.outputs()
		require.NoError(t, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
		out.Sink = &collected{}
		require.ErrorContains(t, Softmax{Tau: 1}.Backward(&ws, &p.Linear, p.g, out), "both as a matrix and by blocks")
	})
}

// TestSinkOfNoRows: without a row of a batch the gradient is 0, for a Sink too.
func TestSinkOfNoRows(t *testing.T) {
	for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.5}, RG{A: 1}, Perceptron{}} {
		x := &Linear{C: 300, D: 4, W: normal(source(1), 1200, 1), Ptr: []int32{0}}
		var ws Workspace
		s := &collected{d: 4, dw: slices.Repeat([]float32{nan}, 1200), times: make([]int, 300)}
		require.NoError(t, l.Forward(&ws, x, nil))
		require.NoError(t, l.Backward(&ws, x, nil, &Grad{Sink: s}))
		require.Equal(t, make([]float32, 1200), s.dw, "%T", l)
		require.Equal(t, slices.Repeat([]int{1}, 300), s.times, "%T", l)
	}
}

// TestFindsRows: a loss whose Forward finds few rows has said so.
func TestFindsRows(t *testing.T) {
	r := source(33)
	found := map[string]bool{}
	for _, c := range everyLoss() {
		name := nameOf(c.loss)
		for _, sd := range []float64{1, 30} {
			p := newProblem(r, problemConfig{b: 9, c: 5000, d: 16, sd: sd})
			var ws Workspace
			require.NoError(t, c.loss.Forward(&ws, &p.Linear, make([]float32, p.B)))
			found[name] = found[name] || ws.Sparse()
		}
		if !FindsRows(c.loss) {
			require.False(t, found[name], name)
		}
	}
	require.True(t, found["kernel.Weighed"])
	require.False(t, found["kernel.Softmax"])
}

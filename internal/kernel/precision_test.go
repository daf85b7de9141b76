package kernel

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

func TestPrecisions(t *testing.T) {
	for i, name := range Precisions() {
		p, err := ParsePrecision(name)
		require.NoError(t, err)
		require.Equal(t, Precision(i), p)
		require.Equal(t, name, p.String())
	}
	_, err := ParsePrecision("low")
	require.ErrorContains(t, err, `"low" is no precision; the choices are highest, high, medium`)
}

// onTiles runs f with tiles, and says that it does not where there are none.
func onTiles(t *testing.T) {
	t.Helper()
	if !hasTiles {
		needs.System(t, "a processor, and an operating system, with tiles")
	}
	restore, err := Use(tilePath)
	require.NoError(t, err)
	t.Cleanup(restore)
}

// TestPaths: tiles are a path of their own, which the name of none but that allows.
func TestPaths(t *testing.T) {
	require.Equal(t, hasTiles, slices.Contains(Paths(), tilePath))
	onPaths(t, func(t *testing.T) {
		tiled := Path() == tilePath
		want := Path()
		if tiled {
			want = "avx512"
		}
		require.Equal(t, want, Highest.Runs())
		require.False(t, Highest.Tiled())
		for p, name := range map[Precision]string{High: "avx512+amx:bf16x3", Medium: "avx512+amx:bf16"} {
			require.Equal(t, tiled, p.Tiled())
			if tiled {
				want = name
			}
			require.Equal(t, want, p.Runs())
		}
	})
	if !hasTiles {
		_, err := Use(tilePath)
		require.ErrorContains(t, err, `"avx512+amx" is not supported by this processor or build; the choices here are `+Paths()[0])
	}
}

// step returns the losses and gradients of a loss at a precision.
func (p *problem) step(t *testing.T, ws *Workspace, l Loss, precision Precision) [][]float32 {
	t.Helper()
	ws.Precision = precision
	loss, out := p.outputs()
	require.NoError(t, l.Forward(ws, &p.Linear, loss))
	require.NoError(t, l.Backward(ws, &p.Linear, p.g, out))
	return [][]float32{loss, out.H, out.W, out.Bias}
}

// TestPrecisionIsAPermission: without tiles all precisions have the bits of the highest.
func TestPrecisionIsAPermission(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		p := newProblem(source(61), problemConfig{b: 70, c: 500, d: 20, sd: 2, bias: true, positives: 3})
		for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.1}, Stream(Pairwise{})} {
			var exact [][]float32
			for _, precision := range []Precision{Highest, High, Medium} {
				got := p.step(t, new(Workspace), l, precision)
				if exact == nil {
					exact = got
				}
				require.Equal(t, precision.Tiled(), !slices.Equal(exact[2], got[2]), "%T %v", l, precision)
				require.Equal(t, precision.Tiled(), !slices.Equal(exact[1], got[1]), "%T %v", l, precision)
			}
		}
	})
}

// TestTilesMatchFloat64: all gradients at all precisions, of any number of rows, classes and
// columns, with biases, masks, padding and several targets, are within what is promised of
// those in float64.
func TestTilesMatchFloat64(t *testing.T) {
	onTiles(t)
	r := source(62)
	var ws Workspace // one for all: nothing may be left over
	for _, cfg := range shapes(
		problemConfig{b: 96, c: 1000, d: 64, sd: 2.4},
		problemConfig{b: 290, c: 260, d: 40, sd: 2.4, bias: true, positives: 2},
		problemConfig{b: 33, c: 64, d: 32, sd: 1, bias: true, masked: true, padding: true, positives: 4},
	) {
		cfg.sd = min(cfg.sd, 2.4)
		for _, l := range append(everySmoothLoss(), lossCase{Softmax{Tau: 1}, softmaxRow(1, 0)}, lossCase{Softmax{Tau: 0.7, Smoothing: 0.1}, softmaxRow(0.7, 0.1)}) {
			p := newProblem(r, cfg)
			loss, dh, dw, db := p.reference(l.row)
			for precision, tol := range map[Precision]float64{High: 1e-5, Medium: 5e-3} {
				if l.loss != Loss(Softmax{Tau: 1}) { // scores by a lower temperature, or powers of them
					tol *= 5
				}
				what := fmt.Sprintf("%s %v %v", nameOf(l.loss), cfg, precision)
				got := p.step(t, &ws, l.loss, precision)
				for i := range loss {
					require.True(t, near(float64(got[0][i]), loss[i], 5*tol, 5*tol), "%s: loss of row %d is %v, want %v", what, i, got[0][i], loss[i])
				}
				// Where nearly nothing is left of a gradient, as of a class that leads, what remains is
				// of the size of rounding.
				requireRMS(t, dh, got[1], tol, tol/10, what+": dH")
				requireRMS(t, dw, got[2], tol, tol/10, what+": dW")
				requireRMS(t, db, got[3], tol, tol/10, what+": dBias")
			}
		}
	}
}

// everySmoothLoss returns the losses whose gradient does not jump where a score passes
// another.
func everySmoothLoss() []lossCase {
	all := slices.Concat(tiledCases(), thresholdCases())
	return slices.DeleteFunc(all, func(c lossCase) bool {
		switch l := c.loss.(type) {
		case Rankmax, Perceptron, CrammerSinger:
			return true
		case streamed:
			_, jumps := l.Tiled.(Contrastive)
			return jumps
		}
		return false
	})
}

// TestTilesSameBits: with tiles, too, bits do not depend on the number of goroutines, nor
// on a budget for scores.
func TestTilesSameBits(t *testing.T) {
	onTiles(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cfg := range []problemConfig{{b: 70, c: 900, d: 20, sd: 1, bias: true, positives: 2}, {b: 300, c: 400, d: 64, sd: 1}} {
		p := newProblem(source(63), cfg)
		for _, l := range []Loss{Softmax{Tau: 0.7}, Stream(Pairwise{}), Entmax{Alpha: 1.1}, Rankmax{Margin: 1}} {
			for _, precision := range []Precision{High, Medium} {
				var first [][]float32
				for _, procs := range []int{1, 2, 4} {
					runtime.GOMAXPROCS(procs)
					ws := Workspace{Budget: (procs / 2) << 24}
					got := p.step(t, &ws, l, precision)
					if first == nil {
						first = got
					}
					require.Equal(t, first, got, "%T %v at GOMAXPROCS %d", l, precision, procs)
				}
			}
		}
	}
}

// TestTilesUnitAndSink: what holds of unit vectors and of blocks that are handed on holds
// of products by tiles.
func TestTilesUnitAndSink(t *testing.T) {
	onTiles(t)
	r := source(64)
	for _, cfg := range unitShapes {
		for _, unit := range []bool{false, true} {
			for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.1}} {
				for _, precision := range []Precision{High, Medium} {
					what := fmt.Sprintf("%T %v unit=%v %v", l, cfg, unit, precision)
					p := newProblem(r, cfg)
					p.Unit = unit
					var ws Workspace
					want := p.step(t, &ws, l, precision)
					if unit {
						q := *p
						q.Unit, q.W = false, slices.Clone(p.W)
						for c := range q.C {
							Unit(q.W[c*q.D:][:q.D], p.W[c*q.D:][:q.D])
						}
						plain := q.step(t, new(Workspace), l, precision)
						require.Equal(t, plain[:2], want[:2], what)
						for c := range q.C {
							UnitGrad(plain[2][c*q.D:][:q.D], plain[2][c*q.D:][:q.D], p.W[c*q.D:][:q.D])
						}
						requireNumbers(t, plain[2], want[2], what)
					}
					s := &collected{d: p.D, dw: make([]float32, len(p.W)), times: make([]int, p.C)}
					_, out := p.outputs()
					out.W, out.Sink = nil, moving{s, p.W}
					require.NoError(t, l.Backward(&ws, &p.Linear, p.g, out), what)
					require.Empty(t, s.fault, what)
					require.Equal(t, slices.Repeat([]int{1}, p.C), s.times, what)
					requireNumbers(t, want[2], s.dw, what+": dW")
					requireNumbers(t, want[1], out.H, what+": dH")
				}
			}
		}
	}
	for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.5}} {
		p := &problem{Linear: Linear{C: 300, D: 4, W: normal(source(1), 1200, 1), Label: []int32{}}}
		got := p.step(t, new(Workspace), l, Medium)
		require.Equal(t, make([]float32, 1200), got[2], "%T", l)
	}
}

// TestTilesOffsets: what all classes have in common costs no digits of rounded products
// either, where the loss does not see it.
func TestTilesOffsets(t *testing.T) {
	onTiles(t)
	l := Softmax{Tau: 1}
	for _, size := range []float64{0, 8, 1e4} {
		p := newProblem(source(65), problemConfig{b: 66, c: 300, d: 24, sd: 1, bias: true, padding: true})
		p.lift(size)
		_, dh, dw, _ := p.anchored().reference(softmaxRow(1, 0))
		ws := Workspace{ShiftInvariant: true}
		for precision, tol := range map[Precision]float64{High: 1e-5, Medium: 5e-3} {
			got := p.step(t, &ws, l, precision)
			what := fmt.Sprintf("%v, offset %g", precision, size)
			require.Equal(t, size > 0, ws.shifted(), what)
			requireRMS(t, dh, got[1], tol, 0, what+": dH")
			requireRMS(t, dw, got[2], tol, 0, what+": dW")
		}
	}
}

// TestTilesNaN: NaN reaches the loss of its row, or of all, and padding keeps it out; an
// infinite number gives NaN at High.
func TestTilesNaN(t *testing.T) {
	onTiles(t)
	for _, precision := range []Precision{High, Medium} {
		for _, l := range []Loss{Softmax{Tau: 1}, Stream(Pairwise{})} {
			p := newProblem(source(66), problemConfig{b: 70, c: 200, d: 20, sd: 1, padding: true})
			p.H[3*p.D+1] = nan
			got := p.step(t, new(Workspace), l, precision)
			for i, v := range got[0] {
				require.Equal(t, i == 3, v != v, "row %d of %T at %v", i, l, precision)
			}
			require.True(t, got[2][0] != got[2][0])
			p.H[3*p.D+1], p.W[150*p.D] = 1, nan
			got = p.step(t, new(Workspace), l, precision)
			for i, v := range got[0] {
				require.Equal(t, p.Label[i] >= 0, v != v, "row %d of %T at %v", i, l, precision)
			}
			p.W[150*p.D] = inf
			if got = p.step(t, new(Workspace), l, precision); precision == High {
				require.True(t, got[0][0] != got[0][0])
			}
		}
	}
}

// TestTilesBytes holds what a Workspace with tiles is said to hold against what it does.
func TestTilesBytes(t *testing.T) {
	onTiles(t)
	for _, cfg := range []problemConfig{{b: 128, c: 1500, d: 64, sd: 1}, {b: 300, c: 700, d: 40, sd: 1}} {
		p := newProblem(source(67), cfg)
		for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.1}} {
			for _, precision := range []Precision{High, Medium} {
				ws := Workspace{Budget: 64 << 20}
				p.step(t, &ws, l, precision)
				said := WorkspaceBytes(l, p.B, p.C, p.D, p.B, -1, ws.Budget, precision)
				require.LessOrEqual(t, int64(ws.Bytes()), said, "%T %v %v", l, cfg, precision)
				require.Less(t, said, 3*int64(ws.Bytes()), "%T %v %v", l, cfg, precision)
				if _, ok := l.(Softmax); ok {
					require.Zero(t, ws.kept)
				}
			}
		}
	}
}

package kernel

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// lift adds one random vector to all classes, such that the offset it makes of the
// scores has that size, and as much to the biases.
func (p *problem) lift(size float64) {
	r := source(52)
	v := make([]float32, p.D)
	for k := range v {
		v[k] = float32(size * r.NormFloat64() / math.Sqrt(float64(p.D)))
	}
	for c := range p.C {
		axpy(1, v, p.W[c*p.D:][:p.D])
		if p.Bias != nil {
			p.Bias[c] += float32(size)
		}
	}
}

// anchored returns the problem with every class less the first one: the same to a loss
// that a shift does not change. The differences are exact where an offset is large.
func (p *problem) anchored() *problem {
	q := *p
	q.W, q.Bias = slices.Clone(p.W), slices.Clone(p.Bias)
	for c := range p.C {
		axpy(-1, p.W[:p.D], q.W[c*p.D:][:p.D])
		if p.Bias != nil {
			q.Bias[c] -= p.Bias[slices.IndexFunc(p.Bias, func(b float32) bool { return b > floor })]
		}
	}
	return &q
}

// errors returns the largest error of the losses, of the gradient of H, of that of W
// and of that of the bias, relative to the largest entry of each.
func (p *problem) errors(t *testing.T, ws *Workspace, l Loss, row func(dz, z, t []float64) float64) (worst [4]float64) {
	loss, out := p.outputs()
	require.NoError(t, l.Forward(ws, &p.Linear, loss))
	require.NoError(t, l.Backward(ws, &p.Linear, p.g, out))
	// Of large scores float64 keeps 10 digits, which the classes' common part multiplies.
	wantLoss, wantH, wantW, wantB := p.anchored().reference(row)
	for n, x := range [...]struct {
		got  []float32
		want []float64
	}{{loss, wantLoss}, {out.H, wantH}, {out.W, wantW}, {out.Bias, wantB}} {
		size := 0.0
		for _, v := range x.want {
			size = max(size, math.Abs(v))
		}
		for i, v := range x.got {
			if e := math.Abs(float64(v)-x.want[i]) / size; !(e <= worst[n]) {
				worst[n] = e
			}
		}
	}
	return worst
}

func shiftInvariantCases() []lossCase {
	surrogate, rivals := Surrogate{Tanh, 2, 1.5, 1e-6}, LogSumExpRivals{Tau: 0.4, Value: func(rivals, label float64) (v, byRivals, byLabel float64) {
		if math.IsInf(rivals, -1) {
			return 0, 0, 0
		}
		return rivals - label, 1, -1
	}}
	return []lossCase{
		{Softmax{Tau: 0.7}, softmaxRow(0.7, 0)}, {Softmax{Tau: 1, Smoothing: 0.2}, softmaxRow(1, 0.2)},
		{Entmax{Alpha: 1.5}, entmaxRow(1.5)}, {Entmax{Alpha: 2}, entmaxRow(2)}, {Normmax{Alpha: 2}, normmaxRow(2)},
		{Stream(rivals), rivalsRow(rivals)}, {Stream(surrogate), surrogateRow(surrogate)},
		{Stream(Weighted{}), weightedRow()}, {Stream(Pairwise{}), pairwiseRow()},
		{Rankmax{Margin: 1}, rankmaxRow(1)}, {Perceptron{}, perceptronRow}, {CrammerSinger{Margin: 1}, crammerSingerRow(1)},
		{RG{1, 1}, rgRow(1, 1)}, {ZLoss{2, 1, 1e-4}, zLossRow(2, 1, 1e-4)},
	}
}

// TestOffsets: what all classes have in common costs no digits, on any path, in the
// dense and the sparse gradient, of any width, at whatever size; and what was packed
// for one problem is not left over for the next.
func TestOffsets(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for at, l := range shiftInvariantCases() {
			ws := Workspace{ShiftInvariant: true}
			for i, cfg := range []problemConfig{
				{b: 66, c: 400, d: 16, sd: 1, bias: true, padding: true},
				{b: 5, c: 301, d: 9, sd: 1, masked: true, positives: 3},
				{b: 3, c: 1000, d: 20, sd: 2, positives: 80},
			} {
				if testing.Short() && i != at%3 {
					continue
				}
				for _, size := range []float64{1e4, 1e2, 1e6, 0} {
					if testing.Short() && (size == 1e2 || size == 1e6) {
						continue
					}
					p := newProblem(source(uint64(51+i)), cfg)
					p.lift(size)
					for n, e := range p.errors(t, &ws, l.loss, l.row) {
						require.Truef(t, e <= 4e-6, "%T%+v %v, offset %g: relative error %.1e of %s", l.loss, l.loss, cfg, size, e, [...]string{"the loss", "dH", "dW", "dbias"}[n])
					}
					require.Equal(t, size > 0, ws.shifted() || size > 0 && isMoment(l.loss))
				}
			}
		}
	})
}

// isMoment reports a loss that takes the mean off in any case.
func isMoment(l Loss) bool {
	_, ok := l.(moment)
	return ok
}

// TestOffsetsBelowTheLimit: a small offset is left where it is, so that the bits are
// those of a Workspace that knows of no invariance.
func TestOffsetsBelowTheLimit(t *testing.T) {
	for _, l := range shiftInvariantCases() {
		if isMoment(l.loss) {
			continue
		}
		p := newProblem(source(53), problemConfig{b: 70, c: 500, d: 16, sd: 1, bias: true})
		p.lift(1)
		run := func(ws *Workspace) [][]float32 {
			loss, out := p.outputs()
			require.NoError(t, l.loss.Forward(ws, &p.Linear, loss))
			require.NoError(t, l.loss.Backward(ws, &p.Linear, p.g, out))
			return [][]float32{loss, out.H, out.W, out.Bias}
		}
		want, got := run(new(Workspace)), run(&Workspace{ShiftInvariant: true})
		for i := range want {
			requireEqual(t, want[i], got[i], "%T%+v", l.loss, l.loss)
		}
	}
}

// TestOffsetBits: classes that workers pack give one result at any number of
// goroutines, and whether scores are kept or computed again.
func TestOffsetBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, l := range shiftInvariantCases() {
		var first [][]float32
		for _, n := range []int{1, 2, 5} {
			for _, budget := range []int{0, 1 << 30} {
				runtime.GOMAXPROCS(n)
				p := newProblem(source(54), problemConfig{b: 70, c: 3000, d: 24, sd: 1, bias: true, positives: 2})
				p.lift(1e3)
				ws := Workspace{ShiftInvariant: true, Budget: budget}
				loss, out := p.outputs()
				require.NoError(t, l.loss.Forward(&ws, &p.Linear, loss))
				require.NoError(t, l.loss.Backward(&ws, &p.Linear, p.g, out))
				all := [][]float32{loss, out.H, out.W, out.Bias}
				if first == nil {
					first = all
				}
				for i := range first {
					requireEqual(t, first[i], all[i], "%T%+v: GOMAXPROCS=%d, budget %d", l.loss, l.loss, n, budget)
				}
			}
		}
	}
}

// BenchmarkOffset is BenchmarkSoftmax with classes that are packed less their center.
func BenchmarkOffset(b *testing.B) {
	for _, s := range []problemConfig{{b: 256, c: 100_000, d: 64, sd: 2}, {b: 128, c: 10_000, d: 32, sd: 2}, {b: 64, c: 10_000, d: 64, sd: 2}} {
		for _, offset := range []float64{0, 1000} {
			b.Run(fmt.Sprintf("B=%d,C=%d,D=%d/offset=%g", s.b, s.c, s.d, offset), func(b *testing.B) {
				p := newProblem(source(10), s)
				p.lift(offset)
				ws := Workspace{ShiftInvariant: true}
				loss, out := p.outputs()
				out.Bias = nil
				for b.Loop() {
					require.NoError(b, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
					require.NoError(b, Softmax{Tau: 1}.Backward(&ws, &p.Linear, p.g, out))
				}
			})
		}
	}
}

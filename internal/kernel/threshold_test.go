package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// bisect returns the root of a decreasing f in [lo, hi].
func bisect(lo, hi float64, f func(float64) float64) float64 {
	for range 60 {
		if mid := (lo + hi) / 2; f(mid) > 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

func hingeSum(z []float64, tau, q float64) float64 {
	var s float64
	for _, v := range z {
		if v > tau {
			s += math.Pow(v-tau, q)
		}
	}
	return s
}

// threshold returns the root τ of Σ [z−τ]_+^q = 1. It is not below max z − 1, where
// the largest score alone gives 1, so that scores below that bound add nothing.
func threshold(z []float64, q float64) float64 {
	m := slices.Max(z)
	var above []float64
	for _, v := range z {
		if v > m-1 {
			above = append(above, v)
		}
	}
	return bisect(m-1, m, func(tau float64) float64 { return hingeSum(above, tau, q) - 1 })
}

// entmaxRow is the textbook loss by bisection.
func entmaxRow(a float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		y := make([]float64, len(z))
		for j, v := range z {
			y[j] = (a - 1) * v
		}
		q := 1 / (a - 1)
		tau := threshold(y, q)
		omega := func(p []float64) float64 {
			var s float64
			for _, v := range p {
				s += math.Pow(v, a)
			}
			return (s - 1) / (a * (a - 1))
		}
		p := make([]float64, len(z))
		var l float64
		for j, v := range y {
			if v > tau {
				p[j] = math.Pow(v-tau, q)
			}
			dz[j] = p[j] - t[j]
			l += z[j] * dz[j]
		}
		return l - omega(p) + omega(t)
	}
}

// tsallisRow is λ times entmax at scores over λ = α.
func tsallisRow(a float64) func(dz, z, t []float64) float64 {
	entmax := entmaxRow(a)
	return func(dz, z, t []float64) float64 {
		s := make([]float64, len(z))
		for j, v := range z {
			s[j] = v / a
		}
		return a * entmax(dz, s, t)
	}
}

func normmaxRow(a float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		q := a / (a - 1)
		tau := threshold(z, q)
		s := hingeSum(z, tau, q-1)
		l, norm := tau, 0.0
		for j, v := range z {
			dz[j] = -t[j]
			if v > tau {
				dz[j] += math.Pow(v-tau, q-1) / s
			}
			l -= v * t[j]
			norm += math.Pow(t[j], a)
		}
		return l + math.Pow(norm, 1/a)
	}
}

// A lossCase is a fused loss with that of one row in float64.
type lossCase struct {
	loss Loss
	row  func(dz, z, t []float64) float64
}

func thresholdCases() []lossCase {
	cs := []lossCase{
		{Normmax{2}, normmaxRow(2)}, {Normmax{1.3}, normmaxRow(1.3)}, {Normmax{4}, normmaxRow(4)},
	}
	for _, a := range []float64{2, 1.5, 1.25, 1.7, 1.05} {
		cs = append(cs, lossCase{Entmax{Alpha: a}, entmaxRow(a)})
	}
	for _, a := range []float64{2, 1.5, 1.05} {
		cs = append(cs, lossCase{mappedEntmax(a), entmaxRow(a)})
	}
	return append(cs, lossCase{Entmax{Alpha: 1.5, Lambda: 1.5}, tsallisRow(1.5)})
}

// mappedEntmax is entmax as a map of which nothing is known.
func mappedEntmax(a float64) ThresholdMap {
	q := 1 / (a - 1)
	return ThresholdMap{
		Reach: q,
		Map: func(x float64) (p, dp float64) {
			p = math.Pow(x/q, q)
			return p, p / (x / q)
		},
		Omega: func(p float64) float64 { return (math.Pow(p, a) - p) / (a * (a - 1)) },
	}
}

func TestThresholdLossesMatchFloat64(t *testing.T) {
	r := source(11)
	var ws Workspace
	sparse, runs := 0, 0
	for _, cfg := range shapes(
		problemConfig{b: 5, c: 3000, d: 16, sd: 0.05},
		problemConfig{b: 5, c: 3000, d: 16, sd: 0.5},
		problemConfig{b: 70, c: 1500, d: 16, sd: 20, bias: true, positives: 2},
	) {
		for _, l := range thresholdCases() {
			sparse += requireLoss(t, &ws, l.loss, newProblem(r, cfg), l.row, 2e-5, fmt.Sprintf("%#v %v", l.loss, cfg))
			runs += len(Paths())
		}
	}
	require.Positive(t, sparse, "the candidate path never ran")
	require.Less(t, sparse, runs, "the dense path never ran")
}

// TestThresholdLabelBeyondSample has a label that leads every class of the sample,
// from outside of it, by more than the margin: no sampled score is above the first
// bound. Beside it are rows whose scores nearly tie, which need full passes.
func TestThresholdLabelBeyondSample(t *testing.T) {
	var ws Workspace
	most := 60
	if testing.Short() {
		most = 2
	}
	for _, ties := range []int{0, most} {
		for _, l := range thresholdCases() {
			p := newProblem(source(17), problemConfig{b: 2 + ties, c: 1500, d: 2, sd: 1})
			p.W[2*1400] = 30
			for j := range p.C {
				p.W[2*j+1] *= 1e-3
			}
			for i := range p.B {
				copy(p.H[2*i:], []float32{0, 1})
				p.Label[i] = int32(i)
			}
			for i := range 2 { // the second row's label does not lead
				copy(p.H[2*i:], []float32{0.5, 0})
			}
			p.Label[0] = 1400
			requireLoss(t, &ws, l.loss, p, l.row, 2e-5, fmt.Sprintf("%#v beside %d ties", l.loss, ties))
		}
	}
}

// TestConcaveThresholdsMatchFloat64: for α > 2 a probability is a root of a
// difference of scores, so that a rounding of scores is a large part of a small
// one; the loss is as exact as any.
func TestConcaveThresholdsMatchFloat64(t *testing.T) {
	r := source(18)
	var ws Workspace
	sparse, runs := 0, 0
	checkOne := func(l Loss, p *problem, alpha float64, what string) {
		wantLoss, _, _, _ := p.reference(entmaxRow(alpha))
		sparse += requireLoss(t, &ws, l, p, entmaxRow(alpha), 5e-3, what)
		runs += len(Paths())
		loss := make([]float32, p.B)
		require.NoError(t, l.Forward(&ws, &p.Linear, loss))
		for i, v := range loss {
			require.Truef(t, near(float64(v), wantLoss[i], 2e-5, 2e-5), "%s: row %d is %v, want %v", what, i, v, wantLoss[i])
		}
	}
	check := func(p *problem, alpha float64, what string) {
		checkOne(Entmax{Alpha: alpha}, p, alpha, what)
		checkOne(mappedEntmax(alpha), p, alpha, "mapped "+what)
	}
	ties := problemConfig{b: 40, c: 2000, d: 2, sd: 1}
	if testing.Short() {
		ties.b = 4
	}
	for _, alpha := range []float64{2.5, 3, 4} {
		for _, cfg := range shapes() {
			if cfg.d > 1 {
				check(newProblem(r, cfg), alpha, fmt.Sprintf("α=%v %v", alpha, cfg))
			}
		}
		// All scores of a row tie, at 0 and elsewhere: full passes.
		p := newProblem(r, ties)
		for j := range p.C {
			p.W[2*j], p.W[2*j+1] = 1, 0
		}
		for i := range p.B {
			p.H[2*i] = float32(i%3) * 1.7
		}
		check(p, alpha, fmt.Sprintf("α=%v, ties", alpha))
		for j := range p.C { // nearly
			p.W[2*j+1] = 1e-3 * float32(r.NormFloat64())
		}
		for i := range p.B {
			p.H[2*i+1] = 1
		}
		check(p, alpha, fmt.Sprintf("α=%v, near ties", alpha))
	}
	require.Positive(t, sparse)
	require.Less(t, sparse, runs, "the dense path never ran")
}

func TestThresholdSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, sd := range []float64{0.05, 5} {
			for _, l := range []Loss{Entmax{Alpha: 1.5}, Entmax{Alpha: 2}, Entmax{Alpha: 3}, Normmax{2}, mappedEntmax(1.5), mappedEntmax(3)} {
				sameBits(t, l, newProblem(source(12), problemConfig{b: 100, c: 4000, d: 12, sd: sd, bias: true}))
			}
		}
	})
}

func TestThresholdRefusesBadParameters(t *testing.T) {
	p := newProblem(source(13), problemConfig{b: 3, c: 5, d: 2, sd: 1, positives: 3})
	for want, l := range map[string]Loss{
		"α is above 1":         Entmax{Alpha: 1},
		"entmax with α = +Inf": Entmax{Alpha: math.Inf(1)},
		"entmax with α = NaN":  Entmax{Alpha: math.NaN()},
		"above 1 and finite":   Normmax{1},
		"reach -1":             ThresholdMap{Reach: -1},
	} {
		require.ErrorContains(t, l.Forward(new(Workspace), &p.Linear, make([]float32, 3)), want)
	}
}

func TestThresholdNaN(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, bad := range []float32{nan, inf} {
			for _, at := range []int{0, 2500} { // inside the sample and out of it
				for _, l := range append(thresholdCases(), lossCase{Entmax{Alpha: 3}, entmaxRow(3)}) {
					p := newProblem(source(14), problemConfig{b: 2, c: 3000, d: 1, sd: 1})
					p.H = []float32{1, 1}
					p.W[at] = bad
					p.Label = []int32{5, -1}
					loss := []float32{0, 7}
					var ws Workspace
					require.NoError(t, l.loss.Forward(&ws, &p.Linear, loss))
					require.True(t, loss[0] != loss[0], "%T%v: %v at %d gives %v", l.loss, l.loss, bad, at, loss[0])
					require.Zero(t, loss[1])
				}
			}
		}
	})
}

func BenchmarkThreshold(b *testing.B) {
	for _, c := range []struct {
		name string
		loss Loss
		sd   float64
	}{
		{"softmax", Softmax{Tau: 1}, 2.4},
		{"sparsemax/trained", Entmax{Alpha: 2}, 2.4}, {"entmax1.5/trained", Entmax{Alpha: 1.5}, 2.4}, {"entmax1.25/trained", Entmax{Alpha: 1.25}, 2.4},
		{"sparsemax/fresh", Entmax{Alpha: 2}, 0.08}, {"entmax1.5/fresh", Entmax{Alpha: 1.5}, 0.08}, {"entmax1.25/fresh", Entmax{Alpha: 1.25}, 0.08},
		{"entmax1.5/between", Entmax{Alpha: 1.5}, 0.4}, {"normmax2/fresh", Normmax{2}, 0.08},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newProblem(source(15), problemConfig{b: 256, c: 100_000, d: 64, sd: c.sd})
			ws := Workspace{ShiftInvariant: true}
			loss, out := p.outputs()
			out.Bias = nil
			require.NoError(b, c.loss.Forward(&ws, &p.Linear, loss))
			if ws.Sparse() {
				out.W, out.Rows = nil, &RowGrad{}
			}
			for b.Loop() {
				require.NoError(b, c.loss.Forward(&ws, &p.Linear, loss))
				require.NoError(b, c.loss.Backward(&ws, &p.Linear, p.g, out))
			}
			b.ReportMetric(float64(ws.Bytes())/1e6, "MB")
			b.ReportMetric(map[bool]float64{true: 1}[ws.Sparse()], "sparse")
		})
	}
}

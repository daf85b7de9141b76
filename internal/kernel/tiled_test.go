package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func rankmaxRow(delta float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (l float64) {
		clear(dz)
		for y, w := range t {
			if w == 0 {
				continue
			}
			var s, n float64
			for _, v := range z {
				if h := v - z[y] + delta; h > 0 {
					s += h
					n++
				}
			}
			for j, v := range z {
				if v-z[y]+delta > 0 {
					dz[j] += w / s
				}
			}
			dz[y] -= w * n / s
			l += w * math.Log(s/delta)
		}
		return l
	}
}

// eachRow is the mean over the targets, by their weights, of a loss of the label y:
// one returns it and stores ∂ℓ/∂z.
func eachRow(one func(dz, z []float64, y int) float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (l float64) {
		clear(dz)
		d := make([]float64, len(z))
		for y, w := range t {
			if w == 0 {
				continue
			}
			clear(d)
			l += w * one(d, z, y)
			for j, v := range d {
				dz[j] += w * v
			}
		}
		return l
	}
}

// rivalsRow takes log-sum-exps term by term.
func rivalsRow(l LogSumExpRivals) func(dz, z, t []float64) float64 {
	return eachRow(func(dz, z []float64, y int) float64 {
		m := math.Inf(-1)
		for j, v := range z {
			if j != y {
				m = max(m, v/l.Tau)
			}
		}
		sum := 0.0
		for j, v := range z {
			if j != y {
				dz[j] = math.Exp(v/l.Tau - m)
				sum += dz[j]
			}
		}
		v, byRivals, byLabel := l.Value(m+math.Log(sum), z[y]/l.Tau)
		if len(z) == 1 {
			v, byRivals, byLabel = l.Value(math.Inf(-1), z[y]/l.Tau)
			sum = 1
		}
		Scale(byRivals/sum/l.Tau, dz)
		dz[y] = byLabel / l.Tau
		return v
	})
}

func crossEntropy(rivals, label float64) (v, byRivals, byLabel float64) {
	p := Sigmoid(rivals - label)
	return Softplus(rivals - label), p, -p
}

// lead is the loss whose label is no part of the sum.
func lead(rivals, label float64) (v, byRivals, byLabel float64) {
	if math.IsInf(rivals, -1) {
		return 0, 0, 0
	}
	return 0.5 * (2*rivals - label), 1, -0.5
}

func logisticRow(l Logistic) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (v float64) {
		n := 1.0
		if l.Mean {
			n = float64(len(z))
		}
		for j, s := range z {
			x, w := s-l.Shift, t[j]
			if l.Hot && w > 0 {
				w = 1
			}
			v += (l.Beta*w*Softplus(-x) + (1-w)*Softplus(x)) / n
			dz[j] = ((1-w)*Sigmoid(x) - l.Beta*w*Sigmoid(-x)) / n
		}
		return v
	}
}

func pairwiseRow() func(dz, z, t []float64) float64 {
	return eachRow(func(dz, z []float64, y int) (v float64) {
		n := float64(max(len(z)-1, 1))
		for j, s := range z {
			if j != y {
				v += Softplus(s-z[y]) / n
				dz[j] = Sigmoid(s-z[y]) / n
				dz[y] -= dz[j]
			}
		}
		return v
	})
}

// kthLead is a loss that weighs lead by the label's distance from the K-th score.
func kthLead(rivals, label, kth float64) (v, byRivals, byLabel float64) {
	if math.IsInf(rivals, -1) {
		return 0, 0, 0
	}
	w := Sigmoid(label - kth)
	return w * (rivals - label), w, (rivals-label)*w*(1-w) - w
}

func kthRow(l KthLargestRivals) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		down := slices.Clone(z)
		slices.Sort(down)
		kth := down[max(len(z)-l.K, 0)]
		row := rivalsRow(LogSumExpRivals{Tau: l.Tau, Value: func(rivals, label float64) (v, byRivals, byLabel float64) {
			return l.Value(rivals, label, kth/l.Tau)
		}})
		if l.Apart {
			row = apartRow(row)
		}
		return row(dz, z, t)
	}
}

func surrogateRow(l Surrogate) func(dz, z, t []float64) float64 {
	phi := func(x float64) (phi, slope float64) {
		switch l.Phi {
		case Tanh:
			phi, slope = 1+math.Tanh(x), 1-math.Tanh(x)
		case Relu:
			phi, slope = 1+x, 1/(1+x)
		default:
			phi = 1 + math.Atan(x)
			slope = 1 / ((1 + x*x) * phi)
		}
		if phi <= l.Floor {
			return l.Floor, 0
		}
		return phi, slope
	}
	return eachRow(func(dz, z []float64, y int) float64 {
		if len(z) == 1 {
			return 0
		}
		var sum, own float64
		for j, s := range z {
			if j != y {
				v, _ := phi((s - z[y]) / l.Tau)
				sum += math.Pow(v, l.Power)
			}
		}
		for j, s := range z {
			if j != y {
				v, slope := phi((s - z[y]) / l.Tau)
				dz[j] = math.Pow(v, l.Power) / sum * slope * l.Power / l.Tau
				own += dz[j]
			}
		}
		dz[y] = -own
		return math.Log(sum)
	})
}

func weightedRow() func(dz, z, t []float64) float64 {
	return eachRow(func(dz, z []float64, y int) (v float64) {
		if len(z) == 1 {
			return 0
		}
		m := slices.Max(z)
		var sum, own float64
		for j, s := range z {
			if j != y {
				sum += math.Exp(s - m)
			}
		}
		for j, s := range z {
			if j != y {
				v += math.Exp(s-m) / sum * Softplus(s-z[y])
			}
		}
		for j, s := range z {
			if j != y {
				dz[j] = math.Exp(s-m) / sum * (Sigmoid(s-z[y]) + Softplus(s-z[y]) - v)
				own += math.Exp(s-m) / sum * Sigmoid(s-z[y])
			}
		}
		dz[y] = -own
		return v
	})
}

func taylorRow(order int) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (l float64) {
		var sum float64
		for _, v := range z {
			sum += taylorOf(order, v)
		}
		for j, v := range z {
			f, df := taylorOf(order, v), taylorOf(order-1, v)
			dz[j] = df/sum - t[j]*df/f
			l -= t[j] * math.Log(f/sum)
		}
		return l
	}
}

func contrastiveRow(l Contrastive) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (v float64) {
		n := 0.0
		for _, w := range t {
			if w == 0 {
				n++
			}
		}
		for j, s := range z {
			switch {
			case t[j] > 0:
				v += t[j] * (1 - s)
				dz[j] = -t[j]
			case s > l.Margin:
				v += l.Weight / n * (s - l.Margin)
				dz[j] = l.Weight / n
			}
		}
		return v
	}
}

func perceptronRow(dz, z, t []float64) float64 {
	m := slices.Max(z)
	for j, w := range t {
		dz[j] = -w
	}
	dz[slices.Index(z, m)]++
	var l float64
	for j, w := range t {
		l += w * (m - z[j])
	}
	return l
}

func crammerSingerRow(margin float64) func(dz, z, t []float64) float64 {
	return eachRow(func(dz, z []float64, y int) float64 {
		at := -1
		for j, s := range z {
			if j != y && (at < 0 || s > z[at]) {
				at = j
			}
		}
		if at < 0 || z[at]+margin <= z[y] {
			return 0
		}
		dz[at], dz[y] = 1, -1
		return z[at] + margin - z[y]
	})
}

func tiledCases() []lossCase {
	var cs []lossCase
	for _, l := range []LogSumExpRivals{{Tau: 1, Value: crossEntropy}, {Tau: 0.4, Value: lead}} {
		cs = append(cs, lossCase{Stream(l), rivalsRow(l)})
	}
	for _, l := range []Logistic{{Beta: 1}, {Shift: 2, Beta: 1}, {Beta: 0.3, Mean: true}, {Beta: 1, Hot: true}} {
		cs = append(cs, lossCase{Stream(l), logisticRow(l)})
	}
	for _, order := range []int{4, 6, 8} {
		cs = append(cs, lossCase{Stream(Taylor{order}), taylorRow(order)})
	}
	for _, l := range []Contrastive{{0.2, 10}, {-1, 1}} {
		cs = append(cs, lossCase{Stream(l), contrastiveRow(l)})
	}
	for _, l := range []Surrogate{{Tanh, 2, 1.5, 1e-6}, {Relu, 2, 3, 1e-3}, {Atan, 3, 3, 1e-3}} {
		cs = append(cs, lossCase{Stream(l), surrogateRow(l)})
	}
	for _, l := range []KthLargestRivals{{K: 3, Tau: 1, Value: kthLead}, {K: 500, Tau: 0.7, Value: kthLead}, {K: 3, Tau: 0.7, Value: kthLead, Apart: true}} {
		cs = append(cs, lossCase{l, kthRow(l)})
	}
	cs = append(cs, apartCases()...)
	return append(cs,
		lossCase{Stream(Weighted{}), weightedRow()},
		lossCase{Stream(Pairwise{}), pairwiseRow()},
		lossCase{Rankmax{Margin: 1}, rankmaxRow(1)}, lossCase{Rankmax{Margin: 0.3}, rankmaxRow(0.3)},
		lossCase{Perceptron{}, perceptronRow}, lossCase{CrammerSinger{Margin: 1}, crammerSingerRow(1)})
}

func TestTiledLossesMatchFloat64(t *testing.T) {
	r := source(41)
	var ws Workspace // one for all: nothing may be left over
	for _, cfg := range shapes(
		problemConfig{b: 70, c: 160, d: 16, sd: 1, bias: true, masked: true, padding: true, positives: 106},
		problemConfig{b: 5, c: 400, d: 9, sd: 3, positives: 150},
	) {
		for _, l := range tiledCases() {
			requireLoss(t, &ws, l.loss, newProblem(r, cfg), l.row, 2e-5, fmt.Sprintf("%T%+v %v", l.loss, l.loss, cfg))
		}
	}
	// Few classes lie above these thresholds.
	sparse := 0
	for _, cfg := range []problemConfig{
		{b: 20, c: 3000, d: 16, sd: 1, bias: true, padding: true}, {b: 20, c: 3000, d: 17, sd: 1, masked: true, positives: 4},
	} {
		p := newProblem(r, cfg)
		ahead := func(i int, c int32) { // rows and their targets have a direction of their own
			p.H[i*p.D], p.W[int(c)*p.D] = 3, 3
		}
		for i := range p.B {
			if p.Label != nil && p.Label[i] >= 0 {
				ahead(i, p.Label[i])
			} else if p.Label == nil && p.Ptr[i+1] > p.Ptr[i] {
				for _, c := range p.Pos[p.Ptr[i]:p.Ptr[i+1]] {
					ahead(i, c)
				}
			}
		}
		for c := range p.C {
			if p.W[c*p.D] != 3 {
				p.W[c*p.D] = 0
			}
		}
		for _, l := range []lossCase{
			{Rankmax{Margin: 0.5}, rankmaxRow(0.5)}, {Rankmax{Margin: 0.5, Apart: true}, apartRow(rankmaxRow(0.5))}, {Stream(Contrastive{4, 10}), contrastiveRow(Contrastive{4, 10})},
		} {
			sparse += requireLoss(t, &ws, l.loss, p, l.row, 2e-5, fmt.Sprintf("%+v ahead, %v", l.loss, cfg))
		}
	}
	require.Equal(t, 6*len(Paths()), sparse)
}

func TestAtan(t *testing.T) {
	for i := -4000; i <= 4000; i++ {
		x := float32(i) / 400
		require.InDelta(t, math.Atan(float64(x)), atan(x), 3e-7, "%v", x)
	}
	require.Equal(t, float32(math.Pi/2), atan(inf))
	require.True(t, atan(nan) != atan(nan))
}

// TestTiledRisingScores: a sum of exponentials leaves its reference behind, tile by
// tile.
func TestTiledRisingScores(t *testing.T) {
	p := newProblem(source(43), problemConfig{b: 2, c: 768, d: 1, sd: 1}) // 4 chunks of 2 tiles
	p.H, p.Label = []float32{1, 0.5}, []int32{3, 0}
	for c := range p.W {
		p.W[c] = float32(c) / 2
	}
	for _, l := range []lossCase{
		{Softmax{Tau: 1}, softmaxRow(1, 0)}, {Stream(LogSumExpRivals{Tau: 1, Value: crossEntropy}), rivalsRow(LogSumExpRivals{Tau: 1, Value: crossEntropy})}, {Stream(Weighted{}), weightedRow()},
	} {
		// Gradients are differences of numbers of some 380.
		requireLoss(t, new(Workspace), l.loss, p, l.row, 1e-4, fmt.Sprintf("%+v", l.loss))
	}
}

// TestBestOfTies: of equal scores the lowest class is the best, whether it is a target
// or not, in whatever tile it lies.
func TestBestOfTies(t *testing.T) {
	for _, targets := range [][]int32{{5, 600}, {300, 600}, {0, 1}, {698, 699}} {
		p := newProblem(source(44), problemConfig{b: 3, c: 700, d: 2, sd: 1})
		p.Label, p.Ptr = nil, []int32{0}
		for range p.B {
			p.Pos, p.Weight = append(p.Pos, targets...), append(p.Weight, 0.25, 0.75)
			p.Ptr = append(p.Ptr, int32(len(p.Pos)))
		}
		copy(p.H, []float32{1, 0, 0, 1, 0, 0})
		for c := range p.C {
			p.W[2*c], p.W[2*c+1] = 1, float32(c%300/100)
		}
		for _, l := range []lossCase{{Perceptron{}, perceptronRow}, {CrammerSinger{Margin: 1}, crammerSingerRow(1)}} {
			requireLoss(t, new(Workspace), l.loss, p, l.row, 1e-6, fmt.Sprintf("%+v, targets %v", l.loss, targets))
		}
	}
}

func TestTiledSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	problems := []problemConfig{{b: 100, c: 3000, d: 12, sd: 1, bias: true, positives: 3}, {b: 8, c: 400, d: 12, sd: 1, positives: 120}}
	if testing.Short() {
		problems = []problemConfig{{b: 70, c: 800, d: 12, sd: 1, bias: true, positives: 2}, {b: 2, c: 400, d: 12, sd: 1, positives: 120}}
	}
	onPaths(t, func(t *testing.T) {
		for _, l := range tiledCases() {
			for _, cfg := range problems {
				sameBits(t, l.loss, newProblem(source(42), cfg))
			}
		}
	})
}

// TestTiledNaN: NaN and +Inf give NaN, as a score of a target and elsewhere, and
// leave padding alone.
func TestTiledNaN(t *testing.T) {
	many := int32(100) // targets
	if testing.Short() {
		many = 20
	}
	onPaths(t, func(t *testing.T) {
		for _, bad := range []float32{nan, inf} {
			for _, at := range []int{5, 600} {
				for _, l := range tiledCases() {
					p := newProblem(source(14), problemConfig{b: 2, c: 700, d: 1, sd: 1})
					p.H = []float32{1, 1}
					p.W[at] = bad
					p.Label = []int32{5, -1}
					loss := []float32{0, 7}
					var ws Workspace
					require.NoError(t, l.loss.Forward(&ws, &p.Linear, loss))
					require.True(t, loss[0] != loss[0], "%+v: %v at %d gives %v", l.loss, bad, at, loss[0])
					require.Zero(t, loss[1])
					p.Label, p.Ptr = nil, []int32{0, many, many}
					for k := range many {
						p.Pos, p.Weight = append(p.Pos, 5+k), append(p.Weight, 1/float32(many))
					}
					require.NoError(t, l.loss.Forward(&ws, &p.Linear, loss))
					require.True(t, loss[0] != loss[0], "%+v: %v at %d among %d targets gives %v", l.loss, bad, at, many, loss[0])
					require.Zero(t, loss[1])
				}
			}
		}
	})
}

// TestTiledLeadingLabel: what a label far ahead leaves to the others keeps its
// digits, in the loss and in the gradient.
func TestTiledLeadingLabel(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		x := &Linear{B: 1, C: 3, D: 1, H: []float32{1}, W: []float32{40, 0, -1}, Label: []int32{0}}
		want := math.Exp(-40) + math.Exp(-41)
		for _, l := range []Loss{Softmax{Tau: 1}, Stream(LogSumExpRivals{Tau: 1, Value: crossEntropy})} {
			var ws Workspace
			loss, dw := make([]float32, 1), make([]float32, 3)
			require.NoError(t, l.Forward(&ws, x, loss))
			require.NoError(t, l.Backward(&ws, x, []float32{1}, &Grad{W: dw}))
			require.InEpsilon(t, want, loss[0], 1e-5)
			require.InEpsilon(t, -want, dw[0], 1e-5)
		}
		l := Stream(LogSumExpRivals{Tau: 1, Value: lead})
		for _, ahead := range []float32{40, 400, 4000} { // the sum keeps its digits below any label
			var ws Workspace
			loss := make([]float32, 1)
			x.W = []float32{ahead, 0, -1}
			require.NoError(t, l.Forward(&ws, x, loss))
			require.InEpsilon(t, math.Log(1+math.Exp(-1))-float64(ahead)/2, loss[0], 1e-6)
			x.W = []float32{1, -ahead, -ahead - 1}
			require.NoError(t, l.Forward(&ws, x, loss))
			require.InEpsilon(t, math.Log(1+math.Exp(-1))-float64(ahead)-0.5, loss[0], 1e-6)
		}
	})
}

func TestTiledRefusesBadParameters(t *testing.T) {
	p := newProblem(source(17), problemConfig{b: 2, c: 3, d: 2, sd: 1})
	for want, l := range map[string]Loss{
		"log-sum-exp with temperature 0": Stream(LogSumExpRivals{}),
		"β is positive":                  Stream(Logistic{}),
		"of order 3":                     Stream(Taylor{3}),
		"weight is not negative":         Stream(Contrastive{0, -1}),
		"rankmax with margin 0":          Rankmax{},
		"surrogate softmax with τ = 0":   Stream(Surrogate{Power: 1, Floor: 1}),
		"no surrogate 3":                 Stream(Surrogate{3, 1, 1, 1}),
		"hinge with margin 0":            CrammerSinger{},
		"the 0-th largest score":         KthLargestRivals{Tau: 1},
	} {
		require.ErrorContains(t, l.Forward(new(Workspace), &p.Linear, make([]float32, 2)), want)
	}
}

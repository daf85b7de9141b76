package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func rgRow(a, b float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		n := float64(len(z))
		var mean, square, at float64
		for j, v := range z {
			mean += v / n
			square += v * v / n
			at += t[j] * v
		}
		for j, v := range z {
			dz[j] = (1+a*v-b*mean)/n - t[j]
		}
		return math.Log(n) + mean + a/2*square - b/2*mean*mean - at
	}
}

// ratioRow is log Σf(z) − Σ t log f(z).
func ratioRow(f, df func(float64) float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		var sum, l float64
		for j, v := range z {
			sum += f(v)
			l -= t[j] * math.Log(f(v))
		}
		for j, v := range z {
			dz[j] = df(v)/sum - t[j]*df(v)/f(v)
		}
		return l + math.Log(sum)
	}
}

// zLossRow takes the gradient by the chain rule over every score.
func zLossRow(a, b, floor float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		n := float64(len(z))
		mean, variance, l := 0.0, floor, 0.0
		for _, v := range z {
			mean += v / n
		}
		for _, v := range z {
			variance += (v - mean) * (v - mean) / n
		}
		sd := math.Sqrt(variance)
		clear(dz)
		for k, w := range t {
			if w == 0 {
				continue
			}
			y := (z[k] - mean) / sd
			l += w * math.Log1p(math.Exp(a*(b-y))) / a
			s := -w / (1 + math.Exp(-a*(b-y)))
			for j, v := range z {
				dz[j] += s * (-1/(n*sd) - y*(v-mean)/(n*variance))
			}
			dz[k] += s / sd
		}
		return l
	}
}

func squaredRow(dz, z, t []float64) (l float64) {
	for j, v := range z {
		dz[j] = v - t[j]
		l += dz[j] * dz[j] / 2
	}
	return l
}

// hotRow is row at targets of 1.
func hotRow(row func(dz, z, t []float64) float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		hot := make([]float64, len(t))
		for j, w := range t {
			if w > 0 {
				hot[j] = 1
			}
		}
		return row(dz, z, hot)
	}
}

type gramCase struct {
	loss Loss
	row  func(dz, z, t []float64) float64
}

func gramCases() []gramCase {
	return []gramCase{
		{RG{1, 0}, rgRow(1, 0)}, {RG{1, 1}, rgRow(1, 1)}, {RG{0.6, 0.4}, rgRow(0.6, 0.4)}, {Squared{}, squaredRow}, {Squared{Hot: true}, hotRow(squaredRow)},
		{Taylor2{}, ratioRow(func(z float64) float64 { return 1 + z + z*z/2 }, func(z float64) float64 { return 1 + z })},
		{Spherical{0.1}, ratioRow(func(z float64) float64 { return z*z + 0.1 }, func(z float64) float64 { return 2 * z })},
		{ZLoss{1, 2, 1e-12}, zLossRow(1, 2, 1e-12)}, {ZLoss{0.3, 28, 0.1}, zLossRow(0.3, 28, 0.1)},
	}
}

func TestGramLossesMatchFloat64(t *testing.T) {
	r := source(40)
	var ws Workspace
	for _, cfg := range shapes() {
		for _, l := range gramCases() {
			requireLoss(t, &ws, l.loss, newProblem(r, cfg), l.row, 5e-5, fmt.Sprintf("%T%v %v", l.loss, l.loss, cfg))
		}
	}
}

// TestGramSeesASmallSpread has scores that differ by 1e-3 of their mean.
func TestGramSeesASmallSpread(t *testing.T) {
	p := newProblem(source(43), problemConfig{b: 4, c: 500, d: 6, sd: 0.1, bias: true})
	for c := range p.Bias {
		p.Bias[c] = 64 + p.Bias[c]/8
	}
	for _, l := range gramCases() {
		requireLoss(t, new(Workspace), l.loss, p, l.row, 5e-5, fmt.Sprintf("%T%v", l.loss, l.loss))
	}
}

// TestZLossOfTwoClasses: of two scores the standardised ones are ±1, so that all of
// the gradient but what Variance leaves cancels.
func TestZLossOfTwoClasses(t *testing.T) {
	for _, target := range []Linear{{Label: []int32{1}}, {Ptr: []int32{0, 2}, Pos: []int32{0, 1}, Weight: []float32{0.25, 0.75}}} {
		x := target
		x.B, x.C, x.D, x.H, x.W = 1, 2, 1, []float32{1}, []float32{1, 1.0625}
		up := []float64{0, 1} // weights of the targets
		if x.Weight != nil {
			up = []float64{0.25, 0.75}
		}
		var ws Workspace
		l := ZLoss{A: 1, B: 2, Variance: 1e-12}
		require.NoError(t, l.Forward(&ws, &x, make([]float32, 1)))
		bias := make([]float32, 2)
		require.NoError(t, l.Backward(&ws, &x, []float32{1}, &Grad{Bias: bias}))
		sd := 0.03125
		want := 1e-12 / (2 * sd * sd * sd) * (up[0]*Sigmoid(2+1) - up[1]*Sigmoid(2-1)) // at class 1, less at class 0
		require.InEpsilon(t, want, float64(bias[1]), 1e-4)
		require.InEpsilon(t, -want, float64(bias[0]), 1e-4)
	}
}

func TestGramSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for _, l := range []Loss{RG{1, 0.5}, Squared{}, Taylor2{}, Spherical{0.1}, ZLoss{1, 1, 1e-12}} {
			sameBits(t, l, newProblem(source(41), problemConfig{b: 70, c: 3000, d: 20, sd: 1, bias: true}))
		}
	})
}

func TestGramRefusesBadParameters(t *testing.T) {
	p := newProblem(source(42), problemConfig{b: 2, c: 5, d: 2, sd: 1})
	for want, l := range map[string]Loss{
		"A = NaN":        RG{math.NaN(), 0},
		"ε is positive":  Spherical{0},
		"a = 0":          ZLoss{0, 1, 1},
		"variance 0":     ZLoss{1, 1, 0},
		"all are finite": ZLoss{1, math.Inf(1), 1},
	} {
		require.ErrorContains(t, l.Forward(new(Workspace), &p.Linear, make([]float32, 2)), want)
	}
}

func TestGramKeepsNaN(t *testing.T) {
	for _, l := range gramCases() {
		x := &Linear{B: 2, C: 4, D: 1, H: []float32{1, 1}, W: []float32{1, 2, nan, 3}, Label: []int32{0, -1}}
		loss := make([]float32, 2)
		require.NoError(t, l.loss.Forward(new(Workspace), x, loss))
		require.True(t, loss[0] != loss[0], "%T%v", l.loss, l.loss)
		require.Zero(t, loss[1])
	}
}

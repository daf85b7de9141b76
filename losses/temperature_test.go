package losses_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestNaturalTemperature: the temperatures that the links of single losses work out to, at
// spreads that are whole and not, and where one class alone follows.
func TestNaturalTemperature(t *testing.T) {
	for text, want := range map[string]func(m, c float64) float64{
		"softmax":               func(_, c float64) float64 { return 1 / math.Log(c) },
		"softmax:tau=0.5":       func(_, c float64) float64 { return 2 / math.Log(c) },
		"softmax:smoothing=0.1": func(m, c float64) float64 { return 1 / math.Log1p(0.9*c/(0.1*m)) },
		"entmax":                func(m, _ float64) float64 { return math.Sqrt(m) / 2 },
		"entmax:alpha=3":        func(m, _ float64) float64 { return 2 * m * m },
		"tsallis":               func(m, _ float64) float64 { return math.Sqrt(m) / 3 },
		"normmax":               func(m, _ float64) float64 { return math.Sqrt(m) },
		"normmax:alpha=1.5":     func(m, _ float64) float64 { return math.Cbrt(m) },
		"sparsemax":             func(m, _ float64) float64 { return m },
		"squared":               func(m, _ float64) float64 { return m },
		"rg2":                   func(m, c float64) float64 { return m / c },
		"rgx":                   func(m, c float64) float64 { return m / c },
		"rgx:beta=0.5":          func(m, c float64) float64 { return m / c },
		"bpr":                   func(_, c float64) float64 { return 1 / math.Log(c) },
		"squared:labels=hot":    func(_, _ float64) float64 { return 1 }, // a label is 1, not 1/M
		"bce":                   func(_, c float64) float64 { return 1 / math.Log(2*c) },
		"bce:labels=mean": func(m, c float64) float64 { // of p = 1/(M s) and 1/(C M s), s their total
			s := 1 + (c-m)/(c*m)
			return 1 / math.Log((c*m*s-1)/(m*s-1))
		},
	} {
		l, err := losses.Parse(text)
		require.NoError(t, err)
		for _, m := range []float64{1, 28, 132.25} {
			if text == "bce:labels=mean" && m == 1 {
				continue // the reference above is 1/log of 0 digits
			}
			for _, c := range []int{3043, 100_000_000} { // no list of all classes is made
				got, ok := l.NaturalTemperature(m, c)
				require.True(t, ok, text)
				require.InEpsilon(t, want(m, float64(c)), got, 1e-9, "%s, M=%g, C=%d", text, m, c)
			}
		}
	}
	bce, err := losses.Parse("bce:labels=mean")
	require.NoError(t, err)
	got, ok := bce.NaturalTemperature(1, 3043) // p = ½ of the class, not 1
	require.True(t, ok)
	require.InEpsilon(t, 1/math.Log(2*3043), got, 0.01)
}

// TestSampledTemperature: over draws softmax keeps its temperature, and a loss whose
// temperature contains the spread has that among the candidates.
func TestSampledTemperature(t *testing.T) {
	const m, c, n = 132.2, 3043, 64
	among := 1 + n*(m-1)/(c-1)
	for text, want := range map[string]float64{
		"softmax": 1 / math.Log(c), "bpr": 1 / math.Log(c), "sparsemax": among, "entmax": math.Sqrt(among) / 2, "rgx": among / (1 + n),
	} {
		l, err := losses.Parse(text)
		require.NoError(t, err)
		got, ok := l.SampledTemperature(m, c, n)
		require.True(t, ok)
		require.InEpsilon(t, want, got, 1e-9, text)
		all, ok := l.NaturalTemperature(m, c)
		require.True(t, ok)
		for _, draws := range []int{c - 1, c, 1 << 20} {
			got, ok = l.SampledTemperature(m, c, draws)
			require.True(t, ok)
			require.InEpsilon(t, all, got, 1e-9, "%s, %d draws", text, draws)
		}
		_, ok = l.SampledTemperature(m, c, 0)
		require.False(t, ok)
		_, ok = l.SampledTemperature(m, 1, 1)
		require.False(t, ok)
	}
}

// TestNoNaturalTemperature: where the link is no measure of scores there is none, and
// nothing is made up.
func TestNoNaturalTemperature(t *testing.T) {
	for text, why := range map[string]string{
		"cosine": "cosines", "ccl": "cosines", "hinge": "no link", "rankmax": "no link", "bpr:weights=softmax": "no link", "perceptron": "one score for all",
		"taylor": "a minimiser is not in order", "spherical": "a minimiser is not in order", "rgx:variant=code": "linear",
	} {
		l, err := losses.Parse(text)
		require.NoError(t, err, text)
		_, ok := l.NaturalTemperature(10, 1000)
		require.False(t, ok, "%s: %s", text, why)
		require.False(t, l.SpreadMatters(10, 1000), text)
	}
	l, err := losses.Parse("sparsemax")
	require.NoError(t, err)
	for _, m := range []float64{0, 0.5, -1, 1001, math.NaN(), math.Inf(1)} {
		_, ok := l.NaturalTemperature(m, 1000)
		require.False(t, ok, "%g", m)
	}
	one, ok := l.NaturalTemperature(1000, 1000)
	require.True(t, ok, "all classes follow")
	require.Equal(t, 1000.0, one)
}

// TestSpreadMatters: which temperatures have the spread in them.
func TestSpreadMatters(t *testing.T) {
	for text, want := range map[string]bool{
		"softmax": false, "bce": false, "bpr": false, "entmax:alpha=1.05": false,
		"entmax": true, "tsallis": true, "normmax": true, "sparsemax": true, "squared": true, "rg2": true, "rgx": true,
	} {
		l, err := losses.Parse(text)
		require.NoError(t, err)
		for _, m := range []float64{1, 30, 999} {
			require.Equal(t, want, l.SpreadMatters(m, 1000), "%s at %g", text, m)
		}
	}
}

package tune

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// unit returns axes of length 1 and lists, by the texts of their values.
func unit(t *testing.T, values ...string) (axes []Axis) {
	for i, v := range values {
		a, err := ParseAxis([]string{"l2", "decay", "dropout", "loss"}[i]+"="+v, map[string]string{"l2": "train.l2", "decay": "train.decay", "dropout": "train.dropout"})
		require.NoError(t, err)
		axes = append(axes, a)
	}
	return axes
}

// TestMixture holds the density against that of Optuna 5.0.0, _ParzenEstimator with
// multivariate=True and its default weights, for the same observations.
func TestMixture(t *testing.T) {
	axes := unit(t, "0..1", "0..1", "x|y|z")
	frac := func(x float64) float64 { return x - math.Floor(x) }
	for n, want := range map[int][3]float64{
		0:  {-1.04790669, -1.24715669, -1.10985669},
		5:  {-0.43477173, -2.98589142, -1.06530806},
		30: {-4.39787302, -4.59850637, -4.43811628},
	} {
		var at [][]float64
		for i := range n {
			at = append(at, []float64{frac(0.37 + 0.618033988749895*float64(i)), frac(0.11 + 0.754877666*float64(i)), (float64(i%3) + 0.5) / 3})
		}
		m := newMixture(axes, at)
		for k, x := range [][]float64{{0.5, 0.25, 0.5 / 3}, {0.03, 0.99, 1.5 / 3}, {0.92, 0.6, 2.5 / 3}} {
			require.InDelta(t, want[k], m.logDensity(x), 5e-9, "%d observations, place %d", n, k)
		}
	}
}

// TestMixtureLaws: a density sums to 1 and draws follow it, also where an observation did
// not take an axis.
func TestMixtureLaws(t *testing.T) {
	axes := unit(t, "0..1", "x|y|z")[:1]
	m := newMixture(axes, [][]float64{{0.1}, {0.35}, {-1}, {0.9}})
	const parts = 2000
	sum, median := 0.0, 0.0
	for i := range parts {
		x := (float64(i) + 0.5) / parts
		sum += math.Exp(m.logDensity([]float64{x})) / parts
		if sum < 0.5 {
			median = x
		}
	}
	require.InDelta(t, 1, sum, 1e-4) // the midpoint rule
	r := history{seed: 3}.stream()
	below := 0
	const draws = 4000
	for range draws {
		x := m.draw(r)[0]
		require.True(t, x >= 0 && x <= 1)
		if x < median {
			below++
		}
	}
	require.InDelta(t, 0.5, float64(below)/draws, 4*0.5/math.Sqrt(draws), "four standard deviations")

	list := unit(t, "0..1", "0..1", "0..1", "x|y|z")[3:]
	m = newMixture(list, [][]float64{{0.5 / 3}, {0.5 / 3}, {-1}})
	sum = 0
	var chance [3]float64
	for j := range chance {
		chance[j] = math.Exp(m.logDensity([]float64{(float64(j) + 0.5) / 3}))
		sum += chance[j]
	}
	require.InDelta(t, 1, sum, 1e-12)
	require.Greater(t, chance[0], 2*chance[1])
	require.InDelta(t, chance[1], chance[2], 1e-12)
}

// bests returns the lowest value of f after n trials of a search, for each of some seeds.
func bests(t *testing.T, name string, axes []Axis, f func(x []float64) float64, n, seeds int) (all []float64) {
	s, err := lookup(name)
	require.NoError(t, err)
	for seed := range seeds {
		h := history{seed: uint64(seed), axes: axes}
		best := math.Inf(1)
		for range n {
			x, ok := s.next(h, func([]float64) bool { return true })
			require.True(t, ok)
			rank := f(x)
			if math.IsNaN(rank) {
				rank = math.Inf(1)
			}
			best = min(best, rank)
			h.tried = append(h.tried, observed{x, rank})
		}
		all = append(all, best)
	}
	slices.Sort(all)
	return all
}

// TestTPE: on (x−2)² + (y+5)² over [−10, 10]² the best of 40 trials is, in the median of
// seeds, as near as that of Optuna 5.0.0, .15, and random search is not; so too where half
// of the trials fail.
func TestTPE(t *testing.T) {
	axes := unit(t, "0..1", "0..1")
	f := func(x []float64) float64 {
		return math.Pow(20*x[0]-12, 2) + math.Pow(20*x[1]-5, 2)
	}
	require.Less(t, bests(t, "tpe", axes, f, 40, 21)[10], 0.15)
	require.Greater(t, bests(t, "random", axes, f, 40, 21)[10], 0.5)
	failing := func(x []float64) float64 {
		if x[1] > 0.5 {
			return math.NaN()
		}
		return f(x)
	}
	require.Less(t, bests(t, "tpe", axes, failing, 40, 21)[10], 0.2)
	never := func([]float64) float64 { return math.NaN() }
	require.True(t, math.IsInf(bests(t, "tpe", axes, never, 20, 1)[0], 1))
}

// TestTPEChoices: of a list the good value is found, and tried most.
func TestTPEChoices(t *testing.T) {
	axes := unit(t, "0..1", "0..1", "0..1", "a|b|c|d")[2:]
	h := history{axes: axes}
	tried := map[int]int{}
	for range 40 {
		x, ok := nextTPE(h, func([]float64) bool { return true })
		require.True(t, ok)
		j := int(x[1] * 4)
		tried[j]++
		h.tried = append(h.tried, observed{x, math.Pow(float64(j-2), 2) + math.Abs(x[0]-0.3)})
	}
	require.Greater(t, tried[2], 20)
}

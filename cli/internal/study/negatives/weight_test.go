package negatives

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

func parse(t *testing.T, text string) losses.Loss {
	t.Helper()
	l, err := losses.Parse(text)
	require.NoError(t, err)
	return l
}

// TestOmegaByHand: with z = (0.6, 0.2, −0.2), the positive 0, τ = 0.2, τ_w = 3 and β = 0.1,
// L = log(e^{−2} + e^{−4}) = −1.873 and w = σ(1/6) = 0.5416; 1000 draws in place of two
// negatives add log 500 to L.
func TestOmegaByHand(t *testing.T) {
	z := []float64{0.6, 0.2, -0.2}
	for text, want := range map[string]float64{
		"sl-at-k:k=0,beta=0.1,draws=0": 1 / (1 + 0.2*0.458430*1.873072/3),
		"sl-at-k:k=0,beta=0.1":         1 / (1 - 0.2*0.458430*(math.Log(500)-1.873072)/3),
		"sl-at-k:k=2,draws=0":          1 / (1 + 0.2*0.466718*1.873072/3), // β is the second score, 0.2
	} {
		pulls := pullsOf(parse(t, text), z, []int32{0})
		require.Len(t, pulls, 1)
		require.InDelta(t, want, pulls[0].Omega(), 1e-5, text)
	}
	require.Empty(t, pullsOf(parse(t, "sl-at-k"), z[:1], []int32{0}), "without negatives there is nothing to weigh")
}

// TestPullsAreGradients: the pulls are those of the gradient by the scores, of one positive
// and of several, which share their row, whichever classes are negatives.
func TestPullsAreGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	z := make([]float64, 40)
	for i := range z {
		z[i] = 2*rng.Float64() - 1
	}
	gradient := func(l losses.Loss, pos []int32, weight []float64) []float64 {
		dz := make([]float64, len(z))
		l.Analytic.F64.Eval(dz, z, losses.Target[float64]{Pos: pos, Weight: weight}, make([]float64, l.Analytic.F64.WorkLen(len(z))))
		return dz
	}
	for _, text := range []string{
		"sl-at-k", "sl-at-k:k=3,tau-w=2", "sl-at-k:draws=0,tau=0.5", "sl-at-k:k=0,beta=0.4", "sl-at-k:positives=rivals", "sl-at-k:positives=rivals,draws=0,k=1",
	} {
		l := parse(t, text)
		pos := []int32{2, 9, 30}
		weight := []float64{0.5, 0.2, 0.3}
		apart := l.Values.String("positives") == "apart"
		pulls := pullsOf(l, z, pos)
		require.Len(t, pulls, len(pos))
		for i, y := range pos {
			if !apart { // each positive is a row of its own, among all others
				dz := gradient(l, pos[i:i+1], []float64{1})
				require.InDelta(t, pulls[i].Omega(), (sum(dz)-dz[y])/-dz[y], 1e-9, text)
			}
			one := pullsOf(l, z, []int32{y})
			dz := gradient(l, []int32{y}, []float64{1})
			require.InDelta(t, one[0].Negatives, sum(dz)-dz[y], 1e-9, text)
			require.InDelta(t, one[0].Positive, -dz[y], 1e-9, text)
			require.NotEqual(t, 1.0, one[0].Omega())
		}
		if !apart {
			continue
		}
		dz := gradient(l, pos, weight)
		var negatives, want float64
		for j := range z {
			if !slices.Contains(pos, int32(j)) {
				negatives += dz[j]
			}
		}
		for i, y := range pos {
			want += weight[i] * pulls[i].Negatives
			require.InDelta(t, weight[i]*pulls[i].Positive, -dz[y], 1e-9, text)
		}
		require.InDelta(t, want, negatives, 1e-9, text)
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// TestSummary: a positive that the gradient lowers has an infinite weight, and counts.
func TestSummary(t *testing.T) {
	w := summaryOf([]Pull{{2, 1}, {1, 1}, {3, 1}})
	require.Equal(t, 3, w.Positives)
	require.InDelta(t, 2, float64(w.Mean), 1e-15)
	require.InDelta(t, 2, float64(w.Median), 1e-15)
	require.InDelta(t, 1.2, float64(w.Low), 1e-12)
	require.InDelta(t, 2.8, float64(w.High), 1e-12)
	require.InDelta(t, 2, float64(w.Total), 1e-15)
	require.Zero(t, w.Reversed)

	w = summaryOf([]Pull{{1, -0.5}, {1, 1}})
	require.False(t, w.Mean.Finite())
	require.InDelta(t, 4, float64(w.Total), 1e-15)
	require.InDelta(t, 0.5, float64(w.Reversed), 1e-15)
	require.False(t, summaryOf(nil).Total.Finite())

	// τ_w far below τ L: descent would lower a positive that is below β.
	p := pullsOf(parse(t, "sl-at-k:k=0,beta=1,tau-w=0.1"), []float64{-0.5, 0.4, 0.3}, []int32{0})
	require.True(t, math.IsInf(p[0].Omega(), 1))
}

package losses_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

// bothPositives are the losses that have the parameter "positives", with its default: apart
// where the publication takes as negatives what the user has no interaction with.
var bothPositives = map[string]string{
	"bpr": "apart", "bsl": "apart", "psl": "apart", "sl": "apart", "sl-at-k": "apart",
	"hinge": "rivals", "perceptron": "rivals", "rankmax": "rivals",
}

// TestPositives: rows of one positive have the same bits either way; of several the two
// differ, and apart the others' scores count for nothing but that of sl-at-k's threshold.
func TestPositives(t *testing.T) {
	found := map[string]string{}
	for _, spec := range losses.All() {
		at := slices.IndexFunc(spec.Params, func(p losses.Param) bool { return p.Name == "positives" })
		if at < 0 {
			continue
		}
		found[spec.Name] = spec.Params[at].DefaultString
		rivals, apart := bind(t, spec.Name+":positives=rivals"), bind(t, spec.Name+":positives=apart")
		rng := rand.New(rand.NewPCG(71, 1))
		differ := false
		for range 20 {
			z := normal(rng, 7, 0.3)
			a, da := row(rivals, z, hard(3))
			b, db := row(apart, z, hard(3))
			require.Equal(t, a, b, spec.Name)
			require.Equal(t, da, db, spec.Name)
			two := target{Pos: []int32{1, 4}, Weight: []float64{0.5, 0.5}}
			a, _ = row(rivals, z, two)
			b, _ = row(apart, z, two)
			differ = differ || a != b
			if spec.Name == "sl-at-k" {
				continue
			}
			// What the first positive adds does not know of the second.
			first := target{Pos: []int32{1, 4}, Weight: []float64{1 - 1e-12, 1e-12}}
			near, _ := row(apart, z, first)
			z[4] += 0.2
			far, _ := row(apart, z, first)
			require.InDelta(t, near, far, 1e-9, spec.Name)
		}
		require.True(t, differ, "%s: positives are never rivals", spec.Name)
	}
	require.Equal(t, bothPositives, found)
}

// TestThresholdBelowClasses holds the theory of sl-at-k where the threshold is no row's
// least score: with K = 2 at the three and more classes that populations are of.
func TestThresholdBelowClasses(t *testing.T) {
	spec, err := losses.Lookup("sl-at-k")
	require.NoError(t, err)
	of := *spec
	of.Name, of.Params = "sl-at-2", slices.Clone(spec.Params)
	for i := range of.Params {
		p := &of.Params[i]
		if p.Name == "k" {
			p.Default = 2
		}
		p.Min, p.Max, p.Probe = p.Default, p.Default, nil // what is at other settings is shown elsewhere
	}
	require.Equal(t, "sl-at-2", of.Bind(of.Defaults()).String())
	require.NoError(t, losstest.Check(&of, true))
}

// TestWeighedYoung: the gradient of a Fenchel-Young loss with the weight ω is ω p − t, the
// value is that of which it is one, and the natural temperature is that of the loss.
func TestWeighedYoung(t *testing.T) {
	z := []float64{0.9, -0.2, 0.5, 0.1}
	for _, name := range []string{"softmax:tau=0.5", "entmax:alpha=1.5", "normmax:alpha=2", "entmax:alpha=learned"} {
		l, w := bind(t, name), bind(t, name+",negatives=1.3")
		p := make([]float64, 4)
		require.True(t, w.Predict(p, z))
		plain, _ := row(l, z, hard(2))
		value, dz := row(w, z, hard(2))
		c := 1.0
		if l.Spec.Name == "softmax" {
			c = 2 // 1/τ
		}
		require.InDelta(t, 1.3*plain+0.3*c*z[2], value, 1e-12, name)
		for j := range z {
			want := 1.3 * p[j]
			if j == 2 {
				want--
			}
			require.InDelta(t, c*want, dz[j], 1e-12, name)
		}
		before, ok := l.NaturalTemperature(10, 1000)
		require.True(t, ok)
		after, ok := w.NaturalTemperature(10, 1000)
		require.True(t, ok)
		require.Equal(t, before, after)
	}
	plain, dz := row(bind(t, "softmax:smoothing=0.2"), z, hard(2))
	value, dw := row(bind(t, "softmax:smoothing=0.2,negatives=1.3"), z, hard(2))
	require.InDelta(t, 1.3*plain+0.3*z[2], value, 1e-12)
	require.InDelta(t, 1.3*dz[0], dw[0], 1e-12)
	require.InDelta(t, 1.3*dz[2]+0.3, dw[2], 1e-12)
}

// TestNegativesWeight: a weight ω of the negatives adds (ω−1) log Σ e^{z/τ} over them, and
// the gradient at the negatives sums to ω times that at the positive.
func TestNegativesWeight(t *testing.T) {
	z := []float64{0.3, -0.2, 0.5, 0.1}
	for _, name := range []string{"sl:tau=0.2", "bsl:tau1=0.2,tau2=0.2"} {
		_, plain := row(bind(t, name), z, hard(2))
		_, weighted := row(bind(t, name+",negatives=1.3"), z, hard(2))
		require.InDelta(t, plain[2], weighted[2], 1e-12)
		for _, j := range []int{0, 1, 3} {
			require.InDelta(t, 1.3*plain[j], weighted[j], 1e-12)
		}
	}
}

// TestDraws: with as many negatives as draws nothing changes, and with more the weight of
// sl-at-k meets the lead of that many.
func TestDraws(t *testing.T) {
	z := []float64{0.3, -0.2, 0.5, 0.1, 0}
	a, da := row(bind(t, "sl-at-k:k=2,draws=0"), z, hard(2))
	b, db := row(bind(t, "sl-at-k:k=2,draws=4"), z, hard(2))
	require.InDelta(t, a, b, 1e-14)
	require.InDeltaSlice(t, da, db, 1e-14)
	twice := append(slices.Clone(z), 0.3, -0.2, 0.1, 0) // each negative again
	c, dc := row(bind(t, "sl-at-k:k=3,draws=4"), twice, hard(2))
	require.InDelta(t, a, c, 1e-14)
	require.InDelta(t, da[2], dc[2], 1e-14)
}

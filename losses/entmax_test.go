package losses_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// With two classes sparsemax is the modified Huber loss of d = z_1 − z_2.
func TestSparsemaxOfTwoIsHuber(t *testing.T) {
	b := bind(t, "sparsemax")
	for d := -3.0; d <= 3; d += 0.25 {
		got, dz := row(b, []float64{d, 0}, hard(0))
		want := 0.0
		switch {
		case d <= -1:
			want = -d
		case d < 1:
			want = (1 - d) * (1 - d) / 4
		}
		require.InDelta(t, want, got, 1e-15)
		require.InDelta(t, min(max((d+1)/2, 0), 1)-1, dz[0], 1e-15)
	}
}

// entmax at α = 2 is sparsemax; towards α = 1 it is softmax's Fenchel-Young value
// with an error of the order of α − 1; tsallis is α·entmax(z/α).
func TestEntmaxLimits(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for range 30 {
		z, truth := normal(rng, 20, 2), distribution(rng, 20)
		got, dgot := row(bind(t, "entmax:alpha=2"), z, whole(truth))
		want, dwant := row(bind(t, "sparsemax"), z, whole(truth))
		require.InDelta(t, want, got, 1e-13)
		require.InDeltaSlice(t, dwant, dgot, 1e-14)

		want, dwant = row(bind(t, "softmax"), z, whole(truth))
		for _, p := range truth {
			want += p * math.Log(p)
		}
		last := math.Inf(1)
		for _, a := range []float64{0.1, 0.01, 0.001} {
			got, dgot = row(bind(t, fmt.Sprintf("entmax:alpha=%v", 1+a)), z, whole(truth))
			require.LessOrEqual(t, math.Abs(got-want), 20*a)
			worst := 0.0
			for j := range dgot {
				worst = max(worst, math.Abs(dgot[j]-dwant[j]))
			}
			require.Less(t, worst, last/5, "the error falls with α − 1")
			last = worst
		}

		y := hard(rng.IntN(20))
		got, dgot = row(bind(t, "tsallis:alpha=1.3"), z, y)
		for j := range z {
			z[j] /= 1.3
		}
		want, dwant = row(bind(t, "entmax:alpha=1.3"), z, y)
		require.InDelta(t, 1.3*want, got, 1e-13)
		require.InDeltaSlice(t, dwant, dgot, 1e-14)
	}
}

// A larger α gives a smaller support.
func TestSupportShrinksWithAlpha(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 1))
	for range 20 {
		z := normal(rng, 200, 1)
		last := 201
		for _, alpha := range []float64{1.05, 1.25, 1.5, 1.75, 2} {
			p, n := make([]float64, 200), 0
			require.True(t, bind(t, fmt.Sprintf("entmax:alpha=%v", alpha)).Predict(p, z))
			for _, q := range p {
				if q > 0 {
					n++
				}
			}
			require.LessOrEqual(t, n, last)
			last = n
		}
	}
}

// ∂p/∂α in closed form, against differences of p, and as the gradient that a
// learnable α receives.
func TestEntmaxAlphaGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	z := normal(rng, 12, 1)
	spec, err := losses.Lookup("entmax")
	require.NoError(t, err)
	predict := func(alpha float64) []float64 {
		p := make([]float64, len(z))
		require.True(t, bind(t, fmt.Sprintf("entmax:alpha=%.17g", alpha)).Predict(p, z))
		return p
	}
	const h = 1e-6
	for _, alpha := range []float64{1.2, 1.5, 1.9} {
		got := make([]float64, len(z))
		entmaxAlphaGrad(got, predict(alpha), alpha)
		hi, lo := predict(alpha+h), predict(alpha-h)
		for j := range got {
			require.InDelta(t, (hi[j]-lo[j])/(2*h), got[j], 1e-8)
		}

		// Through a graph: two rows, one α for both.
		const k = 12
		b := graph.NewBuilder[float64]()
		zn := b.Param("z", append(append([]float64(nil), z...), normal(rng, k, 1)...), 2, k)
		an := b.Param("alpha", []float64{alpha}, 1)
		tg, data := b.Targets("t", 2, 4)
		truth := target{Pos: []int32{2, 7}, Weight: []float64{0.25, 0.75}}
		require.NoError(t, data.Set([]target{truth, hard(3)}))
		rows := zn.Value().Data().([]float64)
		var e graph.Expr
		losses2 := e.N(losses.EntmaxAt(zn, e.N(graph.Repeat(an, 2)), tg))
		cost := e.N(graph.Sum(losses2))
		require.NoError(t, e.Err)
		p, err := b.Train(cost)
		require.NoError(t, err)
		require.NoError(t, p.Run())
		total := func(alpha float64) float64 {
			v := bind(t, fmt.Sprintf("entmax:alpha=%.17g", alpha)).Values
			return spec.Ref(v, rows[:k], truth) + spec.Ref(v, rows[k:], hard(3))
		}
		require.InDelta(t, total(alpha), p.Cost(), 1e-12)
		require.InDelta(t, (total(alpha+h)-total(alpha-h))/(2*h), p.Grad(an).Data[0], 1e-7)
		for i, truth := range []target{truth, hard(3)} {
			_, dz := row(bind(t, fmt.Sprintf("entmax:alpha=%.17g", alpha)), rows[i*k:(i+1)*k], truth)
			require.InDeltaSlice(t, dz, p.Grad(zn).Data[i*k:(i+1)*k], 1e-10)
		}
		require.NoError(t, p.Close())
	}
}

// entmaxAlphaGrad stores in dst the derivative ∂p/∂α of p = entmax_α(z) at fixed
// z, for α > 1; dst may be p:
//
//	∂p_i/∂α = (p_i − ũ_i)/(α−1)² − (p_i ln p_i − ũ_i Σ p ln p)/(α−1)
//
// with ũ = u/Σu and u_i = p_i^{2−α} on the support; it is 0 off the support.
// Source: Correia, Niculae & Martins 2019, arXiv:1909.00015, proposition 1.
func entmaxAlphaGrad(dst, p []float64, alpha float64) {
	a := alpha - 1
	var u, ent float64
	for _, pi := range p {
		if pi > 0 {
			u += math.Pow(pi, 2-alpha)
			ent += pi * math.Log(pi)
		}
	}
	for i, pi := range p {
		if !(pi > 0) {
			dst[i] = 0
			continue
		}
		ui := math.Pow(pi, 2-alpha) / u
		dst[i] = (pi-ui)/(a*a) - (pi*math.Log(pi)-ui*ent)/a
	}
}

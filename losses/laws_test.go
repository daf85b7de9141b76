package losses_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// The tests of this file are what the literature says of single losses and of
// pairs of them; what all losses share is in losstest.

type target = losses.Target[float64]

func bind(t *testing.T, text string) losses.Loss {
	t.Helper()
	b, err := losses.Parse(text)
	require.NoError(t, err)
	return b
}

func row(b losses.Loss, z []float64, t target) (float64, []float64) {
	dz := make([]float64, len(z))
	return b.Analytic.F64.Eval(dz, z, t, make([]float64, b.Analytic.F64.WorkLen(len(z)))), dz
}

func hard(y int) target { return target{Pos: []int32{int32(y)}, Weight: []float64{1}} }

// whole is a target with every class.
func whole(t []float64) target {
	var out target
	for k, w := range t {
		out.Pos, out.Weight = append(out.Pos, int32(k)), append(out.Weight, w)
	}
	return out
}

func normal(rng *rand.Rand, k int, scale float64) []float64 {
	z := make([]float64, k)
	for j := range z {
		z[j] = scale * rng.NormFloat64()
	}
	return z
}

func distribution(rng *rand.Rand, k int) []float64 {
	p := make([]float64, k)
	var sum float64
	for j := range p {
		p[j] = rng.ExpFloat64() + 1e-3
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return p
}

// From equal scores one gradient step of length 1 solves sparsemax, and one of
// length K solves rg2 and rgx: condition number 1.
func TestOneStepLosses(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 1))
	for name, step := range map[string]float64{"sparsemax": 1, "rg2": 9, "rgx": 9} {
		b := bind(t, name)
		truth := distribution(rng, 9)
		z := make([]float64, 9)
		if name != "sparsemax" {
			z = normal(rng, 9, 1) // rg from anywhere
		}
		_, dz := row(b, z, whole(truth))
		for j := range z {
			z[j] -= step * dz[j]
		}
		_, dz = row(b, z, whole(truth))
		for j := range dz {
			require.InDelta(t, 0, dz[j], 1e-14, name)
		}
	}
}

// The symbolic gradient of Node is differentiated again: Hessian-vector products
// agree with J in closed form, also where all scores have a large offset.
func TestHessianVectorProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(24, 1))
	const k = 8
	// apply returns J·v from p.
	spread := func(p, u, v []float64) []float64 { // (diag u − uuᵀ/Σu)v
		var sum, at float64
		for j := range u {
			sum, at = sum+u[j], at+u[j]*v[j]
		}
		out := make([]float64, k)
		for j := range u {
			out[j] = u[j] * (v[j] - at/sum)
		}
		return out
	}
	support := func(p []float64, f func(float64) float64) []float64 {
		u := make([]float64, k)
		for j, q := range p {
			if q > 0 {
				u[j] = f(q)
			}
		}
		return u
	}
	for text, jacobian := range map[string]func(p, z, v []float64) []float64{
		"softmax:tau=0.5": func(p, _, v []float64) []float64 {
			out := spread(p, p, v)
			for j := range out {
				out[j] /= 0.5 * 0.5
			}
			return out
		},
		"sparsemax": func(p, _, v []float64) []float64 {
			return spread(p, support(p, func(float64) float64 { return 1 }), v)
		},
		"entmax:alpha=1.3": func(p, _, v []float64) []float64 {
			return spread(p, support(p, func(q float64) float64 { return math.Pow(q, 0.7) }), v)
		},
		"entmax": func(p, _, v []float64) []float64 { return spread(p, support(p, math.Sqrt), v) },
		"normmax": func(p, z, v []float64) []float64 {
			// (1/A)(I − p1ᵀ)diag(1)(I − 1pᵀ)v on the support, A = Σ[z−ξ]_+ = 1/‖p‖.
			norm, at, sum := math.Sqrt(dot(p, p)), dot(p, v), 0.0
			on := support(p, func(float64) float64 { return 1 })
			for j := range v {
				sum += on[j] * (v[j] - at)
			}
			out := make([]float64, k)
			for j := range out {
				out[j] = norm * (on[j]*(v[j]-at) - p[j]*sum)
			}
			return out
		},
	} {
		b := bind(t, text)
		for _, offset := range []float64{0, 0, 0, 1e3, 1e6} {
			z, v := normal(rng, k, 0.5), normal(rng, k, 1)
			moved := make([]float64, k)
			for j := range z {
				z[j] = math.Round(z[j]*0x1p30) / 0x1p30 // the sum is exact
				moved[j] = z[j] + offset
			}
			p := make([]float64, k)
			require.True(t, b.Predict(p, z))

			g := graph.NewBuilder[float64]()
			zn := g.Param("z", moved, 1, k)
			vn, vs := g.Input("v", 1, k)
			copy(vs, v)
			tg, data := g.Targets("t", 1, 1)
			require.NoError(t, data.Set([]target{hard(2)}))
			loss, err := b.Node(zn, tg)
			require.NoError(t, err)
			var e graph.Expr
			first, err := graph.Grad(e.N(graph.Sum(loss)), zn)
			require.NoError(t, err)
			second, err := graph.Grad(e.N(graph.Sum(e.N(graph.Mul(first[0], vn)))), zn)
			require.NoError(t, err)
			require.NoError(t, e.Err)
			prog, err := g.Eval(gorgonia.Nodes{first[0], second[0]}...)
			require.NoError(t, err)
			require.NoError(t, prog.Run())
			want := jacobian(p, z, v)
			for j, got := range prog.Value(second[0]) {
				require.Truef(t, check.Near(got, want[j], 1e-9, 1e-9), "%s, offset %g: (Hv)[%d] = %g, closed form %g", text, offset, j, got, want[j])
			}
			require.NoError(t, prog.Close())
		}
	}
}

// Losses that include Ω(t) are 0 where the map meets the target.
func TestZeroAtTheTarget(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 1))
	for _, text := range []string{"sparsemax", "entmax", "entmax:alpha=1.2", "tsallis", "normmax", "normmax:alpha=1.5", "squared"} {
		b := bind(t, text)
		for range 20 {
			truth := distribution(rng, 10)
			loss, dz := row(b, b.Theory().Link(truth, nil), whole(truth))
			require.InDelta(t, 0, loss, 1e-14, text)
			for _, d := range dz {
				require.InDelta(t, 0, d, 1e-13, text)
			}
		}
	}
}

// Strong convexity of Ω bounds the loss from below, and excess below Δ²/4 puts
// every two classes whose truths differ by Δ or more in order.
func TestExcessBoundsTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(26, 1))
	small := 0
	for _, text := range []string{"softmax", "sparsemax", "entmax", "entmax:alpha=1.2"} {
		b := bind(t, text)
		for range 2000 {
			truth := distribution(rng, 5)
			z := b.Theory().Link(truth, nil)
			least, _ := row(b, z, whole(truth))
			for j := range z {
				z[j] += 0.4 * rng.NormFloat64()
			}
			loss, dz := row(b, z, whole(truth))
			excess := loss - least
			require.GreaterOrEqual(t, excess, dot(dz, dz)/2-1e-12, text)
			for i := range truth {
				for j := range truth {
					if gap := truth[i] - truth[j]; gap > 0 && excess < gap*gap/4 {
						small++
						require.Greater(t, z[i], z[j], text)
					}
				}
			}
		}
	}
	require.Greater(t, small, 1000, "the bound was put to the test")
}

// A loss far below rounding is still exact: 40 nats of lead leave e^{−40}.
func TestSoftmaxTinyLoss(t *testing.T) {
	loss, dz := row(bind(t, "softmax"), []float64{40, 0}, hard(0))
	require.InEpsilon(t, math.Exp(-40), loss, 1e-14)
	require.InEpsilon(t, -math.Exp(-40), dz[0], 1e-14)
	_, dz = row(bind(t, "softmax:tau=100"), []float64{1, 0, -1}, hard(1))
	for j, want := range []float64{1. / 300, 1./300 - 0.01, 1. / 300} { // τ → ∞: p → 1/K
		require.InDelta(t, want, dz[j], 1e-4)
	}
}

// e^ℓ of rankmax is at least the rank, ties counted against the label.
func TestRankmaxBoundsTheRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 1))
	b := bind(t, "rankmax")
	for range 200 {
		z, y := normal(rng, 50, 1), rng.IntN(50)
		rank := 0
		for _, s := range z {
			if s >= z[y] {
				rank++
			}
		}
		loss, _ := row(b, z, hard(y))
		require.GreaterOrEqual(t, math.Exp(loss), float64(rank))
	}
}

// The gradient of sl-at-k holds the threshold constant: by the K-th score, here of
// class 1, it has no more than the softmax loss's part.
func TestSLAtKHoldsTheThreshold(t *testing.T) {
	const tau, tauW = 0.2, 3.0
	b := bind(t, "sl-at-k:k=2,draws=0")
	z, y := []float64{0.8, 0.3, 0.1, -0.2}, 2
	var sum float64
	for j, c := range z {
		if j != y {
			sum += math.Exp((c - z[y]) / tau)
		}
	}
	w := 1 / (1 + math.Exp(-(z[y]-z[1])/tauW))
	want := make([]float64, len(z))
	for j, c := range z {
		want[j] = w * math.Exp((c-z[y])/tau) / (sum * tau)
	}
	want[y] = math.Log(sum)*w*(1-w)/tauW - w/tau

	_, dz := row(b, z, hard(y))
	require.InDeltaSlice(t, want, dz, 1e-14)
	g := graph.NewBuilder[float64]()
	zn := g.Param("z", z, 1, len(z))
	tg, data := g.Targets("t", 1, 1)
	require.NoError(t, data.Set([]target{hard(y)}))
	loss, err := b.Node(zn, tg)
	require.NoError(t, err)
	cost, err := graph.Sum(loss)
	require.NoError(t, err)
	p, err := g.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	require.InDeltaSlice(t, want, p.Grad(zn).Data, 1e-14)
	require.Equal(t, "sl-at-k:k=0,beta=0.3,draws=0", b.Held(z).String())
	require.Equal(t, "softmax", bind(t, "softmax").Held(z).String())
}

func TestCurve(t *testing.T) {
	points, err := bind(t, "sparsemax").Curve(2, 7, -3, 3)
	require.NoError(t, err)
	require.Len(t, points, 7)
	require.Equal(t, losses.CurvePoint{Margin: -3, Value: 3, Label: -1, Rival: 1}, points[0])
	require.Equal(t, losses.CurvePoint{Margin: 0, Value: 0.25, Label: -0.5, Rival: 0.5}, points[3])
	require.Equal(t, losses.CurvePoint{Margin: 3}, points[6])

	points, err = bind(t, "ccl").Curve(2, 3, -9, 9)
	require.NoError(t, err)
	require.Equal(t, []float64{-2, 0, 2}, []float64{points[0].Margin, points[1].Margin, points[2].Margin})

	// Each loss, and each temperature, has its own range, in which it is not flat. (spherical
	// is, but for its gradient: it takes ±margin/2 for the same score.)
	for text, want := range map[string]float64{
		"softmax": 9.2, "softmax:tau=0.2": 1.9, "sparsemax": 1.5, "hinge": 1.5, "hinge:margin=0.25": 0.38, "rg2": 15, "squared": 1.5,
		"entmax:alpha=1.05": 16, "sl:tau=0.2": 1.2000000000000002, "perceptron": 6, "psl": 2, "cosine": 1.9, "cosine:tau=10": 2, "rankmax:margin=100": 150,
	} {
		lo, hi := bind(t, text).CurveRange(10)
		require.InDelta(t, want, hi, 1e-9, text)
		require.Equal(t, -hi, lo)
	}
	for _, spec := range losses.All() {
		for _, b := range spec.Probes() {
			lo, hi := b.CurveRange(10)
			points, err := b.Curve(10, 21, lo, hi)
			require.NoError(t, err, b)
			at0, at5 := points[0], points[5]
			require.False(t, at0.Value == at5.Value && at0.Label == at5.Label, "%s is flat", b)
			require.InDelta(t, hi, points[20].Margin, 1e-12)
		}
	}

	for _, bad := range []struct {
		k, n   int
		lo, hi float64
	}{{1, 5, -1, 1}, {2, 1, -1, 1}, {2, 5, 1, 1}, {2, 5, math.NaN(), 1}} {
		_, err = bind(t, "softmax").Curve(bad.k, bad.n, bad.lo, bad.hi)
		require.ErrorContains(t, err, "softmax")
	}
}

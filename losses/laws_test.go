package losses_test

import (
	"fmt"
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
		losses.EntmaxAlphaGrad(got, predict(alpha), alpha)
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

// The symbolic gradient of Node is differentiated again: Hessian-vector products
// agree with J in closed form.
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
		for range 5 {
			z, v := normal(rng, k, 0.5), normal(rng, k, 1)
			p := make([]float64, k)
			require.True(t, b.Predict(p, z))

			g := graph.NewBuilder[float64]()
			zn := g.Param("z", z, 1, k)
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
				require.Truef(t, check.Near(got, want[j], 1e-9, 1e-9), "%s: (Hv)[%d] = %g, closed form %g", text, j, got, want[j])
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
			loss, dz := row(b, b.Theory().Link(truth), whole(truth))
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
			z := b.Theory().Link(truth)
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

// rgx is softmax's Taylor polynomial: the error is of third order. rg2 is a
// squared loss of target K·t − 1 and lies above rgx by half the squared mean.
func TestRGExpandsSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(28, 1))
	for range 20 {
		z, y := normal(rng, 10, 1), hard(rng.IntN(10))
		at := func(text string, scale float64) float64 {
			x := make([]float64, len(z))
			for j := range x {
				x[j] = scale * z[j]
			}
			loss, _ := row(bind(t, text), x, y)
			return loss
		}
		far := math.Abs(at("softmax", 1e-2) - at("rgx", 1e-2))
		near := math.Abs(at("softmax", 1e-3) - at("rgx", 1e-3))
		require.InEpsilon(t, 1000, far/near, 0.1)

		var mean, square float64
		for j, s := range z {
			d := s + 1
			if int32(j) == y.Pos[0] {
				d -= 10
			}
			mean, square = mean+s/10, square+d*d/20
		}
		require.InDelta(t, at("rgx", 1)+mean*mean/2, at("rg2", 1), 1e-13)
		require.InDelta(t, square+math.Log(10)+0.5-5, at("rg2", 1), 1e-13)
	}
}

// The Taylor softmax nears softmax as the order grows, spherical's gradient is
// orthogonal to the scores without ε, and z-loss ignores scale and shift.
func TestSphericalFamily(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 1))
	for range 20 {
		z, y := normal(rng, 10, 0.3), hard(rng.IntN(10))
		want, _ := row(bind(t, "softmax"), z, y)
		last := math.Inf(1)
		for _, n := range []int{2, 4, 6, 8} {
			got, _ := row(bind(t, fmt.Sprintf("taylor:order=%d", n)), z, y)
			require.Less(t, math.Abs(got-want), last)
			last = math.Abs(got - want)
		}
		require.Less(t, last, 1e-5)

		for j := range z {
			z[j] += math.Copysign(0.1, z[j]) // away from where ε counts
		}
		_, dz := row(bind(t, "spherical:eps=1e-6"), z, y)
		require.InDelta(t, 0, dot(z, dz), 1e-3)

		want, _ = row(bind(t, "z-loss"), z, y)
		for j := range z {
			z[j] = 7*z[j] + 3
		}
		got, _ := row(bind(t, "z-loss"), z, y)
		require.InDelta(t, want, got, 1e-10)
	}
}

// What the Taylor softmax ranks by is a score of the same probability that is not below
// the polynomial's least, also where that is flat and far down the falling branch.
func TestTaylorRank(t *testing.T) {
	for _, n := range []int{2, 4, 6, 8} {
		b := bind(t, fmt.Sprintf("taylor:order=%d", n))
		by, err := b.Rank()
		require.NoError(t, err)
		f := func(z float64) float64 { // as the loss's map gives it, against z = 0
			p := make([]float64, 2)
			require.True(t, b.Predict(p, []float64{z, 0}))
			return p[0] / p[1]
		}
		bottom := by(-1e-300) // a score on the rising branch is its own
		require.Equal(t, -1e-300, bottom)
		for z := -float64(n); z < 0; z += 1e-3 {
			if f(z) < f(bottom) {
				bottom = z
			}
		}
		last := math.Inf(-1)
		for d := 1e-9; d < 1e6; d *= 1.1 {
			z := bottom - 1e-3 - d
			x := by(z)
			require.Greater(t, x, bottom)
			require.Greater(t, x, last)
			require.InEpsilon(t, f(z), f(x), 1e-13, "order %d: %g for %g", n, x, z)
			last = x
			require.Equal(t, bottom+1e-3+d, by(bottom+1e-3+d))
		}
	}
}

// Without a margin am-softmax and arcface are the cosine softmax at τ = 1/scale.
func TestMarginsFromNone(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 1))
	for range 20 {
		z := make([]float64, 12)
		for j := range z {
			z[j] = 2*rng.Float64() - 1
		}
		y := hard(rng.IntN(12))
		want, dwant := row(bind(t, "cosine:tau=0.125"), z, y)
		for _, text := range []string{"am-softmax:scale=8,margin=0", "arcface:scale=8,margin=0"} {
			got, dgot := row(bind(t, text), z, y)
			require.InDelta(t, want, got, 1e-13, text)
			require.InDeltaSlice(t, dwant, dgot, 1e-13, text)
		}
	}
}

// A margin loss of several positives is the mean of the losses of each, also where one
// leads the others by so much that its own share drowns theirs.
func TestMarginIsTheMeanOverPositives(t *testing.T) {
	z := []float64{0.9, 0.2, 0.1}
	both := target{Pos: []int32{0, 1}, Weight: []float64{0.5, 0.5}}
	for _, text := range []string{"am-softmax:scale=64,margin=0.8", "arcface:scale=64,margin=1", "am-softmax:scale=300,margin=0", "arcface"} {
		b := bind(t, text)
		got, dgot := row(b, z, both)
		var want float64
		dwant := make([]float64, len(z))
		for _, y := range both.Pos {
			loss, dz := row(b, z, hard(int(y)))
			want += loss / 2
			for j := range dz {
				dwant[j] += dz[j] / 2
			}
		}
		require.InEpsilon(t, want, got, 1e-14, text)
		require.InDeltaSlice(t, dwant, dgot, 1e-13, text)
	}
	_, dz := row(bind(t, "am-softmax:scale=64,margin=0.8"), z, both)
	require.InDelta(t, 0.053, dz[0], 0.0005)
}

// The gradient of sl-at-k holds the threshold constant: by the K-th score, here of
// class 1, it has no more than the softmax loss's part.
func TestSLAtKHoldsTheThreshold(t *testing.T) {
	const tau, tauW = 0.2, 3.0
	b := bind(t, "sl-at-k:k=2")
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
	require.Equal(t, "sl-at-k:k=0,beta=0.3", b.Held(z).String())
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

	for _, bad := range []struct {
		k, n   int
		lo, hi float64
	}{{1, 5, -1, 1}, {2, 1, -1, 1}, {2, 5, 1, 1}, {2, 5, math.NaN(), 1}} {
		_, err = bind(t, "softmax").Curve(bad.k, bad.n, bad.lo, bad.hi)
		require.ErrorContains(t, err, "softmax")
	}
}

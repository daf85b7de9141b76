package sampler

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// One draw of dns has the law of dnsTop1 over the ranks.
func TestDNSLaw(t *testing.T) {
	const c, d, n = 10, 3, 20000
	h, W := normals(1, d, 1), normals(2, c*d, 1)
	order := make([]int, c) // order[r] is the class of rank r
	for i := range order {
		order[i] = i
	}
	sc := scores(h, W)
	slices.SortFunc(order, func(a, b int) int {
		if sc[a] > sc[b] {
			return -1
		}
		return 1
	})
	s := make1(t, "dns:m=4", Config{C: c, D: d})
	draws, err := s.NewDraws(1, 1, false)
	require.NoError(t, err)
	count := make([]float64, c)
	b := &Batch{H: h, W: W, Pos: []int32{0}}
	for b.Step = range n {
		require.NoError(t, s.Draw(draws, b))
		count[draws.IDs[0]]++
	}
	q := make([]float64, c)
	dnsTop1(q, 4)
	var chi2 float64
	for r, i := range order[:8] { // the last two ranks are rarer than 5 in n
		chi2 += (count[i] - n*q[r]) * (count[i] - n*q[r]) / (n * q[r])
	}
	require.LessOrEqual(t, chi2, distuv.ChiSquared{K: 7}.Quantile(1-1e-4))

	// k draws are the k best of the pool, best first.
	draws, err = s.NewDraws(1, 4, false)
	require.NoError(t, err)
	require.NoError(t, s.Draw(draws, b))
	require.True(t, slices.IsSortedFunc(draws.IDs, func(a, b int32) int {
		return slices.Index(order, int(a)) - slices.Index(order, int(b))
	}), "%v", draws.IDs)
	// More are refused before there is anything to draw for.
	for _, err := range []error{
		s.Choice.CheckDraws(5),
		func() error { _, err := s.NewDraws(1, 5, false); return err }(),
		func() error { _, err := s.DrawsBytes(1, 5, false, 1); return err }(),
	} {
		require.EqualError(t, err, "sampler: dns:m=4: 5 draws from a pool of m=4 candidates: lower n or raise m")
	}
	require.NoError(t, s.Choice.CheckDraws(4))
}

// With a large pool, sampling-importance-resampling approaches the softmax, and
// with a small one it does not.
func TestSIRLimit(t *testing.T) {
	const c, d, k, steps = 20, 4, 8, 2000
	h, W := normals(1, d, 1), normals(2, c*d, 1)
	want := distribution(t, make1(t, "softmax-exact", Config{C: c, D: d}), h, W)
	far := map[string]float64{}
	for _, text := range []string{"sir:m=4", "sir:m=1024"} {
		s := make1(t, text, Config{C: c, D: d})
		draws, err := s.NewDraws(1, k, false)
		require.NoError(t, err)
		got := make([]float64, c)
		b := &Batch{H: h, W: W, Pos: []int32{0}}
		for b.Step = range steps {
			require.NoError(t, s.Draw(draws, b))
			for _, i := range draws.IDs {
				got[i] += 1.0 / (k * steps)
			}
		}
		far[text] = totalVariation(got, want)
	}
	require.Less(t, far["sir:m=1024"], 0.03)
	require.Greater(t, far["sir:m=4"], 0.1)
}

func TestSoftmaxExact(t *testing.T) {
	const c, d = 30, 5
	h, W := normals(1, d, 1), normals(2, c*d, 2)
	for text, tau := range map[string]float64{"softmax-exact": 1, "softmax-exact:tau=0.25": 0.25} {
		got := distribution(t, make1(t, text, Config{C: c, D: d}), h, W)
		want := normalised(scores(h, W), func(s float64) float64 { return math.Exp(s / tau) })
		for i := range want {
			require.True(t, check.Near(got[i], want[i], 1e-12, 0))
		}
	}
}

// A fresh quadratic tree is q ∝ a s² + 1: its features are exact.
func TestQuadraticLaw(t *testing.T) {
	const c, d = 300, 6
	h, W := normals(1, d, 1), normals(2, c*d, 1)
	for text, a := range map[string]float64{"quadratic": 100, "quadratic:a=0": 0, "quadratic:a=2": 2} {
		s := make1(t, text, Config{C: c, D: d})
		_, err := s.Refresh(0, W)
		require.NoError(t, err)
		got := distribution(t, s, h, W)
		want := normalised(scores(h, W), func(s float64) float64 { return a*s*s + 1 })
		for i := range want {
			require.True(t, check.Near(got[i], want[i], 1e-5, 0), "%s class %d: %v, want %v", text, i, got[i], want[i])
		}
		// W moves on and the tree does not: q still normalises.
		var sum float64
		for _, q := range distribution(t, s, h, normals(3, c*d, 1)) {
			sum += q
		}
		require.InDelta(t, 1, sum, 1e-9)
	}
}

// Random features approach the kernel e^{ν cos} as their number grows.
func TestRFFLaw(t *testing.T) {
	const c, d, nu = 2000, 8, 2
	W := normals(2, c*d, 1)
	for _, form := range []string{"positive", "trigonometric"} {
		var far []float64
		for _, n := range []string{"16", "4096"} {
			s := make1(t, "rff:nu=2,map="+form+",features="+n, Config{C: c, D: d, Seed: 9})
			tree := s.proposal.(*kernelTree)
			tree.leaf, tree.used, tree.leaves = 8, 250, 256 // small leaves, so that features and not leaves decide
			_, err := s.Refresh(0, W)
			require.NoError(t, err)
			var worst float64
			for seed := range uint64(3) {
				h := normals(100+seed, d, 3)
				want := make([]float64, c)
				hh := math.Sqrt(dot(h, h))
				for i := range want {
					w := W[i*d : (i+1)*d]
					want[i] = dot(h, w) / hh / math.Sqrt(dot(w, w))
				}
				want = normalised(want, func(cos float64) float64 { return math.Exp(nu * cos) })
				worst = max(worst, totalVariation(distribution(t, s, h, W), want))
			}
			far = append(far, worst)
		}
		require.Less(t, far[1], 0.1, form)
		require.Less(t, far[1], far[0]/2, form)
	}
}

// With a codeword for each class the quantised scores are the scores and midx
// is the softmax; with fewer, KL(q‖p) is within the bound of the residuals.
func TestMIDXLaw(t *testing.T) {
	const c, d = 60, 6
	h, W := normals(1, d, 1), normals(2, c*d, 1)
	s := scores(h, W)
	counts := make([]float64, c)
	for i := range counts {
		counts[i] = float64(i % 5)
	}
	p := normalised(s, math.Exp)
	for _, code := range []string{"residual", "product"} {
		full := make1(t, "midx:codewords=1024,code="+code, Config{C: c, D: d, Counts: counts})
		_, err := full.Refresh(0, W)
		require.NoError(t, err)
		require.Less(t, totalVariation(distribution(t, full, h, W), p), 1e-6, code)

		coarse := make1(t, "midx:codewords=4,code="+code, Config{C: c, D: d, Counts: counts})
		_, err = coarse.Refresh(0, W)
		require.NoError(t, err)
		q := distribution(t, coarse, h, W)
		m := coarse.proposal.(*midx)
		var kl, residual float64
		for i := range q {
			kl += q[i] * math.Log(q[i]/p[i])
			// s̃_i: log q is the quantised score up to a constant
			d1, d2 := len(m.c1)/m.k, len(m.c2)/m.k
			quantised := dot(h[:d1], m.c1[int(m.a[i])*d1:int(m.a[i]+1)*d1]) + dot(h[m.lo2:], m.c2[int(m.b[i])*d2:int(m.b[i]+1)*d2])
			residual = max(residual, math.Abs(s[i]-quantised))
		}
		require.LessOrEqual(t, 0.0, kl)
		require.LessOrEqual(t, kl, 2*residual)
		uniform := slices.Repeat([]float64{1.0 / c}, c)
		require.Less(t, totalVariation(q, p), totalVariation(uniform, p), "codebooks know something of W")

		pop := make1(t, "midx:codewords=1024,cell=popularity,code="+code, Config{C: c, D: d, Counts: counts})
		_, err = pop.Refresh(0, W)
		require.NoError(t, err)
		want := make([]float64, c)
		for i := range want {
			want[i] = s[i] + math.Log(counts[i]+1)
		}
		require.Less(t, totalVariation(distribution(t, pop, h, W), normalised(want, math.Exp)), 1e-6)
	}
	popular, err := Parse("midx:cell=popularity")
	require.NoError(t, err)
	_, err = popular.New(Config{C: 2, D: 2})
	require.ErrorContains(t, err, "needs the counts")
}

// kmeans finds clusters that are there.
func TestKMeans(t *testing.T) {
	const n, d, k = 90, 2, 3
	x := normals(4, n*d, 0.01)
	for i := range n {
		x[i*d] += float32(10 * (i % k))
	}
	var rng Stream
	rng.Seed(2, 0, 0)
	centre := make([]float32, k*d)
	kmeans(centre, x, n, d, k, 10, &rng)
	code := make([]int32, n)
	assign(code, table{x, d}, centre, d, k)
	for i := range n {
		require.Equal(t, code[i%k], code[i])
	}
	require.ElementsMatch(t, []int32{0, 1, 2}, code[:k])
}

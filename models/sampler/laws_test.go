package sampler

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// make1 builds the sampler that text denotes.
func make1(t testing.TB, text string, c Config) *Sampler {
	t.Helper()
	b, err := Parse(text)
	require.NoError(t, err)
	s, err := b.New(c)
	require.NoError(t, err)
	return s
}

func normals(seed uint64, n int, scale float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * rng.NormFloat64())
	}
	return x
}

func scores(h, W []float32) []float64 {
	s := make([]float64, len(W)/len(h))
	for i := range s {
		s[i] = dot(h, W[i*len(h):(i+1)*len(h)])
	}
	return s
}

// normalised returns f(s_i)/Σ f(s_j).
func normalised(s []float64, f func(float64) float64) []float64 {
	p := make([]float64, len(s))
	var z float64
	for i, x := range s {
		p[i] = f(x)
		z += p[i]
	}
	for i := range p {
		p[i] /= z
	}
	return p
}

func distribution(t testing.TB, s *Sampler, h, W []float32) []float64 {
	t.Helper()
	q := make([]float64, s.Config.C)
	require.NoError(t, s.LogQ(q, h, W))
	for i := range q {
		q[i] = math.Exp(q[i])
	}
	return q
}

// totalVariation is ½Σ|p−q|.
func totalVariation(p, q []float64) float64 {
	var d float64
	for i := range p {
		d += math.Abs(p[i]-q[i]) / 2
	}
	return d
}

// Vectors of independent programs; see testdata/golden.json for their oracles.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			ID, Loss string
			Params   struct {
				Beta float64
				K    int
			}
			Input struct {
				C, M         int
				Count, Q     []float64
				Tries        float64
				H            []float32
				C0, C1       [][]float32
				Code0, Code1 []int32
			}
			Expect struct {
				Q, Count []float64
				ByRank   []float64 `json:"q_by_rank"`
			}
			RTol, ATol float64
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Cases, 5)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			in := c.Input
			var got, want []float64
			rtol := c.RTol
			switch c.Loss {
			case "sampler:log_uniform":
				got = distribution(t, make1(t, "log-uniform:rank=id", Config{C: in.C}), nil, nil)
				want = c.Expect.Q
			case "sampler:popularity": // with δ = 0, which only the constructor takes
				p, err := newPopularity(in.Count, c.Params.Beta, 0)
				require.NoError(t, err)
				got, want = p.alias.probabilities(), c.Expect.Q
			case "sampler:expected_count":
				for _, q := range in.Q {
					got = append(got, ExpectedCount(q, in.Tries))
				}
				want = c.Expect.Count
			case "sampler:dns_top1":
				got = make([]float64, in.C)
				DNSTop1(got, in.M)
				want = c.Expect.ByRank
			case "sampler:midx_uniform":
				m := &midx{c: len(in.Code0), d: len(in.H), k: c.Params.K, lo2: len(in.H) / 2, a: in.Code0, b: in.Code1}
				m.c1, m.c2 = slices.Concat(in.C0...), slices.Concat(in.C1...)
				m.index()
				floats, _ := m.Scratch(1)
				st := &RowState{H: in.H, Floats: make([]float64, floats)}
				require.NoError(t, m.At(st))
				got, want = make([]float64, m.c), c.Expect.Q
				m.LogQ(got, nil, st)
				for i := range got {
					got[i] = math.Exp(got[i])
				}
				rtol = 1e-6 // h and the codebooks are float32 here
			default:
				t.Fatalf("no test for %s", c.Loss)
			}
			require.Len(t, got, len(want))
			for i := range want {
				require.True(t, check.Near(got[i], want[i], rtol, c.ATol), "%d: %v, want %v", i, got[i], want[i])
			}
		})
	}
}

// The alias table is its distribution, whatever its weights.
func TestAliasReconstructs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	for _, n := range []int{1, 2, 3, 10, 1000} {
		w := make([]float64, n)
		var z float64
		for i := range w {
			w[i] = math.Exp(10 * rng.NormFloat64())
			if i > 0 && i%7 == 0 {
				w[i] = 0
			}
			z += w[i]
		}
		for i, q := range newAlias(slices.Clone(w), z).probabilities() {
			// absolute: each of up to n places adds a rounding of 1/n
			require.InDelta(t, w[i]/z, q, 1e-15, "n=%d i=%d", n, i)
		}
	}
}

// Classes are ranked by count unless the text says that their ids are the ranks, and
// without counts nothing else is taken for them.
func TestRankByCount(t *testing.T) {
	c := Config{C: 4, Counts: []float64{2, 9, 2, 5}}
	for _, name := range []string{"log-uniform", "log-uniform-unique"} {
		byID := distribution(t, make1(t, name+":rank=id", c), nil, nil)
		require.IsDecreasing(t, byID, name)
		want := []float64{byID[2], byID[0], byID[3], byID[1]}
		require.Equal(t, want, distribution(t, make1(t, name+":rank=count", c), nil, nil), name)
		require.Equal(t, want, distribution(t, make1(t, name, c), nil, nil), name)
		b, err := Parse(name)
		require.NoError(t, err)
		_, err = b.New(Config{C: 4})
		require.ErrorContains(t, err, name+": rank=count needs the counts of the classes, and there are none; rank=id ")
	}
}

// The expected count of TensorFlow's correction is the count: over many draws,
// each class is there as often as Ec says, up to the approximation that the
// number of tries is fixed.
func TestUniqueCounts(t *testing.T) {
	const c, k, steps = 100, 10, 20000
	s := make1(t, "log-uniform-unique:rank=id", Config{C: c})
	d, err := s.NewDraws(c, k, true)
	require.NoError(t, err)
	b := &Batch{Seed: 1, Pos: make([]int32, c)}
	for i := range b.Pos {
		b.Pos[i] = int32(i) // log q of every class, of each draw
	}
	count, ec := make([]float64, c), make([]float64, c)
	for b.Step = range steps {
		require.NoError(t, s.Draw(d, b))
		for _, i := range d.IDs {
			count[i] += 1.0 / steps
		}
		for i, lq := range d.PosLogQ {
			ec[i] += k * math.Exp(float64(lq)) / steps
		}
	}
	for i := range c {
		// 5 standard errors of a share near 0.1 are 0.01; the approximation adds as much.
		require.InDelta(t, count[i], ec[i], 0.02, "class %d", i)
	}
}

// One draw of dns has the law of DNSTop1 over the ranks.
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
	DNSTop1(q, 4)
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
	draws, err = s.NewDraws(1, 5, false)
	require.NoError(t, err)
	require.EqualError(t, s.Draw(draws, b), "sampler: dns:m=4: row 0: 5 draws from a pool of m=4 candidates")
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

// The streaming estimate finds the frequencies from batches alone, from a wrong
// start, for head classes in every batch and tail classes in few.
func TestStreamingFrequency(t *testing.T) {
	const c, size, steps = 200, 64, 20000
	f := normalised(make([]float64, c), func(float64) float64 { return 1 })
	for i := range f {
		f[i] = 1 / float64(i+1)
	}
	f = normalised(f, func(x float64) float64 { return x })
	table := newAlias(f, 1)
	s := make1(t, "in-batch:alpha=0.005", Config{C: c})
	b := &Batch{Pos: make([]int32, size)}
	for step := range uint64(steps) {
		var rng Stream
		rng.Seed(1, step, 0)
		for r := range b.Pos {
			b.Pos[r] = table.draw(&rng)
		}
		b.Pos[0] = -1 // padding is nobody's positive
		s.Observe(b)
	}
	got := distribution(t, s, nil, nil)
	require.Less(t, totalVariation(got, f), 0.03)
	for i := range c {
		require.InEpsilon(t, f[i], got[i], 0.4, "class %d", i)
	}
	// Counts are taken where there are any, and then nothing is kept of the batches.
	for _, text := range []string{"in-batch", "in-batch:freq=count", "mixed:share=1"} {
		byCount := make1(t, text, Config{C: 3, Counts: []float64{6, 0, 1}})
		byCount.Observe(&Batch{Pos: []int32{1, 1, 1}})
		got = distribution(t, byCount, nil, nil)
		require.InDeltaSlice(t, []float64{0.75, 0.125, 0.125}, got, 1e-15, text)
		require.Empty(t, byCount.State())
	}
	count, err := Parse("in-batch:freq=count")
	require.NoError(t, err)
	_, err = count.New(Config{C: 3})
	require.ErrorContains(t, err, "needs the counts")

	// A class's gaps are of positives: 10 in 4 batches, of which class 1 is 5 and
	// class 2, first seen last, is 1; the prior is a gap of 3.
	s = make1(t, "in-batch:alpha=1e-6", Config{C: 3})
	for _, pos := range [][]int32{{1, 1, 0}, {0, -1, -1}, {1, 1, 1}, {2, 0, 0}} {
		s.Observe(&Batch{Pos: pos})
	}
	got = distribution(t, s, nil, nil)
	require.InDeltaSlice(t, []float64{5.0 / 13, 6.0 / 10, 2.0 / 13}, got, 1e-12)
	bad := s.State()
	bad[2].Data.([]int64)[1] = 11
	require.ErrorContains(t, s.SetState(bad), "class 1 has a gap of ")
}

// zipfSet returns the classes of each user, distinct and Zipf-like, of users with few
// and with many.
func zipfSet(users, c int) [][]int32 {
	w := make([]float64, c)
	var z float64
	for i := range w {
		w[i] = 1 / float64(i+1)
		z += w[i]
	}
	table := newAlias(w, z)
	var rng Stream
	rng.Seed(3, 0, 0)
	set := make([][]int32, users)
	for u := range set {
		for n := 5 + rng.IntN(56); len(set[u]) < n; {
			if y := table.draw(&rng); !slices.Contains(set[u], y) {
				set[u] = append(set[u], y)
			}
		}
	}
	return set
}

// Over batches of a set's users, with all their positives, as over batches of its
// pairs, q is the law of the draws: it sums to 1, and the draws that are a class,
// each over its q, come to 1 in the mean, for classes that a batch has many times as
// for others. It is so by counts and, without them, by what three epochs have shown.
func TestFrequencyIsThatOfDraws(t *testing.T) {
	const users, c, b, k = 800, 300, 64, 256
	set := zipfSet(users, c)
	counts := make([]float64, c)
	var pairs [][]int32
	for _, items := range set {
		for _, y := range items {
			counts[y]++
			pairs = append(pairs, []int32{y})
		}
	}
	for _, text := range []string{"in-batch", "mixed"} {
		for how, config := range map[string]Config{"counts": {C: c, Counts: counts}, "batches": {C: c}} {
			for of, rows := range map[string][][]int32{"users": set, "pairs": pairs} {
				t.Run(text+" by "+how+" of "+of, func(t *testing.T) {
					s := make1(t, text, config)
					d, err := s.NewDraws(b, k, true)
					require.NoError(t, err)
					weight, batches := make([]float64, c), 0.0
					batch := &Batch{Seed: 1}
					for epoch := uint64(0); epoch < 3 || batches < 1600; epoch++ {
						order := rand.New(rand.NewPCG(9, epoch)).Perm(len(rows))
						for at := 0; at+b <= len(order); at += b {
							batch.Pos, batch.Ptr = batch.Pos[:0], append(batch.Ptr[:0], 0)
							for _, r := range order[at : at+b] {
								batch.Pos = append(batch.Pos, rows[r]...)
								batch.Ptr = append(batch.Ptr, int32(len(batch.Pos)))
							}
							batch.Step++
							s.Observe(batch)
							require.NoError(t, s.Draw(d, batch))
							n := 0.0 // places that are not empty
							for _, i := range d.IDs {
								n += float64(min(i+1, 1))
							}
							for j, i := range d.IDs {
								if epoch >= 3 && i >= 0 {
									weight[i] += math.Exp(-float64(d.LogQ[j])) / n
								}
							}
							if epoch >= 3 {
								batches++
							}
						}
						if epoch != 2 {
							continue
						}
						var sum float64
						for _, x := range distribution(t, s, nil, nil) {
							sum += x
						}
						require.InDelta(t, 1, sum, 0.02)
					}
					var mean float64
					for i := range weight {
						weight[i] /= batches
						mean += weight[i] / c
					}
					require.InDelta(t, 1, mean, 0.03)
					for i, w := range weight[:10] { // the standard error is near 1 %
						require.InDelta(t, 1, w, 0.05, "class %d", i)
					}
				})
			}
		}
	}
}

// In-batch draws are the positives of other rows: From names them, Drop takes
// out a row's own, and padding is nobody's.
func TestInBatch(t *testing.T) {
	s := make1(t, "in-batch", Config{C: 9})
	d, err := s.NewDraws(4, 6, true)
	require.NoError(t, err)
	b := &Batch{Pos: []int32{5, -1, 7, 5}}
	require.NoError(t, s.Draw(d, b))
	require.Equal(t, []int32{5, 7, 5, -1, -1, -1}, d.IDs)
	require.Equal(t, []int32{0, 2, 3, -1, -1, -1}, d.From)
	require.Zero(t, d.PosLogQ[1])
	drop := make([]bool, 6)
	require.Equal(t, 2, d.Drop(drop, b, 0, false))
	require.Equal(t, []bool{true, false, false, true, true, true}, drop)
	require.Equal(t, 1, d.Drop(drop, b, 0, true), "row 3 has the same positive: a hit")
	require.Equal(t, []bool{true, false, true, true, true, true}, drop)
	require.Equal(t, 3, d.Drop(drop, b, 1, true))

	// Several positives a row.
	b = &Batch{Pos: []int32{1, 2, 3}, Ptr: []int32{0, 2, 2, 3, 3}}
	require.NoError(t, s.Draw(d, b))
	require.Equal(t, []int32{1, 2, 3, -1, -1, -1}, d.IDs)
	require.Equal(t, []int32{0, 0, 2, -1, -1, -1}, d.From)
	require.Len(t, d.PosLogQ, 3)
	require.Equal(t, 1, d.Drop(drop, b, 0, true))

	// More positives than draws: a choice of distinct places, each as often.
	d, err = s.NewDraws(8, 3, true)
	require.NoError(t, err)
	b = &Batch{Pos: []int32{0, 1, 2, 3, 4, 5, 6, 7}}
	count := make([]float64, 8)
	const steps = 4000
	for b.Step = range steps {
		require.NoError(t, s.Draw(d, b))
		for j, i := range d.IDs {
			require.Equal(t, i, d.From[j])
			count[i]++
		}
	}
	for i := range count {
		require.InDelta(t, 3.0/8, count[i]/steps, 0.04) // 5 standard errors
	}
}

// A batch of one row has no other rows, so that none of its draws would be kept:
// nothing would be learned, with a loss of 0.
func TestInBatchNeedsOtherRows(t *testing.T) {
	for _, text := range []string{"in-batch", "in-batch:freq=stream"} {
		s := make1(t, text, Config{C: 9})
		_, err := s.NewDraws(1, 6, true)
		require.ErrorContains(t, err, "batches of one row have none", text)
		_, err = s.NewDraws(2, 6, true)
		require.NoError(t, err, text)
	}
	_, err := make1(t, "mixed", Config{C: 9}).NewDraws(1, 6, true)
	require.NoError(t, err, "half of these draws are of all classes")
}

// Mixed draws are a share of the batch and uniform classes, and q their mixture.
func TestMixed(t *testing.T) {
	c := Config{C: 10, Counts: []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 11}}
	s := make1(t, "mixed:freq=count", c)
	d, err := s.NewDraws(4, 8, true)
	require.NoError(t, err)
	b := &Batch{Pos: []int32{9, 9, 9, -1}}
	require.NoError(t, s.Draw(d, b))
	require.Equal(t, []int32{9, 9, 9}, d.IDs[:3])
	require.Equal(t, []int32{0, 1, 2, -1, -1, -1, -1, -1}, d.From)
	// n = 3 of the 4 asked for, n′ = 5: q_9 = (3·11/20 + 5/10)/8
	require.InDelta(t, math.Log((3*0.55+5*0.1)/8), d.PosLogQ[0], 1e-6)
	require.InDelta(t, math.Log((4*0.55+4*0.1)/8), math.Log(distribution(t, s, nil, nil)[9]), 1e-12)
}

// IntN is uniform for a bound that is not a power of two, and Float64 is in
// [0, 1).
func TestStream(t *testing.T) {
	var r Stream
	r.Seed(1, 2, 3)
	var count [3]float64
	const n = 30000
	for range n {
		count[r.IntN(3)]++
		u := r.Float64()
		require.True(t, 0 <= u && u < 1)
	}
	var chi2 float64
	for _, x := range count {
		chi2 += (x - n/3) * (x - n/3) / (n / 3)
	}
	require.LessOrEqual(t, chi2, distuv.ChiSquared{K: 2}.Quantile(1-1e-4))
	first := func(seed, step, row uint64) uint64 {
		var r Stream
		r.Seed(seed, step, row)
		return r.Uint64()
	}
	seen := map[uint64]bool{}
	for i := range uint64(8) {
		for j := range uint64(8) {
			for k := range uint64(8) {
				seen[first(i, j, k)] = true
			}
		}
	}
	require.Len(t, seen, 512, "neighbouring streams differ")
}

// Each row draws from its own h, and log q of its positives, however many, is
// that of its own h.
func TestRowsHaveTheirOwnLaw(t *testing.T) {
	const c, d, rows, k = 20, 4, 3, 6
	s := make1(t, "softmax-exact", Config{C: c, D: d})
	b := &Batch{Seed: 5, H: normals(1, rows*d, 1), W: normals(2, c*d, 1), Pos: []int32{3, 8, 19, 0}, Ptr: []int32{0, 1, 1, 4}}
	draws, err := s.NewDraws(rows, k, false)
	require.NoError(t, err)
	require.NoError(t, s.Draw(draws, b))
	require.Len(t, draws.PosLogQ, len(b.Pos))
	for r := range rows {
		q := make([]float64, c)
		require.NoError(t, s.LogQ(q, b.H[r*d:(r+1)*d], b.W))
		ids, logQ := draws.Row(r)
		for j, i := range ids {
			require.InDelta(t, q[i], logQ[j], 1e-6)
		}
		lo, hi := b.Positives(r)
		for j := lo; j < hi; j++ {
			require.InDelta(t, q[b.Pos[j]], draws.PosLogQ[j], 1e-6)
		}
		drop := make([]bool, k)
		draws.Drop(drop, b, r, true)
		for j, i := range ids {
			require.Equal(t, slices.Contains(b.Pos[lo:hi], i), drop[j])
		}
	}
}

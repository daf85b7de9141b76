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
				dnsTop1(got, in.M)
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
		draws.drop(drop, b, r, true)
		for j, i := range ids {
			require.Equal(t, slices.Contains(b.Pos[lo:hi], i), drop[j])
		}
	}
}

package bias

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/train"
)

// scoreProblem has one query whose gradient by h is that by the scores: W = I,
// h = s.
func scoreProblem(s, counts []float64, y int) *Problem {
	c := len(s)
	p := &Problem{C: c, D: c, W: make([]float64, c*c), H: [][]float64{s}, Y: []int{y}, Counts: counts}
	for j := range c {
		p.W[j*c+j] = 1
	}
	return p
}

func measure(t *testing.T, p *Problem, text string, o Options) *Result {
	e, err := Parse(text, p.C)
	require.NoError(t, err)
	r, err := Measure(t.Context(), p, e, o)
	require.NoError(t, err, text)
	return r
}

var fiveScores = []float64{0.8, -0.5, 0.3, 1.1, -0.2}
var fiveCounts = []float64{4, 1, 2, 3, 2}

// TestLeadingOrder: by enumeration, the formulas for softmax with any correction
// come true as 1/k: what is left of their ratio to the exact moments falls with k.
func TestLeadingOrder(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 0)
	for _, text := range []string{
		"sampled-softmax:correction=logq,sampler=uniform", "sampled-softmax:correction=logq,sampler=popularity,beta=1",
		"sampled-softmax:correction=importance,sampler=uniform", "sampled-softmax:correction=importance,sampler=popularity,beta=1",
		"infonce:sampler=popularity,beta=1",
	} {
		var at [7]*Result
		for k := 2; k <= 6; k++ {
			at[k] = measure(t, p, text, Options{Draws: k})
			require.True(t, at[k].Exact)
			t.Logf("%-60s k=%d bias² %.3g (ratio %.3f) variance %.3g (ratio %.3f)", text, k, at[k].Bias, at[k].BiasRatio, at[k].Var, at[k].VarRatio)
		}
		far := [2]float64{}
		for k := 2; k < 6; k++ {
			far[0], far[1] = max(far[0], math.Abs(at[k].BiasRatio-1)), max(far[1], math.Abs(at[k].VarRatio-1))
		}
		require.Less(t, math.Abs(at[6].BiasRatio-1), far[0], text)
		require.Less(t, math.Abs(at[6].VarRatio-1), far[1], text)
		require.InDelta(t, 1, at[6].VarRatio, 0.35, text)
		require.InDelta(t, 1, at[6].BiasRatio, 0.5, text)
	}
}

// TestNoFormulaOfTheWeight: the formulas are of softmax without a weight of the negatives.
func TestNoFormulaOfTheWeight(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 0)
	const text = "sampled-softmax:correction=logq,sampler=uniform"
	require.False(t, math.IsNaN(measure(t, p, text, Options{Draws: 2}).Theory))
	require.True(t, math.IsNaN(measure(t, p, text+",negatives=1.2", Options{Draws: 2}).Theory))
}

// TestFormulasByScore holds the bias and the variance of each score, as the
// literature states them for the importance correction, against exact sums over
// draws that miss the positive.
func TestFormulasByScore(t *testing.T) {
	s, y := fiveScores, 0
	q := []float64{0.3, 0.1, 0.2, 0.25, 0.15}
	var z float64
	for _, x := range s {
		z += math.Exp(x)
	}
	pr, qq := make([]float64, 5), make([]float64, 5) // p and q'
	chi := 0.0
	for j := range s {
		pr[j], qq[j] = math.Exp(s[j])/z, q[j]/(1-q[y])
		if j != y {
			chi += pr[j] * pr[j] / qq[j]
		}
	}
	py := pr[y]
	require.GreaterOrEqual(t, chi, (1-py)*(1-py), "Cauchy-Schwarz")
	worst := [2]float64{math.Inf(1), math.Inf(1)}
	for k := 2; k <= 7; k++ {
		mean, second, loss := make([]float64, 5), make([]float64, 5), 0.0
		for n := range int(math.Pow(4, float64(k))) { // tuples over the four others
			weight, sum, g := 1.0, math.Exp(s[y]), make([]float64, 5)
			ids := make([]int, k)
			for j, rest := 0, n; j < k; j, rest = j+1, rest/4 {
				ids[j] = 1 + rest%4
				weight *= qq[ids[j]]
				sum += math.Exp(s[ids[j]]) / (float64(k) * qq[ids[j]])
			}
			for _, id := range ids {
				g[id] += math.Exp(s[id]) / (float64(k) * qq[id] * sum)
			}
			g[y] = math.Exp(s[y])/sum - 1
			loss += weight * (math.Log(sum) - s[y])
			for j := range g {
				mean[j] += weight * g[j]
				second[j] += weight * g[j] * g[j]
			}
		}
		kk := float64(k)
		far := [2]float64{}
		sum := 0.0
		for j := range s {
			g := pr[j]
			bias, vari := pr[j]/kk*(chi-pr[j]/qq[j]+py*(1-py)), (pr[j]*pr[j]*(1-2*pr[j])/qq[j]+pr[j]*pr[j]*chi-pr[j]*pr[j]*py*py)/kk
			if j == y {
				g--
				bias, vari = py/kk*(chi-(1-py)*(1-py)), py*py/kk*(chi-(1-py)*(1-py))
			}
			far[0] = max(far[0], kk*math.Abs(mean[j]-g-bias))
			far[1] = max(far[1], kk*math.Abs(second[j]-mean[j]*mean[j]-vari))
			sum += mean[j] - g
		}
		require.InDelta(t, 0, sum, 1e-12, "bias sums to 0")
		require.LessOrEqual(t, loss, -math.Log(py), "Jensen")
		require.InDelta(t, -(chi-(1-py)*(1-py))/(2*kk), loss+math.Log(py), 0.2/(kk*kk), "bias of the loss")
		for i, what := range []string{"bias", "variance"} { // k times the error of an O(1/k) formula is O(1/k)
			require.Less(t, far[i], worst[i], "%s at k=%d", what, k)
		}
		worst = far
	}
	require.Less(t, worst[0], 0.02)
	require.Less(t, worst[1], 0.02)
}

// TestIdealProposal: with q ∝ p the importance correction has no bias at any k,
// and its variance is ((1−p_y)² − Σ_{j≠y} p_j²)/k; nce, neg and bpr have the
// moments of their formulas exactly.
func TestIdealProposal(t *testing.T) {
	b, err := losses.Parse("softmax")
	require.NoError(t, err)
	pr := make([]float64, 5)
	b.Predict(pr, fiveScores)
	counts := make([]float64, 5)
	for j := range counts {
		counts[j] = 1e9 * pr[j]
	}
	p := scoreProblem(fiveScores, counts, 3)
	want := (1 - pr[3]) * (1 - pr[3])
	size := want
	for j, v := range pr {
		if j != 3 {
			want -= v * v
			size += v * v
		}
	}
	// Draws that hit the positive are lost, and a row without draws has gradient 0:
	// of those that keep some the mean is exact.
	r := measure(t, p, "sampled-softmax:correction=importance,sampler=popularity,beta=1,delta=1e-6", Options{Draws: 6})
	lost := math.Pow(pr[3], 6)
	require.InDelta(t, lost*lost, r.Bias, 1e-9)

	uneven := scoreProblem(fiveScores, fiveCounts, 0)
	for _, text := range []string{"nce:sampler=popularity", "nce:sampler=uniform,log-z=1", "neg:sampler=popularity", "bpr:sampler=popularity,beta=1", "bpr:sampler=uniform"} {
		for k := 1; k <= 4; k++ {
			r := measure(t, uneven, text, Options{Draws: k})
			require.InDelta(t, 1, r.BiasRatio, 1e-9, text)
			require.InDelta(t, 1, r.VarRatio, 1e-9, text)
		}
	}
}

// TestCorrectedGradientsConverge: corrected, bias² and variance fall with k to 0;
// uncorrected draws keep the bias of their limit.
func TestCorrectedGradientsConverge(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 2)
	for _, text := range []string{"sampled-softmax:correction=logq,sampler=popularity", "sampled-softmax:correction=importance,sampler=popularity", "infonce:sampler=popularity,beta=1"} {
		few := measure(t, p, text, Options{Draws: 8, Repeats: 4000})
		many := measure(t, p, text, Options{Draws: 512, Repeats: 4000})
		require.False(t, many.Exact)
		require.Less(t, many.Var, few.Var/20, text)
		if text[:7] == "infonce" {
			require.Greater(t, many.Bias, 0.01)
			require.InDelta(t, 1, many.BiasRatio, 0.05)
			continue
		}
		require.Less(t, many.Bias, 2e-4, text)
		require.InDelta(t, 1, many.VarRatio, 0.1, text)
	}
}

// TestMonteCarloAgreesWithEnumeration: the estimate is within its error of the
// exact value.
func TestMonteCarloAgreesWithEnumeration(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 0)
	for _, text := range []string{"sampled-softmax:sampler=uniform", "neg:sampler=popularity", "sparsemax@sampled:correction=none,sampler=uniform"} {
		exact := measure(t, p, text, Options{Draws: 3})
		mc := measure(t, p, text, Options{Draws: 3, Repeats: 20000, Enumerate: 1, Seed: 5})
		require.True(t, exact.Exact)
		require.False(t, mc.Exact)
		require.Greater(t, mc.BiasErr, 0.0)
		require.InDelta(t, exact.Bias, mc.Bias, 4*mc.BiasErr, text)
		require.InDelta(t, exact.Var, mc.Var, 4*mc.VarErr, text)
	}
}

// TestErrorsCover: over many seeds the true value is within two errors about as
// often as it should be.
func TestErrorsCover(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 0)
	exact := measure(t, p, "sampled-softmax:sampler=uniform", Options{Draws: 3})
	inside := 0
	for seed := range uint64(60) {
		r := measure(t, p, "sampled-softmax:sampler=uniform", Options{Draws: 3, Repeats: 200, Enumerate: 1, Seed: seed})
		// One query: the median's factor √(π/2) is of many.
		if check.Near(r.Bias, exact.Bias, 0, 2*r.BiasErr/math.Sqrt(math.Pi/2)) {
			inside++
		}
	}
	require.GreaterOrEqual(t, inside, 48, "of 60")
}

// TestFromTrained: the scores of a problem are those that the model ranks by.
func TestFromTrained(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=60,items=50,per-user=8"})
	require.NoError(t, err)
	for _, text := range []string{"", "{model: {score: dot, bias: true, temperature: 0.5}}", "{candidates: 'sampled:n=4'}"} {
		cfg, err := train.Parse([]byte(text))
		require.NoError(t, err)
		cfg.Model.Dim = 6
		tr, err := train.New(cfg, set)
		require.NoError(t, err)
		if tables := tr.Tables(); len(tables) > 2 { // the bias comes last
			rng := rand.New(rand.NewPCG(1, 1))
			for i := range tables[2].Data {
				tables[2].Data[i] = float32(rng.NormFloat64())
			}
		}
		p, err := FromTrained(tr, set, 60, 3)
		require.NoError(t, err)
		require.Len(t, p.H, 60)
		users := make([]int, 60)
		for u := range users {
			users[u] = u
		}
		tops, err := tr.Predict(t.Context(), set, users, 50, true)
		require.NoError(t, err)
		// Users are shuffled: each query's scores are one user's.
		s := make([]float64, p.C)
		for i, h := range p.H {
			p.Scores(s, h)
			found := false
			for u := range users {
				same := set.Train.Has(u, int32(p.Y[i]))
				for r, id := range tops[u].IDs {
					same = same && math.Abs(s[id]-float64(tops[u].Scores[r])) < 1e-4
				}
				found = found || same
			}
			require.True(t, found, "query %d", i)
		}
		_, err = FromTrained(tr, set, 61, 3)
		require.ErrorContains(t, err, "61 queries of 60 users")
	}
	cfg := train.Config{Loss: "hsm"}
	tr, err := train.New(cfg, set)
	require.NoError(t, err)
	_, err = FromTrained(tr, set, 5, 1)
	require.ErrorContains(t, err, "candidates tree")
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"softmx":                           "unknown loss",
		"hsm":                              "candidates tree are another model",
		"bpr:sampler=in-batch":             "draws from batches",
		"softmax@everything":               "unknown candidates",
		"sampled-softmax:sampler=uniforms": `is not one of`,
		"bpr:weight=softmax@all":           `no parameter "weight"`,
		"bpr:weight=softmax":               `no parameter "weight"`,
		"bpr:n=4@all":                      "replaced by all",
		"bpr@":                             "names no candidates",
	} {
		_, err := Parse(text, 10)
		require.ErrorContains(t, err, want, text)
	}
	p := scoreProblem(fiveScores, fiveCounts, 0)
	e, err := Parse("sampled-softmax", 5)
	require.NoError(t, err)
	for want, o := range map[string]Options{
		"not a multiple of 10": {Repeats: 25},
		"-1 draws":             {Draws: -1},
		"unknown loss":         {Reference: "softmx"},
	} {
		_, err := Measure(t.Context(), p, e, o)
		require.ErrorContains(t, err, want)
	}
	_, err = Measure(t.Context(), &Problem{}, e, Options{})
	require.ErrorContains(t, err, "no queries")
}

// TestTable: every estimator of the usual comparison measures.
func TestTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	p := &Problem{C: 60, D: 4, W: make([]float64, 240), Counts: make([]float64, 60)}
	for i := range p.W {
		p.W[i] = rng.NormFloat64()
	}
	for i := range p.Counts {
		p.Counts[i] = float64(60 - i)
	}
	for range 3 {
		h := make([]float64, 4)
		for i := range h {
			h[i] = rng.NormFloat64()
		}
		p.H, p.Y = append(p.H, h), append(p.Y, rng.IntN(60))
	}
	for _, text := range Table() {
		r := measure(t, p, text, Options{Draws: 8, Repeats: 100})
		require.False(t, math.IsNaN(r.Bias+r.Var+r.Cos), text)
		if r.Draws == 0 {
			require.Zero(t, r.Var)
		}
	}
}

// TestLossFollowsTheDraws: gbce's power is that of the draws that are measured, not of
// those that its text has.
func TestLossFollowsTheDraws(t *testing.T) {
	p := scoreProblem(fiveScores, fiveCounts, 0)
	measure := func(text string, draws int) Result {
		e, err := Parse(text, p.C)
		require.NoError(t, err)
		r, err := Measure(t.Context(), p, e, Options{Draws: draws, Repeats: 20})
		require.NoError(t, err)
		r.Estimator, r.Theory, r.TheoryVar, r.BiasRatio, r.VarRatio = "", 0, 0, 0, 0 // texts, and NaN
		return *r
	}
	want := measure("gbce:n=2", 0)
	require.Equal(t, 2, want.Draws)
	require.Equal(t, want, measure("gbce", 2))
	require.Equal(t, want, measure("gbce: n = 2e0", 0))
	require.Equal(t, want, measure("gbce@sampled:n=2,correction=none", 0))
	require.Equal(t, want, measure("gbce:beta=0.625@sampled:n=2,correction=none", 0)) // r = 2/4
	require.NotEqual(t, want, measure("gbce:beta=0.5", 2))
}

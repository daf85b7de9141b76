package sampler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// A distribution of a user's own is one file in a package of its own, like this
// one; the conformance test ranges over it as over the rest.
func init() {
	sampler.Register(sampler.Spec{
		Name:   "test-even-odd",
		Doc:    "even classes twice as often as odd ones",
		Source: "this file",
		Props:  sampler.Exact | sampler.FullSupport,
		Growth: sampler.GrowthConstant,
		Cost:   "O(1) a draw",
		Bytes:  func(sampler.Config, registry.Values) sampler.Footprint { return sampler.Footprint{} },
		New: func(c sampler.Config, _ registry.Values) (sampler.Proposal, error) {
			return evenOdd(c.C), nil
		},
	})
}

type evenOdd int

func (e evenOdd) total() int { return 2*((int(e)+1)/2) + int(e)/2 }

func (e evenOdd) Scratch(int) (int, int) { return 0, 0 }

func (e evenOdd) At(*sampler.RowState) error { return nil }

func (e evenOdd) Draw(ids []int32, logQ []float64, st *sampler.RowState) error {
	for j := range ids {
		u := st.Rand.IntN(e.total()) // three places for each pair of classes
		ids[j] = int32(u/3*2 + u%3/2)
		st.Ops++
	}
	e.LogQ(logQ, ids, st)
	return nil
}

func (e evenOdd) LogQ(logQ []float64, ids []int32, _ *sampler.RowState) {
	for j := range logQ {
		i := int32(j)
		if ids != nil {
			i = ids[j]
		}
		logQ[j] = math.Log(float64(2-i%2) / float64(e.total()))
	}
}

// A problem is a sampler at work.
type problem struct {
	*sampler.Sampler
	draws *sampler.Draws
	batch *sampler.Batch
	props sampler.Props
}

// newProblem makes a problem of C classes of width d with Zipf counts. Its rows
// all have one h, so that the draws of all rows have one law; the scores have a
// standard deviation near 1.
func newProblem(t testing.TB, b sampler.Choice, c, d, rows, k int) *problem {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(c)))
	counts := make([]float64, c)
	for i := range counts {
		counts[i] = math.Floor(1000 / float64(i+1))
	}
	s, err := b.New(sampler.Config{C: c, D: d, Counts: counts, Seed: 3})
	require.NoError(t, err)
	batch := &sampler.Batch{Seed: 11, H: make([]float32, rows*d), W: make([]float32, c*d), Pos: make([]int32, rows)}
	for j := range d {
		batch.H[j] = float32(rng.NormFloat64() / math.Sqrt(float64(d)))
	}
	for r := 1; r < rows; r++ {
		copy(batch.H[r*d:(r+1)*d], batch.H)
	}
	for i := range batch.W {
		batch.W[i] = float32(rng.NormFloat64())
	}
	for r := range batch.Pos { // few classes, and not as often as their counts say
		batch.Pos[r] = int32(min(r%2, c-1))
	}
	_, err = s.Refresh(0, batch.W)
	require.NoError(t, err)
	props := b.Spec.Props
	draws, err := s.NewDraws(rows, k, !props.Has(sampler.Adaptive))
	require.NoError(t, err)
	return &problem{s, draws, batch, props}
}

func (p *problem) logQ(t testing.TB) []float64 {
	t.Helper()
	q := make([]float64, p.Config.C)
	require.NoError(t, p.LogQ(q, p.batch.H[:p.Config.D], p.batch.W))
	return q
}

// step draws for the next step.
func (p *problem) step(t testing.TB) {
	t.Helper()
	p.batch.Step++
	require.NoError(t, p.Draw(p.draws, p.batch))
}

// probes runs fn for every registered sampler at every probed setting.
func probes(t *testing.T, fn func(t *testing.T, b sampler.Choice)) {
	require.NotEmpty(t, sampler.All())
	for _, spec := range sampler.All() {
		for _, b := range spec.Probes() {
			t.Run(b.String(), func(t *testing.T) { fn(t, b) })
		}
	}
}

// Exact holds both ways: declared, LogQ sums to 1 and the frequencies of the
// draws fit it; undeclared, one of the two fails.
func TestExact(t *testing.T) {
	const c = 50
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, c, 8, 64, 8)
		var sum float64
		logQ := p.logQ(t)
		for _, lq := range logQ {
			sum += math.Exp(lq)
		}
		count := make([]float64, c)
		var n float64
		for n < 30000 {
			p.step(t)
			for _, i := range p.draws.IDs {
				count[i]++
				n++
			}
		}
		// χ² over classes, those with fewer than 5 expected draws pooled.
		var chi2, restCount, restQ float64
		cells := -1.0
		for i, lq := range logQ {
			want := n * math.Exp(lq)
			if want < 5 {
				restCount, restQ = restCount+count[i], restQ+want
				continue
			}
			chi2 += (count[i] - want) * (count[i] - want) / want
			cells++
		}
		if restQ > 5 {
			chi2 += (restCount - restQ) * (restCount - restQ) / restQ
			cells++
		}
		fits := check.Near(sum, 1, 0, 1e-9)
		if cells > 0 {
			fits = fits && chi2 <= distuv.ChiSquared{K: cells}.Quantile(1-1e-4)
		}
		require.Equal(t, b.Spec.Props.Has(sampler.Exact), fits, "Σq=%.12g, χ²=%.1f over %.0f cells", sum, chi2, cells)
	})
}

// The log q that comes with a draw, and with a positive, is that of LogQ.
func TestDrawsCarryLogQ(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 50, 8, 16, 8)
		p.step(t)
		want := p.logQ(t)
		if p.props.Has(sampler.Distinct) {
			// log q speaks of that draw of all, which took at least k tries: each class
			// has 1−(1−q)^tries ≥ 1−(1−q)^k of being there, and k·exp(log q) is that.
			for i, lq := range want {
				want[i] = -math.Expm1(8 * math.Log1p(-math.Exp(lq)))
			}
			for j, i := range p.draws.IDs {
				require.GreaterOrEqual(t, 8*math.Exp(float64(p.draws.LogQ[j])), want[i]*(1-1e-6))
				require.LessOrEqual(t, 8*math.Exp(float64(p.draws.LogQ[j])), 1+1e-6)
			}
			for j, i := range p.batch.Pos {
				require.GreaterOrEqual(t, 8*math.Exp(float64(p.draws.PosLogQ[j])), want[i]*(1-1e-6))
			}
			return
		}
		near := func(got float32, i int32) {
			require.True(t, check.Near(float64(got), want[i], 1e-6, 1e-6), "class %d: log q %v, want %v", i, got, want[i])
		}
		for j, i := range p.draws.IDs {
			near(p.draws.LogQ[j], i)
		}
		require.Len(t, p.draws.PosLogQ, len(p.batch.Pos))
		for j, i := range p.batch.Pos {
			near(p.draws.PosLogQ[j], i)
		}
	})
}

// Distinct holds both ways: k draws of k classes are all of them, or not.
func TestDistinct(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 12, 8, 16, 12)
		distinct := true
		for range 5 {
			p.step(t)
			for r := range 16 {
				seen := map[int32]bool{}
				ids, _ := p.draws.Row(r)
				for _, i := range ids {
					distinct = distinct && !seen[i]
					seen[i] = true
				}
			}
		}
		require.Equal(t, p.props.Has(sampler.Distinct), distinct)
	})
}

// FullSupport holds both ways.
func TestFullSupport(t *testing.T) {
	const c = 6
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, c, 8, 16, 4)
		for i := range p.batch.H {
			p.batch.H[i] *= 0.1 // flat scores: rare is not never
		}
		seen := make([]bool, c)
		for range 2000 {
			p.step(t)
			for _, i := range p.draws.IDs {
				seen[i] = true
			}
		}
		all := true
		for i, lq := range p.logQ(t) {
			all = all && seen[i]
			require.False(t, math.IsNaN(lq) || math.IsInf(lq, 0), "class %d", i)
		}
		require.Equal(t, p.props.Has(sampler.FullSupport), all)
	})
}

// Adaptive holds both ways: with another h the same stream draws otherwise.
func TestAdaptive(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 50, 8, 16, 8)
		p.step(t)
		before := append([]int32(nil), p.draws.IDs...)
		for i := range p.batch.H {
			p.batch.H[i] *= -2
		}
		require.NoError(t, p.Draw(p.draws, p.batch))
		require.Equal(t, p.props.Has(sampler.Adaptive), fmt.Sprint(before) != fmt.Sprint(p.draws.IDs))

		_, err := p.NewDraws(16, 8, true)
		require.Equal(t, p.props.Has(sampler.Adaptive), err != nil, "shared draws: %v", err)
		_, err = p.NewDraws(16, 8, false)
		require.Equal(t, p.props.Has(sampler.InBatch), err != nil, "draws per row: %v", err)
	})
}

// The operations of a step grow with C as declared, and so do not grow where the
// declaration says so.
func TestGrowth(t *testing.T) {
	small, large := 1<<11, 1<<16
	if testing.Short() {
		large = 1 << 13
	}
	probes(t, func(t *testing.T, b sampler.Choice) {
		ops := func(c int) float64 {
			p := newProblem(t, b, c, 4, 4, 8)
			p.step(t)
			require.Positive(t, p.draws.Ops)
			return float64(p.draws.Ops)
		}
		ratio, times := ops(large)/ops(small), float64(large)/float64(small)
		switch b.Spec.Growth {
		case sampler.GrowthConstant:
			require.InDelta(t, 1, ratio, 0.05)
		case sampler.GrowthLog:
			require.Greater(t, ratio, 1.0)
			require.LessOrEqual(t, ratio, 1+math.Log2(times))
		case sampler.GrowthLinear:
			require.Greater(t, ratio, times/2)
			require.LessOrEqual(t, ratio, times)
		}
	})
}

// A step's draws depend on (seed, step, row) and the input only: the same bits at
// any number of threads, with summaries of W built at that number.
func TestDeterminism(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	probes(t, func(t *testing.T, b sampler.Choice) {
		var want string
		for _, threads := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(threads)
			p := newProblem(t, b, 700, 8, 40, 8)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range p.batch.H {
				p.batch.H[i] = float32(rng.NormFloat64())
			}
			for range 3 {
				p.Observe(p.batch)
				p.step(t)
			}
			got := fmt.Sprint(p.draws.IDs, p.draws.LogQ, p.draws.PosLogQ, p.draws.From, p.draws.Ops, p.logQ(t))
			if threads == 1 {
				want = got
			}
			require.Equal(t, want, got, "%d threads", threads)
			p.step(t)
			require.NotEqual(t, want, fmt.Sprint(p.draws.IDs, p.draws.LogQ), "the next step draws anew")
		}
	})
}

// A step does not allocate.
func TestNoAllocation(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // goroutines allocate
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 64, 8, 16, 8)
		p.step(t)
		require.Zero(t, testing.AllocsPerRun(10, func() {
			p.Observe(p.batch)
			p.batch.Step++
			if err := p.Draw(p.draws, p.batch); err != nil {
				panic(err)
			}
		}))
	})
}

// A summary of W that was never built is an error.
func TestRefresh(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 50, 8, 16, 8)
		refreshes := p.props.Has(sampler.Refreshes)
		fresh, err := b.New(p.Config)
		require.NoError(t, err)
		err = fresh.Draw(p.draws, p.batch)
		if refreshes {
			require.ErrorContains(t, err, "Refresh must come before the first draw")
		} else {
			require.NoError(t, err)
		}
		for _, step := range []struct {
			step uint64
			due  bool
		}{{7, true}, {8, false}, {499, false}, {500, true}, {501, false}, {1000, true}} {
			did, err := fresh.Refresh(step.step, p.batch.W)
			require.NoError(t, err)
			require.Equal(t, refreshes && step.due, did, "step %d", step.step)
		}
		if refreshes {
			_, err = fresh.Refresh(1500, p.batch.W[1:])
			require.ErrorContains(t, err, "W has 399 numbers; C=50 classes of width D=8 are 400")
		}
	})
}

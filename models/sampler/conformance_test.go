package sampler_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/models/samplertest"
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
		Bytes:  func(sampler.Config, sampler.Values) sampler.Footprint { return sampler.Footprint{} },
		New: func(c sampler.Config, _ sampler.Values) (sampler.Proposal, error) {
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

// step draws for the next step.
func (p *problem) step(t testing.TB) {
	t.Helper()
	p.batch.Step++
	require.NoError(t, p.Draw(p.draws, p.batch))
}

// TestConformance holds every registered sampler to the suite.
func TestConformance(t *testing.T) {
	require.NotEmpty(t, sampler.All())
	for _, spec := range sampler.All() {
		t.Run(spec.Name, func(t *testing.T) { require.NoError(t, samplertest.Check(spec, testing.Short())) })
	}
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

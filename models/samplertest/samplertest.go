package samplertest

import (
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// Check checks the sampler at each of its probed settings and returns every fault that it
// finds, joined, each named by setting and check; nil is a sampler that passes. A panic of
// the sampler is a fault. A short run counts operations and bytes at fewer classes. It
// sets GOMAXPROCS and reads the heap, so nothing else may run beside it.
//
//   - every declared fact holds and every undeclared one fails, by the frequencies of
//     draws, their classes and what they depend on;
//   - the log q that comes with a draw or a positive is that of LogQ;
//   - a step's operations grow with C as declared, its bytes are those that Bytes says;
//   - the draws of a step depend on seed, step, row and input alone: equal bits at any
//     number of threads, and a state that is put back goes on to the same bits;
//   - a step does not allocate, one class and classes without counts have a law, and
//     scores of any size give finite log q or an error.
func Check(spec *sampler.Spec, short bool) error {
	classes := map[bool]int{true: 10_000, false: 30_000}[short]
	large := map[bool]int{true: 1 << 13, false: 1 << 16}[short]
	return check.Suite(func(t *check.T) {
		for _, b := range spec.Probes() {
			t.Run(b.String(), func(t *check.T) {
				for _, c := range []struct {
					name string
					run  func(t *check.T, b sampler.Choice)
				}{
					{"exact", exact}, {"log-q", carry}, {"distinct", distinct}, {"full-support", fullSupport}, {"adaptive", adaptive},
					{"in-batch", inBatch}, {"determinism", determinism}, {"allocation", allocation}, {"edges", edges}, {"extremes", extremes},
					{"state", state}, {"refresh", refresh},
				} {
					t.Run(c.name, func(t *check.T) { c.run(t, b) })
				}
				t.Run("growth", func(t *check.T) { growth(t, b, 1<<11, large) })
				t.Run("bytes", func(t *check.T) { bytes(t, b, classes) })
			})
		}
	})
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
func newProblem(t *check.T, b sampler.Choice, c, d, rows, k int) *problem {
	rng := rand.New(rand.NewPCG(7, uint64(c)))
	counts := make([]float64, c)
	for i := range counts {
		counts[i] = math.Floor(1000 / float64(i+1))
	}
	s, err := b.New(sampler.Config{C: c, D: d, Counts: counts, Seed: 3})
	t.NoError(err, "New")
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
	t.NoError(err, "Refresh")
	props := b.Spec.Props
	draws, err := s.NewDraws(rows, k, !props.Has(sampler.Adaptive))
	t.NoError(err, "NewDraws")
	return &problem{s, draws, batch, props}
}

func (p *problem) logQ(t *check.T) []float64 {
	q := make([]float64, p.Config.C)
	t.NoError(p.LogQ(q, p.batch.H[:p.Config.D], p.batch.W), "LogQ")
	return q
}

// step draws for the next step, and holds that what is drawn are classes.
func (p *problem) step(t *check.T) {
	p.batch.Step++
	t.NoError(p.Draw(p.draws, p.batch), "Draw")
	for j, i := range p.draws.IDs {
		lowest := int32(0)
		if p.props.Has(sampler.InBatch) {
			lowest = -1 // an empty place
		}
		t.True(lowest <= i && int(i) < p.Config.C, "draw %d is class %d, outside [%d, %d)", j, i, lowest, p.Config.C)
	}
}

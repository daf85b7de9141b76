package sampler

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "in-batch",
		Doc:    "the positives of the batch's other rows, with their frequency among positives",
		Source: "Yi et al. 2019, Sampling-bias-corrected neural modeling for large corpus item recommendations, alg. 2",
		Params: frequencyParams,
		Props:  InBatch | Observes,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw; freq=stream keeps 28 bytes a class",
		Bytes:  frequencyBytes,
		New: func(c Config, v Values) (Proposal, error) {
			f, err := newFrequency(c, v)
			return &inBatch{f}, err
		},
	})
}

var frequencyParams = []Param{
	{
		Name:          "freq",
		Doc:           "a class's frequency among positives: count (of the training set), stream (from the batches that pass), or auto (count where counts are known, else stream)",
		Choices:       Enum("auto", "count", "stream"),
		DefaultString: "auto",
	},
	{
		// The gaps are geometric, their variance about Δ²; the moving average
		// keeps α/(2−α) of it: a relative error near 7 % at 0.01.
		Name: "alpha", Doc: "of stream: rate α of the moving average of the gaps; its relative error is near √(α/2)",
		Default: 0.01, Min: 1e-6, Max: 1, Probe: []float64{0.1},
	},
}

// A frequency is f_i, the share of class i among positives. It is the law of one
// draw: the positives of a batch are handed round as often as they occur, be its
// rows pairs, of one positive each, or users, with all of theirs, so that a class
// is count_i in Σ count of them, and Σ f = 1. A row leaves out its own positives, each
// once: f is that of all rows, and for those classes off by one part in count_i.
//
// count: f_i = count_i/Σ count, where a class that never occurred counts as one
// that occurred once.
//
// stream: f_i = 1/Δ_i, with Δ_i the mean number of positives from one that is i to
// the next. Of m that are i in a batch each is a gap of 1/m of the positives since
// the last batch with i; Δ_i is the moving average of the gaps at rate α, and at
// first their mean, in which 1/prior counts as one. Yi et al. count the batches
// between those that hold i, which says how often a batch has i at all: of a class
// that most batches have several times that is far below f.
type frequency struct {
	c      int
	counts []float64 // may be nil: all alike
	sum    float64
	stream bool
	alpha  float64

	// Of stream. The clock is the number of positives observed.
	clock []int64   // [1]
	gap   []float64 // [C] Δ_i; 0 until i is first seen
	last  []int64   // [C] the clock after the last batch with i
	seen  []int64   // [C] gaps in Δ_i
	times []int32   // [C] m of the batch at hand; 0 between batches
}

// streamed reports whether frequencies are those of the batches that pass.
func streamed(c Config, v Values) bool {
	freq := v.String("freq")
	return freq == "stream" || freq == "auto" && c.Counts == nil
}

// frequencyBytes is the size of a frequency.
func frequencyBytes(c Config, v Values) Footprint {
	if !streamed(c, v) {
		return Footprint{}
	}
	return Footprint{Kept: 28 * int64(c.C)}
}

func newFrequency(c Config, v Values) (frequency, error) {
	f := frequency{c: c.C, counts: c.Counts, alpha: v.Num("alpha"), stream: streamed(c, v)}
	if !f.stream {
		if err := needCounts(c); err != nil {
			return f, err
		}
	}
	if f.stream {
		f.clock, f.gap, f.last = make([]int64, 1), make([]float64, c.C), make([]int64, c.C)
		f.seen, f.times = make([]int64, c.C), make([]int32, c.C)
	}
	for i := range c.C {
		f.sum += f.count(i)
	}
	return f, nil
}

func (f *frequency) count(i int) float64 {
	if f.counts == nil || f.counts[i] == 0 {
		return 1
	}
	return f.counts[i]
}

// prior returns the frequency before anything is observed.
func (f *frequency) prior(i int) float64 { return f.count(i) / f.sum }

// Observe implements Observer.
func (f *frequency) Observe(positives []int32) {
	if !f.stream {
		return
	}
	for _, y := range positives {
		if y >= 0 {
			f.times[y]++
			f.clock[0]++
		}
	}
	now := f.clock[0]
	for _, y := range positives {
		if y < 0 || f.times[y] == 0 { // none, or dealt with
			continue
		}
		m := int64(f.times[y])
		f.times[y] = 0
		if f.gap[y] == 0 {
			f.gap[y], f.seen[y] = 1/f.prior(int(y)), 1
		}
		// The share of m new gaps in a moving average, and in a mean: the larger is the
		// mean's while there are fewer gaps than the moving average keeps.
		share := max(-math.Expm1(float64(m)*math.Log1p(-f.alpha)), float64(m)/float64(f.seen[y]+m))
		f.gap[y] += share * (float64(now-f.last[y])/float64(m) - f.gap[y])
		f.last[y] = now
		f.seen[y] += m
	}
}

// State implements Stateful: the positives observed, the gaps, where they ended and
// how many there were.
func (f *frequency) State() []graph.Array {
	if !f.stream {
		return nil
	}
	return []graph.Array{graph.Vector("clock", f.clock), graph.Vector("gap", f.gap), graph.Vector("last", f.last), graph.Vector("seen", f.seen)}
}

// SetState implements Stateful.
func (f *frequency) SetState(state []graph.Array) (err error) {
	if !f.stream {
		return nil
	}
	if f.clock, err = entries[int64](state[0], 1); err != nil {
		return err
	}
	if f.gap, err = entries[float64](state[1], f.c); err != nil {
		return err
	}
	if f.last, err = entries[int64](state[2], f.c); err != nil {
		return err
	}
	if f.seen, err = entries[int64](state[3], f.c); err != nil {
		return err
	}
	for i, gap := range f.gap {
		if !(gap >= 0) || math.IsInf(gap, 1) || f.last[i] < 0 || f.last[i] > f.clock[0] || f.seen[i] < 0 {
			return fmt.Errorf("class %d has a gap of %g after %d of %d positives, %d times", i, gap, f.last[i], f.clock[0], f.seen[i])
		}
	}
	return nil
}

// at returns f_i, in (0, 1].
func (f *frequency) at(i int) float64 {
	switch {
	case !f.stream:
		return f.prior(i)
	case f.gap[i] == 0: // a gap of 1/prior, and the one since then, which is open
		return 1 / (1/f.prior(i) + float64(f.clock[0]))
	}
	return min(1/f.gap[i], 1)
}

// inBatch hands round the positives of the batch.
type inBatch struct{ frequency }

// Scratch: Ints permutes the places of the batch's positives; it grows with the
// first large batch.
func (p *inBatch) Scratch(int) (int, int) { return 0, 0 }

func (p *inBatch) At(*RowState) error { return nil }

// Draw takes k of the batch's positives without replacement, all of them where
// there are no more.
func (p *inBatch) Draw(ids []int32, logQ []float64, st *RowState) error {
	n := takePositives(ids, st)
	for j := n; j < len(ids); j++ {
		ids[j], st.From[j], logQ[j] = -1, -1, 0
	}
	p.LogQ(logQ[:n], ids[:n], st)
	return nil
}

func (p *inBatch) LogQ(logQ []float64, ids []int32, st *RowState) {
	for j := range logQ {
		i := j
		if ids != nil {
			i = int(ids[j])
		}
		logQ[j] = math.Log(p.at(i))
	}
	st.Ops += int64(len(ids))
}

// takePositives fills ids and st.From with positives of the batch, a random
// choice where there are more than len(ids), else all in order. It returns how
// many it placed.
func takePositives(ids []int32, st *RowState) int {
	n := 0
	for at, y := range st.Batch {
		if y < 0 {
			continue
		}
		// Algorithm R (Vitter 1985): the t-th positive takes a place with
		// probability k/t; needs no memory beside the result.
		if n < len(ids) {
			ids[n], st.From[n] = y, int32(at)
		} else if j := st.Rand.IntN(n + 1); j < len(ids) {
			ids[j], st.From[j] = y, int32(at)
		}
		n++
	}
	st.Ops += int64(len(st.Batch))
	return min(n, len(ids))
}

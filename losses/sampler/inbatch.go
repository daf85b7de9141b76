package sampler

import (
	"math"

	"github.com/fenchel-ml/fenchel/losses/param"
)

func init() {
	Register(Spec{
		Name:   "in-batch",
		Doc:    "the positives of the batch's other rows, with their estimated frequency",
		Source: "Yi et al. 2019, Sampling-bias-corrected neural modeling for large corpus item recommendations, alg. 2",
		Params: frequencyParams,
		Props:  InBatch | Observes,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw, 16 bytes a class",
		New: func(c Config, v param.Values) (Proposal, error) {
			f, err := newFrequency(c, v)
			return &inBatch{f}, err
		},
	})
}

var frequencyParams = []param.Param{
	{
		Name:        "freq",
		Doc:         "what estimates a class's frequency: stream (gaps between the batches that hold it) or count",
		Words:       param.OneOf("stream", "count"),
		DefaultWord: "stream",
	},
	{
		// The gaps are geometric, their variance about Δ²; the moving average
		// keeps α/(2−α) of it: a relative error near 7 % at 0.01.
		Name: "alpha", Doc: "rate α of the moving average of the gaps; its relative error is near √(α/2)",
		Default: 0.01, Min: 1e-6, Max: 1, Probe: []float64{0.1},
	},
}

// A frequency estimates f_i, the share of class i among positives.
//
// stream: Δ_i, the mean gap in steps between batches that hold i, follows
// Δ_i ← (1−α)Δ_i + α(t − last_i); a batch of P positives holds i with
// probability 1/Δ_i = 1 − (1−f_i)^P, which is solved for f_i. Yi et al. use
// 1/Δ_i itself, which is P·f_i while P·f_i ≪ 1 and saturates for the head.
//
// count: f_i = count_i/Σ count, where a class that never occurred counts as one
// that occurred once.
type frequency struct {
	c      int
	counts []float64 // may be nil: all alike
	sum    float64
	stream bool
	alpha  float64

	step int64     // batches observed
	size float64   // mean positives of a batch, by the same moving average
	gap  []float64 // Δ_i; 0 until i is first seen
	last []int64   // step of the last batch with i
}

func newFrequency(c Config, v param.Values) (frequency, error) {
	f := frequency{c: c.C, counts: c.Counts, stream: v.Word("freq") == "stream", alpha: v.Num("alpha")}
	if !f.stream {
		if err := needCounts(c); err != nil {
			return f, err
		}
	} else {
		f.gap, f.last = make([]float64, c.C), make([]int64, c.C)
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
	f.step++
	size := 0
	for _, y := range positives {
		if y >= 0 {
			size++
		}
	}
	if size == 0 {
		return
	}
	if f.size == 0 {
		f.size = float64(size)
	}
	f.size += f.alpha * (float64(size) - f.size)
	for _, y := range positives {
		if y < 0 || f.last[y] == f.step { // none, or a second time in this batch
			continue
		}
		if f.gap[y] == 0 {
			f.gap[y] = 1 / -math.Expm1(f.size*math.Log1p(-f.prior(int(y))))
		}
		f.gap[y] += f.alpha * (float64(f.step-f.last[y]) - f.gap[y])
		f.last[y] = f.step
	}
}

// Past implements Resumer: the batches observed and their mean size, the gaps, the
// last steps.
func (f *frequency) Past() []Slot {
	if !f.stream {
		return nil
	}
	return []Slot{{"clock", []float64{float64(f.step), f.size}}, {"gap", f.gap}, {"last", f.last}}
}

// Resume implements Resumer.
func (f *frequency) Resume(past []Slot) error {
	if !f.stream {
		return nil
	}
	clock, err := entries[float64](past[0], 2)
	if err != nil {
		return err
	}
	if f.gap, err = entries[float64](past[1], f.c); err != nil {
		return err
	}
	f.last, err = entries[int64](past[2], f.c)
	f.step, f.size = int64(clock[0]), clock[1] // exact up to 2⁵³ steps
	return err
}

// at returns the estimate of f_i, in (0, 1].
func (f *frequency) at(i int) float64 {
	if !f.stream || f.gap[i] == 0 {
		return f.prior(i)
	}
	// Δ = 1 (in every batch) has no finite solution, and an average over 1/α gaps
	// cannot tell a class that misses fewer batches than that from one that
	// misses none: 1/Δ is bounded, and f of the very head is a lower bound.
	inBatch := min(1/f.gap[i], 1-f.alpha/2)
	return -math.Expm1(math.Log1p(-inBatch) / f.size)
}

// inBatch hands round the positives of the batch.
type inBatch struct{ frequency }

// Scratch: Ints permutes the places of the batch's positives; it grows with the
// first large batch.
func (p *inBatch) Scratch(int) (int, int) { return 0, 0 }

func (p *inBatch) At(*State) error { return nil }

// Draw takes k of the batch's positives without replacement, all of them where
// there are no more.
func (p *inBatch) Draw(ids []int32, logQ []float64, st *State) error {
	n := takePositives(ids, st)
	for j := n; j < len(ids); j++ {
		ids[j], st.From[j], logQ[j] = -1, -1, 0
	}
	p.LogQ(logQ[:n], ids[:n], st)
	return nil
}

func (p *inBatch) LogQ(logQ []float64, ids []int32, st *State) {
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
func takePositives(ids []int32, st *State) int {
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

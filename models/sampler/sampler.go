package sampler

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Sampler draws candidates for batches. Make one with [Choice.New].
//
// Draw and LogQ may run concurrently, if each Draws is in one goroutine at a time.
// Observe and Refresh change the sampler, so nothing may run beside them.
type Sampler struct {
	Choice Choice // what it was made of
	Config Config // what it was made with

	proposal  Proposal
	observer  Observer
	refresher Refresher
	stateful  Stateful // the observer, the refresher or nil
	workers   int
	built     bool // Refresh has succeeded
}

// NewDraws returns room for batches of B rows and k draws. Shared asks for one
// row of draws for the whole batch: an adaptive sampler refuses it, an in-batch
// sampler needs it, the others take either. An in-batch sampler that draws nothing else
// refuses batches of one row, which would keep no draw at all.
func (s *Sampler) NewDraws(b, k int, shared bool) (*Draws, error) {
	if err := s.checkDraws(b, k, shared); err != nil {
		return nil, err
	}
	props := s.Choice.Spec.Props
	rows := b
	if shared {
		rows = 1
	}
	d := &Draws{
		B: b, K: k, Shared: shared,
		IDs:     make([]int32, rows*k),
		LogQ:    make([]float32, rows*k),
		PosLogQ: make([]float32, 0, b),
		states:  make([]worker, min(rows, s.workers)),
	}
	if props.Has(InBatch) {
		d.From = make([]int32, k)
	}
	for i := range d.states {
		w := &d.states[i]
		floats, ints := s.proposal.Scratch(k)
		w.Floats, w.Ints = make([]float64, floats), make([]int32, ints)
		w.logQ = make([]float64, k)
	}
	return d, nil
}

// rowsPerChunk is how many rows a goroutine takes at a time. The results do not
// depend on it: each row has its own stream and its own place in the output.
const rowsPerChunk = 8

// Draw fills d for the batch. The result depends on the batch, on the sampler's
// state and on nothing else. The error names the row and the value that do not
// fit; d is then undefined.
func (s *Sampler) Draw(d *Draws, b *Batch) error {
	if err := s.check(d, b); err != nil {
		return err
	}
	d.PosLogQ = d.PosLogQ[:0]
	for range b.Pos {
		d.PosLogQ = append(d.PosLogQ, 0)
	}
	for i := range d.states {
		d.states[i].Ops, d.states[i].err = 0, nil
	}
	rows := len(d.IDs) / d.K
	if workers := min(len(d.states), runtime.GOMAXPROCS(0), (rows+rowsPerChunk-1)/rowsPerChunk); workers > 1 {
		s.parallel(d, b, rows, workers)
	} else {
		for r := range rows {
			s.row(&d.states[0], d, b, r)
		}
	}
	d.Ops = 0
	var err error
	first := rows
	for i := range d.states {
		w := &d.states[i]
		d.Ops += w.Ops
		if w.err != nil && w.row < first { // the first row's error, whatever ran first
			first, err = w.row, s.errorf("row %d: %w", w.row, w.err)
		}
	}
	return err
}

func (s *Sampler) parallel(d *Draws, b *Batch, rows, workers int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			w := &d.states[i]
			for {
				lo := int(next.Add(rowsPerChunk)) - rowsPerChunk
				if lo >= rows {
					return
				}
				for r := lo; r < min(lo+rowsPerChunk, rows); r++ {
					s.row(w, d, b, r)
				}
			}
		})
	}
	wg.Wait()
}

// row draws for row r, or for the batch where the draws are shared, and tells
// log q of the positives that the draws serve.
func (s *Sampler) row(w *worker, d *Draws, b *Batch, r int) {
	lo, hi := b.Positives(r)
	if d.Shared {
		lo, hi = 0, len(b.Pos)
	}
	ids, logQ := d.Row(r)
	if err := s.fill(w, ids, b, r, d.From, lo, hi); err != nil {
		if w.err == nil || r < w.row {
			w.err, w.row = err, r
		}
		return
	}
	for j, q := range w.logQ {
		logQ[j] = float32(q)
	}
	for j, q := range w.pos {
		if b.Pos[lo+j] >= 0 {
			d.PosLogQ[lo+j] = float32(q)
		}
	}
	for j, at := range d.From {
		d.From[j] = b.rowOf(at)
	}
}

// fill runs the proposal. It stores draws in ids and w.logQ, and log q of Pos[lo:hi] in
// w.pos.
func (s *Sampler) fill(w *worker, ids []int32, b *Batch, r int, from []int32, lo, hi int) error {
	w.Rand.Seed(b.Seed, b.Step, uint64(r))
	if s.Choice.Spec.Props.Has(Adaptive) {
		w.H, w.W = b.H[r*s.Config.D:(r+1)*s.Config.D], b.W
		if err := finite(w.H); err != nil {
			return err
		}
	}
	if s.Choice.Spec.Props.Has(InBatch) {
		w.Batch, w.From = b.Pos, from
	}
	if err := s.proposal.At(&w.RowState); err != nil {
		return err
	}
	if err := s.proposal.Draw(ids, w.logQ, &w.RowState); err != nil {
		return err
	}
	w.ids, w.pos = w.ids[:0], w.pos[:0]
	for _, y := range b.Pos[lo:hi] {
		w.ids, w.pos = append(w.ids, max(y, 0)), append(w.pos, 0)
	}
	if len(w.ids) > 0 { // nil would ask for every class
		s.proposal.LogQ(w.pos, w.ids, &w.RowState)
	}
	return nil
}

// LogQ stores in dst [C] log q(i|h) of every class; h [d] and W [C,d] are read
// by adaptive samplers only. It allocates its scratch, because it serves checks and
// measurements and no step.
func (s *Sampler) LogQ(dst []float64, h, W []float32) error {
	if len(dst) != s.Config.C {
		return s.errorf("log q of C=%d classes into %d places", s.Config.C, len(dst))
	}
	floats, ints := s.proposal.Scratch(1)
	st := RowState{Floats: make([]float64, floats), Ints: make([]int32, ints)}
	if s.Choice.Spec.Props.Has(Adaptive) {
		if err := s.checkAdaptive(h, W, 1); err != nil {
			return err
		}
		if err := finite(h); err != nil {
			return s.errorf("%w", err)
		}
		st.H, st.W = h, W
	}
	if err := s.proposal.At(&st); err != nil {
		return s.errorf("%w", err)
	}
	s.proposal.LogQ(dst, nil, &st)
	return nil
}

// Observe tells the sampler the positives of the batch, once a step and before
// Draw of that step. Samplers that do not observe ignore it.
func (s *Sampler) Observe(b *Batch) {
	if s.observer != nil {
		s.observer.Observe(b.Pos)
	}
}

// Refresh rebuilds the sampler's summary of W [C,d] where the schedule says so:
// at the first call and at each step that is a multiple of its period. It
// reports whether it did. Call it every step, before Draw; samplers without a
// summary ignore it.
func (s *Sampler) Refresh(step uint64, W []float32) (bool, error) {
	if s.refresher == nil || s.built && step%uint64(s.refresher.Every()) != 0 {
		return false, nil
	}
	if want := s.Config.C * s.Config.D; len(W) != want {
		return false, s.errorf("W has %d numbers; C=%d classes of width D=%d are %d", len(W), s.Config.C, s.Config.D, want)
	}
	if err := finite(W); err != nil {
		return false, s.errorf("class table: %w", err)
	}
	s.built = false
	if err := s.refresher.Refresh(W); err != nil {
		return false, s.errorf("%w", err)
	}
	s.built = true
	return true, nil
}

// dot returns ⟨x, w⟩ in float64, summed in order.
func dot(x, w []float32) float64 {
	var a, b float64
	w = w[:len(x)]
	i := 0
	for ; i+1 < len(x); i += 2 { // two chains: a sum waits for the last sum
		a += float64(x[i]) * float64(w[i])
		b += float64(x[i+1]) * float64(w[i+1])
	}
	if i < len(x) {
		a += float64(x[i]) * float64(w[i])
	}
	return a + b
}

// searchSum returns the first i with u < cum[i], at most len(cum)−1.
func searchSum(cum []float64, u float64) int {
	lo, hi := 0, len(cum)-1
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); u < cum[m] {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

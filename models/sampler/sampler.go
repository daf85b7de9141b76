package sampler

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fenchel-ml/fenchel/graph"
)

// A Proposal is a distribution q(·|h) over the classes 0 … C−1: what a
// distribution's file implements. A [Sampler] calls it; nobody else needs to.
//
// The methods are called in the order At, Draw, LogQ for one row at a time, with
// a RowState that belongs to that row. LogQ may also follow At directly. They keep
// no slice of the RowState, do not allocate and write to nothing but their first
// arguments and the RowState, so that rows run concurrently.
type Proposal interface {
	// Scratch returns the lengths of RowState.Floats and RowState.Ints for k draws.
	Scratch(k int) (floats, ints int)

	// At conditions on the row: it leaves in the scratch what Draw and LogQ of
	// the row read. A static distribution does nothing. A Refresher has a summary
	// by then. The error is for scores that are not finite.
	At(st *RowState) error

	// Draw stores len(ids) ≥ 0 classes and their log q. An id of −1 is an empty
	// place, allowed only to an InBatch sampler whose batch has too few positives.
	Draw(ids []int32, logQ []float64, st *RowState) error

	// LogQ stores log q of the given classes, or of all classes in order where
	// ids is nil; logQ is as long. After Draw it speaks of that draw: a sampler
	// without replacement knows its number of tries only then.
	LogQ(logQ []float64, ids []int32, st *RowState)
}

// A RowState is what a Proposal knows of one row.
type RowState struct {
	H []float32 // [d], finite; nil unless Adaptive
	W []float32 // [C,d]; nil unless Adaptive

	// Batch lists the positives of the whole batch, −1 for none, and From [k]
	// takes the position in Batch of each draw, −1 for none. InBatch only.
	Batch []int32
	From  []int32

	Rand   Stream
	Floats []float64 // scratch, arbitrary at At, kept from At to LogQ
	Ints   []int32

	// Ops counts the elementary operations of a step: a multiply-add, a table
	// read or a random number is one. Counted where the work is done, it is what
	// holds the declared Growth.
	Ops int64
}

// Stateful is what keeps something of earlier steps that its draws depend on: an Observer
// or a Refresher. A checkpoint saves it beside the weights, so that a resumed run
// draws what an uninterrupted one does.
type Stateful interface {
	// State returns what is kept, not copied, by the same names in the same order
	// every time. Data is empty where there is nothing yet.
	State() []graph.Array

	// SetState puts back what State returned, in another process, of the same
	// distribution at the same settings; the slices are the receiver's from then on.
	// The arrays have State's names and types in its order. The error is of a length or
	// a value that cannot be; the receiver is then undefined.
	SetState(state []graph.Array) error
}

// An Observer learns from the batches that pass.
type Observer interface {
	Stateful

	// Observe takes the positives of the next batch, −1 for none.
	Observe(positives []int32)
}

// A Refresher keeps a summary of W (codebooks, sums over subtrees). Between two
// refreshes W moves and the summary does not: the sampler stays exact, because
// log q is that of the summary it draws from, and its q only fits W less well.
type Refresher interface {
	Stateful

	// Refresh rebuilds the summary from W [C,d], in the memory of the old one where it
	// can. After an error there is no summary.
	Refresh(W []float32) error

	// Every is the number of steps between two refreshes, ≥ 1.
	Every() int
}

// A Sampler draws candidates for batches. Make one with [Choice.New].
//
// Draw and LogQ may run concurrently, each Draws in one goroutine at a time.
// Observe and Refresh change the sampler: nothing may run beside them.
type Sampler struct {
	Choice Choice
	Config Config

	proposal  Proposal
	observer  Observer
	refresher Refresher
	stateful  Stateful // the observer, the refresher or nil
	workers   int
	built     bool // Refresh has succeeded
}

// A Batch is the input of one step.
type Batch struct {
	Seed, Step uint64 // of the stream; row b draws from (Seed, Step, b)

	// H [B,d] and W [C,d] are read by adaptive samplers only. H is finite, in
	// padding rows too.
	H, W []float32

	// Pos lists positives. Where Ptr is nil, Pos[b] is the positive of row b, −1
	// for a padding row; otherwise those of row b are Pos[Ptr[b]:Ptr[b+1]], and
	// Ptr has B+1 entries from 0 to len(Pos), never decreasing.
	Pos []int32
	Ptr []int32
}

// Rows returns B.
func (b *Batch) Rows() int {
	if b.Ptr != nil {
		return len(b.Ptr) - 1
	}
	return len(b.Pos)
}

// Positives returns the bounds in Pos of the positives of row r.
func (b *Batch) Positives(r int) (lo, hi int) {
	if b.Ptr != nil {
		return int(b.Ptr[r]), int(b.Ptr[r+1])
	}
	return r, r + 1
}

// Draws are the candidates of one step with their log q. Make them once with
// [Sampler.NewDraws] and fill them every step.
type Draws struct {
	B, K   int
	Shared bool // one row of k draws serves all rows

	IDs  []int32   // [K] if Shared, else [B,K]; −1 is an empty place
	LogQ []float32 // as IDs; 0 at an empty place

	// PosLogQ is aligned with Batch.Pos; 0 where that is −1.
	PosLogQ []float32

	// From [K] holds, for an InBatch sampler, the row whose positive draw j is,
	// −1 where it is nobody's; nil for other samplers. Draw j is no sample for
	// that row but its own positive, and row From[j] must leave it out.
	From []int32

	Ops int64 // elementary operations of the last Draw; see RowState.Ops

	states []worker // one for each goroutine
}

type worker struct {
	RowState
	logQ []float64 // [K]
	ids  []int32   // a row's positives, class 0 for none
	pos  []float64 // their log q
	err  error
	row  int // the row of err
}

// Row returns the draws of row r and their log q. The slices are views.
func (d *Draws) Row(r int) (ids []int32, logQ []float32) {
	if d.Shared {
		return d.IDs, d.LogQ
	}
	return d.IDs[r*d.K : (r+1)*d.K], d.LogQ[r*d.K : (r+1)*d.K]
}

// Drop marks in dst [K] the draws that row r must leave out: empty places, the
// row's own positives passed round by an in-batch sampler and, if hits, every
// draw that is a positive of the row. It returns how many stay.
func (d *Draws) Drop(dst []bool, b *Batch, r int, hits bool) int {
	ids, _ := d.Row(r)
	lo, hi := b.Positives(r)
	stay := len(ids)
	for j, id := range ids {
		drop := id < 0 || d.From != nil && d.From[j] == int32(r)
		if hits && !drop {
			for _, y := range b.Pos[lo:hi] {
				drop = drop || id == y
			}
		}
		dst[j] = drop
		if drop {
			stay--
		}
	}
	return stay
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

// checkDraws returns an error unless NewDraws takes what it is asked for.
func (s *Sampler) checkDraws(b, k int, shared bool) error {
	props := s.Choice.Spec.Props
	switch {
	case b < 1 || k < 1:
		return s.errorf("%d draws for %d rows: both must be at least 1", k, b)
	case shared && props.Has(Adaptive):
		return s.errorf("draws depend on the row and cannot be shared by the batch")
	case !shared && props.Has(InBatch):
		return s.errorf("draws are the batch's own positives and must be shared by the batch")
	case props.Has(InBatch) && !props.Has(FullSupport) && b < 2:
		return s.errorf("draws are the positives of the batch's other rows, and batches of one row have none: take larger ones, or mixed")
	case props.Has(Distinct) && k > s.Config.C:
		return s.errorf("%d distinct draws from C=%d classes", k, s.Config.C)
	}
	return nil
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

// fill runs the proposal: draws to ids and w.logQ, log q of Pos[lo:hi] to w.pos.
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
// by adaptive samplers only. It allocates its scratch: it is for checks and for
// measuring, not for steps.
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

// State returns what the sampler keeps of earlier steps beside the class table, not
// copied; see [Stateful]. Names begin with the sampler's. It is empty where draws
// depend on the batch and the table of the moment alone.
func (s *Sampler) State() []graph.Array {
	if s.stateful == nil {
		return nil
	}
	state := slices.Clone(s.stateful.State())
	for i := range state {
		state[i].Name = s.Choice.Spec.Name + "/" + state[i].Name
	}
	return state
}

// SetState puts back what State returned of a sampler with the same Choice and Config:
// from then on this one draws as that one would have. The slices are the sampler's
// from then on. The error names what does not fit; the sampler is then undefined.
func (s *Sampler) SetState(state []graph.Array) error {
	want := s.State()
	if !slices.EqualFunc(state, want, func(a, b graph.Array) bool {
		return a.Name == b.Name && reflect.TypeOf(a.Data) == reflect.TypeOf(b.Data)
	}) {
		return s.errorf("its state is %s, not %s", describe(want), describe(state))
	}
	if s.stateful == nil {
		return nil
	}
	state = slices.Clone(state)
	for i := range state {
		state[i].Name = want[i].Name[len(s.Choice.Spec.Name)+1:]
	}
	if err := s.stateful.SetState(state); err != nil {
		return s.errorf("its state: %w", err)
	}
	s.built = s.refresher != nil && slices.ContainsFunc(s.stateful.State(), func(p graph.Array) bool { return reflect.ValueOf(p.Data).Len() > 0 })
	return nil
}

// describe names arrays with their types.
func describe(state []graph.Array) string {
	if len(state) == 0 {
		return "nothing"
	}
	parts := make([]string, len(state))
	for i, p := range state {
		parts[i] = fmt.Sprintf("%s %T", p.Name, p.Data)
	}
	return strings.Join(parts, ", ")
}

// entries returns the data of an array that must have n entries.
func entries[T float32 | float64 | int32 | int64](a graph.Array, n int) ([]T, error) {
	x := a.Data.([]T) // Sampler.SetState has held the types against State's
	if len(x) != n {
		return nil, fmt.Errorf("%s has %d entries, want %d", a.Name, len(x), n)
	}
	return x, nil
}

func (s *Sampler) errorf(format string, args ...any) error {
	return fmt.Errorf("sampler: %s: "+format, append([]any{s.Choice}, args...)...)
}

func (s *Sampler) check(d *Draws, b *Batch) error {
	if b.Ptr != nil {
		if len(b.Ptr) == 0 || b.Ptr[0] != 0 || int(b.Ptr[len(b.Ptr)-1]) != len(b.Pos) {
			return s.errorf("Ptr must run from 0 to the %d positives", len(b.Pos))
		}
		for r := range len(b.Ptr) - 1 {
			if b.Ptr[r] > b.Ptr[r+1] {
				return s.errorf("Ptr decreases at row %d", r)
			}
		}
	}
	if b.Rows() != d.B {
		return s.errorf("a batch of %d rows for draws of %d", b.Rows(), d.B)
	}
	for j, y := range b.Pos {
		if y < -1 || int(y) >= s.Config.C {
			return s.errorf("positive %d is class %d, outside [0, %d)", j, y, s.Config.C)
		}
	}
	if s.Choice.Spec.Props.Has(Adaptive) {
		return s.checkAdaptive(b.H, b.W, d.B)
	}
	return nil
}

func (s *Sampler) checkAdaptive(h, W []float32, rows int) error {
	c, d := s.Config.C, s.Config.D
	switch {
	case len(h) != rows*d:
		return s.errorf("H has %d numbers; %d rows of width D=%d are %d", len(h), rows, d, rows*d)
	case len(W) != c*d:
		return s.errorf("W has %d numbers; C=%d classes of width D=%d are %d", len(W), c, d, c*d)
	case s.refresher != nil && !s.built:
		return s.errorf("Refresh must come before the first draw")
	}
	return nil
}

// rowOf returns the row of the positive at that place of Pos; −1 of −1.
func (b *Batch) rowOf(at int32) int32 {
	if b.Ptr == nil || at < 0 {
		return at
	}
	lo, hi := 0, len(b.Ptr)-1 // the last row whose first positive is not past at
	for hi-lo > 1 {
		if m := (lo + hi) / 2; b.Ptr[m] <= at {
			lo = m
		} else {
			hi = m
		}
	}
	return int32(lo)
}

// finite returns an error that names the first entry of x that is not finite.
func finite(x []float32) error {
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("entry %d is %g, not a finite number", i, v)
		}
	}
	return nil
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

var errScores = errors.New("the scores of the classes overflow or hold a NaN: check W")

// isFinite reports whether x is a number other than ±Inf.
func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

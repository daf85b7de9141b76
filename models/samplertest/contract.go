package samplertest

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// A drawing is all that a step leaves.
type drawing struct {
	IDs, From     []int32
	LogQ, PosLogQ []float32
	Ops           int64
}

func (p *problem) drawing() drawing {
	d := p.draws
	return drawing{slices.Clone(d.IDs), slices.Clone(d.From), slices.Clone(d.LogQ), slices.Clone(d.PosLogQ), d.Ops}
}

// determinism: a step's draws depend on (seed, step, row) and the input alone: the same
// bits at any number of threads, with summaries of W built at that number.
func determinism(t *check.T, b sampler.Choice) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want drawing
	var wantQ []float64
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
		got, q := p.drawing(), p.logQ(t)
		if threads == 1 {
			want, wantQ = got, q
		}
		t.Equal(want, got, "draws at %d threads", threads)
		t.Equal(wantQ, q, "LogQ at %d threads", threads)
		p.step(t)
		t.True(!reflect.DeepEqual(want.IDs, p.draws.IDs), "the next step draws the same")
	}
}

// allocation: a step does not allocate.
func allocation(t *check.T, b sampler.Choice) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // goroutines allocate
	p := newProblem(t, b, 64, 8, 16, 8)
	p.step(t)
	var err error
	n := testing.AllocsPerRun(10, func() {
		p.Observe(p.batch)
		p.batch.Step++
		if e := p.Draw(p.draws, p.batch); e != nil {
			err = e
		}
	})
	t.NoError(err, "Draw")
	t.True(n == 0, "a step allocates %g times", n)
}

// edges: one class, more draws than classes, and counts that are all 0.
func edges(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 1, 8, 4, 1)
	p.step(t)
	t.True(p.draws.IDs[0] == 0, "of one class %d is drawn", p.draws.IDs[0])
	if p.props.Has(sampler.Exact) {
		t.True(p.logQ(t)[0] == 0 && p.draws.LogQ[0] == 0, "one class has log q %g by LogQ and %g with the draw; want 0", p.logQ(t)[0], p.draws.LogQ[0])
	}
	if !p.props.Has(sampler.Distinct) {
		newProblem(t, b, 3, 8, 20, 10).step(t)
	}
	s, err := b.New(sampler.Config{C: 5, D: 2, Counts: make([]float64, 5)})
	t.NoError(err, "New with counts that are all zero")
	W := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}
	_, err = s.Refresh(1, W)
	t.NoError(err, "Refresh")
	q := make([]float64, 5)
	t.NoError(s.LogQ(q, []float32{1, -1}, W), "LogQ with counts that are all zero")
	for i, lq := range q {
		t.True(check.Finite(lq), "with counts that are all zero class %d has log q %g", i, lq)
	}
}

// extremes: for scores that are large, log q of what is drawn is finite unless the draw is
// an error; a table that is not finite is one for a sampler that keeps a summary of it.
func extremes(t *check.T, b sampler.Choice) {
	for _, size := range []float32{1e4, 1e15, 1e30} {
		p := newProblem(t, b, 50, 8, 16, 8)
		for i := range p.batch.H {
			p.batch.H[i] *= size
		}
		if p.Draw(p.draws, p.batch) != nil {
			continue
		}
		for j, lq := range p.draws.LogQ {
			t.True(check.Finite(float64(lq)), "scores of size %g: a draw of class %d has log q %g", size, p.draws.IDs[j], lq)
		}
	}
}

// refresh: a sampler with a summary rebuilds it at its first step and then at multiples of
// one period, and no other says that it does.
func refresh(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 50, 8, 16, 8)
	s, err := b.New(p.Config)
	t.NoError(err, "New")
	first, err := s.Refresh(7, p.batch.W)
	t.NoError(err, "Refresh")
	declared(t, b, sampler.Refreshes, first, "at the first step")
	var due []uint64
	for step := uint64(8); step < 3000; step++ {
		did, err := s.Refresh(step, p.batch.W)
		t.NoError(err, "Refresh")
		if did {
			due = append(due, step)
		}
	}
	t.True(first || len(due) == 0, "Refresh does nothing at step 7 and something at %v", due)
	if len(due) < 2 {
		return // none, or a period of half the steps that were run
	}
	period := due[1] - due[0]
	for i, step := range due {
		t.True(step == due[0]+uint64(i)*period && step%period == 0, "refreshes at the steps %v, which are not the multiples of %d", due, period)
	}
}

// heap returns the bytes of the heap in use, and those ever allocated.
func heap() (live, allocated float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go in the first
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.TotalAlloc)
}

// bytes holds what a sampler says of its memory against the heap, both ways: what stays
// after it is made and refreshed, what is allocated on the way, and what its draws hold.
func bytes(t *check.T, b sampler.Choice, c int) {
	const d, rows, k, positives = 24, 1024, 16, 4096
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rng := rand.New(rand.NewPCG(5, 6))
	counts, W := make([]float64, c), make([]float32, c*d)
	for i := range counts {
		counts[i] = float64(rng.IntN(100))
	}
	for i := range W {
		W[i] = float32(rng.NormFloat64())
	}
	batch := &sampler.Batch{Seed: 1, H: W[:rows*d], W: W, Ptr: make([]int32, rows+1)}
	for i := range positives {
		batch.Pos = append(batch.Pos, int32(i%c))
	}
	for r := range rows { // all of them are the first row's: the most that one goroutine can have
		batch.Ptr[r+1] = positives
	}
	// Allocations are rounded up to size classes, and what is no table (structs, closures,
	// goroutines) is not counted.
	near := func(what string, want int64, got, share, slack float64) {
		t.True(check.Near(got, float64(want), share, slack), "bytes %s at C=%d: %.0f, said are %d", what, c, got, want)
	}
	before, start := heap()
	s, err := b.New(sampler.Config{C: c, D: d, Counts: counts, Seed: 3})
	t.NoError(err, "New")
	_, err = s.Refresh(0, W)
	t.NoError(err, "Refresh")
	kept, made := heap()
	want := s.Bytes()
	want.Kept -= 8 * int64(c) // the counts, which were there before
	near("kept", want.Kept, kept-before, 0.02, 32<<10)
	near("allocated", want.Kept+want.Peak, made-start, 0.02, 32<<10)

	_, err = s.Refresh(1<<40, W)
	t.NoError(err, "a second Refresh")
	after, again := heap()
	near("kept by a second refresh", 0, after-kept, 0, 32<<10)
	t.AtMost(again-made, float64(want.Peak)+32<<10, "bytes allocated by a second refresh")

	shared := !b.Spec.Props.Has(sampler.Adaptive)
	draws, err := s.NewDraws(rows, k, shared)
	t.NoError(err, "NewDraws")
	s.Observe(batch)
	t.NoError(s.Draw(draws, batch), "Draw")
	with, _ := heap()
	wantDraws, err := s.DrawsBytes(rows, k, shared, positives)
	t.NoError(err, "DrawsBytes")
	near("of draws", wantDraws, with-after, 0.05, 64<<10)
	runtime.KeepAlive(draws)
	runtime.KeepAlive(s)
	runtime.KeepAlive(counts)
	runtime.KeepAlive(W)
	runtime.KeepAlive(batch)
}

// copyOf returns arrays with data of their own, as a file has.
func copyOf(state []graph.Array) []graph.Array {
	state = slices.Clone(state)
	for i, p := range state {
		from := reflect.ValueOf(p.Data)
		to := reflect.MakeSlice(from.Type(), from.Len(), from.Len())
		reflect.Copy(to, from)
		state[i].Data = to.Interface()
	}
	return state
}

// course runs the steps [from, to) of a fixed course of batches and class tables, and
// returns what is drawn in each.
func (p *problem) course(t *check.T, from, to int) (all []drawing) {
	W := slices.Clone(p.batch.W)
	defer copy(p.batch.W, W)
	for i := from; i < to; i++ {
		for j := range W {
			p.batch.W[j] = W[j] * float32(1+(i*j)%5)
		}
		for r := range p.batch.Pos {
			p.batch.Pos[r] = int32((i*i + r) * (r + 1) % 300)
		}
		p.batch.Step = uint64(i)
		p.Observe(p.batch)
		_, err := p.Refresh(p.batch.Step, p.batch.W)
		t.NoError(err, "Refresh")
		t.NoError(p.Draw(p.draws, p.batch), "Draw")
		all = append(all, p.drawing())
	}
	return all
}

// state: what State returned at any step makes a fresh sampler go on to the same bits.
// Both ways: where there is a state, a sampler without it goes on otherwise. A state of
// other lengths is an error.
func state(t *check.T, b sampler.Choice) {
	fresh := func() *problem {
		p := newProblem(t, b, 300, 8, 16, 8)
		s, err := b.New(p.Config)
		t.NoError(err, "New")
		p.Sampler = s
		return p
	}
	for _, at := range []int{0, 1, 8} { // before the first step, and where no refresh is due
		p, q := fresh(), fresh()
		p.course(t, 0, at)
		state := copyOf(p.State())
		want := p.course(t, at, at+10)
		t.NoError(q.SetState(state), "SetState")
		got := q.course(t, at, at+10)
		t.Equal(want, got, "draws from step %d on with the state put back", at)
		if at == 0 {
			continue
		}
		without := fresh().course(t, at, at+10)
		t.True(reflect.DeepEqual(without, got) == (len(state) == 0), "there are %d arrays of state, and whether draws are the same without them is %t", len(state), reflect.DeepEqual(without, got))
	}
	p := fresh()
	p.course(t, 0, 3)
	for i, a := range p.State() {
		wrong := copyOf(p.State())
		wrong[i].Data = reflect.AppendSlice(reflect.ValueOf(wrong[i].Data), reflect.ValueOf(a.Data)).Interface()
		other := fresh()
		t.True(other.SetState(wrong) != nil, "SetState takes %s of twice its length", a.Name)
	}
}

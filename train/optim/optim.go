// Package optim holds the updaters of tables and dense weights, one file each,
// and the learning-rate schedules, one file each. Both are chosen by a spec text
// such as "adam:lr=0.01,mode=dense" or "cosine:warmup=2".
//
// A step hands an updater the rows of a table that have a gradient, all of them
// where the gradient is dense, each once. Every updater takes the
// parameters
//
//	lr     learning rate η before the schedule's factor
//	mode   which rows a step updates
//	l2     λ of L2 regularisation: the gradient g of an updated row becomes g + λw
//	       (the gradient of ½λ‖w‖²), which then passes through the moments
//	decay  λ' of decoupled weight decay: an updated row is first scaled,
//	       w ← (1 − ηλ')w, and the moments do not see it
//
// mode=lazy updates the rows that have a gradient: the cost of a step does not
// depend on the size of the table, and moments, l2 and decay of the other rows
// stand still. mode=dense updates every row, with gradient 0 where there is none:
// the textbook algorithm, at a cost proportional to the table. The two are the
// same wherever the gradient is dense. In both modes t, the step of a bias
// correction, counts the steps of the table, not of the row.
package optim

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses/param"
)

// A Rule is the arithmetic of one optimizer on one table: its state, and how
// weights move. It works entry by entry.
type Rule interface {
	// Begin starts step t = 1, 2, … at learning rate η ≥ 0.
	Begin(t int64, rate float64)

	// Move moves w, the consecutive weights of the table from entry at on, along
	// their gradient g, which is as long and read only. An entry is moved at most
	// once a step, and its result does not depend on the entries beside it; Move is
	// called for different entries at the same time from several goroutines.
	Move(at int, w, g []float32)

	// Slots returns the state in a fixed order, not copied: what a checkpoint
	// saves and writes back.
	Slots() []Slot
}

// A Slot is a named part of an updater's state.
type Slot struct {
	Name string
	Data []float32
}

// A Spec describes an optimizer. All fields but Params are required.
type Spec struct {
	Name, Doc, Source string
	Params            []param.Param // its own; lr, mode, l2 and decay come with every optimizer
	Rate              float64       // default of lr

	// New returns the rule of a table of rows rows and dim columns, state zeroed
	// or as documented.
	New func(v param.Values, rows, dim int) Rule
}

var registry = param.NewRegistry[Spec]("optim", "optimizer")

// Register adds s to the registry. It panics if s is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(s Spec) {
	s.Params = append([]param.Param{
		{Name: "lr", Doc: "learning rate, before the schedule's factor", Default: s.Rate, Min: 0, Max: math.Inf(1)},
		{Name: "mode", Doc: "rows that a step updates: lazy, those with a gradient; dense, all", Words: param.OneOf("lazy", "dense"), DefaultWord: "lazy"},
		{Name: "l2", Doc: "λ of ½λ‖w‖², added to the gradient of an updated row", Min: 0, Max: math.Inf(1), Probe: []float64{0.1}},
		{Name: "decay", Doc: "decoupled decay: an updated row is first scaled by 1 − lr·decay", Min: 0, Max: math.Inf(1), Probe: []float64{0.1}},
	}, s.Params...)
	var fault error
	if s.Doc == "" || s.Source == "" || s.New == nil {
		fault = errors.New("lacks one of Doc, Source and New")
	}
	registry.Add(s.Name, s.Params, s, fault)
}

// All returns the registered optimizers, sorted by name.
func All() []*Spec { return registry.All() }

// Bound is an optimizer with its parameters: what a spec text denotes. It is
// immutable.
type Bound struct {
	Spec   *Spec
	Values param.Values
}

// Parse returns the optimizer that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters. The error names what is
// wrong and lists the choices.
func Parse(text string) (Bound, error) {
	s, v, err := registry.Parse(text)
	if err != nil {
		return Bound{}, err
	}
	return Bound{s, v}, nil
}

// String returns the canonical spec text: Parse(b.String()) equals b.
func (b Bound) String() string { return param.SpecText(b.Spec.Name, b.Spec.Params, b.Values) }

// StateLen returns the numbers that an updater keeps of a table of that shape,
// without making them: a rule's state is taken to be linear in rows and in columns,
// as it is where rows do not depend on each other.
func (b Bound) StateLen(rows, dim int) int64 {
	count := func(rows, dim int) (n int64) {
		for _, s := range b.Spec.New(b.Values, rows, dim).Slots() {
			n += int64(len(s.Data))
		}
		return n
	}
	wide := func(rows int) int64 { // at dim columns
		one := count(rows, 1)
		return one + (count(rows, 2)-one)*int64(dim-1)
	}
	return wide(1) + (wide(2)-wide(1))*int64(rows-1)
}

// An Updater moves one table. It is a graph.Updater; make it with Bound.For.
// It is not safe for concurrent use.
type Updater struct {
	table     *graph.Table[float32]
	rule      Rule
	lr        float64
	l2, decay float64
	dense     bool
	step      int64
	factor    float64

	zero []float32   // gradient of rows without one, mode=dense
	rows [][]float32 // the table and the state of each weight: what a row's move reads
}

// For returns a fresh updater of table t.
func (b Bound) For(t *graph.Table[float32]) *Updater {
	v := b.Values
	u := &Updater{
		table: t, rule: b.Spec.New(v, t.Rows, t.Dim), factor: 1,
		lr: v.Num("lr"), l2: v.Num("l2"), decay: v.Num("decay"), dense: v.Word("mode") == "dense",
	}
	if u.dense {
		u.zero = make([]float32, blockRows(t.Dim)*t.Dim)
	}
	u.rows = append(u.rows, t.Data)
	for _, s := range u.rule.Slots() {
		if len(s.Data) == len(t.Data) {
			u.rows = append(u.rows, s.Data)
		}
	}
	return u
}

// SetFactor sets what the schedule multiplies the learning rate by from the
// next step on.
func (u *Updater) SetFactor(f float64) { u.factor = f }

// Steps returns the number of steps done.
func (u *Updater) Steps() int64 { return u.step }

// Resume sets the number of steps done, as a checkpoint had it, beside what the
// caller writes into Slots.
func (u *Updater) Resume(steps int64) { u.step = steps }

// Slots returns the state in a fixed order, not copied.
func (u *Updater) Slots() []Slot { return u.rule.Slots() }

// grain is the number of weights from which rows are spread over goroutines.
// Rows do not depend on each other: any partition gives the same bits.
const grain = 1 << 15

// Update does one step. Rows of g are unique; g is not modified. A dense g, or
// an empty one, is a step too.
func (u *Updater) Update(t *graph.Table[float32], g graph.Gradient[float32]) error {
	if t != u.table {
		return fmt.Errorf("optim: the updater of table %q was given table %q", u.table.Name, t.Name)
	}
	d := t.Dim
	n := len(g.Rows)
	if g.Rows == nil {
		n = t.Rows
	}
	if len(g.Data) != n*d {
		return fmt.Errorf("optim: table %q: %d gradient entries for %d rows of width %d", t.Name, len(g.Data), n, d)
	}
	for i, r := range g.Rows {
		if r < 0 || int(r) >= t.Rows || i > 0 && r <= g.Rows[i-1] {
			return fmt.Errorf("optim: table %q: gradient rows are not ascending in [0,%d)", t.Name, t.Rows)
		}
	}
	u.step++
	rate := u.lr * u.factor
	u.rule.Begin(u.step, rate)
	keep := float32(1 - rate*u.decay)

	// move moves the rows from r on along grad.
	move := func(r int, grad, scratch []float32) {
		w := t.Data[r*d:][:len(grad)]
		if u.l2 != 0 {
			l2 := float32(u.l2)
			scratch = scratch[:len(grad)]
			for k, gk := range grad {
				scratch[k] = gk + float32(l2*w[k])
			}
			grad = scratch
		}
		if u.decay != 0 {
			for k := range w {
				w[k] *= keep
			}
		}
		u.rule.Move(r*d, w, grad)
	}
	block := blockRows(d)
	if g.Rows == nil {
		parallel(t.Rows, d, func(lo, hi int, scratch []float32) {
			for r := lo; r < hi; r += block {
				move(r, g.Data[r*d:min(r+block, hi)*d], scratch)
			}
		})
		return nil
	}
	if !u.dense {
		parallel(n, d, func(lo, hi int, scratch []float32) {
			for i := lo; i < hi; i++ {
				// The processor foresees neither which row comes next nor its state.
				if i+ahead < hi {
					next := int(g.Rows[i+ahead]) * d
					for _, x := range u.rows {
						kernel.Prefetch(x[next : next+d])
					}
				}
				move(int(g.Rows[i]), g.Data[i*d:(i+1)*d], scratch)
			}
		})
		return nil
	}
	parallel(t.Rows, d, func(lo, hi int, scratch []float32) {
		i, _ := slices.BinarySearch(g.Rows, int32(lo))
		for r := lo; r < hi; {
			next := hi // the next row with a gradient
			if i < n {
				next = min(hi, int(g.Rows[i]))
			}
			for ; r < next; r += block {
				move(r, u.zero[:min(block, next-r)*d], scratch)
			}
			if r = next; r < hi {
				move(r, g.Data[i*d:(i+1)*d], scratch)
				r++
				i++
			}
		}
	})
	return nil
}

// ahead is how many rows before its move a row is fetched from memory.
const ahead = 8

// blockRows returns how many rows of width d move at once: a few thousand
// weights, which stay in cache from one pass to the next.
func blockRows(d int) int { return max(1, 4096/d) }

// parallel calls f on consecutive parts of n rows of width d, each with scratch
// for a block of rows.
func parallel(n, d int, f func(lo, hi int, scratch []float32)) {
	workers := min(runtime.GOMAXPROCS(0), n*d/grain+1)
	scratch := make([]float32, workers*blockRows(d)*d)
	of := func(i int) []float32 { return scratch[i*blockRows(d)*d : (i+1)*blockRows(d)*d] }
	if workers == 1 {
		f(0, n, of(0))
		return
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { f(i*n/workers, (i+1)*n/workers, of(i)) })
	}
	wg.Wait()
}

package optim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Rule is the arithmetic of one optimizer on one table: its state, and how
// weights move. It works row by row.
type Rule interface {
	// Begin starts step t = 1, 2, … at learning rate η ≥ 0.
	Begin(t int64, rate float64)

	// Move moves w, the weights of consecutive rows of the table from entry at on, along
	// their gradient g, which is as long and read only. A row is moved at most
	// once a step, and its result does not depend on the rows beside it; Move is
	// called for different rows at the same time from several goroutines.
	Move(at int, w, g []float32)

	// State returns the state, whose Data are []float32, in a fixed order and not
	// copied: what a checkpoint saves and writes back.
	State() []graph.Array
}

// A RowRule is a Rule that moves scattered rows faster than one by one.
type RowRule interface {
	Rule

	// MoveRows moves rows of the table w [·,dim] along their gradient g [n,dim], n ≤
	// len(rows), to the same bits as Move would. What follows in rows is moved next,
	// and may be fetched from memory.
	MoveRows(w []float32, dim int, rows []int32, g []float32)
}

// A UnitRule is a Rule that leads a gradient through the norms of the rows itself.
type UnitRule interface {
	Rule

	// MoveUnit moves the rows w [n,dim], which begin at weight at, along g [n,dim], a gradient
	// with respect to w with its rows divided by their norms, and returns the sum of the
	// squares of that with respect to w. The bits are those of Move along that. It may
	// write to g. Calls are as Move's.
	MoveUnit(at int, w, g []float32, dim int) (square float32)
}

// only is the rows of a table of one row.
var only = []int32{0}

// numbers returns the data of a rule's state. It panics where they are of another type
// than Rule says: a mistake of the rule that its first use shows.
func numbers(a graph.Array) []float32 {
	x, ok := a.Data.([]float32)
	if !ok {
		panic(fmt.Sprintf("optim: state %q is %T, not []float32", a.Name, a.Data))
	}
	return x
}

// A Spec describes an optimizer. All fields but Params are required.
type Spec struct {
	Name, Doc, Source string  // registry key, one line, and the paper
	Params            []Param // its own; lr and mode come with every optimizer
	Rate              float64 // default of lr

	// New returns the rule of a table of rows rows and dim columns, state zeroed
	// or as documented.
	New func(v Values, rows, dim int) Rule
}

var registered = registry.NewRegistry[Spec]("optim", "optimizer")

// Register adds s to the registry. It panics if s is incomplete or malformed or
// its name is taken: mistakes of the program that its first run shows.
func Register(s Spec) {
	s.Params = append([]Param{
		{Name: "lr", Doc: "learning rate, before the schedule's factor", Default: s.Rate, Min: 0, Max: math.Inf(1)},
		{Name: "mode", Doc: "rows that a step updates: lazy, those with a gradient; dense, all", Choices: Enum("lazy", "dense"), DefaultString: "lazy"},
	}, s.Params...)
	var fault error
	if s.Doc == "" || s.Source == "" || s.New == nil {
		fault = errors.New("lacks one of Doc, Source and New")
	}
	registered.Add(s.Name, s.Params, s, fault)
}

// All returns the registered optimizers, sorted by name.
func All() []*Spec { return registered.All() }

// An Optimizer is an optimizer with its parameters: what a spec text denotes. It is
// immutable.
type Optimizer struct{ registry.Choice[Spec] }

// Parse returns the optimizer that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters. The error names what is
// wrong and lists the choices.
func Parse(text string) (Optimizer, error) {
	c, err := registered.Parse(text)
	var unknown *registry.UnknownError
	if errors.As(err, &unknown) && (unknown.Name == "l2" || unknown.Name == "decay") {
		err = fmt.Errorf("%w; %s is no parameter of an optimizer but a setting of the training, train.%[2]s", err, unknown.Name)
	}
	return Optimizer{c}, err
}

// StateLen returns the numbers that an updater keeps of a table of that shape,
// without making them: a rule's state is taken to be linear in rows and in columns,
// as it is where rows do not depend on each other.
func (o Optimizer) StateLen(rows, dim int) int64 {
	count := func(rows, dim int) (n int64) {
		for _, a := range o.Spec.New(o.Values, rows, dim).State() {
			n += int64(len(numbers(a)))
		}
		return n
	}
	wide := func(rows int) int64 { // at dim columns
		one := count(rows, 1)
		return one + (count(rows, 2)-one)*int64(dim-1)
	}
	return wide(1) + (wide(2)-wide(1))*int64(rows-1)
}

// An Updater moves one table. It is a graph.Updater; make it with Optimizer.For.
// It is not safe for concurrent use.
type Updater struct {
	table   *graph.Table[float32]
	rule    Rule
	lr      float64
	regular Regularization
	dense   bool
	step    int64
	factor  float64
	scale   float64 // of the gradient

	square  float64
	squares []float64 // of blocks of rows

	zero    []float32   // gradient of rows without one, where those move too
	perRow  [][]float32 // the table and the state of each weight: what a row's move reads
	room    []scratch   // of goroutines
	growing sync.Mutex  // guards room in Block
	inRun   mover       // of the step whose blocks come by Block
}

// For returns a fresh updater of table t.
func (o Optimizer) For(t *graph.Table[float32]) *Updater {
	v := o.Values
	u := &Updater{
		table: t, rule: o.Spec.New(v, t.Rows, t.Dim), factor: 1, scale: 1,
		lr: v.Num("lr"), dense: v.String("mode") == "dense",
	}
	u.perRow = append(u.perRow, t.Data)
	for _, a := range u.rule.State() {
		if x := numbers(a); len(x) == len(t.Data) {
			u.perRow = append(u.perRow, x)
		}
	}
	return u
}

// WorkBytes returns what an updater of a table of that shape holds beside the state: the
// scratch of each processor, zeros, and squares of blocks.
func WorkBytes(rows, dim int) int64 {
	workers := int64(max(1, min(kernel.Workers(), rows*dim/grain+1)))
	room := 4 * int64(2*blockRows(dim)+fewRows(dim)) * int64(dim)
	return workers*room + 8*int64(rows/min(fewRows(dim), denseRows(dim))+1)
}

// Table returns the table that u moves.
func (u *Updater) Table() *graph.Table[float32] { return u.table }

// SetFactor sets what the schedule multiplies the learning rate by from the
// next step on.
func (u *Updater) SetFactor(f float64) { u.factor = f }

// Steps returns the number of steps done.
func (u *Updater) Steps() int64 { return u.step }

// Square returns the sum of the squares of the last step's gradient, before SetScale's
// factor and without what l2 and decay add. Its bits do not depend on GOMAXPROCS.
func (u *Updater) Square() float64 { return u.square }

// SetSteps sets the number of steps done, as a checkpoint had it, beside what the
// caller writes into State.
func (u *Updater) SetSteps(steps int64) { u.step = steps }

// State returns the state in a fixed order, not copied.
func (u *Updater) State() []graph.Array { return u.rule.State() }

// grain is the number of weights from which rows are spread over goroutines.
// Rows do not depend on each other: any partition gives the same bits.
const grain = 1 << 15

// Update does one step. Rows of g are unique; g is not modified. A dense g, or
// an empty one, is a step too.
func (u *Updater) Update(t *graph.Table[float32], g graph.Gradient[float32]) error {
	if _, err := u.entries(t, g); err != nil {
		return err
	}
	d := t.Dim
	if g.Rows != nil {
		return u.rows(t, g.Rows, func(_ []float32, lo, hi int) []float32 { return g.Data[lo*d : hi*d] })
	}
	m := u.begin()
	u.blocks(t.Rows, denseRows(d), func(lo, hi int, s scratch) float64 {
		grad := g.Data[lo*d : hi*d]
		m.move(lo, grad, s.work)
		return float64(kernel.SumSquares(grad))
	})
	return nil
}

// UpdateSums is Update by rows that are added up here, each just before it moves.
func (u *Updater) UpdateSums(t *graph.Table[float32], sums *graph.RowSums[float32]) error {
	if err := u.fits(t, sums); err != nil {
		return err
	}
	gradient := func(grad []float32, lo, hi int) []float32 {
		sums.Sum(grad, lo, hi)
		return grad[:(hi-lo)*t.Dim]
	}
	if sums.Rows != nil {
		return u.rows(t, sums.Rows, gradient)
	}
	m := u.begin()
	u.blocks(t.Rows, fewRows(t.Dim), func(lo, hi int, s scratch) float64 {
		grad := gradient(s.grad, lo, hi)
		m.move(lo, grad, s.work)
		return float64(kernel.SumSquares(grad))
	})
	return nil
}

// rows does one step along a gradient of rows: gradient returns those with the
// numbers lo to hi, in the memory that it is given or in its own.
func (u *Updater) rows(t *graph.Table[float32], rows []int32, gradient func(room []float32, lo, hi int) []float32) error {
	for i, r := range rows {
		if r < 0 || int(r) >= t.Rows || i > 0 && r <= rows[i-1] {
			return fmt.Errorf("optim: table %q: gradient rows are not ascending in [0,%d)", t.Name, t.Rows)
		}
	}
	m, n, d := u.begin(), len(rows), t.Dim
	if u.rowsAlone() {
		few := fewRows(d)
		u.blocks(n, few, func(lo, hi int, s scratch) float64 {
			grad := gradient(s.grad, lo, hi)
			m.moveRows(rows[lo:min(hi+few, n)], grad, s.work)
			return float64(kernel.SumSquares(grad))
		})
		return nil
	}
	rest := m.rest()
	u.blocks(t.Rows, blockRows(d), func(lo, hi int, s scratch) (square float64) {
		i, _ := slices.BinarySearch(rows, int32(lo))
		for r := lo; r < hi; {
			next := hi // the next row with a gradient
			if i < n {
				next = min(hi, int(rows[i]))
			}
			if next > r {
				rest(r, next, s.work)
			}
			if r = next; r < hi {
				grad := gradient(s.grad, i, i+1)
				m.move(r, grad, s.work)
				square += float64(kernel.SumSquares(grad))
				r++
				i++
			}
		}
		return square
	})
	return nil
}

// A mover moves rows in one step.
type mover struct {
	*Updater
	keep, l2, scale float32 // what decay leaves of a weight, λ, and the gradient's factor
}

// begin starts a step.
func (u *Updater) begin() mover {
	u.step++
	rate := u.lr * u.factor
	u.rule.Begin(u.step, rate)
	return mover{u, float32(1 - rate*u.regular.Decay), float32(u.regular.L2), float32(u.scale)}
}

// owns returns an error unless t is u's table.
func (u *Updater) owns(t *graph.Table[float32]) error {
	if t != u.table {
		return fmt.Errorf("optim: the updater of table %q was given table %q", u.table.Name, t.Name)
	}
	return nil
}

// move moves the rows from r on along grad.
func (m *mover) move(r int, grad, work []float32) {
	at := r * m.table.Dim
	w := m.table.Data[at:][:len(grad)]
	m.rule.Move(at, w, m.regularize(work[:len(grad)], w, grad))
}

// moveRows moves rows along grad [n,d], n ≤ len(rows); the others are moved next.
func (m *mover) moveRows(rows []int32, grad, work []float32) {
	d := m.table.Dim
	n := len(grad) / d
	rule, ok := m.rule.(RowRule)
	if ok && m.plain() {
		rule.MoveRows(m.table.Data, d, rows, grad)
		return
	}
	for i, r := range rows[:n] {
		// The processor foresees neither which row comes next nor its state. A few at a time
		// are on their way from memory, all the time.
		if i+rowsAhead < len(rows) {
			next := int(rows[i+rowsAhead])
			for _, x := range m.perRow {
				kernel.Prefetch(x[next*d:][:d])
			}
		}
		m.move(int(r), grad[i*d:(i+1)*d], work)
	}
}

// rowsAhead is how many rows before it moves a scattered row is fetched from memory.
const rowsAhead = 8

// blockRows returns how many consecutive rows of width d move at once: a few
// thousand weights, which stay in cache from one pass to the next.
func blockRows(d int) int { return max(1, 4096/d) }

// fewRows returns how many scattered rows do: as many more are known by then, which the
// last of them fetch from memory.
func fewRows(d int) int { return max(1, 2048/d) }

// denseRows returns how many rows of a dense gradient move at once, and are one term of
// the sum of its squares: whole blocks of a graph.BlockUpdater consist of such.
func denseRows(d int) int {
	n := graph.BlockRows(d)
	for n > 1 && n*d > 4096 {
		n /= 2
	}
	return n
}

// A scratch is the memory of one goroutine.
type scratch struct {
	work []float32 // blockRows rows
	grad []float32 // fewRows rows
}

// blocks calls f for n rows of the table in blocks of size, on several goroutines,
// and adds up what it returns: the square of the gradient. Blocks and the order of
// the sum do not depend on the goroutines.
func (u *Updater) blocks(n, size int, f func(lo, hi int, s scratch) float64) {
	count := (n + size - 1) / size
	workers := max(1, min(kernel.Workers(), n*u.table.Dim/grain+1))
	u.prepare(count, workers)
	parts := min(count, 64)
	kernel.Spread(workers, parts, func(w, part int) {
		for b := part * count / parts; b < (part+1)*count/parts; b++ {
			u.squares[b] = f(b*size, min((b+1)*size, n), u.room[w])
		}
	})
	u.addSquares()
}

// prepare makes room for the squares of so many blocks, and for so many goroutines.
func (u *Updater) prepare(blocks, workers int) {
	if cap(u.squares) < blocks {
		u.squares = make([]float64, blocks)
	}
	u.squares = u.squares[:blocks]
	u.growRoom(workers)
}

func (u *Updater) growRoom(workers int) {
	d := u.table.Dim
	for len(u.room) < workers {
		u.room = append(u.room, scratch{make([]float32, blockRows(d)*d), make([]float32, fewRows(d)*d)})
	}
}

// addSquares adds up the squares of the blocks in their order.
func (u *Updater) addSquares() {
	u.square = 0
	for _, s := range u.squares {
		u.square += s
	}
}

package graph

import (
	"fmt"
	"math"
	"sync"
)

// A Stream is the closed form of a loss, stated once for as much of a row as is at hand:
// a candidate list, a tile of classes in cache, the classes of one machine. [FromStream]
// makes the analytic form of it, in which [Loss] has the row whole and [LinearLoss]
// tile by tile without a matrix of scores.
//
// It holds for losses in which every entry of the gradient depends on its own score and
// on a few numbers of its row. The scores of the classes that are no target are folded
// into sums; sums of disjoint classes are merged; the sums and the scores of the targets
// are solved for the loss and for parameters; and these map each score to its entry of
// the gradient. What a target adds to the sums is Solve's: where one label leads, what is
// left of the loss is then never the difference of two sums.
//
// A Stream is immutable and safe for concurrent use. Its methods keep none of their
// arguments and do not allocate. Scores are in the units of the layer, finite or, of a
// masked candidate, −Inf, which must add nothing. A row with a NaN or +Inf among its
// scores is NaN, whatever the Stream makes of it.
type Stream[T Float] interface {
	// Layout returns the lengths of sums and parameters, and what a problem is.
	Layout() Layout

	// Start sets the parameters that Fold needs, zeros before. Of the target all is
	// known but the gradient.
	Start(params []float64, t *RowTarget[T])

	// Init sets sums to those of no class, zeros before.
	Init(sums, params []float64)

	// Fold adds the classes first, first+1, … of scores z, [n], to sums. A class is
	// its position in the row; targets have the score −Inf. z may be overwritten.
	Fold(sums, params []float64, z []T, first int)

	// Merge adds src to dst. The classes of src follow those of dst.
	Merge(dst, src []float64)

	// Solve returns ℓ, in nats where it has a unit, from the sums of all classes that
	// are no target, stores ∂ℓ/∂z at the targets in t.Grad, zeros before, and sets the
	// parameters for Map.
	Solve(sums, params []float64, t *RowTarget[T]) float64

	// Map stores ∂ℓ/∂z at the classes first, first+1, … of scores z in dz; dz may be
	// z. What it stores for a score of −Inf does not matter.
	Map(dz, z []T, params []float64, first int)
}

// A Recaller is a Stream that leaves in z, when it folds the scores of a whole row, what
// it needs to map them: a row then takes one exponential of a score where Fold and Map
// take two. Tiles, whose scores stay in memory for no other, take Map.
type Recaller[T Float] interface {
	Stream[T]

	// Recall is Map of a row from class 0, of what Fold left in z in place of the
	// scores; sums are those of Solve. dz and z do not overlap.
	Recall(dz, z []T, sums, params []float64)
}

// Additive is to be embedded by a Stream whose sums are 0 of no class and add up, and
// whose Fold needs no parameters.
type Additive[T Float] struct{}

// Start leaves the parameters at 0.
func (Additive[T]) Start([]float64, *RowTarget[T]) {}

// Init leaves the sums at 0.
func (Additive[T]) Init([]float64, []float64) {}

// Merge adds the sums.
func (Additive[T]) Merge(dst, src []float64) {
	for i, v := range src {
		dst[i] += v
	}
}

// A Layout is the shape of what a [Stream] keeps of a row. Ops refuse one with negative
// numbers.
type Layout struct {
	Sums, Params int // numbers of a row

	// Each says that every target of a row is a problem of its own, in which the other
	// targets are classes like any, and that the loss is the mean of these by the
	// targets' weights. RowTarget then has one target.
	Each bool

	// Balanced says that entries of the gradient of a problem sum to 0, as those of a
	// loss that a shift of all scores does not change. With Each the framework then sets
	// the target's, and Solve need not.
	Balanced bool

	// Apart says, with Each, that the other targets of a row are not classes of a
	// problem: they are masked there, and Classes does not count them.
	Apart bool
}

// A RowTarget is the target of one row of a [Stream]: m classes, all slices [m].
type RowTarget[T Float] struct {
	Pos     []int32   // classes, increasing
	Weight  []T       // positive; they sum to 1, unless Layout.Each
	Z       []T       // scores
	Grad    []float64 // ∂ℓ/∂z, which Solve stores
	Classes int       // candidates of the row that are not masked, with the targets
}

// balances reports that the framework sets the target's entry of a problem.
func (l Layout) balances() bool { return l.Each && l.Balanced }

// apart reports that a problem is without the other targets of its row.
func (l Layout) apart() bool { return l.Each && l.Apart }

// FromStream returns the analytic form that s states at both precisions: two instances
// of one generic type.
func FromStream(f32 Stream[float32], f64 Stream[float64]) Analytic {
	return Analytic{F32: RowOf(f32), F64: RowOf(f64)}
}

// RowOf returns the form of s that takes whole rows. [LinearLoss] knows it again, and
// computes s by tiles.
func RowOf[T Float](s Stream[T]) RowLoss[T] {
	l := s.Layout()
	recall, _ := s.(Recaller[T])
	return &streamRow[T]{stream: s, recall: recall, layout: l, pool: newStreamPool[T](l)}
}

// streamRow is a Stream as a RowLoss.
type streamRow[T Float] struct {
	stream Stream[T]
	recall Recaller[T] // stream, if it is one
	layout Layout
	pool   *sync.Pool // of *streamRoom[T]
}

// fault returns what is wrong with the layout.
func (l *streamRow[T]) fault() error {
	if l.layout.Sums < 0 || l.layout.Params < 0 {
		return fmt.Errorf("a Stream with a Layout of %d Sums and %d Params; want 0 or more of each", l.layout.Sums, l.layout.Params)
	}
	return nil
}

// streamRoom is what one row takes beside its scores.
type streamRoom[T Float] struct {
	sums, params []float64
	t            RowTarget[T]
	z, dz        []T // of a tile
}

func newStreamPool[T Float](l Layout) *sync.Pool {
	return &sync.Pool{New: func() any {
		return &streamRoom[T]{sums: make([]float64, l.Sums), params: make([]float64, l.Params)}
	}}
}

// targets makes room for n targets, with a gradient of 0.
func (r *streamRoom[T]) targets(n int) {
	t := &r.t
	if cap(t.Grad) < n {
		t.Pos, t.Weight, t.Z, t.Grad = make([]int32, n), make([]T, n), make([]T, n), make([]float64, n)
	}
	t.Pos, t.Weight, t.Z, t.Grad = t.Pos[:n], t.Weight[:n], t.Z[:n], t.Grad[:n]
	clear(t.Grad)
}

// WorkLen leaves room for the scores without the targets, and for one problem's gradient.
func (l *streamRow[T]) WorkLen(k int) int {
	if l.layout.Each {
		return 2 * k
	}
	return k
}

// Eval implements RowLoss.
func (l *streamRow[T]) Eval(dz, z []T, t Target[T], work []T) T {
	classes := len(z)
	x, g := work[:len(z)], dz
	for j, s := range z {
		x[j] = s
		if d := s - s; d != d { // it is not finite
			if !masked(s) {
				return d
			}
			classes--
		}
	}
	r := l.pool.Get().(*streamRoom[T])
	defer l.pool.Put(r)
	r.t.Classes = classes
	if !l.layout.Each {
		r.targets(len(t.Pos))
		copy(r.t.Pos, t.Pos)
		copy(r.t.Weight, t.Weight)
		return T(l.problem(r, dz, z, x, nil))
	}
	if len(t.Pos) > 1 {
		g = work[len(z) : 2*len(z)]
		clear(dz)
	}
	if l.layout.apart() {
		r.t.Classes -= len(t.Pos) - 1
	}
	var loss float64
	for i := range t.Pos {
		if i > 0 {
			copy(x, z)
		}
		if l.layout.apart() {
			for _, y := range t.Pos {
				x[y] = T(math.Inf(-1))
			}
		}
		r.targets(1)
		r.t.Pos[0], r.t.Weight[0] = t.Pos[i], t.Weight[i]
		w := float64(t.Weight[i])
		loss += w * l.problem(r, g, z, x, t.Pos)
		if len(t.Pos) == 1 { // of weight 1
			break
		}
		for j, v := range g {
			dz[j] += T(w * float64(v))
		}
	}
	return T(loss)
}

// problem returns the loss of the targets of r and stores its gradient in dz. x is z, and
// is overwritten. Apart, none of all is a class of it.
func (l *streamRow[T]) problem(r *streamRoom[T], dz, z, x []T, all []int32) float64 {
	for i, y := range r.t.Pos {
		r.t.Z[i] = z[y]
		x[y] = T(math.Inf(-1))
	}
	clear(r.params)
	clear(r.sums)
	l.stream.Start(r.params, &r.t)
	l.stream.Init(r.sums, r.params)
	l.stream.Fold(r.sums, r.params, x, 0)
	loss := l.stream.Solve(r.sums, r.params, &r.t)
	if l.recall != nil {
		l.recall.Recall(dz, x, r.sums, r.params)
	} else {
		l.stream.Map(dz, z, r.params, 0)
	}
	if r.t.Classes < len(z) {
		for j, s := range z {
			if masked(s) {
				dz[j] = 0
			}
		}
	}
	if l.layout.apart() {
		for _, y := range all {
			dz[y] = 0
		}
	}
	if l.layout.balances() {
		y, rest := r.t.Pos[0], 0.0
		dz[y] = 0
		for _, v := range dz {
			rest += float64(v)
		}
		dz[y] = T(-rest)
		return loss
	}
	for i, y := range r.t.Pos {
		dz[y] = T(r.t.Grad[i])
	}
	return loss
}

package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Correction says what a sampled loss subtracts from scores for how often
// their class is drawn. q is the proposal's probability of a class and k the
// number of draws that a positive y keeps.
type Correction int

// The corrections. What is subtracted is in units of Sampled.Unit.
const (
	// Uncorrected leaves scores as they are.
	Uncorrected Correction = iota

	// CorrectLogQ subtracts log(k q) from the positive and from each draw. With
	// softmax and draws that hit y kept, this is ranking NCE, whose population
	// minimiser is log t whatever q and k.
	CorrectLogQ

	// CorrectImportance drops draws that hit y, so that the others follow
	// q' = q/(1−q_y), and subtracts log(k q') from them alone: the sum of a softmax
	// then estimates that over all classes.
	CorrectImportance
)

// A Sampled is a batch of scores of positives and of draws.
type Sampled struct {
	Pos *gorgonia.Node // [N] scores of the targets' positions, in their order; N is the targets' capacity
	Neg *gorgonia.Node // [B,K] scores of the draws

	IDs  *gorgonia.Node // Int32 [B,K], or [K] shared by the rows: classes of the draws, −1 an empty place
	From *gorgonia.Node // Int32 [K], or nil: the row whose own positive a draw is, which leaves it out

	PosLogQ *gorgonia.Node // [N] log q of the positives, or nil if Uncorrected
	LogQ    *gorgonia.Node // as IDs: log q of the draws, or nil if Uncorrected

	Correction Correction
	Unit       float64 // what a score gains where the odds of its class gain a factor e: the loss's temperature; 0 is 1
	DropHits   bool    // leave out draws that hit the positive; always so by CorrectImportance
	Classes    int     // C: the targets' positions are classes in [0,C)
}

// SampledLoss returns the losses [B] of candidates sampled for each row: the
// mean over the row's positives y, by the weights of t, of the loss l of the
// candidates (y, draws of the row) with y the label. A positive that keeps no
// draw is alone. No more than O(K) of a goroutine's memory holds candidates. A
// row of m positives costs O(m + K) where hits are kept and l is a [ManyRow], else
// O(m K). Any upstream gradient; not differentiable again.
func SampledLoss(l Rows, s Sampled, t *Targets) (*gorgonia.Node, error) {
	name := "sampled loss " + l.Text
	if err := wantDims(name, "the scores of draws", s.Neg, 2); err != nil {
		return nil, err
	}
	b, k := s.Neg.Shape()[0], s.Neg.Shape()[1]
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	if l.F32 == nil || l.F64 == nil {
		return nil, fmt.Errorf("graph: %s: no analytic form", name)
	}
	n := b
	if t.label == nil {
		n = t.pos.Shape()[0]
	}
	own := tensor.Shape{b, k}
	all := []struct {
		what   string
		n      node
		shapes []tensor.Shape
		needed bool
	}{
		{"scores of positives", s.Pos, []tensor.Shape{{n}}, true},
		{"classes of draws", s.IDs, []tensor.Shape{own, {k}}, true},
		{"log q of positives", s.PosLogQ, []tensor.Shape{{n}}, s.Correction != Uncorrected},
		{"log q of draws", s.LogQ, []tensor.Shape{own, {k}}, s.Correction != Uncorrected},
		{"rows of draws", s.From, []tensor.Shape{{k}}, s.From != nil},
	}
	in := []node{s.Pos, s.Neg}
	for i, a := range all {
		if !a.needed {
			continue
		}
		if a.n == nil || !slices.ContainsFunc(a.shapes, a.n.Shape().Eq) {
			return nil, fmt.Errorf("graph: %s: %s are %v; want %v", name, a.what, shapeOf(a.n), a.shapes)
		}
		if i > 0 {
			in = append(in, a.n)
		}
	}
	fixed := fixedAfter(2, len(in)-2+len(t.leaves()))
	s32 := newSampledState(l.F32, s, b, n, k, len(in))
	s64 := newSampledState(l.F64, s, b, n, k, len(in))
	return apply(spec{name: name, shape: tensor.Shape{b}, fixed: fixed, f32: s32.forward, f64: s64.forward,
		scratch: func() int64 { return bytesOf[float64](n + b*k) }, // at most, of gradients
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := &sampledGrad[float32]{sampledState: s32}, &sampledGrad[float64]{sampledState: s64}
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			ask := func(bool) { s32.need, s64.need = true, true }
			// out orders these after the forward op, which leaves the gradients.
			grads[0] = e.N(apply(spec{name: name + " dPos", shape: in[0].Shape(), f32: g32.positives, f64: g64.positives, live: ask}, out, g))
			grads[1] = e.N(apply(spec{name: name + " dNeg", shape: in[1].Shape(), f32: g32.draws, f64: g64.draws, live: ask}, out, g))
			return e.grads(grads...)
		}}, append(in, t.leaves()...)...)
}

// fixedAfter lists m, …, m+n−1.
func fixedAfter(m, n int) []int {
	f := make([]int, n)
	for i := range f {
		f[i] = m + i
	}
	return f
}

// shapeOf returns n's shape for an error; n may be nil.
func shapeOf(n node) any {
	if n == nil {
		return "missing"
	}
	return n.Shape()
}

// sampledState passes the gradients from the forward op to the gradient ops.
type sampledState[T Float] struct {
	row        Row[T]
	b, n, k, c int
	in         int // inputs before the targets
	correction Correction
	drop       bool
	from       bool // there are rows of draws
	sharedIDs  bool
	sharedLogQ bool

	unit  T
	first Target[T] // the label of candidates: their first

	many ManyRow[T] // row, where it is one

	need       bool // some Program wants a gradient
	view       view[T]
	now        sampledIn[T]
	dpos, dneg []T // [N], [B,K] if need
	work       scratch[T]
}

func newSampledState[T Float](row Row[T], s Sampled, b, n, k, in int) *sampledState[T] {
	if s.Unit == 0 {
		s.Unit = 1
	}
	many, _ := row.(ManyRow[T])
	return &sampledState[T]{row: row, many: many, b: b, n: n, k: k, c: s.Classes, in: in, correction: s.Correction, unit: T(s.Unit),
		first: Target[T]{Pos: []int32{0}, Weight: []T{1}},
		drop:  s.DropHits || s.Correction == CorrectImportance, from: s.From != nil,
		sharedIDs:  s.IDs.Dims() == 1,
		sharedLogQ: s.LogQ != nil && s.LogQ.Dims() == 1}
}

// of returns the part of x that is row i's.
func of[E any](x []E, shared bool, i, k int) []E {
	if shared {
		return x
	}
	return x[i*k : (i+1)*k]
}

// sampledIn is what a run reads.
type sampledIn[T Float] struct {
	pos, neg, posLogQ, logQ []T
	ids, from               []int32
}

func (s *sampledState[T]) read(in []any) *sampledIn[T] {
	x := &s.now
	x.pos, x.neg, x.ids = vec[T](in[0]), vec[T](in[1]), in[2].([]int32)
	at := 3
	if s.correction != Uncorrected {
		x.posLogQ, x.logQ = vec[T](in[3]), vec[T](in[4])
		at = 5
	}
	if s.from {
		x.from = in[at].([]int32)
	}
	return x
}

func (s *sampledState[T]) forward(dst []T, in []any) error {
	s.view.read(in[s.in:])
	if err := s.view.check(s.b, s.c); err != nil {
		return err
	}
	x := s.read(in)
	if s.need {
		if s.dpos == nil {
			s.dpos, s.dneg = make([]T, s.n), make([]T, s.b*s.k)
		}
		clear(s.dpos)
	}
	most := 0 // positives of a row
	for i := range s.b {
		most = max(most, len(s.view.row(i).Pos))
	}
	// A row's scratch, its candidates and their gradient, its positives and theirs.
	s.work.grow(s.row.WorkLen(s.k+1) + 2*(s.k+1) + 2*most)
	cost := costMath * s.n * (s.k + 1)
	if s.many != nil {
		cost = costMath * (s.n + s.b*s.k)
	}
	return parallel(s.b, cost, func(worker, lo, hi int) error {
		w := s.work.of(worker)
		for i := lo; i < hi; i++ {
			if s.need {
				clear(s.dneg[i*s.k : (i+1)*s.k])
			}
			t := s.view.row(i)
			p := i // the place of the row's first positive in pos
			if s.view.label == nil {
				p = int(s.view.ptr[i])
			}
			switch {
			case len(t.Pos) == 0:
				dst[i] = 0
			case len(t.Pos) > 1 && s.many != nil && !s.drop:
				dst[i] = s.together(x, w, t, i, p)
			default:
				dst[i] = s.oneByOne(x, w, t, i, p)
			}
		}
		return nil
	})
}

// candidates stores in z [K] the corrected scores of row i's draws, masked where
// they are left out for positive y, and returns the corrected score of the
// positive at p.
func (s *sampledState[T]) candidates(z []T, x *sampledIn[T], i, p int, y int32) T {
	copy(z, x.neg[i*s.k:(i+1)*s.k])
	kept := 0
	for m, id := range of(x.ids, s.sharedIDs, i, s.k) {
		if id < 0 || x.from != nil && x.from[m] == int32(i) || s.drop && id == y {
			z[m] = T(math.Inf(-1))
		} else {
			kept++
		}
	}
	at := x.pos[p]
	if s.correction == Uncorrected || kept == 0 {
		return at
	}
	shift := T(math.Log(float64(kept)))
	if s.correction == CorrectLogQ {
		at -= s.unit * (x.posLogQ[p] + shift)
	} else {
		// log(k q/(1−q_y)); a proposal that knows only y has none left.
		shift -= T(math.Log1p(-min(math.Exp(float64(x.posLogQ[p])), 1-1e-12)))
	}
	for m, lq := range of(x.logQ, s.sharedLogQ, i, s.k) {
		z[m] -= s.unit * (lq + shift)
	}
	return at
}

// oneByOne evaluates the positives of row i, which start at p, each alone.
func (s *sampledState[T]) oneByOne(x *sampledIn[T], w []T, t Target[T], i, p int) T {
	work := s.row.WorkLen(s.k + 1)
	z, dz := w[work:work+s.k+1], w[work+s.k+1:work+2*(s.k+1)]
	var loss T
	for j, y := range t.Pos {
		z[0] = s.candidates(z[1:], x, i, p+j, y)
		loss += t.Weight[j] * s.row.Row(dz, z, s.first, w[:work])
		if s.need {
			s.dpos[p+j] = t.Weight[j] * dz[0]
			kernel.Axpy(t.Weight[j], dz[1:], s.dneg[i*s.k:(i+1)*s.k])
		}
	}
	return loss
}

// together evaluates them at once: with hits kept they have the same negatives.
func (s *sampledState[T]) together(x *sampledIn[T], w []T, t Target[T], i, p int) T {
	m := len(t.Pos)
	z, dz, o, do := w[:s.k], w[s.k:2*s.k], w[2*s.k:2*s.k+m], w[2*s.k+m:2*s.k+2*m]
	o[0] = s.candidates(z, x, i, p, -1)
	for j := 1; j < m; j++ {
		o[j] = x.pos[p+j]
		if s.correction == CorrectLogQ {
			o[j] += o[0] - x.pos[p] + s.unit*(x.posLogQ[p]-x.posLogQ[p+j])
		}
	}
	loss := s.many.Many(do, dz, o, z, t.Weight)
	if s.need {
		copy(s.dpos[p:p+m], do)
		copy(s.dneg[i*s.k:(i+1)*s.k], dz)
	}
	return loss
}

// sampledGrad is one application of the derivative.
type sampledGrad[T Float] struct{ *sampledState[T] }

// positives stores g_i ∂ℓ_i/∂pos.
func (s *sampledGrad[T]) positives(dst []T, in []any) error {
	g := vec[T](in[1])
	clear(dst)
	for i, u := range g {
		lo, hi := i, i+1
		if s.view.label == nil {
			lo, hi = int(s.view.ptr[i]), int(s.view.ptr[i+1])
		}
		for j := lo; j < hi; j++ {
			dst[j] = u * s.dpos[j]
		}
	}
	return nil
}

// draws stores g_i ∂ℓ_i/∂neg.
func (s *sampledGrad[T]) draws(dst []T, in []any) error {
	g, k := vec[T](in[1]), s.k
	return parallel(len(g), len(dst), func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			for j, d := range s.dneg[i*k : (i+1)*k] {
				dst[i*k+j] = g[i] * d
			}
		}
		return nil
	})
}

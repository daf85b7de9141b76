package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Sampled is a batch of positives and of draws.
type Sampled struct {
	Pos *gorgonia.Node // [N] scores of the targets' positions, in their order; N is the targets' capacity
	Neg *gorgonia.Node // [B,K] scores of the draws

	IDs  *gorgonia.Node // Int32 [B,K], or [K] shared by the rows: classes of the draws, −1 an empty place
	From *gorgonia.Node // Int32 [K], or nil: the row whose own positive a draw is, which leaves it out
	Skip *gorgonia.Node // Int32 [B,K], or nil: not 0 where a row leaves a draw out

	PosLogQ *gorgonia.Node // [N] log q of the positives, or nil if Uncorrected
	LogQ    *gorgonia.Node // as IDs: log q of the draws, or nil if Uncorrected

	Correction Correction // of the scores of positives and draws; zero is Uncorrected
	Unit       float64    // what a score gains where the odds of its class gain a factor e: the loss's temperature; 0 is 1
	DropHits   bool       // leave out draws that hit the positive; always so by CorrectImportance
	Classes    int        // C: the targets' positions and the draws are classes in [0,C)
}

// valid returns what is wrong with the numbers of s.
func (s Sampled) valid(name string) error {
	switch {
	case s.Correction < Uncorrected || s.Correction > CorrectImportance:
		return fmt.Errorf("graph: %s: correction %d; the choices are Uncorrected, CorrectLogQ and CorrectImportance", name, s.Correction)
	case !(s.Unit >= 0) || math.IsInf(s.Unit, 1):
		return fmt.Errorf("graph: %s: unit %g of the correction; want above 0, or 0 for 1", name, s.Unit)
	case s.Classes < 1:
		return fmt.Errorf("graph: %s: %d classes; want at least 1", name, s.Classes)
	}
	return nil
}

// SampledLoss returns the losses [B] of candidates sampled for each row: the
// mean over the row's positives y, by the weights of t, of the loss l of the
// candidates (y, draws of the row) with y the label. A positive that keeps no
// draw is alone. No more than O(K) of a goroutine's memory holds candidates. A
// row of m positives costs O(m + K) where hits are kept and l is a [SharedNegatives], else
// O(m K). Any upstream gradient; not differentiable again.
//
// The run fails with an error that names the place for a class outside [−1,C), a row
// outside [−1,B), a positive whose score is −Inf, and a log q that is not finite where a
// correction takes it; CorrectImportance takes that of a positive that is never drawn, −Inf.
func SampledLoss(l Analytic, s Sampled, t *Targets) (*gorgonia.Node, error) {
	name := "sampled loss " + l.Text
	if err := wantDims(name, "the scores of draws", s.Neg, 2); err != nil {
		return nil, err
	}
	b, k := s.Neg.Shape()[0], s.Neg.Shape()[1]
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	if err := s.valid(name); err != nil {
		return nil, err
	}
	n := t.capacity()
	if s.Pos == nil || !s.Pos.Shape().Eq(tensor.Shape{n}) {
		return nil, fmt.Errorf("graph: %s: scores of positives are %v; want %v", name, shapeOf(s.Pos), tensor.Shape{n})
	}
	leaves, err := s.leaves(l, name, b, k, n)
	if err != nil {
		return nil, err
	}
	trained := trainedOf(l)
	pos, err := trained.hold(s.Pos)
	if err != nil {
		return nil, err
	}
	in := append([]node{pos, s.Neg}, leaves...)
	fixed := fixedAfter(2, len(in)-2+len(t.leaves()))
	var need need
	s32 := &sampledState[float32]{sampledRows: newSampledRows(l.F32, s, b, n, k, len(leaves)), need: &need}
	s64 := &sampledState[float64]{sampledRows: newSampledRows(l.F64, s, b, n, k, len(leaves)), need: &need}
	var err32, err64 error
	s32.nodes, err32 = nodeRowsOf(name, l.F32, s.Neg, n, k+1, nil)
	s64.nodes, err64 = nodeRowsOf(name, l.F64, s.Neg, n, k+1, nil)
	if err := errors.Join(err32, err64); err != nil {
		return nil, err
	}
	trained.run(s32.nodes, s64.nodes)
	out, err := apply(spec{name: name, shape: tensor.Shape{b}, fixed: fixed, f32: s32.forward, f64: s64.forward, wants: need.wants,
		scratch: either(s.Neg, s32.scratch, s64.scratch),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := &sampledGrad[float32]{sampledState: s32}, &sampledGrad[float64]{sampledState: s64}
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			need.derive()
			// out orders these after the forward op, which leaves the gradients.
			grads[0] = e.N(apply(spec{name: name + " dPos", shape: in[0].Shape(), f32: g32.positives, f64: g64.positives, onKept: need.onKept}, out, g))
			grads[1] = e.N(apply(spec{name: name + " dNeg", shape: in[1].Shape(), f32: g32.draws, f64: g64.draws, onKept: need.onKept}, out, g))
			return e.grads(grads...)
		}}, append(in, t.leaves()...)...)
	if err != nil {
		return nil, err
	}
	return trained.link(out, &need)
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

// leaves returns the index nodes and log q that a loss l over n positives and k
// draws for each of b rows reads, in a fixed order.
func (s Sampled) leaves(l Analytic, name string, b, k, n int) ([]node, error) {
	if err := l.valid(name); err != nil {
		return nil, err
	}
	own := tensor.Shape{b, k}
	var in []node
	for _, a := range []struct {
		what   string
		n      node
		shapes []tensor.Shape
		needed bool
		kind   string
	}{
		{"classes of draws", s.IDs, []tensor.Shape{own, {k}}, true, "Int32"},
		{"log q of positives", s.PosLogQ, []tensor.Shape{{n}}, s.Correction != Uncorrected, "floating-point"},
		{"log q of draws", s.LogQ, []tensor.Shape{own, {k}}, s.Correction != Uncorrected, "floating-point"},
		{"rows of draws", s.From, []tensor.Shape{{k}}, s.From != nil, "Int32"},
		{"skips of draws", s.Skip, []tensor.Shape{own}, s.Skip != nil, "Int32"},
	} {
		if !a.needed {
			continue
		}
		if a.n == nil || !slices.ContainsFunc(a.shapes, a.n.Shape().Eq) {
			return nil, fmt.Errorf("graph: %s: %s are %v; want %v", name, a.what, shapeOf(a.n), a.shapes)
		}
		if (a.n.Dtype() == tensor.Int32) != (a.kind == "Int32") {
			return nil, fmt.Errorf("graph: %s: %s are %v; want %s", name, a.what, a.n.Dtype(), a.kind)
		}
		in = append(in, a.n)
	}
	return in, nil
}

// sampledRows evaluates rows of candidates: a positive and its draws.
type sampledRows[T Float] struct {
	row        RowLoss[T]
	many       SharedNegatives[T] // row, where it is one
	b, n, k, c int
	leaves     int // inputs before the targets', of which the last are from and skip
	correction Correction
	drop       bool
	from, skip bool // there are rows of draws, and skips
	sharedIDs  bool
	sharedLogQ bool

	unit  T
	first Target[T] // the label of candidates: their first

	view view[T]
	now  sampledIn[T]
	work scratch[T]
}

func newSampledRows[T Float](row RowLoss[T], s Sampled, b, n, k, leaves int) sampledRows[T] {
	if s.Unit == 0 {
		s.Unit = 1
	}
	many, _ := SharedNegativesOf(row)
	return sampledRows[T]{row: row, many: many, b: b, n: n, k: k, c: s.Classes, leaves: leaves, correction: s.Correction, unit: T(s.Unit),
		first: Target[T]{Pos: []int32{0}, Weight: []T{1}},
		drop:  s.DropHits || s.Correction == CorrectImportance, from: s.From != nil, skip: s.Skip != nil,
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

// sampledIn is what a run reads beside scores.
type sampledIn[T Float] struct {
	posLogQ, logQ []T
	ids, from     []int32
	skip          []int32 // [B,K] or nil
}

// read points s at its leaves and the targets'.
func (s *sampledRows[T]) read(in []any) error {
	x := &s.now
	x.ids = in[0].([]int32)
	if s.correction != Uncorrected {
		x.posLogQ, x.logQ = vec[T](in[1]), vec[T](in[2])
	}
	last := in[:s.leaves]
	if s.skip {
		x.skip = last[len(last)-1].([]int32)
		last = last[:len(last)-1]
	}
	if s.from {
		x.from = last[len(last)-1].([]int32)
	}
	for j, id := range x.ids {
		if id < -1 || int(id) >= s.c {
			return fmt.Errorf("id %d at place %d is outside [-1,%d)", id, j, s.c)
		}
	}
	for j, i := range x.from {
		if i < -1 || int(i) >= s.b {
			return fmt.Errorf("row %d of draw %d is outside [-1,%d)", i, j, s.b)
		}
	}
	s.view.read(in[s.leaves:])
	return s.view.check(s.b, s.c)
}

// each calls f for the rows on several goroutines, in which w is scratch: extra
// elements for f and the rest for eval. d is the work of a candidate beside its loss.
func (s *sampledRows[T]) each(extra, d int, f func(i int, w []T) (T, error), dst []T) error {
	most := 0 // positives of a row
	for i := range s.b {
		most = max(most, len(s.view.row(i).Pos))
	}
	// A row's scratch, its candidates and their gradient, its positives and theirs.
	s.work.grow(extra*(s.k+most) + s.row.WorkLen(s.k+1) + 2*(s.k+1) + 2*most)
	cost := (costMath + d) * s.n * (s.k + 1)
	if s.many != nil {
		cost = (costMath + d) * (s.n + s.b*s.k)
	}
	return s.work.parallel(s.b, cost, func(worker, lo, hi int) error {
		for i := lo; i < hi; i++ {
			var err error
			if dst[i], err = f(i, s.work.of(worker)); err != nil {
				return inRow(i, err)
			}
		}
		return nil
	})
}

// sampledRow is a row's scores and, where somebody wants it, room for their
// gradient.
type sampledRow[T Float] struct {
	pos, neg   []T // scores of positives and of draws
	dpos, dneg []T // nil, or 0
}

// eval returns the loss of row i, with target t.
func (s *sampledRows[T]) eval(r sampledRow[T], i int, t Target[T], w []T) (T, error) {
	for j, y := range t.Pos {
		if err := positiveUnmasked(r.pos[j], y); err != nil {
			return 0, err
		}
	}
	switch {
	case len(t.Pos) == 0:
		return 0, nil
	case len(t.Pos) > 1 && s.many != nil && !s.drop:
		return s.together(r, i, t, w)
	}
	return s.oneByOne(r, i, t, w)
}

// positiveUnmasked returns an error if z, the score of the positive y, is −Inf.
func positiveUnmasked[T Float](z T, y int32) error {
	if masked(z) {
		return fmt.Errorf("class %d has a target and is masked: its score is -Inf", y)
	}
	return nil
}

// inRow returns err with the row that it is of.
func inRow(i int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("row %d: %w", i, err)
}

// start returns the place of row i's first positive among all.
func (s *sampledRows[T]) start(i int) int {
	if s.view.label != nil {
		return i
	}
	return int(s.view.ptr[i])
}

// candidates stores in z [K] the corrected scores of row i's draws, masked where
// they are left out for positive y, the number j of the row, and returns log k, −Inf
// if none is kept.
func (s *sampledRows[T]) candidates(z []T, r sampledRow[T], i, j int, y int32) (T, error) {
	x := &s.now
	copy(z, r.neg)
	kept := 0
	for m, id := range of(x.ids, s.sharedIDs, i, s.k) {
		if id < 0 || x.from != nil && x.from[m] == int32(i) || s.drop && id == y || x.skip != nil && x.skip[i*s.k+m] != 0 {
			z[m] = T(math.Inf(-1))
		} else {
			kept++
		}
	}
	logK := T(math.Log(float64(kept)))
	if s.correction == Uncorrected || kept == 0 {
		return logK, nil
	}
	shift := logK
	if s.correction == CorrectImportance {
		lq := float64(x.posLogQ[s.start(i)+j])
		if math.IsNaN(lq) || math.IsInf(lq, 1) {
			return 0, fmt.Errorf("log q of its positive %d is %v", j, lq)
		}
		// log(k q/(1−q_y)); a proposal that knows only y has none left.
		shift -= T(math.Log1p(-min(math.Exp(lq), 1-1e-12)))
	}
	for m, lq := range of(x.logQ, s.sharedLogQ, i, s.k) {
		if masked(z[m]) { // as an empty place is, whose log q may be anything
			continue
		}
		if lq-lq != 0 {
			return 0, fmt.Errorf("log q of its draw %d is %v; want a finite number", m, lq)
		}
		z[m] -= s.unit * (lq + shift)
	}
	return logK, nil
}

// positive returns the corrected score of the positive number j of row i, whose draws
// that are kept are logK as candidates returns it: none leave the score as it is.
func (s *sampledRows[T]) positive(r sampledRow[T], i, j int, logK T) (T, error) {
	if s.correction != CorrectLogQ || math.IsInf(float64(logK), -1) {
		return r.pos[j], nil
	}
	lq := s.now.posLogQ[s.start(i)+j]
	if lq-lq != 0 {
		return 0, fmt.Errorf("log q of its positive %d is %v; want a finite number", j, lq)
	}
	return r.pos[j] - s.unit*(lq+logK), nil
}

// oneByOne evaluates the positives of row i, each alone.
func (s *sampledRows[T]) oneByOne(r sampledRow[T], i int, t Target[T], w []T) (T, error) {
	work := s.row.WorkLen(s.k + 1)
	z, dz := w[work:work+s.k+1], w[work+s.k+1:work+2*(s.k+1)]
	var loss T
	for j, y := range t.Pos {
		logK, err := s.candidates(z[1:], r, i, j, y)
		if err != nil {
			return 0, err
		}
		if z[0], err = s.positive(r, i, j, logK); err != nil {
			return 0, err
		}
		loss += t.Weight[j] * s.row.Eval(dz, z, s.first, w[:work])
		if r.dpos != nil {
			r.dpos[j] = t.Weight[j] * dz[0]
			kernel.Axpy(t.Weight[j], dz[1:], r.dneg)
		}
	}
	return loss, nil
}

// together evaluates them at once: with hits kept they have the same negatives.
func (s *sampledRows[T]) together(r sampledRow[T], i int, t Target[T], w []T) (T, error) {
	m := len(t.Pos)
	z, dz, o, do := w[:s.k], w[s.k:2*s.k], w[2*s.k:2*s.k+m], w[2*s.k+m:2*s.k+2*m]
	logK, err := s.candidates(z, r, i, 0, -1)
	if err != nil {
		return 0, err
	}
	for j := range o {
		if o[j], err = s.positive(r, i, j, logK); err != nil {
			return 0, err
		}
	}
	loss := s.many.EvalShared(do, dz, o, z, t.Weight)
	if r.dpos != nil {
		copy(r.dpos, do)
		copy(r.dneg, dz)
	}
	return loss, nil
}

// sampledState passes the gradients from the forward op to the gradient ops.
type sampledState[T Float] struct {
	sampledRows[T]
	need       *need
	dpos, dneg []T // [N], [B,K] if need

	nodes  *nodeRows[T] // of row, where it is a definition
	places []place      // of the run
}

// scratch is what forward makes: gradients, and what a definition takes.
func (s *sampledState[T]) scratch() (n int64) {
	if s.need.now {
		n = bytesOf[T](s.n + s.b*s.k)
	}
	if s.nodes != nil {
		n += s.nodes.bytes(s.need.now)
	}
	return n
}

func (s *sampledState[T]) forward(dst []T, in []any) error {
	if err := s.read(in[2:]); err != nil {
		return err
	}
	pos, neg := vec[T](in[0]), vec[T](in[1])
	if s.need.now {
		if s.dpos == nil {
			s.dpos, s.dneg = make([]T, s.n), make([]T, s.b*s.k)
		}
		clear(s.dpos)
	}
	if s.nodes != nil {
		return s.nodeForward(dst, pos, neg)
	}
	return s.each(0, 0, func(i int, w []T) (T, error) {
		t := s.view.row(i)
		p := s.start(i)
		r := sampledRow[T]{pos: pos[p : p+len(t.Pos)], neg: neg[i*s.k : (i+1)*s.k]}
		if s.need.now {
			r.dpos, r.dneg = s.dpos[p:p+len(t.Pos)], s.dneg[i*s.k:(i+1)*s.k]
			clear(r.dneg)
		}
		return s.eval(r, i, t, w)
	}, dst)
}

// sampledGrad is one application of the derivative.
type sampledGrad[T Float] struct{ *sampledState[T] }

// positives stores g_i ∂ℓ_i/∂pos.
func (s *sampledGrad[T]) positives(dst []T, in []any) error {
	g := vec[T](in[1])
	clear(dst)
	for i, u := range g {
		p := s.start(i)
		for j := range s.view.row(i).Pos {
			dst[p+j] = u * s.dpos[p+j]
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

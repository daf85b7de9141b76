package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// SampledLinearLoss returns [SampledLoss] of the scores of c for the targets'
// positions, which are classes, and for the draws s.IDs; s.Pos, s.Neg and s.Classes
// are not read. The gradients by W and Bias are row-sparse, as those of [RowScores].
//
// With draws of each row's own, a row's candidates are read from memory once: their
// scores, the loss and the gradient by H are made while they are in cache. Nothing
// of the size of K vectors is stored: memory is about 40 bytes for each candidate,
// and rows of padding are not read at all. A loss made by [FromNode] stores the scores and
// their gradients.
func SampledLinearLoss(l Analytic, c Classes, s Sampled, t *Targets) (*gorgonia.Node, error) {
	name := "sampled linear loss " + l.Text
	if err := c.valid(name); err != nil {
		return nil, err
	}
	b, d, classes := c.H.Shape()[0], c.H.Shape()[1], c.W.Shape()[0]
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	s.Classes = classes
	if err := s.valid(name); err != nil {
		return nil, err
	}
	if s.IDs != nil && (s.IDs.Dims() == 1 || l.byDefinition()) {
		rows, ids, err := t.positives(classes)
		if err != nil {
			return nil, err
		}
		var e Expr
		s.Pos = e.N(PairScores(c, rows, ids))
		s.Neg = e.N(RowScores(c, s.IDs))
		return e.N(SampledLoss(l, s, t)), e.Err
	}
	if err := wantShape(name, "the classes of draws", s.IDs, 2); err != nil {
		return nil, err
	}
	k, n := s.IDs.Shape()[1], t.capacity()
	if n+b*k > math.MaxInt32 {
		return nil, fmt.Errorf("graph: %s: %d positives and %d×%d draws are more than 2³¹ candidates", name, n, b, k)
	}
	leaves, err := s.leaves(l, name, b, k, n)
	if err != nil {
		return nil, err
	}
	in := []node{c.H, c.W}
	if c.Bias != nil {
		in = append(in, c.Bias)
	}
	own := len(in)
	in = append(append(in, leaves...), t.leaves()...)
	var need, needH need
	s32 := &sampledLinear[float32]{sampledRows: newSampledRows(l.F32, s, b, n, k, len(leaves)), d: d, own: own, norm: c.Unit, need: &need, needH: &needH}
	s64 := &sampledLinear[float64]{sampledRows: newSampledRows(l.F64, s, b, n, k, len(leaves)), d: d, own: own, norm: c.Unit, need: &need, needH: &needH}
	return apply(spec{name: name, shape: tensor.Shape{b}, fixed: fixedAfter(own, len(in)-own), f32: s32.forward, f64: s64.forward,
		wants: both(need.wants, needH.wants), scratch: either(c.H, s32.scratch, s64.scratch),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := &sampledLinearGrad[float32]{sampledLinear: s32}, &sampledLinearGrad[float64]{sampledLinear: s64}
			need.derive()
			needH.derive()
			wants := both(g32.wants, g64.wants)
			wants(true)
			var e Expr
			// As in LinearLoss one op does the work; out orders it after the forward op.
			work := e.N(apply(spec{name: name + " gradient", shape: tensor.Shape{1}, f32: g32.backward, f64: g64.backward,
				wants: wants, scratch: either(c.H, g32.scratch, g64.scratch)}, in[0], in[1], out, g))
			grads := classNodes(&e, name, in, own, work, &g32.classGrads, &g64.classGrads, func(i int) {
				need.now = true
				needH.now = needH.now || i == 0
			})
			return e.grads(grads...)
		}}, in...)
}

// sampledLinear is what the forward op and the gradient ops of a node share.
type sampledLinear[T Float] struct {
	sampledRows[T]
	d    int
	own  int  // inputs that are H, W, Bias
	norm bool // of classes is 1

	need, needH *need // a gradient, that of H

	// Of candidates, the N positives before the B·K draws: class, −1 where there is
	// none, and ∂ℓ/∂z; the rows of the positives; and Σ ∂ℓ/∂z ∂z/∂h [B,d]. Only if
	// need.
	class []int32
	dz    []T
	at    []int32
	dh    []T
}

func (s *sampledLinear[T]) scratch() int64 {
	if !s.need.now {
		return 0
	}
	return 4*int64(2*s.n+s.b*s.k) + bytesOf[T](s.n+s.b*(s.k+s.d))
}

func (s *sampledLinear[T]) forward(dst []T, in []any) error {
	if err := s.read(in[s.own:]); err != nil {
		return err
	}
	h, w := vec[T](in[0]), vec[T](in[1])
	var bias []T
	if s.own == 3 {
		bias = vec[T](in[2])
	}
	if s.need.now {
		if s.class == nil {
			total := s.n + s.b*s.k
			s.class, s.at, s.dz, s.dh = make([]int32, total), make([]int32, s.n), make([]T, total), make([]T, s.b*s.d)
		}
		for j := range s.n {
			s.class[j] = -1
		}
	}
	return s.each(2, s.d, func(i int, room []T) (T, error) {
		t := s.view.row(i)
		m, p := len(t.Pos), s.start(i)
		x, ids := h[i*s.d:(i+1)*s.d], s.now.ids[i*s.k:(i+1)*s.k]
		if s.need.now {
			s.list(i, p, t.Pos, ids)
		}
		if m == 0 {
			return 0, nil
		}
		z, inv, room := room[:m+s.k], room[m+s.k:2*(m+s.k)], room[2*(m+s.k):]
		s.scores(z[:m], inv[:m], x, w, bias, t.Pos)
		s.scores(z[m:], inv[m:], x, w, bias, ids)
		r := sampledRow[T]{pos: z[:m], neg: z[m:]}
		if !s.need.now {
			return s.eval(r, i, t, room)
		}
		r.dpos, r.dneg = s.dz[p:p+m], s.dz[s.n+i*s.k:s.n+(i+1)*s.k]
		clear(r.dneg)
		loss, err := s.eval(r, i, t, room)
		if err != nil {
			return 0, err
		}
		if s.needH.now {
			dh := s.dh[i*s.d : (i+1)*s.d]
			clear(dh)
			s.back(dh, r.dpos, inv[:m], z[:m], w, t.Pos)
			s.back(dh, r.dneg, inv[m:], z[m:], w, ids)
		}
		return loss, nil
	}, dst)
}

// list files the candidates of row i, whose positives start at p.
func (s *sampledLinear[T]) list(i, p int, pos, ids []int32) {
	draws := s.n + i*s.k
	if len(pos) == 0 {
		for j := range ids {
			s.class[draws+j] = -1
		}
		if s.needH.now {
			clear(s.dh[i*s.d : (i+1)*s.d])
		}
		return
	}
	copy(s.class[p:], pos)
	copy(s.class[draws:], ids)
	for j := range pos {
		s.at[p+j] = int32(i)
	}
}

// scores stores in z the scores of the classes ids with x [d], and in inv the
// inverse norms of these if s.norm.
func (s *sampledLinear[T]) scores(z, inv, x, w, bias []T, ids []int32) {
	for a, b := range runs(ids, 0, len(ids)) {
		kernel.GatherDot(z[a:b], x, w, ids[a:b])
	}
	for j, id := range ids {
		if id < 0 {
			z[j] = T(math.Inf(-1))
			continue
		}
		if s.norm {
			inv[j] = invNorm(w[int(id)*s.d:][:s.d])
			z[j] *= inv[j]
		}
		if bias != nil {
			z[j] += bias[id]
		}
	}
}

// back adds Σ dz_j w_j, divided by the norm of w_j if s.norm, to dh; work is
// overwritten.
func (s *sampledLinear[T]) back(dh, dz, inv, work, w []T, ids []int32) {
	if s.norm {
		for j, v := range dz {
			work[j] = v * inv[j]
		}
		dz = work
	}
	for a, b := range runs(ids, 0, len(ids)) {
		kernel.GatherAxpy(dh, dz[a:b], w, ids[a:b])
	}
}

// sampledLinearGrad is one application of the derivative.
type sampledLinearGrad[T Float] struct {
	*sampledLinear[T]
	classGrads[T]
}

func (g *sampledLinearGrad[T]) wants(all bool) { g.want = [3]bool{all, all, all && g.own == 3} }

func (g *sampledLinearGrad[T]) scratch() int64 {
	return termBytes[T](g.n+g.b*g.k, g.c) + bytesOf[T](2*g.b*g.d+g.b)
}

func (g *sampledLinearGrad[T]) backward(_ []T, in []any) error {
	h, w, up, d := vec[T](in[0]), vec[T](in[1]), vec[T](in[3]), g.d
	if g.want[0] {
		g.classGrads.dh = append(g.classGrads.dh[:0], g.sampledLinear.dh...)
		for i, u := range up {
			kernel.Scale(u, g.classGrads.dh[i*d:(i+1)*d])
		}
	}
	if !g.want[1] && !g.want[2] {
		return nil
	}
	if !g.norm {
		w = nil
	}
	g.grouped.fill(g.class, g.c, g.at, g.k, g.dz, up)
	g.sums(h, d, w)
	return nil
}

package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// An AttentionSetting says how CausalAttention attends. The zero value is one head without
// a dropout, over segments of any length.
type AttentionSetting struct {
	Heads   int     // slices of the columns, which attend each by itself and divide d; 0 is 1
	Scale   float64 // of the products; 0 is 1/√(d/Heads)
	Longest int     // rows of the longest segment, beyond which a run fails; 0 is any length

	// Drop is the probability with which a probability is set to 0, the others being divided
	// by 1−Drop, in training alone. What is drawn is a function as that of [Dropout] is, whose
	// place is the head, the row, and the row of its segment that it attends to.
	Drop float64
	Seed uint64
}

// CausalAttention returns the attention [N,d] of each row to itself and to those before it
// in its segment: with the rows q_i, k_j and v_j of a head's columns of q, k and v [N,d],
//
//	o_i = Σ_{j ≤ i} p_ij v_j,   p_i = softmax over j ≤ i of Scale·⟨q_i, k_j⟩
//
// Segment s is the rows ptr[s] to ptr[s+1]−1, with ptr [S+1] Int32, which never falls; the
// segments may be empty. Rows of no segment are padding: they give 0, and nothing that they
// hold matters. NaN and infinities stay in their segment.
//
// The op computes nothing beyond a segment's own triangle, in blocks of 48 rows. It keeps
// the probabilities of as many blocks as fit into 256 MiB for its gradient, which computes
// the others again, to the same bits. What it counts as memory follows from Longest: without
// it, one segment may have all N rows. Second derivatives are those of nodes that take N²
// numbers a head. Source: A. Vaswani et al., Attention is all you need, 2017.
func CausalAttention(q, k, v, ptr *gorgonia.Node, setting AttentionSetting) (*gorgonia.Node, error) {
	a, err := newAttention(q, k, v, ptr, setting)
	if err != nil {
		return nil, err
	}
	s32, s64 := &attentionState[float32]{attention: a}, &attentionState[float64]{attention: a}
	a.op = &stated{name: attentionName, shape: q.Shape().Clone(), need: &need{}, f32: s32.forward, f64: s64.forward, drops: a.drop.p > 0,
		back32: s32.backward, back64: s64.backward, nodes: a.nodes,
		scratch:     either(q, s32.scratch, s64.scratch),
		backScratch: either(q, s32.backScratch, s64.backScratch)}
	out, err := a.op.apply(q, k, v, ptr)
	if err == nil {
		a.drop.at(out.Graph())
	}
	return out, err
}

const attentionName = "causal attention"

// attention is what the statements of one attention have in common.
type attention struct {
	n, d, heads, longest int
	scale                float64
	drop                 dropout
	op                   *stated
}

func newAttention(q, k, v, ptr node, s AttentionSetting) (*attention, error) {
	const name = attentionName
	for i, x := range []node{q, k, v} {
		if err := wantDims(name, []string{"q", "k", "v"}[i], x, 2); err != nil {
			return nil, err
		}
		if !x.Shape().Eq(q.Shape()) {
			return nil, fmt.Errorf("graph: %s: q is %v and %s is %v; want [N,d] of all", name, q.Shape(), []string{"q", "k", "v"}[i], x.Shape())
		}
	}
	if err := wantBounds(name, ptr); err != nil {
		return nil, err
	}
	a := &attention{n: q.Shape()[0], d: q.Shape()[1], heads: s.Heads, longest: s.Longest, scale: s.Scale, drop: dropout{p: s.Drop, seed: s.Seed}}
	if a.heads == 0 {
		a.heads = 1
	}
	if a.heads < 1 || a.d%a.heads != 0 {
		return nil, fmt.Errorf("graph: %s: %d heads of %d columns; want heads that divide them", name, s.Heads, a.d)
	}
	if a.scale == 0 {
		a.scale = 1 / math.Sqrt(float64(a.d/a.heads))
	}
	if math.IsNaN(a.scale) || math.IsInf(a.scale, 0) {
		return nil, fmt.Errorf("graph: %s: scale = %g; want a number", name, s.Scale)
	}
	if a.longest < 0 {
		return nil, fmt.Errorf("graph: %s: longest = %d; want rows of a segment, or 0 for any number", name, s.Longest)
	}
	if a.longest == 0 || a.longest > a.n {
		a.longest = a.n
	}
	return a, dropFits(name, s.Drop)
}

// wantBounds returns an error unless ptr is the bounds of segments.
func wantBounds(name string, ptr node) error {
	if err := wantInts(name, "ptr", ptr); err != nil {
		return err
	}
	if ptr.Shape()[0] < 2 {
		return fmt.Errorf("graph: %s: ptr is %v; want the bounds of the segments [S+1]", name, ptr.Shape())
	}
	return nil
}

// checkBounds returns an error unless ptr bounds segments of up to longest of n rows.
func checkBounds(ptr []int32, n, longest int) error {
	for i := range len(ptr) - 1 {
		lo, hi := int(ptr[i]), int(ptr[i+1])
		if lo < 0 || hi < lo || hi > n {
			return fmt.Errorf("segment %d is [%d:%d] of %d rows", i, lo, hi, n)
		}
		if hi-lo > longest {
			return fmt.Errorf("segment %d has %d rows; the longest was to have %d", i, hi-lo, longest)
		}
	}
	return nil
}

// keepsProbabilities is how many an attention at precision T may keep.
func keepsProbabilities[T Float]() int { return keepBytes / int(bytesOf[T](1)) }

// attentionState is an attention at one precision.
type attentionState[T Float] struct {
	*attention
	k kernel.Attention[T]
}

func (s *attentionState[T]) forward(dst []T, in []any) error {
	ptr := in[3].([]int32)
	if err := checkBounds(ptr, s.n, s.longest); err != nil {
		return err
	}
	k := &s.k
	k.Q, k.K, k.V, k.Ptr = vec[T](in[0]), vec[T](in[1]), vec[T](in[2]), ptr
	k.D, k.Heads, k.Scale, k.Keep = s.d, s.heads, T(s.scale), 0
	k.Drop, k.Rest = s.drop.draw(s.op.self.now()), T(s.drop.rest())
	if s.op.need.now {
		k.Keep = keepsProbabilities[T]()
	}
	k.Forward(dst)
	return nil
}

func (s *attentionState[T]) backward(grads [][]T, in []any) error {
	k := &s.k
	k.Q, k.K, k.V, k.Ptr = vec[T](in[0]), vec[T](in[1]), vec[T](in[2]), in[3].([]int32)
	k.Backward(grads[0], grads[1], grads[2], vec[T](in[5]))
	return nil
}

// scratch is the probabilities that are kept, and the memory of workers.
func (s *attentionState[T]) scratch() int64 {
	kept := 0
	if s.op.need.now {
		kept = min(kernel.AttentionKept(s.n, s.longest, s.heads), keepsProbabilities[T]())
	}
	return bytesOf[T](kept + workers()*kernel.AttentionWork(s.longest, s.d, s.heads, false))
}

// backScratch is by how much the memory of workers grows.
func (s *attentionState[T]) backScratch() int64 {
	return bytesOf[T](workers() * (kernel.AttentionWork(s.longest, s.d, s.heads, true) - kernel.AttentionWork(s.longest, s.d, s.heads, false)))
}

// nodes returns the attention as nodes: all scores [N,N] of a head, of which those of
// other segments and of rows behind are masked.
func (a *attention) nodes(in gorgonia.Nodes) (node, error) {
	var e Expr
	mask := e.N(a.mask(in[3], in[0].Dtype(), -1))
	w := a.d / a.heads
	heads := make([]node, a.heads)
	for h := range heads {
		cut := func(x node) node { return e.N(Slice(x, 1, h*w, (h+1)*w)) }
		z := e.N(Scale(e.N(MatMul(cut(in[0]), cut(in[1]), false, true)), a.scale))
		p := e.N(Softmax(e.N(Add(z, mask))))
		if a.drop.p > 0 {
			p = e.N(Mul(p, e.N(a.mask(in[3], in[0].Dtype(), h))))
		}
		heads[h] = e.N(MatMul(p, cut(in[2]), false, false))
	}
	if e.Err != nil {
		return nil, e.Err
	}
	return Concat(1, heads...)
}

// mask returns a constant [N,N]: 0 where a row sees another and −Inf elsewhere or, of a
// head from 0 on, what its probabilities are multiplied by.
func (a *attention) mask(ptr node, dt tensor.Dtype, head int) (node, error) {
	self := &stated{}
	out, err := apply(spec{name: "attention mask", shape: tensor.Shape{a.n, a.n}, constant: true, drops: head >= 0, dtype: &dt,
		f32: attentionMask[float32](a, self, head), f64: attentionMask[float64](a, self, head)}, ptr)
	if err == nil {
		self.self = out.Op().(*op)
	}
	return out, err
}

func attentionMask[T Float](a *attention, self *stated, head int) body[T] {
	return func(dst []T, in []any) error {
		ptr := in[0].([]int32)
		if err := checkBounds(ptr, a.n, a.longest); err != nil {
			return err
		}
		draw := a.drop.draw(self.self.now())
		for i := range dst {
			dst[i] = T(math.Inf(-1))
			if head >= 0 {
				dst[i] = 1
			}
		}
		for s := range len(ptr) - 1 {
			for i := int(ptr[s]); i < int(ptr[s+1]); i++ {
				row := dst[i*a.n+int(ptr[s]) : i*a.n+i+1]
				if head < 0 {
					clear(row)
				} else if draw.Cut != 0 {
					kernel.DropEach(row, row, (head*a.n+i)*a.n, draw, T(a.drop.rest()))
				}
			}
		}
		return nil
	}
}

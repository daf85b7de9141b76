package graph

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Loss returns the losses [B] of scores z [B,K] under targets t by the analytic
// form l; a padding row's loss and gradient are 0. The gradient node takes any
// upstream gradient. It is not differentiable again: for second derivatives use
// the loss's definition as nodes.
//
// A target that is no distribution over the K candidates, or that has a masked one,
// whose score is −Inf, makes the run fail with an error that names the row.
func Loss(l Analytic, z *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	name := "loss " + l.Text
	if err := wantDims(name, "z", z, 2); err != nil {
		return nil, err
	}
	b, k := z.Shape()[0], z.Shape()[1]
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	if err := l.valid(name); err != nil {
		return nil, err
	}
	trained := trainedOf(l)
	z, err := trained.hold(z)
	if err != nil {
		return nil, err
	}
	var need need
	s32, s64 := &lossState[float32]{row: l.F32, k: k, need: &need}, &lossState[float64]{row: l.F64, k: k, need: &need}
	var err32, err64 error
	s32.nodes, err32 = nodeRowsOf(name, l.F32, z, b, k, t)
	s64.nodes, err64 = nodeRowsOf(name, l.F64, z, b, k, t)
	if err := errors.Join(err32, err64); err != nil {
		return nil, err
	}
	trained.run(s32.nodes, s64.nodes)
	out, err := apply(spec{name: name, shape: tensor.Shape{b}, fixed: t.fixed(1), f32: s32.forward, f64: s64.forward, wants: need.wants,
		scratch: either(z, s32.scratch(b), s64.scratch(b)),
		diff:    lossGradient(name, &need, s32, s64, b, k)}, append([]node{z}, t.leaves()...)...)
	if err != nil {
		return nil, err
	}
	return trained.link(out, &need)
}

// lossGradient is the derivative of an op of that name whose states are s32 and s64.
func lossGradient(name string, need *need, s32 *lossState[float32], s64 *lossState[float64], b, k int) func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
	return func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
		need.derive()
		var e Expr
		// out is an input only to run this op after the forward one, which leaves
		// ∂ℓ/∂z behind.
		dz := e.N(apply(spec{name: name + " gradient", shape: tensor.Shape{b, k}, f32: s32.backward, f64: s64.backward,
			onKept: need.onKept}, out, g))
		return e.grads(append(gorgonia.Nodes{dz}, make(gorgonia.Nodes, len(in)-1)...)...)
	}
}

// A need says whether a forward op is to leave gradients behind.
type need struct{ derived, now bool }

// derive tells that the op was differentiated.
func (n *need) derive() { n.derived, n.now = true, true }

// wants and onKept are those of ops.
func (n *need) wants(all bool) { n.now = all && n.derived }
func (n *need) onKept(bool)    { n.now = true }

// lossState passes ∂ℓ/∂z from the forward op of a node to its gradient op.
type lossState[T Float] struct {
	row   RowLoss[T]
	nodes *nodeRows[T] // of row, where it is a definition
	k     int
	need  *need
	view  view[T]
	dz    []T // [B,K] if need
	work  scratch[T]
}

// scratch returns what forward makes for b rows.
func (s *lossState[T]) scratch(b int) func() int64 {
	return func() int64 {
		n := 0
		if s.need.now {
			n = b * s.k
		}
		if s.nodes != nil {
			return bytesOf[T](n) + s.nodes.bytes(s.need.now)
		}
		return bytesOf[T](n + workers()*(s.row.WorkLen(s.k)+s.k))
	}
}

func (s *lossState[T]) forward(dst []T, in []any) error {
	z, k := vec[T](in[0]), s.k
	s.view.read(in[1:])
	if err := s.view.check(len(dst), k); err != nil {
		return err
	}
	if s.need.now && s.dz == nil {
		s.dz = make([]T, len(z))
	}
	if s.nodes != nil {
		return s.nodeForward(dst, z)
	}
	need := s.row.WorkLen(k)
	s.work.grow(need + k) // a row's scratch, and its dz where nobody wants it
	return s.work.parallel(len(dst), costMath*len(z), func(worker, lo, hi int) error {
		w := s.work.of(worker)
		for i := lo; i < hi; i++ {
			dz := w[need : need+k]
			if s.need.now {
				dz = s.dz[i*k : (i+1)*k]
			}
			if t := s.view.row(i); len(t.Pos) > 0 {
				if err := unmasked(i, z[i*k:(i+1)*k], t); err != nil {
					return err
				}
				dst[i] = s.row.Eval(dz, z[i*k:(i+1)*k], t, w[:need])
			} else {
				dst[i] = 0
				clear(dz)
			}
		}
		return nil
	})
}

// unmasked returns an error if the target t of row i has a position whose score is −Inf.
func unmasked[T Float](i int, z []T, t Target[T]) error {
	for _, p := range t.Pos {
		if masked(z[p]) {
			return fmt.Errorf("row %d: position %d has a target and is masked: its score is -Inf", i, p)
		}
	}
	return nil
}

// backward stores g_i ∂ℓ_i/∂z_ik.
func (s *lossState[T]) backward(dst []T, in []any) error {
	g, k := vec[T](in[1]), s.k
	return parallel(len(g), len(dst), func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			for j, d := range s.dz[i*k : (i+1)*k] {
				dst[i*k+j] = g[i] * d
			}
		}
		return nil
	})
}

package graph

import (
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Linear is the linear layer under a LinearLoss: scores z = H·Wᵀ + 1·Biasᵀ.
type Linear struct {
	H    *gorgonia.Node // [B,d]
	W    *gorgonia.Node // [C,d]
	Bias *gorgonia.Node // [C], or nil
}

// blockBytes is the memory that a LinearLoss takes for scores and their
// gradients, as long as one row of both fits.
const blockBytes = 16 << 20

// LinearLoss returns the losses [B] of the scores of lin under targets t by the
// analytic form l: Loss(l, H·Wᵀ + 1·Biasᵀ, t) without the [B,C] matrix of
// scores.
//
// It works through blocks of rows whose scores and gradients fit in 16 MiB, at
// least one row. The gradient recomputes the scores block by block, unless the
// whole batch is one block, which the forward pass then keeps. Beside the blocks
// it holds the gradients that the Program asks for, dH [B,d], dW [C,d] and
// dBias [C], and does not compute the others. Any B, C and d; any upstream
// gradient; not differentiable again. Errors are those of [Loss].
//
// The result has the same bits at any GOMAXPROCS: blocks are added in order.
func LinearLoss(l Rows, lin Linear, t *Targets) (*gorgonia.Node, error) {
	name := "linear loss " + l.Text
	if err := wantDims(name, "H", lin.H, 2); err != nil {
		return nil, err
	}
	if err := wantDims(name, "W", lin.W, 2); err != nil {
		return nil, err
	}
	b, d, c := lin.H.Shape()[0], lin.H.Shape()[1], lin.W.Shape()[0]
	if lin.W.Shape()[1] != d {
		return nil, fmt.Errorf("graph: %s: H is %v and W is %v; want [B,d] and [C,d]", name, lin.H.Shape(), lin.W.Shape())
	}
	if lin.Bias != nil && !slices.Equal(lin.Bias.Shape(), []int{c}) {
		return nil, fmt.Errorf("graph: %s: W is %v and the bias is %v; want [C,d] and [C]", name, lin.W.Shape(), lin.Bias.Shape())
	}
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	if l.F32 == nil || l.F64 == nil {
		return nil, fmt.Errorf("graph: %s: no analytic form", name)
	}
	in := []node{lin.H, lin.W}
	if lin.Bias != nil {
		in = append(in, lin.Bias)
	}
	n := len(in)
	in = append(in, t.leaves()...)
	s32 := newLinearState(l.F32, b, c, d, n)
	s64 := newLinearState(l.F64, b, c, d, n)
	return apply(spec{name: name, shape: tensor.Shape{b}, fixed: t.fixed(n), f32: s32.forward, f64: s64.forward,
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := &linearGrad[float32]{linearState: s32}, &linearGrad[float64]{linearState: s64}
			var e Expr
			// One op does the work; its value is a token that orders the ops which
			// hand out what it left behind. out orders it after the forward op.
			work := e.N(apply(spec{name: name + " gradient", shape: tensor.Shape{1}, f32: g32.backward, f64: g64.backward,
				live: func() { s32.need, s64.need = true, true }}, append(slices.Clone(in), out, g)...))
			grads := make(gorgonia.Nodes, len(in))
			for i := range n {
				grads[i] = e.N(apply(spec{name: fmt.Sprintf("%s d%s", name, []string{"H", "W", "Bias"}[i]), shape: in[i].Shape(),
					f32: handOut[float32], f64: handOut[float64], buf32: &g32.d[i], buf64: &g64.d[i],
					live: func() { g32.want[i], g64.want[i] = true, true }}, work))
			}
			return e.grads(grads...)
		}}, in...)
}

// handOut leaves dst as the work op filled it.
func handOut[T Float]([]T, []any) error { return nil }

// linearState is what the forward op and the gradient ops of a node share.
type linearState[T Float] struct {
	row     Row[T]
	b, c, d int
	n       int // inputs before the targets
	rows    int // of a block

	need bool // some Program wants a gradient
	view view[T]
	z    []T // [rows,C]: scores
	dz   []T // [rows,C]: ∂ℓ/∂z of the block that was done last
	work scratch[T]
}

func newLinearState[T Float](row Row[T], b, c, d, n int) *linearState[T] {
	var zero T
	rows := min(max(blockBytes/(2*c*int(unsafe.Sizeof(zero))), 1), b)
	return &linearState[T]{row: row, b: b, c: c, d: d, n: n, rows: rows}
}

// forward stores the losses in dst.
func (s *linearState[T]) forward(dst []T, in []any) error {
	s.view.read(in[s.n:])
	if err := s.view.check(s.b, s.c); err != nil {
		return err
	}
	if s.z == nil {
		s.z = make([]T, s.rows*s.c)
	}
	if s.need && s.dz == nil {
		s.dz = make([]T, s.rows*s.c)
	}
	for lo := 0; lo < s.b; lo += s.rows {
		if err := s.block(dst, in, lo, min(lo+s.rows, s.b)); err != nil {
			return err
		}
	}
	return nil
}

// block computes rows lo to hi: scores in s.z, losses in dst and, where
// somebody wants them, gradients in s.dz.
func (s *linearState[T]) block(dst []T, in []any, lo, hi int) error {
	h, w := vec[T](in[0]), vec[T](in[1])
	c, n := s.c, hi-lo
	if err := gemmNT(s.z, h[lo*s.d:hi*s.d], w, n, c, s.d); err != nil {
		return err
	}
	need := s.row.WorkLen(c)
	s.work.grow(need + c) // a row's scratch, and its dz where nobody wants it
	return parallel(n, costMath*n*c, func(worker, from, to int) error {
		wk := s.work.of(worker)
		for i := from; i < to; i++ {
			z, dz := s.z[i*c:(i+1)*c], wk[need:need+c]
			if s.dz != nil {
				dz = s.dz[i*c : (i+1)*c]
			}
			t := s.view.row(lo + i)
			if len(t.Pos) == 0 {
				dst[lo+i] = 0
				clear(dz)
				continue
			}
			if s.n == 3 {
				for j, b := range vec[T](in[2]) {
					z[j] += b
				}
			}
			dst[lo+i] = s.row.Row(dz, z, t, wk[:need])
		}
		return nil
	})
}

// linearGrad is one application of the derivative.
type linearGrad[T Float] struct {
	*linearState[T]
	d      [3][]T  // dH, dW, dBias
	want   [3]bool // which of them a Program keeps
	losses []T     // of the recomputation, unused
}

func (g *linearGrad[T]) backward(_ []T, in []any) error {
	h, w, up := vec[T](in[0]), vec[T](in[1]), vec[T](in[len(in)-1])
	for i, size := range []int{g.b * g.linearState.d, g.c * g.linearState.d, g.c} {
		if g.want[i] && g.d[i] == nil {
			g.d[i] = make([]T, size)
		}
	}
	if g.losses == nil {
		g.losses = make([]T, g.b)
	}
	c, d := g.c, g.linearState.d
	for lo := 0; lo < g.b; lo += g.rows {
		hi := min(lo+g.rows, g.b)
		n := hi - lo
		if g.rows < g.b { // else the forward pass left the one block there is
			if err := g.block(g.losses, in, lo, hi); err != nil {
				return err
			}
		}
		// The scores are spent: their memory takes the scaled gradients.
		gz := g.z[:n*c]
		err := parallel(n, n*c, func(_, from, to int) error {
			for i := from; i < to; i++ {
				u := up[lo+i]
				for j, v := range g.dz[i*c : (i+1)*c] {
					gz[i*c+j] = u * v
				}
			}
			return nil
		})
		if err == nil && g.want[0] {
			err = gemmNN(g.d[0][lo*d:hi*d], gz, w, n, d, c)
		}
		if err == nil && g.want[1] {
			err = gemmTN(g.d[1], gz, h[lo*d:hi*d], c, d, n, lo > 0)
		}
		if err == nil && g.want[2] {
			if lo == 0 {
				clear(g.d[2])
			}
			for i := range n {
				axpy(g.d[2], 1, gz[i*c:(i+1)*c])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

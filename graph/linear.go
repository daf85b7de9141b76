package graph

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Linear is the linear layer under a LinearLoss: scores z = H·Wᵀ + 1·Biasᵀ. With Unit
// it is L2Normalize(W) that stands for W, as cosine scores want it.
type Linear struct {
	H    *gorgonia.Node // [B,d]
	W    *gorgonia.Node // [C,d]
	Bias *gorgonia.Node // [C], or nil
	Unit bool           // the class vectors are the rows of W divided by their norms

	// Precision permits products to be rounded, see there; the zero value does not.
	Precision Precision
}

// blockBytes is the memory that a LinearLoss takes for scores and their
// gradients, as long as one row of both fits. The more rows a block has, the
// fewer times W is read. Tests lower it.
var blockBytes = 32 << 20

// chunks is the number of ranges of classes into which the gradient is cut. A range is
// the unit of parallel work and has a dH of its own; these are added in order.
const chunks = 16

// LinearLoss returns the losses [B] of the scores of lin under targets t by the
// analytic form l: Loss(l, H·Wᵀ + 1·Biasᵀ, t) without a node for the [B,C]
// matrix of scores.
//
// At float32 a loss with a fused form, as every registered one has (sl-at-k up to
// k=1000), takes that: tiles of scores that stay in cache, and, where W is a Param and
// the loss finds its gradient sparse, only the rows of that which are not zero, also
// beside other terms of the gradient, as of a table that is read by [Lookup] too; see
// [Gradient] and [RowSums]. With Unit it makes unit vectors of the rows of W where it reads
// them, without a matrix of these; the gradient of W has all rows then. With a gradient,
// scores are kept for it, of the first classes if 256 MiB do not hold those of all, and the
// others are computed again; where they would hold less than half, above 524,288 classes at
// B=256, none are kept. A fused form alone heeds lin.Precision.
//
// Else, and at float64, the op works through blocks of rows whose scores and
// gradients fit in 32 MiB, at least one row. The gradient then recomputes the scores
// block by block, unless the whole batch is one block, which the forward pass keeps.
// How long that takes at B=256, C=100,000 and d=64 depends on the loss, by
// BenchmarkLinear in bench:
//
//	of each score the loss computes    time over that of a fused softmax
//	a comparison                       3
//	an exponential                     7 to 13
//	several functions                  20 to 80
//
// Beside the blocks the op holds, for up to 16 ranges of classes, a dH of a block, and
// the gradients that the Program asks for: dH [B,d], dW [C,d] and dBias [C]. It does
// not compute the others. Any B, C and d are allowed, and any upstream gradient. The op
// is not differentiable again. Errors are those of [Loss].
//
// The result has the same bits at any GOMAXPROCS: what is added is added in a
// fixed order.
func LinearLoss(l Analytic, lin Linear, t *Targets) (*gorgonia.Node, error) {
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
	if err := biasFits(name, lin.W, lin.Bias); err != nil {
		return nil, err
	}
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	if err := errors.Join(l.valid(name), lin.Precision.valid(name)); err != nil {
		return nil, err
	}
	fused := l.fused()
	if lin.H.Dtype() != tensor.Float32 {
		fused = nil
	}
	if lin.Unit && fused == nil {
		var err error
		if lin.W, err = L2Normalize(lin.W); err != nil {
			return nil, err
		}
	}
	trained := trainedOf(l)
	h, err := trained.hold(lin.H)
	if err != nil {
		return nil, err
	}
	var m *bagMatrix
	if fused != nil && h == lin.H {
		if m = matrixOf(h); m != nil {
			h = m.first()
		}
	}
	in := []node{h, lin.W}
	if lin.Bias != nil {
		in = append(in, lin.Bias)
	}
	n := len(in)
	in = append(in, t.leaves()...)
	if m != nil {
		in = append(in, m.ptr, m.ids)
	}
	s32, s64 := newLinearState(l.F32, b, c, d, n), newLinearState(l.F64, b, c, d, n)
	if err := errors.Join(s32.byDefinition(name, lin.H, t), s64.byDefinition(name, lin.H, t)); err != nil {
		return nil, err
	}
	trained.run(s32.nodes, s64.nodes)
	l32, l64 := s32.linear(), s64.linear()
	if fused != nil {
		l32 = newFusedState(fused, lin.Unit, l.ShiftInvariant, lin.Precision, b, c, d, n, t, m).linear()
	}
	out, err := apply(spec{name: name, shape: tensor.Shape{b}, fixed: t.fixed(n), f32: l32.forward, f64: l64.forward,
		wants: both(l32.wants, l64.wants), scratch: either(lin.H, l32.scratch, l64.scratch),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := l32.derivative(), l64.derivative()
			wants := both(g32.wants, g64.wants)
			wants(true)
			var e Expr
			// One op does the work; its value is a token that orders the ops which
			// hand out what it left behind. out orders it after the forward op.
			work := e.N(apply(spec{name: name + " gradient", shape: tensor.Shape{1}, f32: g32.backward, f64: g64.backward,
				wants: wants, scratch: either(lin.H, g32.scratch, g64.scratch)},
				append(slices.Clone(in), out, g)...))
			grads := make(gorgonia.Nodes, len(in))
			for i := range n {
				var s *sinkable
				if i == 1 && g32.sink != nil {
					s = &sinkable{by: []node{out, work}, set: g32.sink, done: g32.sunk}
				}
				shape := in[i].Shape()
				if i == 0 {
					shape = tensor.Shape{b, d}
				}
				grads[i] = e.N(apply(spec{name: fmt.Sprintf("%s d%s", name, []string{"H", "W", "Bias"}[i]), shape: shape, sinkable: s,
					borrowed32: func() ([]float32, Gradient[float32]) { return g32.lend(i) },
					borrowed64: func() ([]float64, Gradient[float64]) { return g64.lend(i) },
					onKept:     func(byRows bool) { g32.ask(i, byRows); g64.ask(i, byRows) }}, work))
			}
			switch {
			case m == nil:
			case m.values == nil: // the bounds stand first
				grads[0] = nil
			default:
				grads[0] = e.N(m.gather(grads[0]))
			}
			return e.grads(grads...)
		}}, in...)
	if err != nil {
		return nil, err
	}
	return trained.link(out, &s32.need, &s64.need)
}

// either returns the scratch of the op at the precision of n.
func either(n node, f32, f64 func() int64) func() int64 {
	if n.Dtype() == tensor.Float32 {
		return f32
	}
	return f64
}

// both calls f and g.
func both(f, g func(all bool)) func(all bool) {
	return func(all bool) {
		f(all)
		g(all)
	}
}

// bytesOf returns the size of n elements.
func bytesOf[T Float](n int) int64 {
	var zero T
	return int64(n) * int64(unsafe.Sizeof(zero))
}

// A linear is an implementation of LinearLoss at one precision: its forward op,
// and any number of derivatives.
type linear[T Float] struct {
	forward    body[T]
	wants      func(all bool)
	scratch    func() int64
	derivative func() linearDerivative[T]
}

// A linearDerivative computes the gradients 0, 1 and 2, of H, W and Bias, that
// were asked for before or all, and hands them out.
type linearDerivative[T Float] struct {
	wants    func(all bool)
	ask      func(i int, byRows bool)
	backward body[T]
	scratch  func() int64
	lend     func(i int) (dense []T, rows Gradient[T])

	// sink, if set, has the gradient of W handed over by blocks, or, of nil, lent again, and
	// sunk reports whether the last run handed it over.
	sink func(rowSink)
	sunk func() bool
}

// linearState works through blocks of rows: what the forward op and the gradient
// ops of a node share.
type linearState[T Float] struct {
	row     RowLoss[T]
	b, c, d int
	n       int          // inputs before the targets
	rows    int          // of a block
	nodes   *nodeRows[T] // of row, where it is a definition

	need need
	view view[T]
	z    []T // [rows,C]: scores
	dz   []T // [rows,C]: ∂ℓ/∂z of the block that was done last
	work scratch[T]
}

func newLinearState[T Float](row RowLoss[T], b, c, d, n int) *linearState[T] {
	var zero T
	rows := min(max(blockBytes/(2*c*int(unsafe.Sizeof(zero))), 1), b)
	return &linearState[T]{row: row, b: b, c: c, d: d, n: n, rows: rows}
}

func (s *linearState[T]) linear() linear[T] {
	return linear[T]{s.forward, s.need.wants, s.scratch, func() linearDerivative[T] {
		s.need.derive()
		g := &linearGrad[T]{linearState: s}
		return linearDerivative[T]{wants: g.wants, ask: g.ask, backward: g.backward, scratch: g.scratch, lend: g.lend}
	}}
}

// scratch is what forward makes.
func (s *linearState[T]) scratch() int64 {
	if s.nodes != nil {
		return s.nodes.bytes(s.need.now)
	}
	n := s.rows*s.c + workers()*(s.row.WorkLen(s.c)+s.c)
	if s.need.now {
		n += s.rows * s.c
	}
	return bytesOf[T](n)
}

// forward stores the losses in dst.
func (s *linearState[T]) forward(dst []T, in []any) error {
	s.view.read(in[s.n:])
	if err := s.view.check(s.b, s.c); err != nil {
		return err
	}
	if s.z == nil && s.nodes == nil {
		s.z = make([]T, s.rows*s.c)
	}
	if s.need.now && s.dz == nil && s.nodes == nil {
		s.dz = make([]T, s.rows*s.c)
	}
	for lo := 0; lo < s.b; lo += s.rows {
		if err := s.block(dst, in, lo, min(lo+s.rows, s.b), s.need.now && s.rows >= s.b); err != nil {
			return err
		}
	}
	return nil
}

// block computes rows lo to hi: scores in s.z, losses in dst and, where
// somebody wants them, gradients in s.dz. kept says whether the gradients are used, and not
// computed again; a definition alone can leave them out.
func (s *linearState[T]) block(dst []T, in []any, lo, hi int, kept bool) error {
	if s.nodes != nil {
		return s.nodeBlock(dst, in, lo, hi, kept)
	}
	c, n := s.c, hi-lo
	s.scores(vec[T](in[0])[lo*s.d:hi*s.d], vec[T](in[1]), n)
	need := s.row.WorkLen(c)
	s.work.grow(need + c) // a row's scratch, and its dz where nobody wants it
	return s.work.parallel(n, costMath*n*c, func(worker, from, to int) error {
		wk := s.work.of(worker)
		for i := from; i < to; i++ {
			z, dz := s.z[i*c:(i+1)*c], wk[need:need+c]
			if s.need.now {
				dz = s.dz[i*c : (i+1)*c]
			}
			t := s.view.row(lo + i)
			if len(t.Pos) == 0 {
				dst[lo+i] = 0
				clear(dz)
				continue
			}
			if s.n == 3 {
				if err := s.addBias(z, vec[T](in[2]), t, lo+i); err != nil {
					return err
				}
			}
			dst[lo+i] = s.row.Eval(dz, z, t, wk[:need])
		}
		return nil
	})
}

// addBias adds the bias to the scores of the row number i with target t.
func (s *linearState[T]) addBias(z, bias []T, t Target[T], i int) error {
	for _, p := range t.Pos {
		if masked(bias[p]) {
			return fmt.Errorf("row %d: class %d has a target and is masked: its bias is -Inf", i, p)
		}
	}
	for j, b := range bias {
		z[j] += b
	}
	return nil
}

// scores stores h·Wᵀ of n rows in s.z.
func (s *linearState[T]) scores(h, w []T, n int) {
	if n >= 4 {
		kernel.GemmNT(s.z, h, w, n, s.c, s.d, false)
		return
	}
	// So few rows make no matrix product; the classes are the parallel work.
	size := chunk(s.c)
	kernel.Parallel((s.c+size-1)/size, func(_, q int) {
		lo, hi := q*size, min((q+1)*size, s.c)
		for i := range n {
			kernel.GemmNT(s.z[i*s.c+lo:i*s.c+hi], h[i*s.d:(i+1)*s.d], w[lo*s.d:hi*s.d], 1, hi-lo, s.d, false)
		}
	})
}

// chunk returns the classes of a chunk: a 16th, but not so few that the
// administration costs more than the work.
func chunk(c int) int { return max((c+chunks-1)/chunks, 256) }

// linearGrad is one application of the derivative.
type linearGrad[T Float] struct {
	*linearState[T]
	grad   [3][]T  // dH, dW, dBias
	want   [3]bool // which of them are to be computed
	losses []T     // of the recomputation, unused
	parts  []T     // [chunks,rows,d]: dH of each chunk
	h      []T     // [rows,d]: H of the block, 0 in padding rows
}

func (g *linearGrad[T]) wants(all bool) { g.want = [3]bool{all, all, all && g.n == 3} }

func (g *linearGrad[T]) ask(i int, _ bool) { g.want[i], g.need.now = true, true }

func (g *linearGrad[T]) lend(i int) ([]T, Gradient[T]) { return g.grad[i], Gradient[T]{} }

// scratch is what backward makes.
func (g *linearGrad[T]) scratch() int64 {
	size := chunk(g.c)
	n := g.b + ((g.c+size-1)/size+1)*g.rows*g.d
	for i, m := range [...]int{g.b * g.d, g.c * g.d, g.c} {
		if g.want[i] {
			n += m
		}
	}
	return bytesOf[T](n)
}

func (g *linearGrad[T]) backward(_ []T, in []any) error {
	size := chunk(g.c)
	q := (g.c + size - 1) / size
	for i, n := range [...]int{g.b * g.d, g.c * g.d, g.c} {
		if g.want[i] && g.grad[i] == nil {
			g.grad[i] = kernel.Make[T](n)
		}
	}
	if g.losses == nil {
		g.losses, g.parts, g.h = make([]T, g.b), make([]T, q*g.rows*g.d), make([]T, g.rows*g.d)
	}
	for lo := 0; lo < g.b; lo += g.rows {
		hi := min(lo+g.rows, g.b)
		if g.rows < g.b { // else the forward pass left the one block there is
			if err := g.block(g.losses, in, lo, hi, true); err != nil {
				return err
			}
		}
		copy(g.h, vec[T](in[0])[lo*g.d:hi*g.d])
		for i := lo; i < hi; i++ {
			if g.view.padding(i) { // a NaN there times the gradient 0 would be NaN
				clear(g.h[(i-lo)*g.d : (i-lo+1)*g.d])
			}
		}
		kernel.Parallel(q, func(_, i int) { g.chunk(in, lo, hi, i, i*size, min((i+1)*size, g.c)) })
		if !g.want[0] {
			continue
		}
		dh, part := g.grad[0][lo*g.d:hi*g.d], (hi-lo)*g.d
		copy(dh, g.parts[:part])
		for i := 1; i < q; i++ {
			kernel.Axpy(1, g.parts[i*part:(i+1)*part], dh)
		}
	}
	return nil
}

// chunk adds what classes c0 to c1 and rows lo to hi contribute.
func (g *linearGrad[T]) chunk(in []any, lo, hi, i, c0, c1 int) {
	w, up := vec[T](in[1]), vec[T](in[len(in)-1])
	n, m, d := hi-lo, c1-c0, g.d
	// The scores are spent: their memory takes the gradients times upstream, each
	// chunk's as a matrix [n,m] of its own.
	gz := g.z[c0*n : c1*n]
	for r := range n {
		u, dz := up[lo+r], g.dz[r*g.c+c0:r*g.c+c1]
		for j, v := range dz {
			gz[r*m+j] = u * v
		}
	}
	if g.want[0] {
		kernel.GemmNN(g.parts[i*n*d:(i+1)*n*d], gz, w[c0*d:c1*d], n, d, m, false)
	}
	if g.want[1] {
		kernel.GemmTN(g.grad[1][c0*d:c1*d], gz, g.h[:n*d], m, d, n, lo > 0)
	}
	if g.want[2] {
		b := g.grad[2][c0:c1]
		if lo == 0 {
			clear(b)
		}
		for r := range n {
			kernel.Axpy(1, gz[r*m:(r+1)*m], b)
		}
	}
}

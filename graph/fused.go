package graph

import "github.com/fenchel-ml/fenchel/internal/kernel"

// fusedState runs a LinearLoss by a kernel.
type fusedState struct {
	loss kernel.Loss
	n    int // inputs before the targets
	of   int // inputs that are the targets
	most int // targets

	matrix  *bagMatrix // what H is given by, in place of a matrix
	entries kernel.Entries

	x    kernel.Linear
	ws   kernel.Workspace
	view view[float32]

	derived bool
}

func newFusedState(l kernel.Loss, unit, shiftInvariant bool, precision Precision, b, c, d, n int, t *Targets, m *bagMatrix) *fusedState {
	return &fusedState{loss: l, n: n, of: len(t.leaves()), most: t.capacity(), matrix: m, x: kernel.Linear{B: b, C: c, D: d, Unit: unit},
		ws: kernel.Workspace{ShiftInvariant: shiftInvariant, Precision: kernel.Precision(precision)}}
}

func (s *fusedState) linear() linear[float32] {
	scratch := func() int64 {
		entries := -1
		if s.matrix != nil {
			entries = s.matrix.ids.Shape()[0]
		}
		return kernel.WorkspaceBytes(s.loss, s.x.B, s.x.C, s.x.D, s.most, entries, s.ws.Budget, s.ws.Precision)
	}
	return linear[float32]{s.forward, s.wants, scratch, func() linearDerivative[float32] {
		s.derived = true
		s.wants(true)
		g := &fusedGrad{fusedState: s}
		d := linearDerivative[float32]{wants: g.wants, ask: g.ask, backward: g.backward, scratch: g.scratch, lend: g.lend}
		if kernel.Sinks(s.loss) {
			d.sink, d.sunk = func(s rowSink) { g.sink = s }, func() bool { return g.out.Sink != nil }
		}
		return d
	}}
}

func (s *fusedState) wants(all bool) {
	s.ws.Budget = 0
	if all && s.derived {
		s.ws.Budget = keepBytes
	}
}

func (s *fusedState) forward(dst []float32, in []any) error {
	s.view.read(in[s.n:][:s.of])
	if err := s.view.check(s.x.B, s.x.C); err != nil {
		return err
	}
	x := &s.x
	x.W = vec[float32](in[1])
	if m := s.matrix; m == nil {
		x.H = vec[float32](in[0])
	} else {
		x.Entries = &s.entries // which the kernel checks
		*x.Entries = kernel.Entries{Ptr: in[s.n+s.of].([]int32), ID: in[s.n+s.of+1].([]int32)}
		if m.values != nil {
			x.Entries.Val = vec[float32](in[0])
		}
	}
	if s.n == 3 {
		x.Bias = vec[float32](in[2])
	}
	if v := &s.view; v.label != nil {
		x.Label = v.label
	} else {
		used := v.ptr[x.B]
		x.Ptr, x.Pos, x.Weight = v.ptr, v.pos[:used], v.weight[:used]
	}
	return s.loss.Forward(&s.ws, x, dst)
}

// fusedGrad is one application of the derivative.
type fusedGrad struct {
	*fusedState
	want [3]bool // gradients to be computed: of H, W and Bias
	rows [3]bool // of these, those that may be rows
	grad [3][]float32
	sink rowSink     // what takes the gradient of W by blocks, or nil
	out  kernel.Grad // of the last run
	few  kernel.RowGrad
}

// keepBytes is the memory that a fused loss with a gradient may take for scores,
// which the backward pass then need not compute again: a quarter of the work. Scores are
// kept where a loss has a gradient and passes over all classes twice: of all classes up to
// 2²⁶ scores, such as 262,144 classes for 256 rows; of half of them or more up to twice as
// many; of more than that none, so that a very large class side costs no memory.
const keepBytes = 256 << 20

func (g *fusedGrad) wants(all bool) {
	g.want, g.rows = [3]bool{all, all, all && g.n == 3}, [3]bool{}
}

func (g *fusedGrad) ask(i int, byRows bool) {
	g.want[i] = true
	g.ws.Budget = keepBytes
	// Through the norm the gradient of W has all rows, as behind L2Normalize: an optimizer
	// that moves the rows with a gradient alone moves all of them.
	g.rows[i] = byRows && (i == 1 && !g.x.Unit || i == 2)
}

// scratch is what backward makes beside the workspace: the gradients asked for, as
// if dense.
func (g *fusedGrad) scratch() int64 {
	n := 0
	for i, m := range [...]int{g.x.B * g.x.D, g.x.C * g.x.D, g.x.C} {
		sunk := i == 1 && g.sink != nil && !(g.rows[i] && kernel.FindsRows(g.loss))
		if g.want[i] && !sunk {
			n += m
		}
	}
	return bytesOf[float32](n)
}

func (g *fusedGrad) backward(_ []float32, in []any) error {
	sparse := g.ws.Sparse()
	g.out = kernel.Grad{}
	for i, dst := range [...]*[]float32{&g.out.H, &g.out.W, &g.out.Bias} {
		switch {
		case !g.want[i]:
		case sparse && g.rows[i]:
			g.out.Rows = &g.few
		case i == 1 && g.sink != nil:
			g.out.Sink = g.sink
		default:
			if g.grad[i] == nil {
				g.grad[i] = kernel.Make[float32]([...]int{g.x.B * g.x.D, g.x.C * g.x.D, g.x.C}[i])
			}
			*dst = g.grad[i]
		}
	}
	up := vec[float32](in[len(in)-1])
	if g.out.Sink == nil {
		return g.loss.Backward(&g.ws, &g.x, up, &g.out)
	}
	if err := g.sink.begin(); err != nil {
		return err
	}
	if err := g.loss.Backward(&g.ws, &g.x, up, &g.out); err != nil {
		return err
	}
	g.sink.end()
	return nil
}

func (g *fusedGrad) lend(i int) ([]float32, Gradient[float32]) {
	switch i {
	case 0:
		return g.out.H, Gradient[float32]{}
	case 1:
		if g.out.W == nil {
			return nil, Gradient[float32]{Rows: g.few.ID, Data: g.few.Val}
		}
		return g.out.W, Gradient[float32]{}
	}
	if g.out.Bias == nil {
		return nil, Gradient[float32]{Rows: g.few.ID, Data: g.few.Bias}
	}
	return g.out.Bias, Gradient[float32]{}
}

package graph

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Classes is the class side of scores that read few of its rows. The scores are z_bj =
// ⟨h_b, w_j⟩ + bias_j, for the pairs (b, j) that are asked for and no others.
type Classes struct {
	H    *gorgonia.Node // [B,d]
	W    *gorgonia.Node // [C,d]
	Bias *gorgonia.Node // [C], or nil
	Unit bool           // w_j counts as w_j / max(‖w_j‖₂, 1e-12)
}

// RowScores returns z [B,K], the scores of the classes ids. These are [B,K], K classes
// for each row, or [K], shared by all rows. An id of −1 is an empty place of score −Inf;
// any other id outside [0,C) makes the run fail. Ids may repeat.
//
// The gradients by W and Bias are row-sparse: [Program.Grad] returns the rows
// that were read, and neither pass touches the others. Memory beside z and the
// gradients is O(BK) for ids per row and O(Kd) for shared ones; time is O(BKd),
// and O(BK + Kd log K) for the grouping of ids. The bits do not depend on
// GOMAXPROCS: duplicates add up in the order of ids. The op is not differentiable again.
func RowScores(c Classes, ids *gorgonia.Node) (*gorgonia.Node, error) {
	const name = "row scores"
	if err := c.valid(name); err != nil {
		return nil, err
	}
	if ids == nil || ids.Dtype() != tensor.Int32 || ids.Dims() < 1 || ids.Dims() > 2 {
		return nil, fmt.Errorf("graph: %s: ids are not an Int32 vector or matrix", name)
	}
	b, shape := c.H.Shape()[0], ids.Shape()
	if len(shape) == 2 && shape[0] != b {
		return nil, fmt.Errorf("graph: %s: H is %v and ids are %v; want [B,d] and [B,K] or [K]", name, c.H.Shape(), shape)
	}
	k := shape[len(shape)-1]
	if len(shape) == 1 {
		return c.scores(name, tensor.Shape{b, k}, shared, ids)
	}
	return c.scores(name, tensor.Shape{b, k}, ownIDs, ids)
}

// PairScores returns z [M] of the pairs (rows[m], ids[m]), two Int32 vectors;
// rows must not decrease. A negative row ends the list: from there on z is 0 and has no
// gradient. All else is as in [RowScores].
func PairScores(c Classes, rows, ids *gorgonia.Node) (*gorgonia.Node, error) {
	const name = "pair scores"
	if err := c.valid(name); err != nil {
		return nil, err
	}
	for _, n := range []node{rows, ids} {
		if n == nil || n.Dtype() != tensor.Int32 || n.Dims() != 1 || n.Shape()[0] != rows.Shape()[0] {
			return nil, fmt.Errorf("graph: %s: rows and ids are not two Int32 vectors of one length", name)
		}
	}
	return c.scores(name, ids.Shape().Clone(), pairs, rows, ids)
}

func (c Classes) valid(name string) error {
	if err := wantDims(name, "H", c.H, 2); err != nil {
		return err
	}
	if err := wantDims(name, "W", c.W, 2); err != nil {
		return err
	}
	if c.H.Shape()[1] != c.W.Shape()[1] {
		return fmt.Errorf("graph: %s: H is %v and W is %v; want [B,d] and [C,d]", name, c.H.Shape(), c.W.Shape())
	}
	return biasFits(name, c.W, c.Bias)
}

// biasFits returns an error unless bias is nil or a number for each row of W.
func biasFits(name string, w, bias node) error {
	if bias == nil {
		return nil
	}
	if err := wantDims(name, "the bias", bias, 1); err != nil {
		return err
	}
	if !slices.Equal(bias.Shape(), w.Shape()[:1]) {
		return fmt.Errorf("graph: %s: W is %v and the bias is %v; want [C,d] and [C]", name, w.Shape(), bias.Shape())
	}
	return nil
}

// left is the body of a node whose result another op has left already.
func left[T Float]([]T, []any) error { return nil }

// A layout says which row of H and which class each score is of.
type layout int

const (
	shared layout = iota // ids [K], the same for each row
	ownIDs               // ids [B,K]
	pairs                // rows [M] and ids [M]
)

// scores is the op of all layouts; index holds its Int32 leaves.
func (c Classes) scores(name string, shape tensor.Shape, l layout, index ...node) (node, error) {
	b, d, classes := c.H.Shape()[0], c.H.Shape()[1], c.W.Shape()[0]
	in := []node{c.H, c.W}
	if c.Bias != nil {
		in = append(in, c.Bias)
	}
	n := len(in)
	if shape.TotalSize() > math.MaxInt32 {
		return nil, fmt.Errorf("graph: %s: %v are more than 2³¹ scores", name, shape)
	}
	s32 := &scoreState[float32]{layout: l, unit: c.Unit, b: b, d: d, classes: classes, n: n, m: shape.TotalSize()}
	s64 := &scoreState[float64]{layout: l, unit: c.Unit, b: b, d: d, classes: classes, n: n, m: shape.TotalSize()}
	return apply(spec{name: name, shape: shape, f32: s32.forward, f64: s64.forward,
		scratch: either(c.H, s32.scratch, s64.scratch),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			g32, g64 := &scoreGrad[float32]{scoreState: s32}, &scoreGrad[float64]{scoreState: s64}
			wants := both(g32.wants, g64.wants)
			wants(true)
			var e Expr
			// As in LinearLoss one op does the work, and its value is a token that
			// orders the ops which hand out what it left behind.
			work := e.N(apply(spec{name: name + " gradient", shape: tensor.Shape{1}, f32: g32.backward, f64: g64.backward,
				wants: wants, scratch: either(c.H, g32.scratch, g64.scratch)},
				append(slices.Clone(in), out, g)...))
			grads := classNodes(&e, name, in, n, work, &g32.classGrads, &g64.classGrads, func(int) {})
			return e.grads(grads...)
		}}, append(in, index...)...)
}

// scoreState is what the forward op and the gradient ops of a node share.
type scoreState[T Float] struct {
	layout           layout
	unit             bool
	b, d, classes, m int
	n                int     // inputs before the indices
	inv              []T     // [M], [K] if shared: 1/‖w‖ if unit
	w                []T     // [K,d] the rows that are shared, divided by their norm if unit
	starts           []int32 // [B+1] bounds of each row's scores; pairs only
}

// rows returns the most rows of W that a run reads.
func (s *scoreState[T]) rows() int {
	if s.layout == shared {
		return s.m / s.b
	}
	return s.m
}

// scratch returns the memory of what forward makes, in bytes.
func (s *scoreState[T]) scratch() int64 {
	n := s.rows()
	if s.layout == shared {
		n += s.rows() * s.d
	}
	return bytesOf[T](n) + 4*int64(s.b+1)
}

// ids returns the class of each score, or of each column where ids are shared.
func (s *scoreState[T]) ids(in []any) []int32 {
	if s.layout == pairs {
		return in[s.n+1].([]int32)
	}
	return in[s.n].([]int32)
}

// bounds returns which scores are row i's.
func (s *scoreState[T]) bounds(i int) (lo, hi int) {
	if s.layout == pairs {
		return int(s.starts[i]), int(s.starts[i+1])
	}
	k := s.m / s.b
	return i * k, (i + 1) * k
}

func (s *scoreState[T]) check(in []any) error {
	for j, id := range s.ids(in) {
		if id < -1 || int(id) >= s.classes {
			return fmt.Errorf("id %d at place %d is outside [0,%d)", id, j, s.classes)
		}
	}
	if s.layout != pairs {
		return nil
	}
	if s.starts == nil {
		s.starts = make([]int32, s.b+1)
	}
	rows := in[s.n].([]int32)
	at := 0
	for i := range s.b {
		s.starts[i] = int32(at)
		for at < len(rows) && rows[at] == int32(i) {
			at++
		}
	}
	s.starts[s.b] = int32(at)
	for j := at; j < len(rows); j++ {
		if rows[j] >= 0 {
			return fmt.Errorf("row %d at place %d is outside [0,%d), or follows a larger one", rows[j], j, s.b)
		}
	}
	return nil
}

// invNorm returns max(‖w‖₂, 1e-12)⁻¹.
func invNorm[T Float](w []T) T {
	return T(1 / max(math.Sqrt(float64(kernel.Dot(w, w))), kernel.NormFloor))
}

func (s *scoreState[T]) forward(dst []T, in []any) error {
	if err := s.check(in); err != nil {
		return err
	}
	h, w, ids, d := vec[T](in[0]), vec[T](in[1]), s.ids(in), s.d
	var bias []T
	if s.n == 3 {
		bias = vec[T](in[2])
	}
	if s.inv == nil && s.unit {
		s.inv = make([]T, len(ids))
	}
	if s.layout == shared {
		return s.forwardShared(dst, h, w, bias, ids)
	}
	if s.layout == pairs {
		clear(dst[s.starts[s.b]:])
	}
	return parallel(s.b, 2*s.m*d, func(_, from, to int) error {
		for i := from; i < to; i++ {
			lo, hi := s.bounds(i)
			x := h[i*d : (i+1)*d]
			for a, b := range runs(ids, lo, hi) {
				kernel.GatherDot(dst[a:b], x, w, ids[a:b])
			}
			for j := lo; j < hi; j++ {
				id := int(ids[j])
				if id < 0 {
					dst[j] = T(math.Inf(-1))
					continue
				}
				if s.unit {
					s.inv[j] = invNorm(w[id*d : (id+1)*d])
					dst[j] *= s.inv[j]
				}
				if bias != nil {
					dst[j] += bias[id]
				}
			}
		}
		return nil
	})
}

// runs yields the bounds of the runs of classes, between empty places, in
// ids[lo:hi].
func runs(ids []int32, lo, hi int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for a := lo; a < hi; a++ {
			b := a
			for b < hi && ids[b] >= 0 {
				b++
			}
			if b > a && !yield(a, b) {
				return
			}
			a = b
		}
	}
}

func (s *scoreState[T]) forwardShared(dst, h, w, bias []T, ids []int32) error {
	d, k := s.d, len(ids)
	if s.w == nil {
		s.w = kernel.Make[T](k * d)
	}
	err := parallel(k, k*d, func(_, from, to int) error {
		for j := from; j < to; j++ {
			row, id := s.w[j*d:(j+1)*d], int(ids[j])
			if id < 0 {
				clear(row)
				continue
			}
			copy(row, w[id*d:(id+1)*d])
			if s.unit {
				s.inv[j] = invNorm(row)
				kernel.Scale(s.inv[j], row)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return parallel(s.b, 2*s.m*d, func(_, from, to int) error {
		kernel.GemmNT(dst[from*k:to*k], h[from*d:to*d], s.w, to-from, k, d, false)
		for i := from; i < to; i++ {
			z := dst[i*k : (i+1)*k]
			for j, id := range ids {
				switch {
				case id < 0:
					z[j] = T(math.Inf(-1))
				case bias != nil:
					z[j] += bias[id]
				}
			}
		}
		return nil
	})
}

// table returns w where its rows count as rows of norm 1, and else nil.
func (s *scoreState[T]) table(w []T) []T {
	if s.unit {
		return w
	}
	return nil
}

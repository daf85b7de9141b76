package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// RaggedLoss returns the losses [S] of segments of scores: segment i holds the
// candidates z[ptr[i]:ptr[i+1]] of z [M], ptr [S+1] Int32 rising, and t its
// target, whose positions count from the segment's start. A padding row of t
// gives 0; the scores beyond ptr[S] are nobody's. Any upstream gradient; not
// differentiable again.
func RaggedLoss(l Analytic, z, ptr *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	name := "ragged loss " + l.Text
	if err := wantDims(name, "z", z, 1); err != nil {
		return nil, err
	}
	if err := wantInts(name, "ptr", ptr); err != nil {
		return nil, err
	}
	segments := ptr.Shape()[0] - 1
	if segments < 1 {
		return nil, fmt.Errorf("graph: %s: ptr is %v; want the bounds of the segments [S+1]", name, ptr.Shape())
	}
	if err := t.valid(name, segments); err != nil {
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
	s32, s64 := &segmentState[float32]{run: raggedRows(l.F32)}, &segmentState[float64]{run: raggedRows(l.F64)}
	if err := segmentsOf(name, l, z, segments, (z.Shape()[0]+segments-1)/segments, t, s32, s64); err != nil {
		return nil, err
	}
	trained.run(s32.nodes, s64.nodes)
	out, err := segmentLoss(name, z, segments, s32, s64, append([]node{ptr}, t.leaves()...)...)
	if err != nil {
		return nil, err
	}
	return trained.link(out)
}

// BinaryLoss returns the losses [M] of pairs of candidates with scores (0, z_m)
// of which bit_m, Int32 [M], is the label: with softmax, log(1 + e^{∓z}). A
// negative bit gives 0. Any upstream gradient; not differentiable again.
func BinaryLoss(l Analytic, z, bit *gorgonia.Node) (*gorgonia.Node, error) {
	name := "binary loss " + l.Text
	if err := wantDims(name, "z", z, 1); err != nil {
		return nil, err
	}
	if bit == nil || bit.Dtype() != tensor.Int32 || !bit.Shape().Eq(z.Shape()) {
		return nil, fmt.Errorf("graph: %s: bits are %v; want Int32 %v", name, shapeOf(bit), z.Shape())
	}
	if err := l.valid(name); err != nil {
		return nil, err
	}
	trained := trainedOf(l)
	z, err := trained.hold(z)
	if err != nil {
		return nil, err
	}
	s32, s64 := &segmentState[float32]{run: binaryRows(l.F32)}, &segmentState[float64]{run: binaryRows(l.F64)}
	if err := segmentsOf(name, l, z, z.Shape()[0], 2, nil, s32, s64); err != nil {
		return nil, err
	}
	trained.run(s32.nodes, s64.nodes)
	out, err := segmentLoss(name, z, z.Shape()[0], s32, s64, bit)
	if err != nil {
		return nil, err
	}
	return trained.link(out)
}

// segmentState passes ∂ℓ/∂z from the forward op of a node to its gradient op.
type segmentState[T Float] struct {
	// run stores the losses in dst, ∂ℓ/∂z in dz, and the segment of each score, −1
	// for nobody's, in of.
	run  func(s *segmentState[T], dst, dz []T, of []int32, in []any) error
	view view[T]
	dz   []T
	of   []int32
	work scratch[T]

	nodes *nodeRows[T] // of the loss, where it is a definition, as wide as a run needed
}

func segmentLoss(name string, z node, segments int, s32 *segmentState[float32], s64 *segmentState[float64], index ...node) (node, error) {
	fixed := fixedAfter(1, len(index))
	return apply(spec{name: name, shape: tensor.Shape{segments}, fixed: fixed, f32: s32.forward, f64: s64.forward,
		scratch: either(z, s32.scratch, s64.scratch),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			grads := make(gorgonia.Nodes, len(in))
			grads[0] = e.N(apply(spec{name: name + " gradient", shape: z.Shape(), f32: s32.backward, f64: s64.backward}, out, g))
			return e.grads(grads...)
		}}, append([]node{z}, index...)...)
}

// scratch returns what a definition takes, whose segments count as long as they are on
// average. Two numbers a score beside are the caller's to count.
func (s *segmentState[T]) scratch() int64 {
	if s.nodes == nil {
		return 0
	}
	return s.nodes.bytes(true)
}

func (s *segmentState[T]) forward(dst []T, in []any) error {
	n := len(vec[T](in[0]))
	if s.dz == nil {
		s.dz, s.of = make([]T, n), make([]int32, n)
	}
	return s.run(s, dst, s.dz, s.of, in)
}

// backward stores g ∂ℓ/∂z.
func (s *segmentState[T]) backward(dst []T, in []any) error {
	g := vec[T](in[1])
	for j, i := range s.of {
		dst[j] = 0
		if i >= 0 {
			dst[j] = g[i] * s.dz[j]
		}
	}
	return nil
}

func raggedRows[T Float](row RowLoss[T]) func(s *segmentState[T], dst, dz []T, of []int32, in []any) error {
	return func(s *segmentState[T], dst, dz []T, of []int32, in []any) error {
		z, ptr := vec[T](in[0]), in[1].([]int32)
		s.view.read(in[2:])
		widest := 0
		for i := range dst {
			lo, hi := int(ptr[i]), int(ptr[i+1])
			if lo < 0 || hi < lo || hi > len(z) {
				return fmt.Errorf("segment %d is [%d:%d] of %d scores", i, lo, hi, len(z))
			}
			widest = max(widest, hi-lo)
		}
		if err := s.view.check(len(dst), widest); err != nil {
			return err
		}
		clear(dz)
		for j := range of {
			of[j] = -1
		}
		if s.nodes != nil {
			return nodeRagged(s, dst, dz, of, in, widest)
		}
		size := row.WorkLen(widest)
		s.work.grow(size)
		return s.work.parallel(len(dst), costMath*int(ptr[len(dst)]-ptr[0]), func(worker, from, to int) error {
			w := s.work.of(worker)
			for i := from; i < to; i++ {
				lo, hi := int(ptr[i]), int(ptr[i+1])
				t := s.view.row(i)
				dst[i] = 0
				if len(t.Pos) == 0 {
					continue
				}
				if err := segmentFits(i, z[lo:hi], t); err != nil {
					return err
				}
				dst[i] = row.Eval(dz[lo:hi], z[lo:hi], t, w[:row.WorkLen(hi-lo)])
				for j := lo; j < hi; j++ {
					of[j] = int32(i)
				}
			}
			return nil
		})
	}
}

// segmentFits returns an error if the target of segment i has a position that z, its
// scores, does not have, or masks.
func segmentFits[T Float](i int, z []T, t Target[T]) error {
	if last := int(t.Pos[len(t.Pos)-1]); last >= len(z) {
		return fmt.Errorf("segment %d: position %d of %d candidates", i, last, len(z))
	}
	return unmasked(i, z, t)
}

func binaryRows[T Float](row RowLoss[T]) func(s *segmentState[T], dst, dz []T, of []int32, in []any) error {
	labels := [2]Target[T]{{Pos: []int32{0}, Weight: []T{1}}, {Pos: []int32{1}, Weight: []T{1}}}
	return func(s *segmentState[T], dst, dz []T, of []int32, in []any) error {
		z, bit := vec[T](in[0]), in[1].([]int32)
		if s.nodes != nil {
			return nodeBinary(s, dst, dz, of, bit, z)
		}
		size := row.WorkLen(2)
		s.work.grow(size + 4)
		return s.work.parallel(len(dst), costMath*len(dst), func(worker, from, to int) error {
			w := s.work.of(worker)
			pair, grad := w[size:size+2], w[size+2:size+4]
			for i := from; i < to; i++ {
				of[i], dst[i], dz[i] = -1, 0, 0
				if bit[i] < 0 {
					continue
				}
				if err := bitFits(bit[i], i); err != nil {
					return err
				}
				pair[0], pair[1] = 0, z[i]
				dst[i] = row.Eval(grad, pair, labels[bit[i]], w[:size])
				of[i], dz[i] = int32(i), grad[1]
			}
			return nil
		})
	}
}

func bitFits(bit int32, i int) error {
	if bit > 1 {
		return fmt.Errorf("bit %d at place %d", bit, i)
	}
	return nil
}

// SegmentSum returns Σ_m weight_m x_m [rows] over the m with row_m = i; x and
// weight are [M], row [M] Int32, −1 for nobody's. weight has no gradient.
func SegmentSum(x, weight, row *gorgonia.Node, rows int) (*gorgonia.Node, error) {
	const name = "segment sum"
	if err := wantDims(name, "x", x, 1); err != nil {
		return nil, err
	}
	if err := wantDims(name, "weight", weight, 1); err != nil {
		return nil, err
	}
	if err := wantInts(name, "row", row); err != nil {
		return nil, err
	}
	if !weight.Shape().Eq(x.Shape()) || !row.Shape().Eq(x.Shape()) {
		return nil, fmt.Errorf("graph: %s: weights are %v and rows are %v; want %v", name, weight.Shape(), row.Shape(), x.Shape())
	}
	if rows < 1 {
		return nil, fmt.Errorf("graph: %s: a sum to %d rows; want at least 1", name, rows)
	}
	return apply(spec{name: name, shape: tensor.Shape{rows}, fixed: []int{1, 2}, f32: segmentSum[float32], f64: segmentSum[float64],
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(segmentSpread(g, in[1], in[2])), nil, nil)
		}}, x, weight, row)
}

func segmentSum[T Float](dst []T, in []any) error {
	x, weight, row := vec[T](in[0]), vec[T](in[1]), in[2].([]int32)
	clear(dst)
	for m, i := range row {
		if i < -1 || int(i) >= len(dst) {
			return fmt.Errorf("row %d at place %d is outside [-1,%d)", i, m, len(dst))
		}
		if i >= 0 {
			dst[i] += weight[m] * x[m]
		}
	}
	return nil
}

// segmentSpread returns weight_m g_{row m} [M]: the adjoint of SegmentSum.
func segmentSpread(g, weight, row node) (node, error) {
	rows := g.Shape()[0]
	return apply(spec{name: "segment spread", shape: weight.Shape(), fixed: []int{1, 2}, f32: segmentTake[float32], f64: segmentTake[float64],
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(SegmentSum(g, in[1], in[2], rows)), nil, nil)
		}}, g, weight, row)
}

func segmentTake[T Float](dst []T, in []any) error {
	g, weight, row := vec[T](in[0]), vec[T](in[1]), in[2].([]int32)
	for m, i := range row {
		dst[m] = 0
		if i >= 0 {
			dst[m] = weight[m] * g[i]
		}
	}
	return nil
}

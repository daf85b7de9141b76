package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// SegmentSoftmax returns the softmax of each segment of scores: segment i holds
// x[ptr[i]:ptr[i+1]] of x [M], ptr [S+1] Int32 rising, as attention over histories of
// their own lengths has them. It is 0 at masked scores, in segments where all are, and
// beyond ptr[S]. A segment may be empty. The upstream gradient is finite.
func SegmentSoftmax(x, ptr *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("segment softmax", "x", x, 1); err != nil {
		return nil, err
	}
	if err := wantInts("segment softmax", "ptr", ptr); err != nil {
		return nil, err
	}
	if ptr.Shape()[0] < 2 {
		return nil, fmt.Errorf("graph: segment softmax: ptr is %v; want the bounds of the segments [S+1]", ptr.Shape())
	}
	return segmentOp("segment softmax", costMath, segmentSoftmax[float32], segmentSoftmax[float64], func(e *Expr, in gorgonia.Nodes, y, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(segmentSoftmaxBack(y, g, in[1])), nil}
	}, x, ptr)
}

// segmentOp is the op over xs [M] in segments whose bounds are the last input: f gets a
// segment of the output and of each of xs.
func segmentOp(name string, cost int, f32 func(dst []float32, xs [2][]float32), f64 func(dst []float64, xs [2][]float64),
	diff func(e *Expr, in gorgonia.Nodes, out, g node) gorgonia.Nodes, in ...node) (node, error) {
	return apply(spec{name: name, shape: in[0].Shape(), f32: segmentBody(cost, f32), f64: segmentBody(cost, f64),
		diff: func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(diff(&e, in, out, g)...)
		}}, in...)
}

func segmentBody[T Float](cost int, f func(dst []T, xs [2][]T)) body[T] {
	return func(dst []T, in []any) error {
		ptr := in[len(in)-1].([]int32)
		segments, m := len(ptr)-1, len(dst)
		for i := range segments {
			if lo, hi := int(ptr[i]), int(ptr[i+1]); lo < 0 || hi < lo || hi > m {
				return fmt.Errorf("segment %d is [%d:%d] of %d scores", i, lo, hi, m)
			}
		}
		clear(dst[:ptr[0]])
		clear(dst[ptr[segments]:])
		return parallel(segments, cost*m, func(_, from, to int) error {
			for i := from; i < to; i++ {
				lo, hi := ptr[i], ptr[i+1]
				if lo == hi {
					continue
				}
				var xs [2][]T
				for j := range len(in) - 1 {
					xs[j] = vec[T](in[j])[lo:hi]
				}
				f(dst[lo:hi], xs)
			}
			return nil
		})
	}
}

func segmentSoftmax[T Float](dst []T, xs [2][]T) { softmaxOf(dst, xs[0]) }

// segmentSoftmaxBack returns y∘(g − p) with p = ⟨g, y⟩ of the segment, for the value y.
func segmentSoftmaxBack(y, g, ptr node) (node, error) {
	return segmentOp("segment softmax gradient", 1, softmaxBack[float32], softmaxBack[float64], func(e *Expr, in gorgonia.Nodes, _, gg node) gorgonia.Nodes {
		y, g, ptr := in[0], in[1], in[2]
		// Of Σ gg∘y∘(g − p) by y: gg∘(g − p) − g·⟨y, gg⟩; by g the same op, which is symmetric.
		centred := e.N(Sub(g, e.N(segmentTotal(e.N(Mul(g, y)), ptr))))
		byY := e.N(Sub(e.N(Mul(gg, centred)), e.N(Mul(g, e.N(segmentTotal(e.N(Mul(gg, y)), ptr))))))
		return gorgonia.Nodes{byY, e.N(segmentSoftmaxBack(y, gg, ptr)), nil}
	}, y, g, ptr)
}

func softmaxBack[T Float](dst []T, xs [2][]T) {
	kernel.SoftmaxBack(dst, xs[0], xs[1], kernel.Dot(xs[0], xs[1]))
}

// segmentTotal returns the sum of each segment in all its places: a map that is its own
// adjoint.
func segmentTotal(x, ptr node) (node, error) {
	return segmentOp("segment total", 1, segmentTotals[float32], segmentTotals[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(segmentTotal(g, in[1])), nil}
	}, x, ptr)
}

func segmentTotals[T Float](dst []T, xs [2][]T) {
	kernel.FillEach(dst, kernel.Sum(xs[0]))
}

package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Column primitives take x [B,K] and v [K].

// AddBias returns x + b, b [K] added to each row of x [B,K].
func AddBias(x, b *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("addbias", "b", b, 1); err != nil {
		return nil, err
	}
	if x != nil && x.Dims() == 2 && x.Shape()[1] != b.Shape()[0] {
		return nil, fmt.Errorf("graph: addbias: x is %v and b is %v; want [B,K] and [K]", x.Shape(), b.Shape())
	}
	if err := wantDims("addbias", "x", x, 2); err != nil {
		return nil, err
	}
	return apply(spec{name: "addbias", shape: x.Shape(), f32: byColumn(kernel.AddBias[float32]), f64: byColumn(kernel.AddBias[float64]),
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(g, e.N(ColSum(g)))
		}}, x, b)
}

// byColumn is the body of f over pieces of the rows of x [B,K] with a v [K].
func byColumn[T Float](f func(dst, x, v []T)) body[T] {
	return func(dst []T, in []any) error {
		x, v := vec[T](in[0]), vec[T](in[1])
		k := len(v)
		return parallel(len(x)/k, len(x), func(_, lo, hi int) error {
			f(dst[lo*k:hi*k], x[lo*k:hi*k], v)
			return nil
		})
	}
}

// MulCols returns x∘v, each column of x [B,K] times its number of v [K], where
// 0·(±Inf) = 0: the gain of a layer.
func MulCols(x, v *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("mulcols", "v", v, 1); err != nil {
		return nil, err
	}
	if err := wantDims("mulcols", "x", x, 2); err != nil {
		return nil, err
	}
	if x.Shape()[1] != v.Shape()[0] {
		return nil, fmt.Errorf("graph: mulcols: x is %v and v is %v; want [B,K] and [K]", x.Shape(), v.Shape())
	}
	return apply(spec{name: "mulcols", shape: x.Shape(), f32: byColumn(mulCols[float32]), f64: byColumn(mulCols[float64]),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(MulCols(g, in[1])), e.N(ColSum(e.N(Mul(g, in[0])))))
		}}, x, v)
}

func mulCols[T Float](dst, x, v []T) {
	for k := len(v); len(x) > 0; dst, x = dst[k:], x[k:] {
		kernel.MulEach(dst[:k], x[:k], v)
	}
}

// ColSum returns Σ_b x_bk [K]. Of many rows it adds up the sums of 32 pieces of them, in
// their order.
func ColSum(x *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("colsum", "x", x, 2); err != nil {
		return nil, err
	}
	b, k := x.Shape()[0], x.Shape()[1]
	s32, s64 := new(colSums[float32]), new(colSums[float64])
	return apply(spec{name: "colsum", shape: tensor.Shape{k}, f32: s32.sum, f64: s64.sum,
		scratch: func() int64 { return int64(x.Dtype().Size()) * int64(s32.pieces(b, k)*k) },
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(repeatCols(g, b)))
		}}, x)
}

// colSums are the sums of the columns of pieces of rows.
type colSums[T Float] struct{ part []T }

// pieces returns how many sums of pieces there are: none where one pass is less work.
func (s *colSums[T]) pieces(b, k int) int {
	if b < 2*parts || b*k < grain {
		return 0
	}
	return parts
}

func (s *colSums[T]) sum(dst []T, in []any) error {
	x, k := vec[T](in[0]), len(dst)
	b := len(x) / k
	clear(dst)
	n := s.pieces(b, k)
	if n == 0 {
		kernel.AddRowsTo(dst, x)
		return nil
	}
	if s.part == nil {
		s.part = make([]T, n*k)
	}
	clear(s.part)
	err := parallel(b, len(x), func(_, lo, hi int) error {
		kernel.AddRowsTo(s.part[pieceOf(lo, b)*k:][:k], x[lo*k:hi*k])
		return nil
	})
	kernel.AddRowsTo(dst, s.part)
	return err
}

// repeatCols returns v [K] in each of b rows: the adjoint of ColSum.
func repeatCols(v node, b int) (node, error) {
	return apply(spec{name: "repeatcols", shape: tensor.Shape{b, v.Shape()[0]}, f32: repeatVec[float32], f64: repeatVec[float64],
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(ColSum(g)))
		}}, v)
}

func repeatVec[T Float](dst []T, in []any) error {
	for v := vec[T](in[0]); len(dst) > 0; dst = dst[len(v):] {
		copy(dst, v)
	}
	return nil
}

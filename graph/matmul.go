package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// MatMul returns op(a)·op(b) [m,n] of two matrices, where op transposes if ta or
// tb says so, without a transposed copy of its operands.
func MatMul(a, b *gorgonia.Node, ta, tb bool) (*gorgonia.Node, error) {
	if err := wantDims("matmul", "a", a, 2); err != nil {
		return nil, err
	}
	if err := wantDims("matmul", "b", b, 2); err != nil {
		return nil, err
	}
	m, k := a.Shape()[0], a.Shape()[1]
	if ta {
		m, k = k, m
	}
	k2, n := b.Shape()[0], b.Shape()[1]
	if tb {
		k2, n = n, k2
	}
	if k != k2 {
		return nil, fmt.Errorf("graph: matmul: %v (transposed: %t) times %v (transposed: %t)", a.Shape(), ta, b.Shape(), tb)
	}
	return apply(spec{name: "matmul", shape: tensor.Shape{m, n}, f32: matmulBody[float32](ta, tb, m, n, k), f64: matmulBody[float64](ta, tb, m, n, k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			// y = AB ⇒ dA = GBᵀ, dB = AᵀG; of a transposed operand the transpose.
			var e Expr
			var ga, gb node
			if ta {
				ga = e.N(MatMul(in[1], g, tb, true))
			} else {
				ga = e.N(MatMul(g, in[1], false, !tb))
			}
			if tb {
				gb = e.N(MatMul(g, in[0], true, ta))
			} else {
				gb = e.N(MatMul(in[0], g, !ta, false))
			}
			return e.grads(ga, gb)
		}}, a, b)
}

func matmulBody[T Float](ta, tb bool, m, n, k int) body[T] {
	var swapped []T
	return func(dst []T, in []any) error {
		a, b := vec[T](in[0]), vec[T](in[1])
		switch {
		case ta && tb: // aᵀbᵀ = (ba)ᵀ
			if swapped == nil {
				swapped = make([]T, n*m)
			}
			kernel.GemmNN(swapped, b, a, n, m, k, false)
			for i := range m {
				for j := range n {
					dst[i*n+j] = swapped[j*m+i]
				}
			}
		case ta:
			kernel.GemmTN(dst, a, b, m, n, k, false)
		case tb:
			kernel.GemmNT(dst, a, b, m, n, k, false)
		default:
			kernel.GemmNN(dst, a, b, m, n, k, false)
		}
		return nil
	}
}

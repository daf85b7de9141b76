package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
)

// RowKth returns the k-th largest x of each row [B] among the candidates that
// are not masked, the least where there are fewer, −Inf where all are masked.
// The gradient goes to the first of several equal ones.
func RowKth(x *gorgonia.Node, k int) (*gorgonia.Node, error) {
	if k < 1 {
		return nil, fmt.Errorf("graph: rowkth: place %d is below 1", k)
	}
	return rowOp("rowkth", false, 8, rowKth[float32](k), rowKth[float64](k), func(e *Expr, in gorgonia.Nodes, out, g node) gorgonia.Nodes {
		at := e.N(rowOp("rowkth place", true, 1, rowFirst[float32], rowFirst[float64], nil, nil, in[0], out))
		return gorgonia.Nodes{e.N(MulRow(at, g))}
	}, nil, x)
}

func rowKth[T Float](k int) func([]T, int, []T, []any) {
	return func(dst []T, i int, x []T, _ []any) {
		down := make([]T, 0, len(x))
		for _, v := range x {
			if !masked(v) {
				down = append(down, v)
			}
		}
		if len(down) == 0 {
			dst[i] = T(math.Inf(-1))
			return
		}
		slices.Sort(down) // NaN first
		dst[i] = down[max(len(down)-k, 0)]
		if down[0] != down[0] {
			dst[i] = down[0]
		}
	}
}

// rowFirst stores 1 at the first entry equal to v [B] and 0 elsewhere.
func rowFirst[T Float](dst []T, i int, x []T, in []any) {
	y, v := dst[i*len(x):(i+1)*len(x)], vec[T](in[1])[i]
	clear(y)
	if at := slices.Index(x, v); at >= 0 && !masked(v) {
		y[at] = 1
	}
}

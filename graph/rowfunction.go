package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A RowFunction is a function of one row of numbers that is stated in Go, with the
// product of a row and its Jacobian. It is what a definition has that no composition of
// nodes states, such as the solution of an equation. Its functions run concurrently, at
// float64 whatever the precision of the graph. Their arguments are copies, which they may
// overwrite and do not keep; they have the length K of a row unless said otherwise.
type RowFunction struct {
	Name   string // in errors
	Scalar bool   // the value is one number, not a row of K

	// Eval stores the value at x in y, [1] if Scalar.
	Eval func(y, x []float64) error

	// Back stores Σ_i g_i ∂y_i/∂x_j in dx, where y is the value at x; y and g are [1]
	// if Scalar.
	Back func(dx, x, y, g []float64) error
}

// MapRows returns the values of f at the rows of x [B,K]: [B,K], or [B] if f is Scalar.
// It is differentiable once; a second derivative is an error when it is asked for. An
// error of f becomes that of the run, with the row.
func MapRows(f RowFunction, x *gorgonia.Node) (*gorgonia.Node, error) {
	if f.Name == "" || f.Eval == nil || f.Back == nil {
		return nil, fmt.Errorf("graph: row function %q lacks one of Name, Eval and Back", f.Name)
	}
	if err := wantDims(f.Name, "x", x, 2); err != nil {
		return nil, err
	}
	b, k := x.Shape()[0], x.Shape()[1]
	shape, wide := tensor.Shape{b, k}, k
	if f.Scalar {
		shape, wide = tensor.Shape{b}, 1
	}
	forward := func(w [][]float64) error { return f.Eval(w[0], w[1]) }
	backward := func(w [][]float64) error { return f.Back(w[0], w[1], w[2], w[3]) }
	return apply(spec{name: f.Name, shape: shape, f32: functionBody[float32](forward, wide, k), f64: functionBody[float64](forward, wide, k),
		diff: func(in gorgonia.Nodes, y, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(apply(spec{name: f.Name + " gradient", shape: tensor.Shape{b, k},
				f32: functionBody[float32](backward, k, k, wide, wide), f64: functionBody[float64](backward, k, k, wide, wide)}, in[0], y, g)))
		}}, x)
}

// functionBody is the body of f over rows: of its output, and of each input; widths are
// their lengths, the output's first.
func functionBody[T Float](f func(rows [][]float64) error, widths ...int) body[T] {
	total := 0
	for _, n := range widths {
		total += n
	}
	var work scratch[float64]
	return func(dst []T, in []any) error {
		work.grow(total)
		n := len(dst) / widths[0]
		return work.parallel(n, costMath*len(dst)*widths[0], func(worker, lo, hi int) error {
			room := work.of(worker)
			rows := make([][]float64, len(widths))
			for i, w := range widths {
				rows[i], room = room[:w:w], room[w:]
			}
			for r := lo; r < hi; r++ {
				for i, row := range rows[1:] {
					for j, v := range vec[T](in[i])[r*len(row) : (r+1)*len(row)] {
						row[j] = float64(v)
					}
				}
				if err := f(rows); err != nil {
					return fmt.Errorf("row %d: %w", r, err)
				}
				for j, v := range rows[0] {
					dst[r*widths[0]+j] = T(v)
				}
			}
			return nil
		})
	}
}

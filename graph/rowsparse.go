package graph

import (
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A row-sparse gradient is a node whose value is a token of shape [1]; the rows
// and their data are with its op, where Program.Grad reads them. Grad adds such
// nodes up, to each other and to dense ones, and makes dense what must pass
// through a node.
type rowSparse struct {
	g32 *Gradient[float32]
	g64 *Gradient[float64]
}

// rowsNode is the node of a row-sparse gradient that its body, run after in,
// leaves in *g32 or *g64.
func rowsNode(name string, g32 *Gradient[float32], g64 *Gradient[float64], live func(bool), f32 body[float32], f64 body[float64], in ...node) (node, error) {
	n, err := apply(spec{name: name, shape: tensor.Shape{1}, f32: f32, f64: f64, live: live, constant: true}, in...)
	if err != nil {
		return nil, err
	}
	n.Op().(*op).rows = &rowSparse{g32, g64}
	return n, nil
}

// rowsOf returns the row-sparse gradient that n is, or nil.
func rowsOf(n node) *rowSparse {
	if o, ok := n.Op().(*op); ok {
		return o.rows
	}
	return nil
}

// gradientOf returns the data of r at precision T.
func gradientOf[T Float](r *rowSparse) *Gradient[T] {
	if g, ok := any(r.g32).(*Gradient[T]); ok {
		return g
	}
	return any(r.g64).(*Gradient[T])
}

// mergeRows returns a + b, both row-sparse with rows of that width.
func mergeRows(a, b node, width int) (node, error) {
	ra, rb := rowsOf(a), rowsOf(b)
	var g32 Gradient[float32]
	var g64 Gradient[float64]
	return rowsNode("merge rows", &g32, &g64, nil,
		mergeBody(ra.g32, rb.g32, &g32, width), mergeBody(ra.g64, rb.g64, &g64, width), a, b)
}

func mergeBody[T Float](a, b, to *Gradient[T], width int) body[T] {
	return func([]T, []any) error {
		to.Rows, to.Data = to.Rows[:0], to.Data[:0]
		i, j := 0, 0
		for i < len(a.Rows) || j < len(b.Rows) {
			switch {
			case j == len(b.Rows) || i < len(a.Rows) && a.Rows[i] < b.Rows[j]:
				to.Rows = append(to.Rows, a.Rows[i])
				to.Data = append(to.Data, a.Data[i*width:(i+1)*width]...)
				i++
			case i == len(a.Rows) || b.Rows[j] < a.Rows[i]:
				to.Rows = append(to.Rows, b.Rows[j])
				to.Data = append(to.Data, b.Data[j*width:(j+1)*width]...)
				j++
			default:
				to.Rows = append(to.Rows, a.Rows[i])
				to.Data = append(to.Data, a.Data[i*width:(i+1)*width]...)
				kernel.Axpy(1, b.Data[j*width:(j+1)*width], to.Data[len(to.Data)-width:])
				i, j = i+1, j+1
			}
		}
		return nil
	}
}

// denseRows returns the row-sparse gradient g of a node of that shape as a
// matrix, added to dense where that is not nil.
func denseRows(g, dense node, shape tensor.Shape) (node, error) {
	r, width := rowsOf(g), shape.TotalSize()/shape[0]
	in := []node{g}
	if dense != nil {
		in = append(in, dense)
	}
	return apply(spec{name: "dense rows", shape: shape, f32: denseRowsBody(r.g32, width), f64: denseRowsBody(r.g64, width)}, in...)
}

func denseRowsBody[T Float](g *Gradient[T], width int) body[T] {
	return func(dst []T, in []any) error {
		if len(in) > 1 {
			copy(dst, vec[T](in[1]))
		} else {
			clear(dst)
		}
		for i, id := range g.Rows {
			kernel.Axpy(1, g.Data[i*width:(i+1)*width], dst[int(id)*width:(int(id)+1)*width])
		}
		return nil
	}
}

// sumRows adds up gradients of n of which at least one is row-sparse: to a
// row-sparse one if all are and n is a leaf, else to a dense one.
func sumRows(n node, terms gorgonia.Nodes) (node, error) {
	width := n.Shape().TotalSize() / n.Shape()[0]
	var sparse node
	var dense gorgonia.Nodes
	var e Expr
	for _, t := range terms {
		switch {
		case rowsOf(t) == nil:
			dense = append(dense, t)
		case sparse == nil:
			sparse = t
		default:
			sparse = e.N(mergeRows(sparse, t, width))
		}
	}
	if e.Err != nil || len(dense) == 0 && n.Op() == nil {
		return sparse, e.Err
	}
	var rest node
	if len(dense) > 0 {
		rest = e.N(sumTerms(n, dense))
	}
	return e.N(denseRows(sparse, rest, slices.Clone(n.Shape()))), e.Err
}

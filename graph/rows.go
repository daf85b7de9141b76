package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Row primitives take x [B,K] and v [B]. A score of −Inf marks a masked
// candidate: its row behaves as if the candidate were deleted, and the gradient
// there is 0. Sums are kept in float64, in an order that the length fixes; only those of
// exponentials at float32 are of float32 numbers.

// rowBody is the body of an op that treats each row i of x, the first input,
// alone: f gets row i, its index, the other inputs and the op's output.
func rowBody[T Float](k, cost int, f func(dst []T, i int, x []T, in []any)) body[T] {
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		b := len(x) / k
		return parallel(b, cost*len(x), func(_, lo, hi int) error {
			for i := lo; i < hi; i++ {
				f(dst, i, x[i*k:(i+1)*k], in)
			}
			return nil
		})
	}
}

// rowOp is the op over x [B,K] and others to shape [B] or, if wide, [B,K].
func rowOp(name string, wide bool, cost int, f32 func([]float32, int, []float32, []any), f64 func([]float64, int, []float64, []any),
	diff func(e *Expr, in gorgonia.Nodes, out, g node) gorgonia.Nodes, fixed []int, x node, others ...node) (node, error) {
	if err := wantDims(name, "x", x, 2); err != nil {
		return nil, err
	}
	b, k := x.Shape()[0], x.Shape()[1]
	s := spec{name: name, shape: tensor.Shape{b}, fixed: fixed}
	if wide {
		s.shape = tensor.Shape{b, k}
	}
	s.f32, s.f64 = rowBody(k, cost, f32), rowBody(k, cost, f64)
	if diff == nil {
		s.constant = true
	} else {
		s.diff = func(in gorgonia.Nodes, out, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(diff(&e, in, out, g)...)
		}
	}
	return apply(s, append([]node{x}, others...)...)
}

// perRow is rowOp with an operand v [B].
func perRow(name string, f32 func(dst, x []float32, v float32), f64 func(dst, x []float64, v float64), x, v node,
	diff func(e *Expr, x, v, y, g node) (gx, gv node)) (node, error) {
	if err := wantDims(name, "v", v, 1); err != nil {
		return nil, err
	}
	if x != nil && x.Dims() == 2 && x.Shape()[0] != v.Shape()[0] {
		return nil, fmt.Errorf("graph: %s: x is %v and v is %v; want [B,K] and [B]", name, x.Shape(), v.Shape())
	}
	return rowOp(name, true, 1, spread(f32), spread(f64), func(e *Expr, in gorgonia.Nodes, out, g node) gorgonia.Nodes {
		gx, gv := diff(e, in[0], in[1], out, g)
		return gorgonia.Nodes{gx, gv}
	}, nil, x, v)
}

func spread[T Float](f func(dst, x []T, v T)) func([]T, int, []T, []any) {
	return func(dst []T, i int, x []T, in []any) { f(dst[i*len(x):(i+1)*len(x)], x, vec[T](in[1])[i]) }
}

func subFrom[T Float](dst, x []T, v T) { kernel.AddScalarEach(dst, x, -v) }

// AddRow returns x + v, v [B] added to each column of x [B,K].
func AddRow(x, v *gorgonia.Node) (*gorgonia.Node, error) {
	return perRow("addrow", kernel.AddScalarEach, kernel.AddScalarEach, x, v, func(e *Expr, x, _, _, g node) (node, node) {
		return g, e.N(sumWhere(g, x))
	})
}

// SubRow returns x − v, v [B] subtracted from each column of x [B,K].
func SubRow(x, v *gorgonia.Node) (*gorgonia.Node, error) {
	return perRow("subrow", subFrom, subFrom, x, v, func(e *Expr, x, _, _, g node) (node, node) {
		return g, e.N(Neg(e.N(sumWhere(g, x))))
	})
}

// MulRow returns v∘x, each row of x [B,K] times its v [B], where 0·(±Inf) = 0.
func MulRow(x, v *gorgonia.Node) (*gorgonia.Node, error) {
	return perRow("mulrow", kernel.MulScalarEach, kernel.MulScalarEach, x, v, func(e *Expr, x, v, _, g node) (node, node) {
		return e.N(MulRow(g, v)), e.N(RowDot(g, x))
	})
}

// DivRow returns each row of x [B,K] divided by its v [B].
func DivRow(x, v *gorgonia.Node) (*gorgonia.Node, error) {
	return perRow("divrow", kernel.DivScalarEach, kernel.DivScalarEach, x, v, func(e *Expr, x, v, y, g node) (node, node) {
		return e.N(DivRow(g, v)), e.N(Neg(e.N(Div(e.N(RowDot(g, y)), v))))
	})
}

// RowSum returns Σ_k x_k [B] over the candidates that are not masked.
func RowSum(x *gorgonia.Node) (*gorgonia.Node, error) { return sumWhere(x, x) }

// RowMean returns the mean [B] over the candidates that are not masked.
func RowMean(x *gorgonia.Node) (*gorgonia.Node, error) {
	var e Expr
	return e.N(Div(e.N(RowSum(x)), e.N(RowCount(x)))), e.Err
}

// RowCount returns how many candidates of each row are not masked, [B]. It has
// no gradient.
func RowCount(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("rowcount", false, 1, rowCount[float32], rowCount[float64], nil, nil, x)
}

func rowCount[T Float](dst []T, i int, x []T, _ []any) { dst[i] = T(kernel.CountUnmasked(x)) }

// sumWhere returns Σ_k x_k over the k at which ref is not masked. ref has no
// gradient.
func sumWhere(x, ref node) (node, error) {
	return rowOp("rowsum", false, 1, rowSum[float32], rowSum[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(repeatWhere(g, in[1])), nil}
	}, []int{1}, x, ref)
}

func rowSum[T Float](dst []T, i int, x []T, in []any) {
	dst[i] = T(kernel.SumUnmasked(x, vec[T](in[1])[i*len(x):(i+1)*len(x)]))
}

// repeatWhere returns v [B] in each column, 0 where ref [B,K] is masked: the
// adjoint of sumWhere.
func repeatWhere(v, ref node) (node, error) {
	return rowOp("repeat", true, 1, repeatRow[float32], repeatRow[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{nil, e.N(sumWhere(g, in[0]))}
	}, []int{0}, ref, v)
}

func repeatRow[T Float](dst []T, i int, ref []T, in []any) {
	kernel.FillUnmasked(dst[i*len(ref):(i+1)*len(ref)], ref, vec[T](in[1])[i])
}

// RowDot returns Σ_k a_k b_k [B] of a, b [B,K], where 0·(±Inf) = 0.
func RowDot(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	if a != nil && b != nil && !a.Shape().Eq(b.Shape()) {
		return nil, fmt.Errorf("graph: rowdot: shapes %v and %v differ", a.Shape(), b.Shape())
	}
	if err := wantDims("rowdot", "b", b, 2); err != nil {
		return nil, err
	}
	return rowOp("rowdot", false, 2, rowDot[float32], rowDot[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(MulRow(in[1], g)), e.N(MulRow(in[0], g))}
	}, nil, a, b)
}

func rowDot[T Float](dst []T, i int, a []T, in []any) {
	dst[i] = T(kernel.DotWide(a, vec[T](in[1])[i*len(a):(i+1)*len(a)]))
}

// RowMax returns max_k x_k [B], −Inf where all candidates are masked. The
// gradient goes to the first of several maxima.
func RowMax(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("rowmax", false, 1, rowMax[float32], rowMax[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		first := e.N(rowOp("rowargmax", true, 1, rowArgmax[float32], rowArgmax[float64], nil, nil, in[0]))
		return gorgonia.Nodes{e.N(MulRow(first, g))}
	}, nil, x)
}

func rowMax[T Float](dst []T, i int, x []T, _ []any) { dst[i] = kernel.Max(x) }

// rowArgmax stores 1 at the first maximum and 0 elsewhere.
func rowArgmax[T Float](dst []T, i int, x []T, _ []any) {
	y := dst[i*len(x) : (i+1)*len(x)]
	clear(y)
	m := kernel.Max(x)
	for k, v := range x {
		if v == m && !masked(v) {
			y[k] = 1
			return
		}
	}
}

// LogSumExp returns ln Σ_k e^{x_k} [B], shifted by the maximum; −Inf where all
// candidates are masked, NaN where one is NaN or +Inf.
func LogSumExp(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("logsumexp", false, costMath, rowLSE32, rowLSE, func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(MulRow(e.N(Softmax(in[0])), g))}
	}, nil, x)
}

func rowLSE32(dst []float32, i int, x []float32, _ []any) {
	m, log := kernel.LogSumExp32(x)
	dst[i] = float32(float64(m) + log)
}

func rowLSE(dst []float64, i int, x []float64, _ []any) {
	m, log := kernel.LogSumExp(x, nil)
	dst[i] = m + log
}

// Softmax returns e^{x_k} / Σ_j e^{x_j} [B,K], 0 at masked candidates and in
// rows where all are.
func Softmax(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("softmax", true, 2*costMath, rowSoftmax[float32], rowSoftmax[float64], func(e *Expr, _ gorgonia.Nodes, y, g node) gorgonia.Nodes {
		// J is symmetric: Jg = y∘(g − ⟨g,y⟩).
		return gorgonia.Nodes{e.N(Mul(y, e.N(SubRow(g, e.N(RowDot(g, y))))))}
	}, nil, x)
}

func rowSoftmax[T Float](dst []T, i int, x []T, _ []any) {
	softmaxOf(dst[i*len(x):(i+1)*len(x)], x)
}

// softmaxOf stores the softmax of x in y: 0 where all of x is masked.
func softmaxOf[T Float](y, x []T) {
	m := kernel.Max(x)
	if masked(m) {
		clear(y)
		return
	}
	kernel.Scale(1/kernel.Exp(y, x, m), y) // of a NaN or +Inf all NaN
}

// LogSoftmax returns x_k − ln Σ_j e^{x_j} [B,K], −Inf at masked candidates.
func LogSoftmax(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("logsoftmax", true, costMath, rowLogSoftmax32, rowLogSoftmax, func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		g = e.N(maskLike(g, in[0]))
		return gorgonia.Nodes{e.N(Sub(g, e.N(MulRow(e.N(Softmax(in[0])), e.N(RowSum(g))))))}
	}, nil, x)
}

func rowLogSoftmax32(dst []float32, i int, x []float32, _ []any) {
	y := dst[i*len(x) : (i+1)*len(x)]
	m, log := kernel.LogSumExp32(x)
	if masked(m) {
		copy(y, x)
		return
	}
	kernel.AddScalarEach(y, x, -m) // apart from log: of large scores their sum has a coarse last place
	kernel.AddScalarEach(y, y, -float32(log))
}

func rowLogSoftmax(dst []float64, i int, x []float64, _ []any) {
	y := dst[i*len(x) : (i+1)*len(x)]
	m, log := kernel.LogSumExp(x, nil)
	for k, v := range x {
		y[k] = v - m - log
		if math.IsInf(m, -1) {
			y[k] = v
		}
	}
}

// L2Normalize returns each row of x [B,K] divided by max(‖row‖₂, 1e-12).
func L2Normalize(x *gorgonia.Node) (*gorgonia.Node, error) {
	return rowOp("l2normalize", true, 2, normalize[float32], normalize[float64], func(e *Expr, in gorgonia.Nodes, _, g node) gorgonia.Nodes {
		return gorgonia.Nodes{e.N(normalizeGrad(in[0], g))}
	}, nil, x)
}

func normalize[T Float](dst []T, i int, x []T, _ []any) {
	kernel.Unit(dst[i*len(x):(i+1)*len(x)], x)
}

// normalizeGrad returns (I − x̂x̂ᵀ)g/‖x‖ in one pass: normalisation of a class
// table is what cosine scores cost beside the products. Its own derivative is
// that of the same expression as nodes.
func normalizeGrad(x, g node) (node, error) {
	return rowOp("l2normalize gradient", true, 4, normalizeBack[float32], normalizeBack[float64], func(e *Expr, in gorgonia.Nodes, _, gg node) gorgonia.Nodes {
		x, g := in[0], in[1]
		n := e.N(rowNorm(x))
		y := e.N(DivRow(x, n))
		dx := e.N(DivRow(e.N(Sub(g, e.N(MulRow(y, e.N(RowDot(g, y)))))), n))
		return derivativeOf(e, dx, gg, x, g)
	}, nil, x, g)
}

func normalizeBack[T Float](dst []T, i int, x []T, in []any) {
	kernel.UnitGrad(dst[i*len(x):(i+1)*len(x)], vec[T](in[1])[i*len(x):(i+1)*len(x)], x)
}

// rowNorm returns max(‖row‖₂, 1e-12) [B].
func rowNorm(x node) (node, error) {
	return rowOp("rownorm", false, 2, rowNorm2[float32], rowNorm2[float64], func(e *Expr, in gorgonia.Nodes, out, g node) gorgonia.Nodes {
		// x/‖x‖. At the floor the derivative is 0, and of this formula so at the
		// row that gets there, which is x = 0.
		return gorgonia.Nodes{e.N(MulRow(e.N(DivRow(in[0], out)), g))}
	}, nil, x)
}

func rowNorm2[T Float](dst []T, i int, x []T, _ []any) { dst[i] = kernel.UnitNorm(x) }

package graph

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Repeat returns x [1] n times, [n]: a learnable number for every row.
func Repeat(x *gorgonia.Node, n int) (*gorgonia.Node, error) {
	if err := wantDims("repeat", "x", x, 1); err != nil {
		return nil, err
	}
	return apply(spec{name: "repeat", shape: tensor.Shape{n}, f32: fillBody[float32], f64: fillBody[float64],
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(total(g)))
		}}, x)
}

// total returns Σx [1] of x [n]: the adjoint of Repeat.
func total(x node) (node, error) {
	return apply(spec{name: "total", shape: tensor.Shape{1}, f32: sumBody[float32](), f64: sumBody[float64](),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(Repeat(g, in[0].Shape()[0])))
		}}, x)
}

// LogPositive returns log x where x > 0 and 0 elsewhere; the gradient is 1/x and 0.
func LogPositive(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unary("logpositive", x, func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		return math.Log(x) // of a NaN too
	}, logPositive, func(e *Expr, x, _, g node) node { return e.N(Mul(g, e.N(PowPositive(x, -1)))) })
}

func logPositive(dst, x []float32) {
	for i, v := range x {
		if v <= 0 {
			v = 1
		}
		dst[i] = v
	}
	kernel.Log(dst, dst)
}

// PowPositiveBy returns [x]₊^q with an exponent q [B] for each row of x [B,K]: x^q
// where x > 0 and 0 elsewhere. The derivatives are q[x]₊^{q−1} and [x]₊^q log x.
func PowPositiveBy(x, q *gorgonia.Node) (*gorgonia.Node, error) {
	return perRow("powpositiveby", powPositive, powPositiveBy, x, q, func(e *Expr, x, q, y, g node) (node, node) {
		slope := e.N(MulRow(e.N(PowPositiveBy(x, e.N(AddScalar(q, -1)))), q))
		return e.N(Mul(g, slope)), e.N(RowDot(g, e.N(Mul(y, e.N(LogPositive(x))))))
	})
}

func powPositiveBy(dst, x []float64, q float64) {
	for k, v := range x {
		dst[k] = 0
		if !(v <= 0) { // a NaN too
			dst[k] = math.Pow(v, q)
		}
	}
}

// ThresholdBy is [EntmaxThreshold] with α [B], above 1, an operand with a gradient:
//
//	dξ/dz = a·u/Σu,   dξ/dα = (⟨u, z⟩ − Σ p log d / a)/Σu
//
// where a = α−1, d = a·z − ξ, p = [d]₊^{1/a} and u = [d]₊^{1/a−1}, by the implicit
// function theorem. ξ is NaN where α is not above 1.
func ThresholdBy(z, alpha *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("thresholdby", "alpha", alpha, 1); err != nil {
		return nil, err
	}
	if err := wantDims("thresholdby", "z", z, 2); err != nil {
		return nil, err
	}
	k := z.Shape()[1]
	return apply(spec{name: "thresholdby", shape: alpha.Shape().Clone(),
		f32: thresholdByBody[float32](k), f64: thresholdByBody[float64](k),
		diff: func(in gorgonia.Nodes, xi, g node) (gorgonia.Nodes, error) {
			var e Expr
			z, a := e.N(FillMasked(in[0], 0)), e.N(AddScalar(in[1], -1))
			d := e.N(SubRow(e.N(MulRow(in[0], a)), xi))
			q := e.N(Pow(a, -1))
			u := e.N(PowPositiveBy(d, e.N(AddScalar(q, -1))))
			share := e.N(Div(g, e.N(RowSum(u))))
			entropy := e.N(RowDot(e.N(PowPositiveBy(d, q)), e.N(LogPositive(d))))
			byAlpha := e.N(Sub(e.N(RowDot(u, z)), e.N(Mul(entropy, q))))
			return e.grads(e.N(MulRow(u, e.N(Mul(share, a)))), e.N(Mul(share, byAlpha)))
		}}, z, alpha)
}

func thresholdByBody[T Float](k int) body[T] {
	var work scratch[float64]
	return func(dst []T, in []any) error {
		z, alpha := vec[T](in[0]), vec[T](in[1])
		work.grow(k)
		return work.parallel(len(dst), costMath*len(z), func(worker, lo, hi int) error {
			w := work.of(worker)
			for i := lo; i < hi; i++ {
				row, a := z[i*k:(i+1)*k], float64(alpha[i])-1
				if !(a > 0) || math.IsInf(a, 1) {
					dst[i] = T(math.NaN())
					continue
				}
				dst[i] = T(rowThreshold(w, row, a, 1/a))
			}
			return nil
		})
	}
}

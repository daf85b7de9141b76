package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// entmaxNode states λ/(α(α−1))·[(α−1)Σ[d]_+^{α/(α−1)} + Σt^α − αΣ t d] with
// d = x − ξ(x).
func entmaxNode(alpha, lambda float64, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	a := alpha - 1
	s := e.N(graph.Scale(z, 1/lambda))
	d := e.N(graph.SubRow(e.N(graph.Scale(s, a)), e.N(graph.EntmaxThreshold(s, alpha))))
	pAlpha := e.N(graph.RowSum(e.N(graph.PowPositive(d, alpha/a))))
	tAlpha := e.N(targetPower(t, z, alpha))
	sum := e.N(graph.Sub(
		e.N(graph.Add(e.N(graph.Scale(pAlpha, a)), tAlpha)),
		e.N(graph.Scale(e.N(graph.TargetDot(d, t)), alpha))))
	return e.N(graph.Scale(sum, lambda/(alpha*a))), e.Err
}

// EntmaxAt returns the entmax losses [B] of scores z [B,K] under targets t at an
// α [B] that is a node above 1 and receives a gradient: a learnable α, one for
// all rows by graph.Repeat or one a row. The gradient by α goes through p, with ∂p/∂α of
// Correia, Niculae & Martins 2019, arXiv:1909.00015, proposition 1. It is the definition of "entmax:alpha=learned".
//
// Under a target of one class the loss falls as α rises, whatever z is, because
// ∂ℓ/∂α = ∂Ω_α(t)/∂α − ∂Ω_α(p)/∂α, of which the first is 0 there and neither is negative.
func EntmaxAt(z, alpha *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	z = e.N(fromPeak(z))
	a := e.N(graph.AddScalar(alpha, -1))
	d := e.N(graph.SubRow(e.N(graph.MulRow(z, a)), e.N(graph.ThresholdBy(z, alpha))))
	pAlpha := e.N(graph.RowSum(e.N(graph.PowPositiveBy(d, e.N(graph.Div(alpha, a))))))
	tAlpha := e.N(graph.RowSum(e.N(graph.PowPositiveBy(e.N(graph.TargetMatrix(t, z)), alpha))))
	sum := e.N(graph.Sub(
		e.N(graph.Add(e.N(graph.Mul(pAlpha, a)), tAlpha)),
		e.N(graph.Mul(e.N(graph.TargetDot(d, t)), alpha))))
	return e.N(graph.Div(sum, e.N(graph.Mul(alpha, a)))), e.Err
}

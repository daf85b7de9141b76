package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// Margin is the family of softmax cross-entropies of scaled cosines in which the label's
// cosine c_y is first lowered to a(c_y): the mean over the targets y, by their weights, of
//
//	ℓ = log1p(R_y/e^{s·a(c_y)}),   R_y = Σ_{j≠y} e^{s·c_j}
//	∂ℓ/∂c_j = s e^{s·c_j}/S_y for j ≠ y,   ∂ℓ/∂c_y = −s a'(c_y) R_y/S_y
//
// with S_y = R_y + e^{s·a(c_y)}: [Rivals] with V = softplus(λ + s·(c_y − a(c_y))).
type Margin struct {
	Scale float64                                              // s > 0
	Lower func(c float64) (a, da float64)                      // a and a′
	Node  func(e *graph.Expr, c *gorgonia.Node) *gorgonia.Node // a of the labels' cosines [N]; nil is Lower with its a′
}

// Form returns the loss. It panics if a function is nil or a number out of its range.
func (l Margin) Form() Form {
	want(l.Scale > 0, "Margin", "a scale above 0")
	want(l.Lower != nil, "Margin", "Lower")
	f := Rivals{Tau: 1 / l.Scale, Value: func(lead, label float64) (v, byLead, byLabel float64) {
		c := label / l.Scale
		a, da := l.Lower(c)
		lead += l.Scale * (c - a)
		miss := Sigmoid(lead)
		return Softplus(lead), miss, miss * (1 - da)
	}}
	if l.Node != nil {
		f.Node = func(e *graph.Expr, lead, label *gorgonia.Node) *gorgonia.Node {
			c := e.N(graph.Scale(label, 1/l.Scale))
			lost := e.N(graph.Scale(e.N(graph.Sub(c, l.Node(e, c))), l.Scale))
			return e.N(graph.Softplus(e.N(graph.Add(lead, lost))))
		}
	}
	form := f.Form()
	form.Ref = func(z []float64, t Target[float64]) float64 { return marginRef(l, z, t) }
	return form
}

// marginRef moves the label's cosine and takes softmaxRef.
func marginRef(l Margin, z []float64, t Target[float64]) float64 {
	var loss float64
	moved := make([]float64, len(z))
	for i, y := range t.Pos {
		copy(moved, z)
		moved[y], _ = l.Lower(z[y])
		loss += t.Weight[i] * softmaxRef(l.Scale, 0, moved, Target[float64]{Pos: t.Pos[i : i+1], Weight: []float64{1}})
	}
	return loss
}

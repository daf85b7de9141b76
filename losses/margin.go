package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// margined is the softmax cross-entropy of scaled cosines in which the label's
// cosine c_y is first lowered to a(c_y): the mean over the positives y, by their
// weights, of
//
//	ℓ(c,y) = log1p(R_y/e^{s·a(c_y)}),   R_y = Σ_{j≠y} e^{s·c_j}
//	∂ℓ/∂c_j = s e^{s·c_j}/S_y for j ≠ y,   ∂ℓ/∂c_y = −s a'(c_y) R_y/S_y
//
// with S_y = R_y + e^{s·a(c_y)}. lower returns a and a'.
type margined[T Float] struct {
	scale float64
	lower func(c float64) (a, da float64)
}

// marginedRows returns the loss at both precisions and fused.
func marginedRows(scale float64, lower func(c float64) (a, da float64)) graph.Analytic {
	return graph.Analytic{F32: margined[float32]{scale, lower}, F64: margined[float64]{scale, lower},
		Fused: kernel.Stream(kernel.LogSumExpRivals{Tau: 1 / scale, Value: func(rivals, label float64) (v, byRivals, byLabel float64) {
			a, da := lower(label / scale)
			lag := rivals - scale*a
			miss := kernel.Sigmoid(lag)
			return kernel.Softplus(lag), miss, -miss * da
		}})}
}

func (margined[T]) WorkLen(int) int { return 0 }

func (l margined[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, at := peak(z)
	if m != m {
		return nan[T]()
	}
	// Leaving the largest term, which is 1, out of the sum keeps R_y exact where y
	// is the peak.
	rest := 0.0
	for j, c := range z {
		dz[j] = 0
		if j != at {
			rest += math.Exp(l.scale * (float64(c) - m))
		}
	}
	var loss, share float64 // share = Σ_y w_y/S_y
	for i, y := range t.Pos {
		r, lead := l.around(z, m, at, rest, int(y))
		// log1p(R/e^lead), where R may underflow and e^lead overflow.
		loss += float64(t.Weight[i]) * kernel.Softplus(math.Log(r)-lead)
		share += l.share(z, t, m, at, rest, i)
	}
	for j, c := range z {
		dz[j] = T(l.scale * share * math.Exp(l.scale*(float64(c)-m)))
	}
	for i, y := range t.Pos {
		r, lead := l.around(z, m, at, rest, int(y))
		_, da := l.lower(float64(z[y]))
		others := share - l.share(z, t, m, at, rest, i)
		if others < share/2 { // the share of a label that leads drowns those of the others: add them alone
			others = 0
			for k := range t.Pos {
				if k != i {
					others += l.share(z, t, m, at, rest, k)
				}
			}
		}
		own := float64(t.Weight[i]) * da * r / (r + math.Exp(lead))
		dz[y] = T(l.scale * (others*math.Exp(l.scale*(float64(z[y])-m)) - own))
	}
	return T(loss)
}

// share returns w_y/S_y of the i-th positive, relative to the peak.
func (l margined[T]) share(z []T, t Target[T], m float64, at int, rest float64, i int) float64 {
	r, lead := l.around(z, m, at, rest, int(t.Pos[i]))
	return float64(t.Weight[i]) / (r + math.Exp(lead))
}

// around returns R_y and s·a(z_y), both relative to the peak m at position at.
func (l margined[T]) around(z []T, m float64, at int, rest float64, y int) (r, lead float64) {
	r = rest
	if y != at {
		r = 1 + max(rest-math.Exp(l.scale*(float64(z[y])-m)), 0)
	}
	a, _ := l.lower(float64(z[y]))
	return r, l.scale * (a - m)
}

// marginNode states LSE(s·c') − s·c'_y with c' = c but c'_y = a(c_y), for the
// graph a of the label's cosine [B].
func marginNode(scale float64, lower func(e *graph.Expr, c *gorgonia.Node) *gorgonia.Node, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
		var e graph.Expr
		c := e.N(graph.TargetDot(z, y))
		a := lower(&e, c)
		change := e.N(graph.MulRow(e.N(graph.TargetMatrix(y, z)), e.N(graph.Sub(a, c))))
		x := e.N(graph.Scale(e.N(graph.Add(z, change)), scale))
		return e.N(graph.Sub(e.N(graph.LogSumExp(x)), e.N(graph.Scale(a, scale)))), e.Err
	})
}

// marginRef moves the label's cosine and takes softmaxRef.
func marginRef(scale float64, lower func(c float64) float64, z []float64, t Target[float64]) float64 {
	var loss float64
	moved := make([]float64, len(z))
	for i, y := range t.Pos {
		copy(moved, z)
		moved[y] = lower(z[y])
		loss += t.Weight[i] * softmaxRef(scale, 0, moved, Target[float64]{Pos: t.Pos[i : i+1], Weight: []float64{1}})
	}
	return loss
}

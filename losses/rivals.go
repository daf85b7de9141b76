package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Rivals is the family of losses of the label's score and of the log-sum-exp of all other
// classes: the mean over the targets y, by their weights, of
//
//	ℓ = V(λ_y, z_y/τ),   λ_y = log Σ_{j≠y} e^{(z_j−z_y)/τ}
//	∂ℓ/∂z_j = V_λ·q_j/τ,   ∂ℓ/∂z_y = (V_z − V_λ)/τ,   q = softmax(z/τ) over j ≠ y
//
// λ is the lead of the others over the label, in logarithmic odds, and V_λ, V_z are the
// partial derivatives. Without another class ℓ is 0. The cross-entropy is V = softplus(λ),
// where p_y = σ(−λ); a loss that does not change when all scores are shifted takes λ
// alone. The targets share one sum, so several cost as much as one. In [graph.LinearLoss]
// it takes the time of softmax.
type Rivals struct {
	Tau float64 // temperature τ > 0

	// Apart leaves the other targets of a row out of λ: it is of the classes that are no
	// target.
	Apart bool

	// Draws, above 0, makes λ that of as many uniform draws from the n classes of its sum:
	// λ_y = log((Draws/n) Σ_j e^{(z_j−z_y)/τ}), in which n does not count. 0 is the sum.
	Draws float64

	// Value returns V and its derivatives at finite arguments. V does not fall as the
	// lead grows.
	Value func(lead, label float64) (v, byLead, byLabel float64)

	// Node states V of λ and z/τ, both [N], as a graph. Nil is Value, differentiated by
	// its own derivatives.
	Node func(e *graph.Expr, lead, label *gorgonia.Node) *gorgonia.Node
}

// Form returns the loss. It panics if a function is nil or a number out of its range. It has no prediction map, unless the caller sets one.
func (l Rivals) Form() Form {
	want(l.Tau > 0 && !math.IsInf(l.Tau, 1), "Rivals", "a temperature above 0")
	want(l.Value != nil, "Rivals", "Value")
	want(l.Draws >= 0 && !math.IsInf(l.Draws, 1), "Rivals", "a number of draws, or 0")
	value := l.Value
	l.Value = func(lead, label float64) (v, byLead, byLabel float64) {
		if math.IsInf(lead, -1) {
			return 0, 0, 0
		}
		return value(lead, label)
	}
	fused := kernel.LogSumExpRivals{Tau: l.Tau, Apart: l.Apart, Draws: l.Draws, Value: func(rivals, label float64) (v, byRivals, byLabel float64) {
		v, byLead, byLabel := l.Value(rivals-label, label)
		return v, byLead, byLabel - byLead
	}}
	return Form{
		Analytic: withKernel(graph.FromStream(rivals[float32]{l}, rivals[float64]{l}), kernel.Stream(fused)),
		Node:     l.node,
		Ref: func(z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, l.Apart, func(s float64, negatives []float64) float64 {
				v, _, _ := l.Value(leadRef(l.Tau, l.Draws, s, negatives), s/l.Tau)
				return v
			})
		},
	}
}

func (l Rivals) node(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	return contrastNode(z, t, l.Apart, func(e *graph.Expr, _, x, s, some *gorgonia.Node) *gorgonia.Node {
		lead := leadNode(e, l.Tau, l.Draws, x, s)
		label := e.N(graph.Scale(s, 1/l.Tau))
		if e.Err != nil {
			return nil
		}
		v := l.Node
		if v == nil {
			v = l.opaque
		}
		return e.N(graph.Mul(v(e, lead, label), some))
	})
}

// opaque is V as one function of two numbers a row.
func (l Rivals) opaque(e *graph.Expr, lead, label *gorgonia.Node) *gorgonia.Node {
	n := lead.Shape()[0]
	pairs := e.N(graph.Concat(1, e.N(graph.Reshape(lead, n, 1)), e.N(graph.Reshape(label, n, 1))))
	return e.N(graph.MapRows(graph.RowFunction{
		Name: "rivals", Scalar: true,
		Eval: func(v, x []float64) error { v[0], _, _ = l.Value(x[0], x[1]); return nil },
		Back: func(dx, x, _, g []float64) error {
			_, a, b := l.Value(x[0], x[1])
			dx[0], dx[1] = g[0]*a, g[0]*b
			return nil
		},
	}, pairs))
}

// leadNode states log Σ_j e^{(z_j−z_y)/τ} over the negatives, 0 where there are none, for
// the x and s of contrastNode; draws are those of Rivals.
func leadNode(e *graph.Expr, tau, draws float64, x, s *gorgonia.Node) *gorgonia.Node {
	lead := e.N(graph.FillMasked(e.N(graph.LogSumExp(e.N(graph.Scale(e.N(graph.SubRow(x, s)), 1/tau)))), 0))
	if draws > 0 {
		n := e.N(graph.Clamp(e.N(graph.RowCount(x)), 1, math.MaxFloat32))
		lead = e.N(graph.Sub(lead, e.N(graph.Log(e.N(graph.Scale(n, 1/draws))))))
	}
	return lead
}

// leadRef adds the terms of log Σ_j e^{(z_j−s)/τ} one at a time.
func leadRef(tau, draws, s float64, negatives []float64) float64 {
	acc := math.Inf(-1)
	for _, x := range negatives {
		d := (x - s) / tau
		acc = max(acc, d) + math.Log1p(math.Exp(-math.Abs(acc-d)))
	}
	if draws > 0 {
		acc += math.Log(draws) - math.Log(float64(len(negatives)))
	}
	return acc
}

// rivals keeps the largest score of the classes that are no target and Σ e^{(z−m)/τ}, as
// foldExps does; its parameters are a score m near the largest and the log of what
// e^{(z−m)/τ} is divided by: differences of scores have all digits under any offset.
type rivals[T Float] struct{ Rivals }

func (rivals[T]) Layout() graph.Layout { return graph.Layout{Sums: 2, Params: 2} }

func (rivals[T]) Start([]float64, *graph.RowTarget[T]) {}

func (rivals[T]) Init(sums, _ []float64) { sums[0] = math.Inf(-1) }

func (l rivals[T]) Fold(sums, _ []float64, z []T, _ int) { foldExps(sums, z, 1/l.Tau) }

func (l rivals[T]) Merge(dst, src []float64) { mergeExps(dst, src, 1/l.Tau) }

func (l rivals[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	n, m := len(t.Z), sums[0]
	less := kernel.LogSumExpRivals{Apart: l.Apart, Draws: l.Draws}.Surplus(t.Classes, n)
	if n == 1 {
		v, byLead, byLabel := l.Value((m-float64(t.Z[0]))/l.Tau+math.Log(sums[1])-less, float64(t.Z[0])/l.Tau)
		params[0], params[1] = m, math.Log(sums[1]/byLead)
		if byLead == 0 { // also where there is no other class
			params[0], params[1] = 0, math.Inf(1)
		}
		t.Grad[0] = (byLabel - byLead) / l.Tau
		return v
	}
	for _, z := range t.Z {
		m = max(m, float64(z))
	}
	log2 := func(z float64) float64 { return (z - m) / l.Tau * math.Log2E }
	rest := log2(sums[0]) + math.Log2(sums[1])
	score := func(k int) float64 { return log2(float64(t.Z[k])) }
	all := kernel.NewLogSum(n, rest, score)
	// at returns w V, its derivative by the label's score and log₂ of w V_λ/Σ_{j≠y}: the
	// inverse of the divisor is the sum of the last.
	at := func(k int) (v, byLabel, term float64) {
		w, others := float64(t.Weight[k]), rest
		if !l.Apart {
			others = all.Without(k, rest, score)
		}
		v, byLead, byLabel := l.Value((others-score(k))*math.Ln2-less, float64(t.Z[k])/l.Tau)
		term = math.Inf(-1)
		if byLead != 0 {
			term = math.Log2(w*byLead) - others
		}
		return w * v, w * (byLabel - byLead), term
	}
	term := func(k int) float64 { _, _, x := at(k); return x }
	share := kernel.NewLogSum(n, math.Inf(-1), term)
	params[0], params[1] = m, -share.Value()*math.Ln2
	for k := range n {
		v, byLabel, _ := at(k)
		loss += v
		t.Grad[k] = byLabel / l.Tau
		if l.Apart {
			continue
		}
		// And what the other targets give it.
		t.Grad[k] += math.Exp2(share.Without(k, math.Inf(-1), term)+score(k)) / l.Tau
	}
	return loss
}

func (l rivals[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		dz[j] = T((float64(s)-params[0])/l.Tau - params[1])
	}
	kernel.Exp(dz, dz, 0)
	kernel.Scale(T(1/l.Tau), dz)
}

// Recall has e^{(z−m)/τ} of the m that Fold left.
func (l rivals[T]) Recall(dz, exps []T, sums, params []float64) {
	scale := math.Exp((sums[0]-params[0])/l.Tau-params[1]) / l.Tau
	for j, v := range exps {
		dz[j] = T(scale * float64(v))
	}
}

// foldExps adds e^{(z_j−m)·inv} to a sum of exponentials, which is the largest score m and
// Σ e^{(z_j−m)·inv}, and overwrites z. The largest of no score is −Inf.
func foldExps[T Float](sums []float64, z []T, inv float64) {
	m := sums[0]
	for _, s := range z {
		m = max(m, float64(s))
	}
	if math.IsInf(m, -1) {
		return
	}
	if m > sums[0] {
		sums[1] *= math.Exp((sums[0] - m) * inv) // 0 of nothing
		sums[0] = m
	}
	sums[1] += Exps(z, z, m, inv)
}

// mergeExps adds the sum of exponentials src to dst.
func mergeExps(dst, src []float64, inv float64) {
	m := max(dst[0], src[0])
	if math.IsInf(m, -1) {
		return
	}
	dst[1] = dst[1]*math.Exp((dst[0]-m)*inv) + src[1]*math.Exp((src[0]-m)*inv)
	dst[0] = m
}

package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "softmax",
		Doc:    "cross-entropy of the tempered softmax, with label smoothing",
		Source: "Bridle 1990, Neurocomputing, NATO ASI F68, 227-236; smoothing: Szegedy et al. 2016, arXiv:1512.00567, §7; as a Fenchel-Young loss: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §4",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ, which divides the scores", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.2, 2}, Hint: softmaxHint},
			{Name: "smoothing", Doc: "label smoothing ε: the target becomes (1−ε)t + ε/K", Default: 0, Min: 0, Max: 0.999, Probe: []float64{0.1}, Hint: smoothingHint},
			negativesParam,
		},
		Unit:     func(v Values) float64 { return v.Num("tau") },
		Formulas: softmaxFormulas,
		Theory: func(v Values) Theory {
			return softmaxWeight(v).theory(softmaxTheory(v.Num("tau"), v.Num("smoothing")))
		},
		Form: func(v Values) Form {
			return softmaxWeight(v).form(softmaxForm(v.Num("tau"), v.Num("smoothing")))
		},
	})
}

func softmaxWeight(v Values) weighed {
	return weighed{v.Num("negatives"), 1 / v.Num("tau")}
}

// softmax is the cross-entropy of the tempered softmax.
//
//	ℓ = log Σ_j e^{z_j/τ} − ⟨z/τ, t'⟩,   t' = (1−ε)t + ε/K
//	∂ℓ/∂z = (p − t')/τ,                  p = softmax(z/τ)
//
// It is affine in t: ℓ(z,t) = Σ_k t_k ℓ(z,k). The Fenchel–Young value, which is 0
// at p = t, is τℓ(z,t) + τ Σ t log t. K counts the candidates that are not masked.
//
// It is the one loss with a row of its own beside its kernel: a row takes one exponential
// of a score where a stream takes two, and it is what all sampled softmax losses run.
type softmax[T Float] struct{ tau, inv, eps float64 } // τ, 1/τ and ε

// softmaxForm is the loss at a temperature and a smoothing.
func softmaxForm(tau, eps float64) Form {
	rows := graph.Analytic{F32: softmax[float32]{tau, 1 / tau, eps}, F64: softmax[float64]{tau, 1 / tau, eps}}
	if eps > 0 {
		rows = graph.Analytic{F32: smoothed[float32]{softmax[float32]{tau, 1 / tau, eps}}, F64: smoothed[float64]{softmax[float64]{tau, 1 / tau, eps}}}
	}
	return Form{
		Analytic: rows,
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return softmaxNode(1/tau, eps, z, t)
		},
		Ref:     func(z []float64, t Target[float64]) float64 { return softmaxRef(1/tau, eps, z, t) },
		Predict: func(p, z []float64) { softmaxMap(1/tau, p, z) },
	}
}

// Kernel is the form that is fused with a linear layer.
func (l softmax[T]) Kernel() kernel.Loss {
	return kernel.Softmax{Tau: float32(l.tau), Smoothing: float32(l.eps)}
}

func (softmax[T]) WorkLen(int) int { return 0 }

func (l softmax[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, at := Peak(z)
	if m != m {
		return nan[T]()
	}
	// Leaving the largest term, which is 1, out of the sum keeps log1p(rest) and
	// the gradient at the peak exact when every other term is below rounding.
	rest := expsBut(dz, z, m, l.inv, at)
	sum := 1 + rest
	loss := math.Log1p(rest)
	kernel.Scale(T(l.inv/sum), dz)
	uniform := 0.0 // ε/K
	if l.eps > 0 {
		uniform = l.eps / float64(Unmasked(z))
		for j, s := range z {
			if !Masked(s) {
				loss += uniform * (m - float64(s)) * l.inv
				dz[j] = T(float64(dz[j]) - uniform*l.inv)
			}
		}
	}
	short := 1 - uniform // 1 − t'_at
	for i, k := range t.Pos {
		w := (1 - l.eps) * float64(t.Weight[i])
		loss += w * (m - float64(z[k])) * l.inv
		if int(k) == at {
			short -= w
		} else {
			dz[k] = T(float64(dz[k]) - w*l.inv)
		}
	}
	dz[at] = T((short - rest/sum) * l.inv) // p = 1 − rest/sum
	return T(loss)
}

// EvalShared implements graph.SharedNegatives, without smoothing: with the weights' sum M, τ = 1 and S = Σ e^{n_j}
// over the negatives,
//
//	Σ_i w_i [log(e^{x_i} + S) − x_i],   ∂/∂x_i = −w_i S/(e^{x_i}+S),   ∂/∂n_j = e^{n_j} Σ_i w_i/(e^{x_i}+S)
func (l softmax[T]) EvalShared(dpos, dneg, pos, neg, weight []T) T {
	m := math.Inf(-1)
	for _, s := range neg {
		m = max(m, float64(s)) // NaN stays
	}
	if math.IsInf(m, -1) { // the positives are alone: no loss
		clear(dpos)
		clear(dneg)
		return 0
	}
	if m != m || math.IsInf(m, 1) {
		return nan[T]()
	}
	sum := expsBut(dneg, neg, m, l.inv, -1) // S/e^m ≥ 1
	logSum := math.Log(sum)
	var loss, share float64
	for i, s := range pos {
		w, lead := float64(weight[i]), (float64(s)-m)*l.inv-logSum // log of e^x/S
		loss += w * Softplus(-lead)
		miss := Sigmoid(-lead) // S/(e^x+S)
		dpos[i] = T(-w * miss * l.inv)
		share += w * miss
	}
	kernel.Scale(T(share*l.inv/sum), dneg)
	return T(loss)
}

// smoothed is a softmax with label smoothing, whose target touches every
// candidate: it has no EvalShared.
type smoothed[T Float] struct{ all softmax[T] }

// Kernel is the form that is fused with a linear layer.
func (l smoothed[T]) Kernel() kernel.Loss { return l.all.Kernel() }

func (l smoothed[T]) WorkLen(k int) int { return l.all.WorkLen(k) }

func (l smoothed[T]) Eval(dz, z []T, t Target[T], work []T) T { return l.all.Eval(dz, z, t, work) }

// softmaxNode states log Σ e^{z/τ} − ⟨z/τ, t'⟩.
func softmaxNode(inv, eps float64, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	x := e.N(graph.Scale(z, inv))
	at := e.N(graph.TargetDot(x, t))
	if eps > 0 {
		at = e.N(graph.Add(e.N(graph.Scale(at, 1-eps)), e.N(graph.Scale(e.N(graph.RowMean(x)), eps))))
	}
	return e.N(graph.Sub(e.N(graph.LogSumExp(x)), at)), e.Err
}

// softmaxRef adds the terms of log Σ_j e^{(z_j−z_k)/τ} one at a time with
// log(e^a+e^b) = max + log1p(e^{−|a−b|}), for every class k of t'.
func softmaxRef(inv, eps float64, z []float64, t Target[float64]) float64 {
	smooth := make([]float64, len(z))
	for j := range smooth {
		smooth[j] = eps / float64(len(z))
	}
	for i, k := range t.Pos {
		smooth[k] += (1 - eps) * t.Weight[i]
	}
	var loss float64
	for k, w := range smooth {
		if w == 0 {
			continue
		}
		acc := 0.0 // the term of k itself
		for j, s := range z {
			if d := (s - z[k]) * inv; j != k {
				acc = max(acc, d) + math.Log1p(math.Exp(-math.Abs(acc-d)))
			}
		}
		loss += w * acc
	}
	return loss
}

// softmaxMap stores softmax(inv·z) in p.
func softmaxMap(inv float64, p, z []float64) {
	m, _ := Peak(z)
	var sum float64
	for j, s := range z {
		p[j] = math.Exp((s - m) * inv)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
}

func softmaxTheory(tau, eps float64) Theory {
	th := Theory{
		Props:           NonNegative | ShiftInvariant | FenchelYoungForm | Simplex | Convex,
		Smoothness:      Constant(1 / (2 * tau * tau)), // at p = (½, ½)
		Tight:           0.999,
		MapOrder:        OrderStrict,
		PopulationOrder: OrderStrict,
		ZeroOne:         true,
		Link: func(t, count []float64) []float64 {
			k := classes(t, count)
			z := make([]float64, len(t))
			for i, ti := range t {
				z[i] = tau * math.Log((1-eps)*ti+eps/k)
			}
			return z
		},
		Condition: func(t []float64) float64 {
			return spread(t, func(ti float64) float64 { return (1-eps)*ti + eps/float64(len(t)) })
		},
		Calibrated: eps == 0,
		Margin:     math.Inf(1),
		Cost:       "O(K)",
	}
	if eps > 0 {
		th.Support.Of = ButSigns // p_j = ε/K
	}
	return th
}

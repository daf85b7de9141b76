package main

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// This file is all that a new loss needs: it registers itself, and from then on
// losses.Parse, training, checks and the conformance suite know it by its name.

func init() {
	losses.Register(losses.Spec{
		Name:   "poly",
		Doc:    "cross-entropy plus ε(1 − p_y): the first term of its series in 1 − p_y, reweighted",
		Source: "Leng et al. 2022, arXiv:2204.12511, Poly-1, eq. 6",
		Params: []losses.Param{
			{Name: "eps", Doc: "ε, weight of 1 − p_y beyond the cross-entropy's own", Default: 1, Min: 0, Max: 100, Probe: []float64{4}},
		},
		Theory: func(v losses.Values) losses.Theory { return polyTheory(v.Num("eps")) },
		New: func(v losses.Values) graph.Analytic {
			eps := v.Num("eps")
			return graph.Analytic{F32: poly[float32]{eps}, F64: poly[float64]{eps}}
		},
		// The definition: Σ_k t_k (−log p_k + ε(1 − p_k)).
		Node: func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			logp := e.N(graph.TargetDot(e.N(graph.LogSoftmax(z)), t))
			p := e.N(graph.TargetDot(e.N(graph.Softmax(z)), t))
			return e.N(graph.Sub(e.N(graph.Scale(e.N(graph.AddScalar(e.N(graph.Neg(p)), 1)), v.Num("eps"))), logp)), e.Err
		},
		// The textbook value: 1/p_k = Σ_j e^{z_j − z_k}, one class after another.
		Ref: func(v losses.Values, z []float64, t losses.Target[float64]) float64 {
			var loss float64
			for i, k := range t.Pos {
				top, sum := math.Inf(-1), 0.0
				for _, s := range z {
					top = max(top, s-z[k])
				}
				for _, s := range z {
					sum += math.Exp(s - z[k] - top)
				}
				logp := -top - math.Log(sum)
				loss += t.Weight[i] * (v.Num("eps")*-math.Expm1(logp) - logp)
			}
			return loss
		},
		Predict: func(_ losses.Values, p, z []float64) { poly[float64]{}.softmax(p, z) },
	})
}

// poly is the closed form, with p = softmax(z) and m = ⟨t, p⟩:
//
//	ℓ = Σ_k t_k (−log p_k + ε(1 − p_k))
//	∂ℓ/∂z_k = (1 + εm) p_k − t_k (1 + ε p_k)
type poly[T losses.Float] struct{ eps float64 }

// WorkLen implements graph.RowLoss.
func (poly[T]) WorkLen(int) int { return 0 }

// softmax stores p and returns log Σ_j e^{z_j} as the largest score and the rest, NaN
// where z has a NaN or +Inf: their sum would lose the digits of the rest to a score
// that is large. A masked score, −Inf, gets 0.
func (poly[T]) softmax(p, z []T) (top, rest float64) {
	top = math.Inf(-1)
	for _, s := range z {
		top = max(top, float64(s)) // the builtin max keeps a NaN
	}
	if math.IsNaN(top) || math.IsInf(top, 1) {
		return math.NaN(), 0
	}
	sum := 0.0
	for _, s := range z {
		sum += math.Exp(float64(s) - top)
	}
	for j, s := range z {
		p[j] = T(math.Exp(float64(s)-top) / sum)
	}
	return top, math.Log(sum)
}

// Eval implements graph.RowLoss.
func (l poly[T]) Eval(dz, z []T, t losses.Target[T], _ []T) T {
	top, rest := l.softmax(dz, z)
	log := func(k int32) float64 { return float64(z[k]) - top - rest } // of p_k
	var loss, mass float64
	for i, k := range t.Pos {
		w, logp := float64(t.Weight[i]), log(k)
		loss += w * (l.eps*-math.Expm1(logp) - logp)
		mass += w * math.Exp(logp)
	}
	for j, p := range dz {
		dz[j] = T((1 + l.eps*mass) * float64(p))
	}
	for i, k := range t.Pos {
		dz[k] = T(float64(dz[k]) - float64(t.Weight[i])*(1+l.eps*math.Exp(log(k))))
	}
	return T(loss)
}

// polyTheory declares what the conformance suite then holds the loss to. With
// φ(p) = −log p + ε(1 − p) the risk Σ t_k φ(p_k) is convex in p, and at its
// minimum t_k (1/p_k + ε) is one number for all k: the larger t_k, the larger p_k.
// In z the loss is convex as long as ε(1 − 2p_y) ≤ 1 for every p_y.
func polyTheory(eps float64) losses.Theory {
	th := losses.Theory{
		Props:           losses.NonNegative | losses.ShiftInvariant | losses.Simplex,
		Smoothness:      losses.Constant((1 + eps) / 2), // ½ of the cross-entropy, and at most ½ of p_y
		MapOrder:        losses.OrderStrict,
		PopulationOrder: losses.OrderStrict,
		ZeroOne:         true,
		Calibrated:      eps == 0,
		Margin:          math.Inf(1),
		Cost:            "O(K)",
	}
	if eps <= 1 {
		th.Props |= losses.Convex
	}
	return th
}

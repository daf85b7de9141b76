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
		// A function of the others' lead over the label, λ = log Σ_{j≠y} e^{z_j−z_y}, and its
		// derivative: ℓ = softplus(λ) + ε σ(λ), since 1 − p_y = σ(λ). The family makes the
		// analytic row, the fused form and the textbook value of it.
		Form: func(v losses.Values) losses.Form {
			eps := v.Num("eps")
			return losses.Rivals{
				Tau: 1,
				Value: func(lead, _ float64) (v, byLead, byLabel float64) {
					miss := losses.Sigmoid(lead)
					return losses.Softplus(lead) + eps*miss, miss * (1 + eps*losses.Sigmoid(-lead)), 0
				},
				Node: func(e *graph.Expr, lead, _ *gorgonia.Node) *gorgonia.Node { // to be differentiated
					return e.N(graph.Add(e.N(graph.Softplus(lead)), e.N(graph.Scale(e.N(graph.Sigmoid(lead)), eps))))
				},
			}.Form()
		},
		// What is declared here the conformance suite holds the loss to. In z it is convex as
		// long as ε(1 − 2p_y) ≤ 1 for every p_y.
		Theory: func(v losses.Values) losses.Theory {
			th := losses.Theory{
				Props:           losses.NonNegative | losses.ShiftInvariant | losses.AffineInTarget,
				Smoothness:      losses.Constant((1 + v.Num("eps")) / 2), // ½ of the cross-entropy, and at most ½ of p_y
				PopulationOrder: losses.OrderStrict,                      // at the minimum t_k (1/p_k + ε) is one number
				ZeroOne:         true,
				Margin:          math.Inf(1),
				Cost:            "O(K)",
			}
			if v.Num("eps") <= 1 {
				th.Props |= losses.Convex
			}
			return th
		},
	})
}

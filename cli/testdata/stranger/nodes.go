package main

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// squentropy is a loss that is nothing but its nodes: softmax's cross-entropy and the mean
// square of the other candidates' scores (Hui, Belkin & Wright 2023, arXiv:2302.03952).
//
//	ℓ = log Σ_j e^{z_j} − ⟨t, z⟩ + ⟨1 − t, z²⟩/(K − 1)
func init() {
	losses.Register(losses.Spec{Name: "own-squentropy", Doc: "cross-entropy and the mean square of the other scores",
		Node: func(_ losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			square := e.N(graph.Square(e.N(graph.FillMasked(z, 0)))) // a masked candidate adds nothing
			other := e.N(graph.AddScalar(e.N(graph.Neg(e.N(graph.TargetMatrix(t, z)))), 1))
			rest := e.N(graph.RowDot(square, other))
			others := e.N(graph.Clamp(e.N(graph.AddScalar(e.N(graph.RowCount(z)), -1)), 1, math.Inf(1)))
			entropy := e.N(graph.Sub(e.N(graph.LogSumExp(z)), e.N(graph.TargetDot(z, t))))
			return e.N(graph.Add(entropy, e.N(graph.Div(rest, others)))), e.Err
		}})
}

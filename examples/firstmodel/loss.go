package main

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// my-poly is the cross-entropy plus ε(1 − p), p being the label's probability (Leng et al. 2022).
func init() {
	losses.Register(losses.Spec{
		Name: "my-poly", Doc: "cross-entropy plus ε(1 − p)",
		Params: []losses.Param{{Name: "eps", Doc: "ε, what an unlikely label costs more", Default: 1, Max: 100}},
		Node: func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			entropy := e.N(graph.Sub(e.N(graph.LogSumExp(z)), e.N(graph.TargetDot(z, t))))
			p := e.N(graph.TargetDot(e.N(graph.Softmax(z)), t))
			miss := e.N(graph.AddScalar(e.N(graph.Neg(p)), 1))
			return e.N(graph.Add(entropy, e.N(graph.Scale(miss, v.Num("eps"))))), e.Err
		},
	})
}

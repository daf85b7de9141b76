package graph

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Gorgonia's derivatives read constants that all graphs of a process share and that write
// down their own hash when a graph first asks for it. Two graphs that are built at the same
// time for the first time, as the runs of a comparison are, would both write. Each constant
// that a derivative adds to a graph is therefore asked once, before any other graph exists.
func init() {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		var e Expr
		x := gorgonia.NewScalar(gorgonia.NewGraph(), dt, gorgonia.WithName("x"))
		cost := e.N(gorgonia.Square(x))                        // two
		cost = e.N(gorgonia.Add(cost, e.N(gorgonia.Cube(x))))  // three
		cost = e.N(gorgonia.Add(cost, e.N(gorgonia.Log2(x))))  // ln 2
		cost = e.N(gorgonia.Add(cost, e.N(gorgonia.Log1p(x)))) // one, as the cost's own gradient
		if _, err := gorgonia.Grad(cost, x); err != nil || e.Err != nil {
			panic("graph: Gorgonia does not differentiate a sum of powers and logarithms")
		}
	}
}

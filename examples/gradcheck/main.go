// Command gradcheck ends a Gorgonia graph of its own, a small perceptron, with a
// loss twice: with the loss's definition, whose gradient is symbolic
// differentiation, and with its closed form. Costs and gradients agree with each
// other and with central differences.
package main

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// lossNode ends a graph: scores z [B,K] and targets to losses [B].
type lossNode func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)

func main() {
	for _, text := range []string{"softmax", "softmax:tau=0.5,smoothing=0.1", "sparsemax"} {
		loss, err := losses.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		cost, grad, err := gradient(loss.Node)
		if err != nil {
			log.Fatal(err)
		}
		cost2, grad2, err := gradient(func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.Loss(loss.Analytic, z, t)
		})
		if err != nil {
			log.Fatal(err)
		}
		apart := math.Abs(cost - cost2)
		for i := range grad {
			apart = max(apart, math.Abs(grad[i]-grad2[i]))
		}
		fmt.Printf("%s: cost %.6f, symbolic and closed form within 1e-12: %t\n", text, cost, apart < 1e-12)
	}
}

// gradient returns mean ℓ(tanh(x·Uᵀ)·Wᵀ, y) over three rows of four, its gradient
// with respect to W, and an error that names the worst entries if central
// differences disagree. The numbers are the same every time.
func gradient(loss lossNode) (cost float64, dw []float64, err error) {
	const rows, in, hidden, classes = 4, 3, 5, 7
	rng := rand.New(rand.NewPCG(1, 2))
	us, ws := make([]float64, hidden*in), make([]float64, classes*hidden)
	b := graph.NewBuilder[float64]()
	x, xs := b.Input("x", rows, in)
	for _, v := range [][]float64{xs, us, ws} {
		for i := range v {
			v[i] = rng.NormFloat64()
		}
	}
	u, w := b.Param("U", us, hidden, in), b.Param("W", ws, classes, hidden)
	targets, y := b.Targets("y", rows, rows)
	e := graph.Expr{Err: y.SetLabels([]int32{2, 0, -1, 6})} // −1 pads
	h := e.N(graph.Tanh(e.N(graph.MatMul(x, u, false, true))))
	mean := e.N(graph.MeanRows(e.N(loss(e.N(graph.MatMul(h, w, false, true)), targets)), targets))
	if e.Err != nil {
		return 0, nil, e.Err
	}
	p, err := b.Train(mean)
	if err != nil {
		return 0, nil, err
	}
	defer p.Close()
	if _, err := graph.CheckGradient(p, graph.GradientCheck{}); err != nil {
		return 0, nil, err
	}
	err = p.Run()
	return p.Cost(), append(dw, p.Grad(w).Data...), err
}

package graph_test

import (
	"fmt"
	"log"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// example is data of four rows, of two features each, in three classes.
func example(g *gorgonia.ExprGraph) (x, w, y *gorgonia.Node) {
	x = gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(4, 2), gorgonia.WithName("x"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(4, 2), tensor.WithBacking([]float64{1, 0, 0, 1, -1, -1, 1, 0.2}))))
	w = gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(3, 2), gorgonia.WithName("w"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(3, 2), tensor.WithBacking(make([]float64, 6)))))
	y = gorgonia.NewVector(g, tensor.Int32, gorgonia.WithShape(4), gorgonia.WithName("y"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(4), tensor.WithBacking([]int32{0, 1, 2, -1})))) // −1 is padding
	return x, w, y
}

// A loss, chosen by name, in a graph, a machine and a solver that are Gorgonia's own.
func ExampleLoss() {
	loss, err := losses.Parse("entmax:alpha=1.5")
	if err != nil {
		log.Fatal(err)
	}
	g := gorgonia.NewGraph()
	x, w, y := example(g)
	targets, err := graph.LabelTargets(y)
	if err != nil {
		log.Fatal(err)
	}
	z := gorgonia.Must(gorgonia.Mul(x, gorgonia.Must(gorgonia.Transpose(w)))) // [B,C]
	rows, err := graph.Loss(loss.Analytic, z, targets)                        // [B]; 0 in padding
	if err != nil {
		log.Fatal(err)
	}
	cost := gorgonia.Must(gorgonia.Sum(rows))
	if _, err := gorgonia.Grad(cost, w); err != nil {
		log.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(w))
	defer machine.Close()
	solver := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.02))
	for step := range 61 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if step%20 == 0 {
			fmt.Printf("step %2d cost %.4f\n", step, cost.Value().Data())
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{w})); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}
	// Output:
	// step  0 cost 1.6906
	// step 20 cost 0.5116
	// step 40 cost 0.0955
	// step 60 cost 0.0157
}

// The same by Grad, which may be called as often as one likes, and without the matrix of
// scores.
func ExampleValueGrads() {
	loss, err := losses.Parse("softmax")
	if err != nil {
		log.Fatal(err)
	}
	g := gorgonia.NewGraph()
	x, w, y := example(g)
	targets, err := graph.LabelTargets(y)
	if err != nil {
		log.Fatal(err)
	}
	var e graph.Expr // keeps the first error
	rows := e.N(graph.LinearLoss(loss.Analytic, graph.Linear{H: x, W: w}, targets))
	decay := e.N(graph.Scale(e.N(graph.Sum(e.N(graph.Square(w)))), 0.01))
	cost := e.N(graph.Add(e.N(graph.MeanRows(rows, targets)), decay))
	if e.Err != nil {
		log.Fatal(e.Err)
	}
	params := gorgonia.Nodes{w}
	grads, err := graph.Grad(cost, params...)
	if err != nil {
		log.Fatal(err)
	}
	pairs, err := graph.ValueGrads(params, grads)
	if err != nil {
		log.Fatal(err)
	}
	machine := gorgonia.NewTapeMachine(g)
	defer machine.Close()
	solver := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.02))
	for step := range 61 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if step%20 == 0 {
			fmt.Printf("step %2d cost %.4f\n", step, cost.Value().Data())
		}
		if err := solver.Step(pairs); err != nil {
			log.Fatal(err)
		}
		machine.Reset()
	}
	// Output:
	// step  0 cost 1.0986
	// step 20 cost 0.6586
	// step 40 cost 0.4124
	// step 60 cost 0.3001
}

package graph_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/graph"
)

// A training graph: scores H·Wᵀ of two rows under cross-entropy, composed of
// primitives, and its gradient by symbolic differentiation.
func Example() {
	b := graph.NewBuilder[float64]()
	h, hidden := b.Input("h", 2, 2)                      // [B,d]
	w := b.Param("w", []float64{1, 0, 0, 1, 0, 0}, 3, 2) // [C,d], over memory of ours
	targets, labels := b.Targets("y", 2, 2)

	var e graph.Expr // keeps the first error
	z := e.N(graph.MatMul(h, w, false, true))
	loss := e.N(graph.Sub(e.N(graph.LogSumExp(z)), e.N(graph.TargetDot(z, targets))))
	cost := e.N(graph.MeanRows(loss, targets))
	if e.Err != nil {
		log.Fatal(e.Err)
	}
	p, err := b.Train(cost)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	copy(hidden, []float64{1, 0, 0, 2})
	if err := labels.SetLabels([]int32{0, 2}); err != nil {
		log.Fatal(err)
	}
	if err := p.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("cost %.4f\n", p.Cost())
	fmt.Printf("gradient of w %.4f\n", p.Grad(w).Data)

	// A batch of one row: the other is padding.
	if err := labels.SetLabels([]int32{0}); err != nil {
		log.Fatal(err)
	}
	if err := p.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("cost %.4f\n", p.Cost())
	// Output:
	// cost 1.3955
	// gradient of w [-0.2119 0.1065 0.1060 0.7870 0.1060 -0.8935]
	// cost 0.5514
}

// A graph reads a table as one leaf, of which a step moves the rows that were read.
func ExampleTable() {
	users := graph.NewTable[float32]("user", 4, 2)
	copy(users.Row(2), []float32{1, 2})
	b := graph.NewBuilder[float32]()
	leaf := b.Param(users.Name, users.Data, users.Rows, users.Dim)
	ids, batch := b.Indices("ids", 3)
	copy(batch, []int32{2, 0, -1}) // −1 is a row of padding
	var e graph.Expr
	h := e.N(graph.Lookup(leaf, ids))
	cost := e.N(graph.Sum(e.N(graph.Square(h))))
	if e.Err != nil {
		log.Fatal(e.Err)
	}
	p, err := b.Train(cost)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Cost(), p.Grad(leaf).Rows)
	if err := p.Step(leaf, users, descent{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(users.Row(2))
	// Output:
	// 5 [0 2]
	// [0 0]
}

// descent is w ← w − 0.5 g.
type descent struct{}

func (descent) Update(t *graph.Table[float32], g graph.Gradient[float32]) error {
	for i, r := range g.Rows {
		for k, x := range g.Data[i*t.Dim : (i+1)*t.Dim] {
			t.Row(r)[k] -= 0.5 * x
		}
	}
	return nil
}

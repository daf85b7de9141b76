package optim_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// One step on a table of three rows, of which one has a gradient.
func Example() {
	o, err := optim.Parse("sgd:lr=0.5")
	if err != nil {
		log.Fatal(err)
	}
	s, err := optim.ParseSchedule("linear")
	if err != nil {
		log.Fatal(err)
	}
	w := graph.NewTable[float32]("w", 3, 2)
	u := o.For(w)
	for step := range 4 {
		u.SetFactor(s.Factor(step, 2, 2)) // 2 steps an epoch, 2 epochs
		if err := u.Update(w, graph.Gradient[float32]{Rows: []int32{1}, Data: []float32{1, -2}}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(w.Data)
	}
	// Output:
	// [0 0 -0.5 1 0 0]
	// [0 0 -0.875 1.75 0 0]
	// [0 0 -1.125 2.25 0 0]
	// [0 0 -1.25 2.5 0 0]
}

package als_test

import (
	"context"
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/train/als"
)

// Three users and two classes; every sweep minimises exactly over the users, then
// over the classes, so the objective falls.
func Example() {
	s := als.New(als.Config{Dim: 2, Objective: als.IALS(0.1), Lambda: 0.01, Nu: 1, Init: 0.1, Seed: 1},
		als.Positives{Ptr: []int{0, 1, 2, 4}, Col: []int32{0, 1, 0, 1}}, 2)
	last := 0.0
	for sweep := range 4 {
		value, err := s.Sweep(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		if sweep > 0 {
			fmt.Println("fell:", value < last)
		}
		last = value
	}
	// Output:
	// fell: true
	// fell: true
	// fell: true
}

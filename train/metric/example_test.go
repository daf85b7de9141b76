package metric_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// Three relevant classes, of which a ranking has two among its first four.
func Example() {
	ms, err := metric.ParseAll([]string{"recall@4", "precision@4", "mrr@4"})
	if err != nil {
		log.Fatal(err)
	}
	list := metric.List{IDs: []int32{7, 2, 9, 4}, Hit: []bool{false, true, false, true}, Relevant: []int32{2, 4, 5}}
	for _, m := range ms {
		a := m.New(metric.Set{Classes: 10})
		a.Add(list) // of each example
		fmt.Printf("%s %.4f\n", m, a.Finish())
	}
	// Output:
	// recall@4 0.6667
	// precision@4 0.5000
	// mrr@4 0.5000
}

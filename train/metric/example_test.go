package metric_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// Three relevant items, of which a ranking has two among its first four.
func Example() {
	ms, err := metric.ParseAll([]string{"recall@4", "precision@4", "mrr@4"})
	if err != nil {
		log.Fatal(err)
	}
	hit := []bool{false, true, false, true}
	for _, m := range ms {
		fmt.Printf("%s %.4f\n", m, m.Score(hit, 3, m.K))
	}
	// Output:
	// recall@4 0.6667
	// precision@4 0.5000
	// mrr@4 0.5000
}

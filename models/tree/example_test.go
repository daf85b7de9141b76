package tree_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/models/tree"
)

// A Huffman tree: the more frequent a class, the shorter its path, and the class
// probabilities of any scores of the inner nodes sum to 1.
func Example() {
	counts := []float64{8, 1, 1, 4}
	t, err := tree.New("huffman", len(counts), counts)
	if err != nil {
		log.Fatal(err)
	}
	for y := range t.Classes() {
		fmt.Print(t.Len(y), " ")
	}
	fmt.Println("steps;", t.Nodes(), "inner nodes")
	logp := make([]float64, t.Classes())
	z := []float64{0, 0, 0} // each branch is even
	tree.LogP(t, logp, z, make([]float64, 2*t.Nodes()))
	fmt.Printf("%.4f\n", logp)
	// Output:
	// 1 3 3 2 steps; 3 inner nodes
	// [-0.6931 -2.0794 -2.0794 -1.3863]
}

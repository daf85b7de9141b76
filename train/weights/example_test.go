package weights_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// A file of named arrays and what belongs to them.
func Example() {
	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x.safetensors")
	err = weights.Write(path, map[string]int{"epoch": 7}, []graph.Array{
		{Name: "class", Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4}},
	})
	if err != nil {
		log.Fatal(err)
	}
	f, err := weights.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var meta map[string]int
	if err := f.Meta(&meta); err != nil {
		log.Fatal(err)
	}
	class := make([]float32, 4)
	if err := f.Read(graph.Array{Name: "class", Shape: []int{2, 2}, Data: class}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Names(), meta["epoch"], class)
	// Output:
	// [class] 7 [1 2 3 4]
}

package data_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/data"
)

func Example() {
	d, err := data.Load(data.Config{Source: "demo:users=100,items=50,per-user=10"})
	if err != nil {
		log.Fatal(err)
	}
	task, err := data.ParseTask("user")
	if err != nil {
		log.Fatal(err)
	}
	examples, err := task.ExamplesOf(d)
	if err != nil {
		log.Fatal(err)
	}
	b, err := data.NewBatches(examples, 32, 1)
	if err != nil {
		log.Fatal(err)
	}
	for batch := range b.Epoch(0) {
		fmt.Println(len(batch.Rows), "rows, as many targets as pointers say:", int(batch.Targets.Ptr[len(batch.Rows)]) == len(batch.Targets.Class))
	}
	// Output:
	// 32 rows, as many targets as pointers say: true
	// 32 rows, as many targets as pointers say: true
	// 32 rows, as many targets as pointers say: true
	// 4 rows, as many targets as pointers say: true
}

// A split's text is its name everywhere: a flag, a config, a report.
func ExampleParseSplit() {
	s, err := data.ParseSplit("ratio: 0.8, 0.10, 0.10")
	fmt.Println(s, err)
	_, err = data.ParseSplit("ratio:0.8,0.1,0.2")
	fmt.Println(err)
	// Output:
	// ratio:0.8,0.1,0.1,seed=1 <nil>
	// data: split "ratio:0.8,0.1,0.2": the fractions sum to 1.1, want 1; usage: ratio:TRAIN,VALID,TEST[,seed=N]
}

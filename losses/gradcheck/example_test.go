package gradcheck_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/gradcheck"
)

// Hold the statements of a loss against each other at one size.
func Example() {
	loss, err := losses.Parse("softmax:tau=0.5")
	if err != nil {
		log.Fatal(err)
	}
	results, err := gradcheck.Run([]losses.Loss{loss}, gradcheck.Config{K: 5, Scale: 1, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Loss, r.OK()) // fmt.Print(r) prints a table with the worst entries
		for _, row := range r.Report().Rows {
			fmt.Println(" ", row.Param, row.OK())
		}
	}
	// Output:
	// softmax:tau=0.5 true
	//   value true
	//   difference true
	//   symbolic true
	//   analytic true
	//   fused true
	//   symbolic float32 true
	//   analytic float32 true
	//   fused float32 true
}

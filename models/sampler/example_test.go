package sampler_test

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/models/sampler"
)

// Candidates for a batch of three rows: ids, their log q, and log q of the rows'
// own positives, which a corrected loss subtracts from the scores.
func Example() {
	b, err := sampler.Parse("popularity:beta=0.5")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := b.New(sampler.Config{C: 4, Counts: []float64{99, 24, 8, 0}})
	if err != nil {
		fmt.Println(err)
		return
	}
	draws, err := s.NewDraws(3, 5, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := sampler.Batch{Seed: 1, Step: 0, Pos: []int32{0, 2, 3}}
	if err := s.Draw(draws, &batch); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Choice, b.Spec.Props.Names())
	fmt.Println(draws.IDs)
	fmt.Printf("%.3f\n%.3f\n", draws.LogQ, draws.PosLogQ)
	// Output:
	// popularity:beta=0.5 [exact full-support]
	// [0 0 0 1 1]
	// [-0.642 -0.642 -0.642 -1.335 -1.335]
	// [-0.642 -1.846 -2.944]
}

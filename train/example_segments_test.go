package train_test

import (
	"context"
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Segments may be of anybody's choosing: here of the rows of contexts, with grades that a program
// has at hand, and a line for each example.
func ExampleSegmentation() {
	test := &data.Examples{
		Context: &data.Frame{Rows: 3, Fields: []data.Field{{Name: "user", Size: 3}}},
		Row:     []int32{0, 1, 2},
		Targets: data.Targets{Ptr: []int32{0, 2, 3, 4}, Class: []int32{0, 3, 1, 0}}, // of users 0, 1 and 2
	}
	stars := map[[2]int32]float32{{0, 0}: 2, {0, 3}: 5, {1, 1}: 4, {2, 0}: 3}
	metrics, err := metric.ParseAll([]string{"recall@2", "graded-ndcg:gain=linear@2"})
	if err != nil {
		log.Fatal(err)
	}
	scores, err := train.Evaluate(context.Background(), popular{[]int32{9, 7, 5, 3}}, train.Evaluation{
		Split: "test", Examples: test, Classes: 4, Metrics: metrics,
		Grades: func(to []float32, row int32, classes []int32) ([]float32, error) {
			for _, c := range classes {
				to = append(to, stars[[2]int32{row, c}])
			}
			return to, nil
		},
		Segments: []train.Segmentation{{By: "plan", Names: []string{"free", "paid"}, Rows: []int32{1, 0, 0}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scores)
	for _, s := range scores.Segmented[0].Segments {
		fmt.Printf("%s: %d users, %d pairs, %.4f\n", s.Name, s.Examples, s.Pairs, s.Values[0].Value)
	}
	err = scores.Each(func(row int32, relevant int, values []float64) error {
		fmt.Printf("user %d: %d held out, %.4f\n", row, relevant, values)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// test: recall@2 0.8333, graded-ndcg:gain=linear@2 0.6501 (3 examples)
	// free: 2 users, 2 pairs, 1.0000
	// paid: 1 users, 2 pairs, 0.5000
	// user 0: 2 held out, [0.5000 0.3194]
	// user 1: 1 held out, [1.0000 0.6309]
	// user 2: 1 held out, [1.0000 1.0000]
}

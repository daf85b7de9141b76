package baseline_test

import (
	"context"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
)

// Three of four users who have item 0 have item 1 too. User 4, who has item 0 alone, is
// recommended item 1 by EASE, though item 2 is more popular.
func Example() {
	users := []int32{0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7}
	items := []int32{0, 1, 0, 1, 0, 1, 2, 3, 0, 2, 2, 2}
	train, _, err := data.FromPairs(8, 4, users, items, nil, nil)
	if err != nil {
		panic(err)
	}
	ease, err := baseline.NewEASE(context.Background(), train, 1)
	if err != nil {
		panic(err)
	}
	q := models.Query{
		Contexts: &data.Frame{Rows: train.Users(), Fields: []data.Field{{Name: "user", Size: train.Users()}}},
		Rows:     []int32{4}, Classes: train.Items(), K: 2, Seen: func(int) []int32 { return train.ItemsOf(4) },
	}
	for _, s := range []models.Scorer{baseline.NewPop(train), ease} {
		err := s.Rankings(context.Background(), q, func(_ int, top models.Top) {
			fmt.Printf("items %d, scores %.3f\n", top.IDs, top.Scores)
		})
		if err != nil {
			panic(err)
		}
	}
	// Output:
	// items [2 1], scores [4.000 3.000]
	// items [1 2], scores [0.600 0.000]
}

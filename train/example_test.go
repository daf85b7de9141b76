package train_test

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A run from YAML: sparsemax on a small generated set. Weights start from the seed
// in the configuration, so every run of it gives the same numbers.
func Example() {
	cfg, err := train.Parse([]byte(`
data: {source: "demo:users=60,items=50,per-user=10"}
model: {dim: 8}
loss: sparsemax
train: {epochs: 3, batch: 16}
eval: {metrics: [recall@10]}
`))
	if err != nil {
		log.Fatal(err)
	}
	set, err := data.Load(cfg.Data.Config())
	if err != nil {
		log.Fatal(err)
	}
	res, err := train.Run(context.Background(), cfg, set, func(e train.Event) {
		if e, ok := e.(*train.EpochDone); ok {
			fmt.Printf("epoch %d: loss %.2f\n", e.Epoch, e.Loss)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Test.Examples, "examples measured")
	tops, err := res.Trained.Predict(context.Background(), set, []int{0}, 3, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(tops[0].IDs), "items for user", set.UserName(0))
	// Output:
	// epoch 1: loss 0.08
	// epoch 2: loss 0.07
	// epoch 3: loss 0.06
	// 60 examples measured
	// 3 items for user 0
}

// All faults of a configuration at once, each with its path.
func ExampleConfig_Validate() {
	cfg := train.Config{Loss: "softmx", Train: train.TrainConfig{Batch: -1}}
	if err := cfg.Validate(); err != nil {
		fmt.Println("refused")
	}
	if err := cfg.Set("train.batch", "64"); err != nil {
		log.Fatal(err)
	}
	cfg.Loss = ""
	fmt.Println(cfg.Validate())
	fmt.Print(cfg)
	// Output:
	// refused
	// <nil>
	// train:
	//   batch: 64
}

// popular ranks all classes by how often they occur.
type popular struct{ count []int32 }

func (p popular) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	order := make([]int32, q.Classes)
	for c := range order {
		order[c] = int32(c)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(p.count[b], p.count[a]) })
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		for i := range rows {
			var top models.Top
			for _, c := range order {
				if _, masked := slices.BinarySearch(masks[i], c); !masked && len(top.IDs) < q.K {
					top.IDs, top.Scores = append(top.IDs, c), append(top.Scores, float32(p.count[c]))
				}
			}
			each(start+i, top)
		}
		return nil
	})
}

// What ranks need not be a model: popularity is a Scorer of a few lines, measured as a
// Recommender is.
func ExampleEvaluate() {
	set, err := data.Load(data.Config{Source: "demo:users=200,items=100,per-user=20"})
	if err != nil {
		log.Fatal(err)
	}
	seen, err := set.Examples("user")
	if err != nil {
		log.Fatal(err)
	}
	known, err := train.KnownFrom(seen, set.Items)
	if err != nil {
		log.Fatal(err)
	}
	metrics, err := metric.ParseAll([]string{"recall@10", "coverage@10"})
	if err != nil {
		log.Fatal(err)
	}
	test, err := data.RankUsers(set, "test")
	if err != nil {
		log.Fatal(err)
	}
	scores, err := train.Evaluate(context.Background(), popular{set.Train.ItemCounts()}, train.Evaluation{
		Split: "test", Examples: test, Classes: set.Items, LeftOut: set.ColdItems(), Metrics: metrics, Known: known,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(scores)
	// Output:
	// test: recall@10 0.2767, coverage@10 0.2300 (200 examples)
}

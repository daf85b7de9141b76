package train_test

import (
	"context"
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
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
	// epoch 1: loss 3.37
	// epoch 2: loss 2.72
	// epoch 3: loss 2.27
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

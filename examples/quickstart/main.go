// Command quickstart trains matrix factorisation with full softmax on the
// generated set "demo" through the library, and prints what it reached.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	// What is left out takes its documented default: cosine scores, the natural
	// temperature, one row per user with all positives, Adam.
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=1000,items=500"},
		Model: train.ModelConfig{Name: "mf", Dim: 32},
		Loss:  "softmax",
		Train: train.TrainConfig{Epochs: 20, Seed: 1},
		Eval:  train.EvalConfig{Metrics: []string{"recall@20", "ndcg@20"}, Every: 20},
	}
	set, err := data.Load(cfg.Data.Config())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d users, %d items, %d interactions to train on\n", set.Name, set.Users, set.Items, set.Train.Len())

	res, err := train.Run(ctx, cfg, set, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, res.Valid)
	fmt.Fprintln(w, res.Test)

	// The five best items that user 7 does not know yet.
	tops, err := res.Trained.Predict(ctx, set, []int{7}, 5, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "user %s: items", set.UserName(7))
	for _, id := range tops[0].IDs {
		fmt.Fprintf(w, " %s", set.ItemName(int(id)))
	}
	fmt.Fprintln(w)
	return nil
}

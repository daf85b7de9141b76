// Command newloss shows a loss of one's own: poly.go, which is no part of the
// library, states and registers it. Here it is chosen by name, checked, and
// trained.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/gradcheck"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	loss, err := losses.Parse("poly:eps=2")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %s\n", loss, loss.Spec.Doc)

	// Symbolic, analytic and fused gradients and differences of the textbook value
	// agree, or the report says where they do not.
	results, err := gradcheck.Run([]losses.Loss{loss}, gradcheck.Config{K: 100, Scale: 2, Seed: 1})
	if err != nil {
		return err
	}
	for _, e := range results[0].Entries {
		fmt.Fprintf(w, "%-10s float%d  agrees: %t\n", e.Against, e.Bits, e.OK())
	}

	for _, text := range []string{"softmax", loss.String()} {
		cfg := train.Config{
			Data:  train.DataConfig{Source: "demo:users=1000,items=500"},
			Model: train.ModelConfig{Dim: 16},
			Loss:  text,
			Train: train.TrainConfig{Epochs: 15, Seed: 1},
			Eval:  train.EvalConfig{Every: 15},
		}
		set, err := data.Load(cfg.Data.Config())
		if err != nil {
			return err
		}
		res, err := train.Run(ctx, cfg, set, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-10s  %s\n", text, res.Valid)
	}
	return nil
}

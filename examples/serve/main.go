// Command serve answers histories: each line of standard input is somebody's items, the
// oldest first, and each line of standard output ten items for him or her, the best
// first. Nobody need be in the data that was trained on.
//
//	serve          trains a small model on a generated set first
//	serve RUN      loads what a run folder holds, as fenchel train --model pool leaves it
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	trained, set, err := model(ctx, args)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var history []int32
		for id := range strings.FieldsSeq(lines.Text()) {
			item, err := set.ItemIndex(id)
			if err != nil { // a new item: the model knows nothing of it
				continue
			}
			history = append(history, int32(item))
		}
		tops, err := trained.PredictHistories(ctx, set, [][]int32{history}, 10, false)
		if err != nil {
			return err
		}
		var names []string
		for _, id := range tops[0].IDs {
			names = append(names, set.ItemName(int(id)))
		}
		if _, err := fmt.Fprintln(out, strings.Join(names, " ")); err != nil {
			return err
		}
	}
	return lines.Err()
}

// model returns what answers, and the set whose ids it knows.
func model(ctx context.Context, args []string) (*train.Recommender, *data.Dataset, error) {
	if len(args) > 0 { // the run has kept its data
		set, err := train.OpenSet(args[0])
		if err != nil {
			return nil, nil, err
		}
		trained, err := train.Open(args[0], set)
		return trained, set, err
	}
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=1000,items=500"},
		Model: train.ModelConfig{Name: "pool", Dim: 32},
		Train: train.TrainConfig{Epochs: 10},
		Eval:  train.EvalConfig{Every: 10},
	}
	set, err := data.Load(cfg.Data.Config())
	if err != nil {
		return nil, nil, err
	}
	res, err := train.Run(ctx, cfg, set, nil)
	if err != nil {
		return nil, nil, err
	}
	return res.Trained, set, nil
}

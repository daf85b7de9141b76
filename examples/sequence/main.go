// Command sequence learns from histories in the order of time what comes next, measures
// that beside popularity, and ranks what may follow a history.
//
//	sequence                     viewers of serials, generated
//	sequence SOURCE [ITEM ...]   lines "user item item …", the oldest item first: a file, or a
//	                             folder that holds one; the items are a history of somebody
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	// What is left out is what is usual of the model: every position of a history is asked
	// for the item after it, scores are products, Adam steps at 0.001, and training ends five
	// epochs after the best on valid.
	cfg := train.Config{Model: train.ModelConfig{Name: "sasrec"}}
	var set *data.Dataset
	var history []string
	var err error
	if len(args) > 0 {
		cfg.Data = train.DataConfig{Source: args[0], Format: "sequence"}
		history = args[1:]
		set, err = data.Load(cfg.Data.Config())
	} else {
		cfg.Model = train.ModelConfig{Name: "sasrec:blocks=1,drop=0.1", Dim: 32}
		cfg.Train = train.TrainConfig{Epochs: 15, Optimizer: "adam:lr=0.005,mode=dense"}
		history = []string{"serial-3/5", "serial-8/1", "serial-8/2"}
		set, err = data.FromEvents(serials(800), "leave-one-out")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d users, %d items, %d interactions to train on; the last of each user is asked for\n", set.Name, set.Users, set.Items, set.Train.Len())

	res, err := train.Run(ctx, cfg, set, func(e train.Event) {
		if e, ok := e.(*train.EpochDone); ok {
			fmt.Fprintf(out, "epoch %d: loss %.3f, %v\n", e.Epoch, e.Loss, e.Valid)
		}
	})
	if err != nil {
		return err
	}
	trained := res.Trained
	e, err := trained.Evaluation(set, "test", trained.Plan.Metrics)
	if err != nil {
		return err
	}
	popular, err := train.Evaluate(ctx, baseline.NewPop(set.Train), e)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-10s  %v\n%-10s  %v\n", "sasrec", res.Test, "popularity", popular)

	// Whose history it is does not matter: nobody's is known by name.
	var items []int32
	for _, id := range history {
		item, err := set.ItemIndex(id)
		if err != nil {
			return err
		}
		items = append(items, int32(item))
	}
	if len(items) == 0 {
		items = set.Histories.Of(0)
	}
	tops, err := trained.PredictHistories(ctx, set, [][]int32{items}, 5, false)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "after %s: %s\n", names(set, items), names(set, tops[0].IDs))
	return nil
}

func names(set *data.Dataset, items []int32) string {
	var all []string
	for _, i := range items {
		all = append(all, set.ItemName(int(i)))
	}
	return strings.Join(all, " ")
}

// serials returns what viewers see of 20 serials of 12 episodes each: mostly the next
// episode of the one they saw last, at times the next one of another.
func serials(viewers int) data.Events {
	rng := rand.New(rand.NewPCG(1, 1))
	e := data.Events{Name: "serials"}
	for v := range viewers {
		seen := make([]int, 20) // episodes of each serial
		now := rng.IntN(len(seen))
		for k := range 8 + rng.IntN(12) {
			for seen[now] == 12 || k > 0 && rng.IntN(5) == 0 {
				now = rng.IntN(len(seen))
			}
			if seen[now] == 0 {
				seen[now] = rng.IntN(6) // not everybody begins at the beginning
			}
			seen[now]++
			e.Train = append(e.Train, data.Event{User: fmt.Sprint("viewer-", v), Item: fmt.Sprintf("serial-%d/%d", now+1, seen[now]), Time: time.Unix(int64(k), 0)})
		}
	}
	return e
}

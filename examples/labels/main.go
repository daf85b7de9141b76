// Command labels learns from points with sparse features which labels they have, by two
// losses, and measures the precision of the labels that rank first, beside popularity, on points
// that no training has seen.
//
//	labels          documents of made-up words, with tags
//	labels SOURCE   files of format xmc: a folder of train and test files, or one file
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"

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
	var set *data.Dataset
	var err error
	if len(args) > 0 {
		set, err = data.Load(data.Config{Source: args[0], Format: "xmc"})
	} else {
		set, err = data.FromPoints(documents(1500, 300), "")
	}
	if err != nil {
		return err
	}
	p := set.Describe().Points
	fmt.Fprintf(out, "%s: %d points to train on and %d to label, %d features, %d labels, %.1f of them a point\n", set.Name, p.Train, p.Test, p.Features, set.Items, p.LabelsPerPoint)
	for _, loss := range []string{"softmax", "bce"} {
		// What is left out is what is usual of the model: the task label, a weight of each
		// feature for each label where these are not too many, and P@k and PSP@k.
		cfg := train.Config{Model: train.ModelConfig{Name: "linear"}, Loss: loss}
		res, err := train.Run(ctx, cfg, set, nil)
		if err != nil {
			return err
		}
		if loss == "softmax" {
			e, err := res.Trained.Evaluation(set, "test", res.Trained.Plan.Metrics)
			if err != nil {
				return err
			}
			popular, err := train.Evaluate(ctx, baseline.NewPop(set.Train), e)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%-10s  %v\n", "popularity", popular)
		}
		fmt.Fprintf(out, "%-10s  %v\n", loss, res.Test)
		point := slices.Index(set.Points, 2) // the first of test
		tops, err := res.Trained.Predict(ctx, set, []int{point}, 3, true)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-10s  point %d has the labels %v, and first rank %v\n", "", point, set.Test.ItemsOf(point), tops[0].IDs)
	}
	return nil
}

// documents returns documents of 400 words and 40 tags: each tag has ten words of its own, and a
// document those of its tags, and others.
func documents(training, test int) data.Points {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(n int) (all []data.Point) {
		for range n {
			var x data.Point
			for range 1 + rng.IntN(3) {
				u := rng.Float64()
				tag := int32(u * u * 40) // some are frequent
				if slices.Contains(x.Labels, tag) {
					continue
				}
				x.Labels = append(x.Labels, tag)
				for range 3 {
					x.Features = append(x.Features, tag*10+rng.Int32N(10))
				}
			}
			for range 6 {
				x.Features = append(x.Features, rng.Int32N(400))
			}
			slices.Sort(x.Features)
			x.Features = slices.Compact(x.Features)
			all = append(all, x)
		}
		return all
	}
	return data.Points{Name: "documents", Features: 400, Labels: 40, Train: draw(training), Test: draw(test)}
}

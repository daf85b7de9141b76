package main

import (
	"context"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// recipe is the preset that the row trains, for recipeEpochs of its epochs.
const (
	recipe       = "gowalla/sl"
	recipeEpochs = 10
)

func init() {
	torch := contestant{peer: "torch", work: "recipe", rounds: 1}
	tunedTorch, plain := torch, torch
	tunedTorch.name, tunedTorch.env = "torch tuned", tuned
	plain.name = "torch default"
	rows = append(rows, &row{
		order: 13, name: "recipe", doc: fmt.Sprintf("%d epochs of the preset %s: softmax loss whose negatives weigh more, all classes, users weighed by interactions, train and valid, d=64", recipeEpochs, recipe),
		prepare:     recipeInputs,
		tolerance:   2e-3,
		contestants: []contestant{{name: "fenchel", work: "recipe", rounds: 1}, tunedTorch, plain},
		targets:     []target{faster("fenchel", "torch tuned", 2, 3)},
	})
	works["recipe"] = recipeWork
}

// recipeConfig is the preset for that many epochs.
func recipeConfig() (train.Config, error) {
	text, err := configs.Text(recipe)
	if err != nil {
		return train.Config{}, err
	}
	c, err := train.Parse(text)
	if err != nil {
		return c, err
	}
	c.Train.Epochs = recipeEpochs
	return c.WithDefaults(), nil
}

// recipeSet is what it trains on: train and valid, and no test set, since what is timed is
// training.
func recipeSet(dir string) (*data.Dataset, error) {
	set, err := loadGowalla(dir)
	if err != nil {
		return nil, err
	}
	if set, err = set.JoinValid(); err != nil {
		return nil, err
	}
	return trainOnly(set)
}

// recipeInputs writes the first weights, the batches of all epochs, and the numbers of the
// recipe that the peers need.
func recipeInputs(s settings, dir string) (job, error) {
	c, err := recipeConfig()
	if err != nil {
		return job{}, err
	}
	set, err := recipeSet(s.data)
	if err != nil {
		return job{}, err
	}
	p, err := c.Plan()
	if err != nil {
		return job{}, err
	}
	t, err := p.New(set)
	if err != nil {
		return job{}, err
	}
	if err := writeTables(dir, t); err != nil {
		return job{}, err
	}
	if err := writeBatches(dir, set, c, recipeEpochs); err != nil {
		return job{}, err
	}
	choice, err := models.Resolve(c.Loss, c.Candidates, 0)
	if err != nil {
		return job{}, err
	}
	v := choice.Loss.Values
	numbers := []float64{v.Num("tau"), v.Num("negatives"), p.Optimizer.Values.Num("lr")}
	return epochJob(s, set, c, recipeEpochs),
		writeFloats(dir, "numbers", len(numbers), func(i int) float32 { return float32(numbers[i]) })
}

// recipeWork trains from the first weights; the seconds are those of the steps of all
// epochs, and the value is the last epoch's mean loss.
func recipeWork(j job) (func() (float64, float64, error), error) {
	set, err := recipeSet(j.Data)
	if err != nil {
		return nil, err
	}
	c, err := recipeConfig()
	if err != nil {
		return nil, err
	}
	return func() (seconds, value float64, err error) {
		r, err := train.Run(context.Background(), c, set, nil)
		if err != nil {
			return 0, 0, err
		}
		for _, e := range r.History {
			seconds += e.Seconds
		}
		return seconds, r.History[len(r.History)-1].Loss, nil
	}, nil
}

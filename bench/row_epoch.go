package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func init() {
	torch := func(name string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "epoch", env: env}
	}
	rows = append(rows, &row{
		order: 12, name: "epoch", doc: "first epoch of matrix factorisation on Gowalla under user-wise softmax of cosines/0.2, batches of 128 users, Adam, d=64",
		prepare:     epochInputs,
		tolerance:   1e-3,
		contestants: []contestant{{name: "fenchel", work: "epoch"}, torch("torch tuned", tuned...), torch("torch default")},
		targets:     []target{faster("fenchel", "torch tuned", 3.3, 3.8)},
	})
	works["epoch"] = epochWork
}

// epochConfig is the default configuration for one epoch.
func epochConfig() train.Config {
	var c train.Config
	c.Train.Epochs = 1
	c.Train.Seed = 1
	c.Train.Weight = string(data.ByUser) // what the peers compute: the mean over users
	c.Model.Temperature = "0.2"          // theirs; left out it would be the natural one of the set
	return c.WithDefaults()
}

// epochInputs writes the first weights, and the batches of the epoch.
func epochInputs(s settings, dir string) (job, error) {
	set, err := gowalla(s.data)
	if err != nil {
		return job{}, err
	}
	c := epochConfig()
	t, err := train.New(c, set)
	if err != nil {
		return job{}, err
	}
	if err := writeTables(dir, t); err != nil {
		return job{}, err
	}
	if err := writeBatches(dir, set, c, 1); err != nil {
		return job{}, err
	}
	return epochJob(s, set, c, 1), nil
}

// epochJob is that of so many epochs over all users of set.
func epochJob(s settings, set *data.Dataset, c train.Config, epochs int) job {
	j := job{U: set.Users, C: set.Items, D: c.Model.Dim, N: epochs, Data: s.data, limit: 3}
	j.product = 2 * float64(epochs) * float64(j.U) * float64(j.C) * float64(j.D)
	return j
}

// writeTables writes the first weights, each table under its name.
func writeTables(dir string, t *train.Recommender) error {
	for _, table := range t.Tables() {
		if err := writeFloats(dir, table.Name, len(table.Data), func(i int) float32 { return table.Data[i] }); err != nil {
			return err
		}
	}
	return nil
}

// writeBatches writes the batches of the first epochs of c: the users of all, row by row,
// with the bounds of batches and of each row's items.
func writeBatches(dir string, set *data.Dataset, c train.Config, epochs int) error {
	task, err := data.ParseTask("user")
	if err != nil {
		return err
	}
	examples, err := task.ExamplesOf(set)
	if err != nil {
		return err
	}
	batches, err := data.NewBatches(examples, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return err
	}
	var users, item []int32
	bounds, ptr := []int32{0}, []int32{0}
	for epoch := range epochs {
		for b := range batches.Epoch(epoch) {
			users = append(users, b.Rows...)
			bounds = append(bounds, int32(len(users)))
			start := int32(len(item))
			for _, p := range b.Targets.Ptr[1:] {
				ptr = append(ptr, start+p)
			}
			item = append(item, b.Targets.Class...)
		}
	}
	ints := func(name string, x []int32) error {
		return writeInts(dir, name, len(x), func(i int) int32 { return x[i] })
	}
	return errors.Join(ints("users", users), ints("bounds", bounds), ints("ptr", ptr), ints("item", item))
}

// epochWork trains from the first weights; the seconds are those of the steps,
// and the value is the mean loss.
func epochWork(j job) (func() (float64, float64, error), error) {
	set, err := gowalla(j.Data)
	if err != nil {
		return nil, err
	}
	return func() (float64, float64, error) {
		c := epochConfig()
		c.Train.Precision = cmp.Or(j.Precision, c.Train.Precision)
		r, err := train.Run(context.Background(), c, set, nil)
		if err != nil {
			return 0, 0, err
		}
		return r.History[0].Seconds, r.History[0].Loss, nil
	}, nil
}

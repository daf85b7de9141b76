package main

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/train"
)

func init() {
	torch := func(name string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "topk", env: env}
	}
	rows = append(rows, &row{
		order: 10, name: "top-100", doc: "the 100 best of 1,000,000 items for 1024 users, d=64",
		prepare: func(_ settings, dir string) (job, error) {
			j := job{B: 1024, C: 1_000_000, D: 64, K: 100, limit: 1}
			j.product = 2 * float64(j.B) * float64(j.C) * float64(j.D)
			rng := rand.New(rand.NewPCG(2024, 9))
			return j, errors.Join(
				writeFloats(dir, "h", j.B*j.D, func(int) float32 { return float32(rng.NormFloat64()) }),
				writeFloats(dir, "w", j.C*j.D, func(int) float32 { return float32(0.3 * rng.NormFloat64()) }),
			)
		},
		tolerance:   1e-5,
		contestants: []contestant{{name: "fenchel", work: "topk"}, unfiltered("topk"), torch("torch tuned", tuned...), torch("torch default")},
		targets:     []target{faster("fenchel", "fenchel unfiltered", 2, 2.4), faster("fenchel unfiltered", "torch tuned", 4, 4.4)},
	})
	works["topk"] = topkWork
}

// unfiltered is this program without the filter that spares it most of the scores.
func unfiltered(work string) contestant {
	return contestant{name: "fenchel unfiltered", work: work, env: []string{kernel.Variable + "=" + kernel.Path()}}
}

// topkWork predicts for all users; the value is the mean score of their lists.
func topkWork(j job) (func() (float64, float64, error), error) {
	none, err := data.FromCSR(j.B, j.C, make([]int, j.B+1), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	set := &data.Dataset{Name: "top", Users: j.B, Items: j.C, Train: none, Valid: none, Test: none}
	var cfg train.Config
	cfg.Model.Score, cfg.Model.Dim = "dot", j.D
	cfg.Eval.Items = train.AllItems // of a set without training pairs
	t, err := train.New(cfg, set)
	if err != nil {
		return nil, err
	}
	for _, table := range t.Tables() {
		file := map[string]string{"user": "h", "class": "w"}[table.Name]
		x, err := readFloats(j, file, len(table.Data))
		if err != nil {
			return nil, err
		}
		copy(table.Data, x)
	}
	users := make([]int, j.B)
	for u := range users {
		users[u] = u
	}
	return timed(func() (float64, error) {
		tops, err := t.Predict(context.Background(), set, users, j.K, false)
		if err != nil {
			return 0, err
		}
		sum := 0.0
		for _, top := range tops {
			for _, s := range top.Scores {
				sum += float64(s)
			}
		}
		return sum / float64(j.B*j.K), nil
	}), nil
}

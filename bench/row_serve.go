package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// The row of serving: one user after the other, as a service is asked.
func init() {
	rows = append(rows, &row{
		order: 31, name: "recommend", doc: "the 10 best of 50,000 items for one user, d=64, 64 users one after the other",
		prepare: func(_ settings, dir string) (job, error) {
			j := job{B: 64, C: 50_000, D: 64, K: 10}
			rng := rand.New(rand.NewPCG(2024, 18))
			return j, errors.Join(
				writeFloats(dir, "h", j.B*j.D, func(int) float32 { return float32(rng.NormFloat64()) }),
				writeFloats(dir, "w", j.C*j.D, func(int) float32 { return float32(0.3 * rng.NormFloat64()) }),
			)
		},
		tolerance:   1e-5,
		repeat:      10,
		contestants: []contestant{{name: "fenchel", work: "recommend"}, {name: "implicit", peer: "implicit", work: "recommend"}},
		targets:     []target{within("fenchel", "implicit", 1.5, 1)},
	})
	works["recommend"] = recommendWork
}

// recommendWork asks for all users; the value is the mean score of their lists.
func recommendWork(j job) (func() (float64, float64, error), error) {
	ptr, item := make([]int, j.B+1), make([]int32, j.B) // a training pair each: the model knows them
	for u := range j.B {
		ptr[u+1], item[u] = u+1, int32(u)
	}
	pairs, errP := data.FromCSR(j.B, j.C, ptr, item, nil, nil)
	none, errN := data.FromCSR(j.B, j.C, make([]int, j.B+1), nil, nil, nil)
	if err := errors.Join(errP, errN); err != nil {
		return nil, err
	}
	set := &data.Dataset{Name: "one", Users: j.B, Items: j.C, Train: pairs, Valid: none, Test: none}
	for i := range j.C { // as files have them
		set.ItemIDs = append(set.ItemIDs, "item "+strconv.Itoa(i))
	}
	var cfg train.Config
	cfg.Model.Score, cfg.Model.Dim = "dot", j.D
	cfg.Eval.Items = train.AllItems // most have no training pair
	t, err := train.New(cfg, set)
	if err != nil {
		return nil, err
	}
	for _, table := range t.Tables() {
		x, err := readFloats(j, map[string]string{"user": "h", "class": "w"}[table.Name], len(table.Data))
		if err != nil {
			return nil, err
		}
		copy(table.Data, x)
	}
	s, err := t.Serve(set)
	if err != nil {
		return nil, err
	}
	users := make([]string, j.B)
	for u := range users {
		users[u] = set.UserName(u)
	}
	return timed(func() (float64, error) {
		sum := 0.0
		for _, u := range users {
			items, err := s.Recommend(context.Background(), train.Ask{User: u}, j.K, train.Filter{WithSeen: true})
			if err != nil {
				return 0, err
			}
			for _, i := range items {
				sum += float64(i.Score)
			}
		}
		return sum / float64(j.B*j.K), nil
	}), nil
}

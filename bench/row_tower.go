package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// The row of a whole step of training of two towers: users by a vector of their own, a name
// and a number, items by a vector of their own, a name and two lists, a layer of relu and one
// after it on either side, full softmax over all items, whose vectors the step computes, and
// Adam on all weights.
func init() {
	rows = append(rows, &row{
		order: 28, name: "tower", prepare: towers, repeat: 4, tolerance: 1e-4,
		doc:         "step of tower, 512 pairs of 6,040 users and 3,416 items with features, a layer and one after it on either side, d=64, full softmax, Adam",
		contestants: []contestant{{name: "fenchel", work: "tower"}, {name: "torch tuned", peer: "torch", work: "tower", env: tuned}, {name: "torch default", peer: "torch", work: "tower"}},
		targets:     []target{memoryWithin("fenchel", "torch tuned", 0.5, 0.3)},
	})
	works["tower"] = towerWork
}

const (
	towerBatch = 512
	towerUsers = 6040
	towerText  = "tower:user-layers=1,item-layers=1"
	towerRate  = 1e-3
)

// towerFields are the features, by the sizes that those of MovieLens-1M have.
var towerFields = []struct {
	side, name, kind string
	size, most       int // ids, and the most that a row has
}{
	{"user", "job", data.Token, 21, 1},
	{"user", "age", data.Float, 1, 1},
	{"item", "year", data.Token, 81, 1},
	{"item", "genre", data.TokenSeq, 18, 3},
	{"item", "title", data.TokenSeq, 4000, 5},
}

// towers writes pairs, features and first weights.
func towers(_ settings, dir string) (job, error) {
	return towersOf(dir, job{B: towerBatch, U: towerUsers, C: 3416, D: 64, N: 8})
}

func towersOf(dir string, j job) (job, error) {
	rng := rand.New(rand.NewPCG(2024, 28))
	var faults []error
	ints := func(name string, x []int32) {
		faults = append(faults, writeInts(dir, name, len(x), func(i int) int32 { return x[i] }))
	}
	skewed := func(n int) int32 { u := rng.Float64(); return int32(u * u * u * float64(n)) }
	var user, item []int32
	for range j.N * j.B {
		user, item = append(user, int32(rng.IntN(j.U))), append(item, skewed(j.C))
	}
	ints("pair.user", user)
	ints("pair.item", item)
	for _, f := range towerFields {
		rows := map[string]int{"user": j.U, "item": j.C}[f.side]
		ptr, ids, values := []int32{0}, []int32{}, []float32{}
		for range rows {
			n := 1 + rng.IntN(f.most)
			for range n {
				ids, values = append(ids, skewed(f.size)), append(values, float32(rng.NormFloat64()))
			}
			ptr = append(ptr, int32(len(ids)))
		}
		ints(f.name+".ptr", ptr)
		ints(f.name+".ids", ids)
		if f.kind == data.Float {
			faults = append(faults, writeFloats(dir, f.name+".values", len(values), func(i int) float32 { return values[i] }))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return j, err
	}
	j.Dir = dir
	s, err := newTowers(j)
	if err != nil {
		return j, err
	}
	for _, t := range s.tables {
		t.Initialise(2024)
		faults = append(faults, writeFloats(dir, t.Name, len(t.Data), func(i int) float32 { return t.Data[i] }))
	}
	return j, errors.Join(faults...)
}

// readFeatures reads the features of towers.
func readFeatures(j job, side string) (all []data.Field, err error) {
	rows := map[string]int{"user": j.U, "item": j.C}[side]
	for _, f := range towerFields {
		if f.side != side {
			continue
		}
		x := data.Field{Name: f.name, Type: f.kind, Size: f.size}
		ptr, err := readInts(j, f.name+".ptr", rows+1)
		if err != nil {
			return nil, err
		}
		n := int(ptr[rows])
		if x.ID, err = readInts(j, f.name+".ids", n); err != nil {
			return nil, err
		}
		if f.kind == data.Float {
			if x.Value, err = readFloats(j, f.name+".values", n); err != nil {
				return nil, err
			}
		}
		if f.kind != data.Token {
			for i := range rows {
				x.Lo, x.Hi = append(x.Lo, int(ptr[i])), append(x.Hi, int(ptr[i+1]))
			}
		}
		all = append(all, x)
	}
	return all, nil
}

// newTowers returns the model with tables that have no data yet.
func newTowers(j job) (*stepRun, error) {
	pairs := j.N * j.B
	user, errU := readInts(j, "pair.user", pairs)
	item, errI := readInts(j, "pair.item", pairs)
	userFields, errA := readFeatures(j, "user")
	itemFields, errB := readFeatures(j, "item")
	kind, errK := models.Parse(towerText)
	scheme, errS := models.ParseHead("all")
	softmax, errL := losses.Parse("softmax")
	none, errE := data.Empty(j.U, j.C)
	if err := errors.Join(errU, errI, errA, errB, errK, errS, errL, errE); err != nil {
		return nil, err
	}
	every := make([]int32, j.C) // an item has a vector of its own where training has a pair of it
	for i := range every {
		every[i] = int32(i)
	}
	train, err := data.FromCSR(j.U, j.C, append([]int{0}, slices.Repeat([]int{j.C}, j.U)...), every, nil, nil)
	if err != nil {
		return nil, err
	}
	set := &data.Dataset{Name: "towers", Users: j.U, Items: j.C, Train: train, Valid: none, Test: none, UserFields: userFields, ItemFields: itemFields}
	setting := models.Setting{Set: set, Dim: j.D, Init: 0.1, Seed: 1}
	s := &stepRun{loss: softmax, context: set.Contexts(), classes: set.Classes(), rate: towerRate}
	if s.model, err = kind.New(setting); err != nil {
		return nil, err
	}
	if s.head, err = scheme.New(models.HeadSetting{Setting: setting, Score: models.Dot, Temperature: 1, Loss: softmax}); err != nil {
		return nil, err
	}
	for b := range j.N {
		batch := &data.Batch{Rows: user[b*j.B : (b+1)*j.B], Targets: data.Targets{Ptr: []int32{0}, Class: item[b*j.B : (b+1)*j.B]}}
		for i := range batch.Rows {
			batch.Targets.Ptr, batch.Targets.Weight = append(batch.Targets.Ptr, int32(i+1)), append(batch.Targets.Weight, 1)
		}
		s.batches = append(s.batches, batch)
	}
	encoding, others, err := models.Tables(s.model, s.head, s.loss, s.context, s.classes)
	s.tables = append(encoding, others...)
	return s, err
}

// towerWork takes steps, one batch after the other; the value is the loss of the fifth.
func towerWork(j job) (func() (float64, float64, error), error) {
	return trainedSteps(j, func(float64) (*stepRun, error) {
		s, err := newTowers(j)
		if err != nil {
			return nil, fmt.Errorf("towers: %w", err)
		}
		return s, nil
	}, 0)
}

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// The row of language: a step of the network of n-grams over 10,000 words, of four words before
// each of 512, with dropout, its full softmax over the words' own vectors, and Adam on all weights.
func init() {
	torch := func(name string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "words", env: env}
	}
	rows = append(rows, &row{
		order: 29, name: "words", doc: "step of ngram, 4 words of width 64, dropout .2, full softmax of 10,000 words for each of 512, Adam",
		prepare: prepareWords, repeat: 4, tolerance: 1e-4,
		contestants: []contestant{{name: "fenchel", work: "words"}, torch("torch tuned", tuned...), torch("torch default")},
		targets:     []target{faster("fenchel", "torch tuned", 2, 2.5), memoryWithin("fenchel", "torch tuned", 0.5, 0.3)},
	})
	works["words"] = func(j job) (func() (float64, float64, error), error) {
		return trainedSteps(j, func(drop float64) (*stepRun, error) { return newWords(j, drop) }, wordsDrop)
	}
}

const (
	wordsWindow = 4
	wordsDrop   = 0.2
	wordsRate   = 1e-3
)

// prepareWords writes batches of windows of words of a Zipf-like frequency with the word that
// follows each, and the first weights.
func prepareWords(_ settings, dir string) (job, error) {
	return writeWords(dir, job{B: 512, C: 10_000, D: 64, K: wordsWindow, N: 4})
}

func writeWords(dir string, j job) (job, error) {
	rng := rand.New(rand.NewPCG(2024, 29))
	word := func(int) int32 {
		u := rng.Float64()
		return int32(u * u * u * float64(j.C)) // gives rank r the density r^(−2/3)
	}
	err := errors.Join(writeInts(dir, "windows", j.N*j.B*j.K, word), writeInts(dir, "next", j.N*j.B, word))
	if err != nil {
		return j, err
	}
	j.Dir = dir
	s, err := newWords(j, wordsDrop)
	if err != nil {
		return j, err
	}
	for _, t := range s.tables {
		t.Initialise(2024)
		err = errors.Join(err, writeFloats(dir, t.Name, len(t.Data), func(i int) float32 {
			if t.Dim == 1 { // biases, which the model begins with 0
				return t.Data[i] + float32(0.1*rng.NormFloat64())
			}
			return t.Data[i]
		}))
	}
	return j, err
}

// newWords returns the model with tables that have no data yet.
func newWords(j job, drop float64) (*stepRun, error) {
	rows := j.N * j.B
	windows, errW := readInts(j, "windows", rows*j.K)
	next, errN := readInts(j, "next", rows)
	none, errE := data.Empty(1, j.C)
	kind, errK := models.Parse(fmt.Sprintf("ngram:n=%d,drop=%g", j.K, drop))
	scheme, errS := models.ParseHead("all")
	softmax, errL := losses.Parse("softmax")
	if err := errors.Join(errW, errN, errE, errK, errS, errL); err != nil {
		return nil, err
	}
	set := &data.Dataset{Name: "words", Users: 1, Items: j.C, Train: none, Valid: none, Test: none}
	setting := models.Setting{Set: set, Dim: j.D, Init: 0.1, Seed: 1}
	s := &stepRun{loss: softmax, classes: set.Classes(), rate: wordsRate}
	var err error
	if s.model, err = kind.New(setting); err != nil {
		return nil, err
	}
	if s.head, err = scheme.New(models.HeadSetting{Setting: setting, Score: models.Dot, Temperature: 1, Loss: softmax}); err != nil {
		return nil, err
	}
	history := data.Field{Name: "history", Size: j.C, ID: windows, Ordered: true}
	for i := range rows {
		history.Lo, history.Hi = append(history.Lo, i*j.K), append(history.Hi, (i+1)*j.K)
	}
	s.context = &data.Frame{Rows: rows, Fields: []data.Field{history}}
	x := &data.Examples{Context: s.context, Targets: data.Targets{Class: next}}
	for i := range rows {
		x.Row = append(x.Row, int32(i))
	}
	for b := range j.N {
		part := *x
		part.Row, part.Targets.Class = x.Row[b*j.B:(b+1)*j.B], next[b*j.B:(b+1)*j.B]
		batch, err := part.First(j.B)
		if err != nil {
			return nil, err
		}
		s.batches = append(s.batches, batch)
	}
	encoding, others, err := models.Tables(s.model, s.head, s.loss, s.context, s.classes)
	s.tables = append(encoding, others...)
	return s, err
}

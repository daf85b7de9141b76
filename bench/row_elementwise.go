package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// elementwiseWidth is that of the rows, for the functions of rows.
const elementwiseWidth = 64

// An eachWork is a function of the elements of x and up, or of their rows, and how many
// arrays of their size it reads and writes.
type eachWork struct {
	name   string
	arrays int
	f      func(dst, x, up []float32)
}

var (
	gain, bias = ones(elementwiseWidth), ones(elementwiseWidth)

	// In the order of the table. The functions that end in -back are gradients: of what a
	// network keeps, the operand or the value, each side takes what it is faster by.
	eachWorks = []eachWork{
		{"add", 3, kernel.AddEach[float32]},
		{"relu", 2, func(dst, x, _ []float32) { kernel.ReluEach(dst, x) }},
		{"relu-back", 3, func(dst, x, up []float32) { kernel.ReluBack(dst, up, x) }},
		{"sigmoid", 2, func(dst, x, _ []float32) { kernel.SigmoidEach(dst, x) }},
		{"sigmoid-back", 3, func(dst, x, up []float32) { kernel.SigmoidBack(dst, up, x) }},
		{"tanh", 2, func(dst, x, _ []float32) { kernel.TanhEach(dst, x) }},
		{"tanh-back", 3, func(dst, x, up []float32) { kernel.TanhBack(dst, up, x) }},
		{"gelu", 2, func(dst, x, _ []float32) { kernel.GELUEach(dst, x) }},
		{"gelu-back", 3, func(dst, x, up []float32) { kernel.GELUBack(dst, up, x) }},
		{"softplus", 2, func(dst, x, _ []float32) { kernel.SoftplusEach(dst, x) }},
		{"bias", 2, func(dst, x, _ []float32) { kernel.AddBias(dst, x, bias) }},
		{"layer-norm", 2, func(dst, x, _ []float32) { kernel.LayerNorm(dst, x, gain, bias, 1e-5) }},
	}
)

func ones(n int) []float32 {
	x := make([]float32, n)
	kernel.FillEach(x, 1)
	return x
}

func init() {
	r := &row{
		order: 16, name: "elementwise", doc: "functions of the elements of 8,388,608 numbers, or of rows of 64, from memory: one contestant each",
		prepare: func(_ settings, dir string) (job, error) {
			j := job{B: 1 << 17, D: elementwiseWidth}
			rng := rand.New(rand.NewPCG(2024, 16))
			err := writeFloats(dir, "x", j.B*j.D, func(int) float32 { return float32(0.5 + rng.NormFloat64()) })
			if err == nil {
				err = writeFloats(dir, "up", j.B*j.D, func(int) float32 { return float32(1 + 0.5*rng.NormFloat64()) })
			}
			return j, err
		},
		tolerance: 1e-4,
		repeat:    3,
		own:       "fenchel",
	}
	for _, w := range eachWorks {
		own, torch := "fenchel "+w.name, "torch "+w.name
		r.contestants = append(r.contestants,
			contestant{name: own, work: "elementwise", variant: w.name, as: own},
			contestant{name: torch, peer: "torch", work: "elementwise", variant: w.name, as: own, env: tuned})
		r.targets = append(r.targets, within(own, torch, 1.1, 1), bandwidth(own, w.arrays, 15, 20))
	}
	rows = append(rows, r)
	works["elementwise"] = elementwise
}

// bandwidth asks that so many arrays of the row's numbers be read and written at that rate.
func bandwidth(name string, arrays int, limit, aim float64) target {
	return target{what: name + " from memory", unit: " GB/s", limit: limit, aim: aim, got: func(m *measured) float64 {
		r := m.of(name)
		if r == nil {
			return math.NaN()
		}
		return float64(4*arrays*m.job.B*m.job.D) / 1e9 / r.min()
	}}
}

// elementwise applies the job's function on all threads; the value is the mean of what it
// stores.
func elementwise(j job) (func() (float64, float64, error), error) {
	i := slices.IndexFunc(eachWorks, func(w eachWork) bool { return w.name == j.Variant })
	if i < 0 {
		return nil, fmt.Errorf("serve: unknown function %q", j.Variant)
	}
	n := j.B * j.D
	x, errX := readFloats(j, "x", n)
	up, errU := readFloats(j, "up", n)
	if err := errors.Join(errX, errU); err != nil {
		return nil, err
	}
	dst := kernel.Make[float32](n)
	const piece = 512 * elementwiseWidth
	return func() (float64, float64, error) {
		start := time.Now()
		kernel.Parallel((n+piece-1)/piece, func(_, t int) {
			lo, hi := t*piece, min((t+1)*piece, n)
			eachWorks[i].f(dst[lo:hi], x[lo:hi], up[lo:hi])
		})
		return time.Since(start).Seconds(), kernel.SumWide(dst) / float64(n), nil
	}, nil
}

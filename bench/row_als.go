package main

import (
	"context"
	"errors"

	"github.com/fenchel-ml/fenchel/train/als"
)

func init() {
	peer := func(name, variant string, other bool) contestant {
		// As the package itself advises: its threads and those of the matrix library
		// get in each other's way.
		return contestant{name: name, peer: "implicit", work: "als", variant: variant, other: other, env: []string{"OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"}}
	}
	rows = append(rows, &row{
		order: 11, name: "als", doc: "one sweep of alternating least squares (iALS) on Gowalla, 29,858 users, 40,981 items, 0.8 million pairs, d=64",
		prepare:   alsInputs,
		tolerance: 1e-3,
		contestants: []contestant{
			{name: "fenchel", work: "als"},
			peer("implicit exact", "exact", false),
			peer("implicit cg", "cg", true),
		},
		targets: []target{secondsAtMost(0.6, 0.25)},
	})
	works["als"] = alsWork
}

// alsConfig is ½Σ_P (o−1)² + ½Σ o² + ½λ(‖p‖²+‖q‖²). The peer's objective has no
// halves and gives positives the weight 2: it is the same at 2λ and factors √2
// times as large.
func alsConfig(d int) als.Config {
	return als.Config{Dim: d, Objective: als.IALS(1), Lambda: 0.05, Init: 0.1, Seed: 1}
}

func alsInputs(s settings, dir string) (job, error) {
	set, err := gowalla(s.data)
	if err != nil {
		return job{}, err
	}
	j := job{U: set.Users, C: set.Items, D: 64, N: set.Train.Len()}
	first := als.New(alsConfig(j.D), als.Positives{Ptr: set.Train.Ptr(), Col: set.Train.Item()}, j.C)
	return j, errors.Join(
		writeInts(dir, "ptr", j.U+1, func(i int) int32 { return int32(set.Train.Ptr()[i]) }),
		writeInts(dir, "item", j.N, func(i int) int32 { return set.Train.Item()[i] }),
		writeFloats(dir, "w", len(first.Class), func(i int) float32 { return float32(first.Class[i]) }),
	)
}

// alsWork is a sweep; the value is Σ‖p‖² after it, so that the sweeps of
// contestants are compared one by one.
func alsWork(j job) (func() (float64, float64, error), error) {
	ptr32, errP := readInts(j, "ptr", j.U+1)
	item, errI := readInts(j, "item", j.N)
	if err := errors.Join(errP, errI); err != nil {
		return nil, err
	}
	ptr := make([]int, len(ptr32))
	for i, p := range ptr32 {
		ptr[i] = int(p)
	}
	s := als.New(alsConfig(j.D), als.Positives{Ptr: ptr, Col: item}, j.C)
	sweep := timed(func() (float64, error) { return s.Sweep(context.Background()) })
	return func() (float64, float64, error) {
		seconds, _, err := sweep()
		sum := 0.0
		for _, p := range s.User {
			sum += float64(p) * float64(p)
		}
		return seconds, sum, err
	}, nil
}

package main

import (
	"errors"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/train/optim"
)

func init() {
	torch := func(name string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "sampled", env: env}
	}
	rows = append(rows, &row{
		order: 9, name: "sampled", doc: "step of sampled softmax, B=1024, 256 negatives per row, table 1,000,000 × 64, Adagrad",
		prepare:     sampledInputs,
		tolerance:   1e-4,
		repeat:      5,
		contestants: []contestant{{name: "fenchel", work: "sampled"}, torch("torch sparse tuned", tuned...), torch("torch sparse default"), {name: "jax", peer: "jax", work: "sampled"}},
		targets:     []target{faster("fenchel", "torch sparse tuned", 6.8, 7.5)},
	})
	works["sampled"] = sampledWork
}

// sampledInputs writes H, the table and the ids of N batches: the positive first,
// then the negatives, all uniform.
func sampledInputs(_ settings, dir string) (job, error) {
	j := job{B: 1024, C: 1_000_000, D: 64, S: 256, N: 4, Loss: "softmax"}
	rng := rand.New(rand.NewPCG(2024, 7))
	return j, errors.Join(
		writeFloats(dir, "h", j.B*j.D, func(int) float32 { return float32(rng.NormFloat64()) }),
		writeFloats(dir, "w", j.C*j.D, func(int) float32 { return float32(0.1 * rng.NormFloat64()) }),
		writeInts(dir, "ids", j.N*j.B*(1+j.S), func(int) int32 { return rng.Int32N(int32(j.C)) }),
	)
}

// sampledWork is a step: scores of the sampled classes, the loss, its gradients,
// and the update of the rows that were read.
func sampledWork(j job) (func() (float64, float64, error), error) {
	h, errH := readFloats(j, "h", j.B*j.D)
	ids, errI := readInts(j, "ids", j.N*j.B*(1+j.S))
	w, errW := readFloats(j, "w", j.C*j.D)
	table := &graph.Table[float32]{Name: "class", Rows: j.C, Dim: j.D, Data: w}
	loss, errL := losses.Parse(j.Loss)
	opt, errO := optim.Parse("adagrad:lr=0.1")
	if err := errors.Join(errH, errI, errW, errL, errO); err != nil {
		return nil, err
	}
	update := opt.For(table)
	b := graph.NewBuilder[float32]()
	hn, wn := b.Param("H", h, j.B, j.D), b.Param("W", table.Data, j.C, j.D)
	draws, drawn := b.IndexMatrix("draws", j.B, j.S)
	label, positive := b.Indices("label", j.B)
	t, err := graph.LabelTargets(label)
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	cost := e.N(graph.MeanRows(e.N(graph.SampledLinearLoss(loss.Analytic, graph.Classes{H: hn, W: wn}, graph.Sampled{IDs: draws}, t)), t))
	if e.Err != nil {
		return nil, e.Err
	}
	p, err := b.Train(cost)
	if err != nil {
		return nil, err
	}
	step := 0
	return timed(func() (float64, error) {
		batch := ids[step%j.N*j.B*(1+j.S):]
		step++
		for i := range positive {
			row := batch[i*(1+j.S):][:1+j.S]
			positive[i] = row[0]
			copy(drawn[i*j.S:], row[1:])
		}
		if err := p.Run(); err != nil {
			return 0, err
		}
		return float64(p.Cost()), p.Step(wn, table, update)
	}), nil
}

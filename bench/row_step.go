package main

import (
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/optim"
)

func init() {
	step := func(name, variant string, more ...string) contestant {
		return contestant{name: name, work: "step", variant: variant, env: more}
	}
	rows = append(rows, &row{
		order: 14, name: "step", doc: "step of the class table on Gowalla, the first batch of 128 users again and again: softmax of cosines/0.2, its gradient and Adam, C=40,981, d=64",
		prepare: stepInputs, tolerance: 1e-6, repeat: 10,
		contestants: []contestant{step("fused", "sink"), step("passes", "passes"), step("fused avx2", "sink", "FENCHEL_KERNEL=avx2"), step("passes avx2", "passes", "FENCHEL_KERNEL=avx2")},
		targets:     []target{faster("fused", "passes", 1.5, 1.7)},
	})
	works["step"] = stepWork
}

// stepTau divides the cosines.
const stepTau = 0.2

// stepInputs writes the first weights and the first batch of the default training.
func stepInputs(s settings, dir string) (job, error) {
	set, err := gowalla(s.data)
	if err != nil {
		return job{}, err
	}
	c := epochConfig()
	t, err := train.New(c, set)
	if err != nil {
		return job{}, err
	}
	task, err := data.ParseTask("user")
	if err != nil {
		return job{}, err
	}
	examples, err := task.ExamplesOf(set)
	if err != nil {
		return job{}, err
	}
	batches, err := data.NewBatches(examples, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return job{}, err
	}
	var first *data.Batch
	for b := range batches.Epoch(0) {
		first = b
		break
	}
	tables := map[string]*graph.Table[float32]{}
	for _, table := range t.Tables() {
		tables[table.Name] = table
	}
	user, class := tables["user"], tables["class"]
	if user == nil || class == nil {
		return job{}, errors.New("the default model has no tables user and class")
	}
	j := job{B: len(first.Rows), C: class.Rows, D: class.Dim, N: len(first.Targets.Class), limit: 3}
	j.product = 2 * float64(j.B) * float64(j.C) * float64(j.D)
	return j, errors.Join(
		writeFloats(dir, "class", len(class.Data), func(i int) float32 { return class.Data[i] }),
		writeFloats(dir, "h", j.B*j.D, func(i int) float32 { return user.Row(first.Rows[i/j.D])[i%j.D] }),
		writeInts(dir, "ptr", j.B+1, func(i int) int32 { return first.Targets.Ptr[i] }),
		writeInts(dir, "item", j.N, func(i int) int32 { return first.Targets.Class[i] }),
	)
}

// stepWork moves the class table by one step of Adam along the gradient of the mean loss.
// As passes, the rows of the table are divided by their norms by a node, the gradient is a
// matrix led back through it, and the optimizer reads that. As sink, the run moves the
// table.
func stepWork(j job) (func() (float64, float64, error), error) {
	h, errH := readFloats(j, "h", j.B*j.D)
	w, errW := readFloats(j, "class", j.C*j.D)
	ptr, errP := readInts(j, "ptr", j.B+1)
	item, errI := readInts(j, "item", j.N)
	softmax, errL := losses.Parse("softmax")
	adam, errO := optim.Parse("adam:lr=0.01,mode=dense")
	if err := errors.Join(errH, errW, errP, errI, errL, errO); err != nil {
		return nil, err
	}
	table := &graph.Table[float32]{Name: "class", Rows: j.C, Dim: j.D, Data: w}
	b := graph.NewBuilder[float32]()
	rows, leaf := b.Param("h", h, j.B, j.D), b.Param("class", w, j.C, j.D)
	targets, batch := b.Targets("target", j.B, j.N)
	for i := range j.B {
		of := item[ptr[i]:ptr[i+1]]
		share := make([]float32, len(of))
		for k := range share {
			share[k] = 1 / float32(len(of))
		}
		if err := batch.Append(of, share); err != nil {
			return nil, err
		}
	}
	var e graph.Expr
	lin := graph.Linear{H: e.N(graph.Scale(e.N(graph.L2Normalize(rows)), 1/stepTau)), W: leaf, Unit: true}
	if j.Variant == "passes" {
		lin.W, lin.Unit = e.N(graph.L2Normalize(leaf)), false
	}
	cost := e.N(graph.MeanRows(e.N(graph.LinearLoss(softmax.Analytic, lin, targets)), targets))
	if e.Err != nil {
		return nil, e.Err
	}
	p, err := b.Train(cost)
	if err != nil {
		return nil, err
	}
	u := adam.For(table)
	if j.Variant == "sink" && !p.Sink(leaf, table, u) {
		return nil, errors.New("the run does not move the class table")
	}
	return timed(func() (float64, error) {
		if err := p.Run(); err != nil {
			return 0, err
		}
		if err := p.Step(leaf, table, u); err != nil {
			return 0, err
		}
		if len(p.Grad(rows).Data) == 0 || !(u.Square() > 0) {
			return 0, fmt.Errorf("no gradient")
		}
		return float64(p.Cost()), nil
	}), nil
}

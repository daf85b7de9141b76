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

// The rows of steps of labels: the model linear in its two forms, softmax and one-vs-all over all
// labels with a bias each, and Adam on all weights. PyTorch has an EmbeddingBag under a linear
// layer, or, of the direct form, the linear layer over dense rows or an EmbeddingBag as wide
// as there are labels.
func init() {
	torch := func(name, variant string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "labels", variant: variant, env: env}
	}
	wide := labelled{points: 256, features: 100_000, labels: 30_000, has: 70, of: 3, dim: 64, batches: 4}
	flat := labelled{points: 256, features: 1836, labels: 159, has: 69, of: 3, batches: 8}
	for i, r := range []struct {
		name, loss string
		of         labelled
		repeat     int
		limit, aim float64
	}{
		{"labels-softmax", "softmax", wide, 2, 2, 2.5},
		{"labels-ova", "bce", wide, 2, 2, 2.5},
		{"labels-direct-softmax", "softmax", flat, 16, 2, 2.5},
		{"labels-direct-ova", "bce", flat, 16, 2, 2.5},
	} {
		doc := fmt.Sprintf("step of linear, %s over %d labels, %d points of %d features each, %d in all", r.loss, r.of.labels, r.of.points, r.of.has, r.of.features)
		contestants := []contestant{{name: "fenchel", work: "labels"}, torch("torch tuned", "", tuned...)}
		if r.of.dim > 0 {
			doc += fmt.Sprintf(", as a bag of width %d, Adam", r.of.dim)
			contestants = append(contestants, torch("torch default", ""))
		} else {
			doc += ", a weight each, Adam"
			contestants = append(contestants, torch("torch bag tuned", "bag", tuned...))
		}
		rows = append(rows, &row{
			order: 30 + i, name: r.name, doc: doc, repeat: r.repeat, tolerance: 1e-3,
			prepare:     func(_ settings, dir string) (job, error) { return r.of.write(dir, r.loss) },
			contestants: contestants,
			targets:     []target{faster("fenchel", "torch tuned", r.limit, r.aim)},
		})
	}
	works["labels"] = labelsWork
}

// labelRate is Adam's.
const labelRate = 0.01

// labelled is the size of the work.
type labelled struct {
	points           int // of a batch
	features, labels int
	has, of          int // features and labels of a point
	dim              int // 0 of the direct form
	batches          int
}

// write draws points, with the low numbers more often, and first weights.
func (l labelled) write(dir, loss string) (job, error) {
	n := l.points * l.batches
	j := job{B: l.points, C: l.labels, D: l.dim, K: n * l.of, S: n * l.has, N: l.batches, U: l.features, Loss: loss}
	rng := rand.New(rand.NewPCG(2024, 30))
	drawn := func(count, below int) []int32 {
		var ids []int32
		for len(ids) < count {
			u := rng.Float64()
			if id := int32(u * u * float64(below)); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	var features, labels []int32
	for range n {
		features, labels = append(features, drawn(l.has, l.features)...), append(labels, drawn(l.of, l.labels)...)
	}
	ints := func(name string, x []int32) error {
		return writeInts(dir, name, len(x), func(i int) int32 { return x[i] })
	}
	normal := func(name string, n int) error {
		return writeFloats(dir, name, n, func(int) float32 { return float32(0.1 * rng.NormFloat64()) })
	}
	faults := []error{ints("features", features), ints("labels", labels)}
	if l.dim > 0 {
		faults = append(faults, normal("feature", l.features*l.dim), normal("class", l.labels*l.dim))
	} else {
		faults = append(faults, normal("class", l.labels*l.features))
	}
	return j, errors.Join(faults...)
}

// newLabels reads what write wrote.
func newLabels(j job) (*stepRun, error) {
	features, errF := readInts(j, "features", j.S)
	of, errO := readInts(j, "labels", j.K)
	n := j.B * j.N
	if err := errors.Join(errF, errO); err != nil {
		return nil, err
	}
	p := data.Points{Name: "labels", Features: j.U, Labels: j.C}
	for i := range n {
		p.Train = append(p.Train, data.Point{Features: features[i*(j.S/n) : (i+1)*(j.S/n)], Labels: of[i*(j.K/n) : (i+1)*(j.K/n)]})
	}
	set, err := data.FromPoints(p, "points:1,0,0")
	if err != nil {
		return nil, err
	}
	form := "bag"
	if j.D == 0 {
		form = "direct"
	}
	kind, errK := models.Parse("linear:form=" + form)
	scheme, errS := models.ParseHead("all")
	loss, errL := losses.Parse(j.Loss)
	examples, errE := set.Examples("label")
	if err := errors.Join(errK, errS, errL, errE); err != nil {
		return nil, err
	}
	s := &stepRun{loss: loss, context: examples.Context, classes: set.Classes(), rate: labelRate}
	setting := models.Setting{Set: set, Dim: max(j.D, 1), Init: 0.1, Seed: 1}
	if s.model, err = kind.New(setting); err != nil {
		return nil, err
	}
	setting.Dim = s.model.Dim()
	if s.head, err = scheme.New(models.HeadSetting{Setting: setting, Score: models.Dot, Temperature: 1, Bias: true, Loss: loss}); err != nil {
		return nil, err
	}
	encoding, others, err := models.Tables(s.model, s.head, loss, s.context, s.classes)
	if err != nil {
		return nil, err
	}
	s.tables = append(encoding, others...)
	for _, t := range s.tables {
		if t.Name == "class-bias" { // the peer's begins at 0, too
			t.Data = make([]float32, t.Rows)
		}
	}
	for k := range j.N {
		batch := &data.Batch{Targets: data.Targets{Ptr: []int32{0}}}
		for i := k * j.B; i < (k+1)*j.B; i++ {
			own := examples.Targets.Row(i)
			batch.Rows = append(batch.Rows, examples.Row[i])
			batch.Targets.Class = append(batch.Targets.Class, own...)
			batch.Targets.Ptr = append(batch.Targets.Ptr, int32(len(batch.Targets.Class)))
			for range own {
				batch.Targets.Weight = append(batch.Targets.Weight, 1/float32(len(own)))
			}
		}
		s.batches = append(s.batches, batch)
	}
	return s, nil
}

// labelsWork takes steps, one batch after the other; the value is the loss of each.
func labelsWork(j job) (func() (float64, float64, error), error) {
	s, err := newLabels(j)
	if err != nil {
		return nil, err
	}
	if err := s.start(j); err != nil {
		return nil, err
	}
	return timed(s.next), nil
}

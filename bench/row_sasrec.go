package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// The rows of whole steps of training: the model sasrec with two blocks, d=64 and dropout
// .2, its full softmax at every position over the items' own vectors, and Adam on all
// weights. PyTorch pads histories to the longest of a batch.
func init() {
	torch := func(name, variant string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "sasrec", variant: variant, env: env}
	}
	const what = "step of sasrec, 2 blocks, d=64, dropout .2, full softmax of "
	for i, r := range []struct {
		name, doc  string
		prepare    func(settings, string) (job, error)
		repeat     int
		limit, aim float64
		more       []contestant
	}{
		{"sasrec-50", what + "3,416 items at every position of 128 histories of 50, Adam", evenHistories(3416, 50, 2), 2, 1.8, 2.3, nil},
		{"sasrec-200", what + "3,416 items at every position of 128 histories of 200, Adam", evenHistories(3416, 200, 1), 1, 1.4, 1.8, nil},
		{"sasrec-ragged", what + "12,101 items at every position of ragged histories, Adam", raggedHistories(8), 8, 2.3, 3,
			[]contestant{{name: "torch all places", peer: "torch", work: "sasrec", variant: "all places", env: tuned, rounds: 2}}},
	} {
		rows = append(rows, &row{
			order: 25 + i, name: r.name, doc: r.doc, prepare: r.prepare, repeat: r.repeat, tolerance: 1e-4,
			contestants: append([]contestant{{name: "fenchel", work: "sasrec"}, torch("torch tuned", "", tuned...), torch("torch default", "")}, r.more...),
			targets:     []target{faster("fenchel", "torch tuned", r.limit, r.aim), memoryWithin("fenchel", "torch tuned", 0.5, 0.3)},
		})
	}
	works["sasrec"] = sasrecWork
}

const (
	sasrecBatch = 128  // histories of a batch; of ragged ones on average
	sasrecDrop  = 0.2  // of the steps that are timed
	sasrecRate  = 1e-3 // of Adam

	// checkedSteps is how many steps without dropout make the value that contestants are to
	// share, the loss of the last of them: it depends on all gradients of those before. With
	// dropout no two programs could share one, since each draws its own.
	checkedSteps = 5
)

// histories are batches of histories: those of batch b are bounds[b] to bounds[b+1]−1, and
// the events of history s are ptr[s] to ptr[s+1]−1, each with the event that came next.
type histories struct {
	bounds, ptr  []int32
	events, next []int32
}

func (h *histories) add(events, next []int32) {
	h.events, h.next = append(h.events, events...), append(h.next, next...)
	h.ptr = append(h.ptr, int32(len(h.events)))
}

// end ends a batch.
func (h *histories) end() { h.bounds = append(h.bounds, int32(len(h.ptr)-1)) }

// write writes them with the first weights of the model, and returns the job.
func (h *histories) write(dir string, items, longest int) (job, error) {
	j := job{B: len(h.ptr) - 1, C: items, D: 64, K: longest, N: len(h.bounds) - 1, S: len(h.events)}
	s, err := newSASRec(j, h, sasrecDrop)
	if err != nil {
		return j, err
	}
	ints := func(name string, x []int32) error {
		return writeInts(dir, name, len(x), func(i int) int32 { return x[i] })
	}
	faults := []error{ints("bounds", h.bounds), ints("ptr", h.ptr), ints("events", h.events), ints("next", h.next)}
	rng := rand.New(rand.NewPCG(2024, 22))
	for _, t := range s.tables {
		t.Initialise(2024)
		faults = append(faults, writeFloats(dir, t.Name, len(t.Data), func(i int) float32 {
			if t.Dim == 1 { // gains and biases, which the model begins with 1 and 0
				return t.Data[i] + float32(0.1*rng.NormFloat64())
			}
			return t.Data[i]
		}))
	}
	return j, errors.Join(faults...)
}

// readHistories reads what write wrote, weights apart.
func readHistories(j job) (*histories, error) {
	h := new(histories)
	var errs [4]error
	h.bounds, errs[0] = readInts(j, "bounds", j.N+1)
	h.ptr, errs[1] = readInts(j, "ptr", j.B+1)
	h.events, errs[2] = readInts(j, "events", j.S)
	h.next, errs[3] = readInts(j, "next", j.S)
	return h, errors.Join(errs[:]...)
}

// drawn adds a batch of histories of those lengths, of items of a Zipf-like popularity.
func (h *histories) drawn(rng *rand.Rand, items int, length func() int) {
	item := func() int32 {
		u := rng.Float64()
		return int32(u * u * u * float64(items)) // gives rank r the density r^(−2/3)
	}
	for range sasrecBatch {
		seen := []int32{item()}
		for range length() {
			seen = append(seen, item())
		}
		h.add(seen[:len(seen)-1], seen[1:])
	}
	h.end()
}

// evenHistories are batches of histories of one length.
func evenHistories(items, length, batches int) func(settings, string) (job, error) {
	return func(_ settings, dir string) (job, error) {
		h := &histories{bounds: []int32{0}, ptr: []int32{0}}
		rng := rand.New(rand.NewPCG(2024, uint64(length)))
		for range batches {
			h.drawn(rng, items, func() int { return length })
		}
		return h.write(dir, items, length)
	}
}

// raggedHistories are the first batches of the set of -sequences or, where there is none, of
// lengths drawn like its.
func raggedHistories(batches int) func(settings, string) (job, error) {
	return func(s settings, dir string) (job, error) {
		const longest = 50
		h := &histories{bounds: []int32{0}, ptr: []int32{0}}
		set, err := data.Load(data.Config{Source: filepath.Join(s.sequences, "seq.txt.gz"), Format: "sequence", Split: "leave-one-out"})
		if errors.Is(err, fs.ErrNotExist) || s.sequences == "" {
			rng := rand.New(rand.NewPCG(2024, longest))
			for range batches {
				h.drawn(rng, 12_101, func() int { return min(longest, 2+int(-4.3*math.Log(1-rng.Float64()))) })
			}
			j, err := h.write(dir, 12_101, longest)
			j.note = fmt.Sprintf("no data at %q: lengths are drawn", s.sequences)
			return j, err
		}
		if err != nil {
			return job{}, err
		}
		examples, err := set.Examples(fmt.Sprintf("next:len=%d", longest))
		if err != nil {
			return job{}, err
		}
		history, err := examples.Context.Field(examples.Sequence)
		if err != nil {
			return job{}, err
		}
		all, err := data.NewBatches(examples, sasrecBatch, 1)
		if err != nil {
			return job{}, err
		}
		for b := range all.Epoch(0) {
			next := b.Targets.Class // of every position, in order
			for _, r := range b.Rows {
				events, _ := history.Row(int(r))
				h.add(events, next[:len(events)])
				next = next[len(events):]
			}
			if h.end(); len(h.bounds) > batches {
				break
			}
		}
		j, err := h.write(dir, set.Items, longest)
		j.note = fmt.Sprintf("the first batches of %s, %d positions each", s.sequences, j.S/j.N)
		return j, err
	}
}

// newSASRec returns the model with tables that have no data yet.
func newSASRec(j job, h *histories, drop float64) (*stepRun, error) {
	none, err := data.Empty(j.B, j.C)
	if err != nil {
		return nil, err
	}
	set := &data.Dataset{Name: "histories", Users: j.B, Items: j.C, Train: none, Valid: none, Test: none}
	setting := models.Setting{Set: set, Dim: j.D, Init: 0.1, Seed: 1}
	kind, errK := models.Parse(fmt.Sprintf("sasrec:len=%d,drop=%g", j.K, drop))
	scheme, errS := models.ParseHead("all")
	softmax, errL := losses.Parse("softmax")
	if err := errors.Join(errK, errS, errL); err != nil {
		return nil, err
	}
	s := &stepRun{loss: softmax, classes: set.Classes(), rate: sasrecRate, each: true}
	if s.model, err = kind.New(setting); err != nil {
		return nil, err
	}
	if s.head, err = scheme.New(models.HeadSetting{Setting: setting, Score: models.Dot, Temperature: 1, Loss: softmax}); err != nil {
		return nil, err
	}
	history := data.Field{Name: "history", Size: j.C, ID: h.events, Ordered: true}
	for i := range j.B {
		history.Lo, history.Hi = append(history.Lo, int(h.ptr[i])), append(history.Hi, int(h.ptr[i+1]))
	}
	s.context = &data.Frame{Rows: j.B, Fields: []data.Field{history}}
	for b := range j.N {
		batch := new(data.Batch)
		lo, hi := h.bounds[b], h.bounds[b+1]
		for i := lo; i < hi; i++ {
			batch.Rows = append(batch.Rows, i)
		}
		batch.Targets = data.Targets{Ptr: []int32{0}, Class: h.next[h.ptr[lo]:h.ptr[hi]]}
		for i := range batch.Targets.Class {
			batch.Targets.Ptr, batch.Targets.Weight = append(batch.Targets.Ptr, int32(i+1)), append(batch.Targets.Weight, 1)
			batch.At = append(batch.At, int32(i))
		}
		s.batches = append(s.batches, batch)
	}
	encoding, others, err := models.Tables(s.model, s.head, s.loss, s.context, s.classes)
	s.tables = append(encoding, others...)
	return s, err
}

// sasrecWork takes steps with dropout, one batch after the other; the value is the loss of
// others without, from the same weights, which are over before anything is measured.
func sasrecWork(j job) (func() (float64, float64, error), error) {
	h, err := readHistories(j)
	if err != nil {
		return nil, err
	}
	return trainedSteps(j, func(drop float64) (*stepRun, error) { return newSASRec(j, h, drop) }, sasrecDrop)
}

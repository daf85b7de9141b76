package train

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/memory"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A MemoryPart is what a run holds for one purpose.
type MemoryPart struct {
	Name  string `json:"name"`  // the purpose
	Bytes int64  `json:"bytes"` // at most, of what is live at once
}

// Memory is what a process with a run in it holds at its fullest, by purpose; the first
// part, the data, is held before the run starts.
type Memory []MemoryPart

// Total returns the sum of the parts.
func (m Memory) Total() (n int64) {
	for _, p := range m {
		n += p.Bytes
	}
	return n
}

// Limit returns what the Go runtime may take, so that the process stays within Total:
// what [runtime/debug.SetMemoryLimit] is to be given before the run. The collector then
// works as hard as that asks for; without it garbage may double what a run holds. It is less
// than Total by a hundredth or so, by which a collection may come late.
func (m Memory) Limit() int64 { return m.Total() - memory.Binary - m.Total()/100 }

// maxParameters keeps sums of bytes far from 2⁶³.
const maxParameters = 1e13

// Estimate is [Plan.Estimate] of cfg's plan.
func Estimate(cfg Config, set *data.Dataset) (Memory, error) {
	p, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	return p.Estimate(set)
}

// Estimate returns what a process that runs p on set will hold, without making the run's
// tables: it counts tables, the optimizer's state, every value of the compiled graph,
// what samplers, trees and rankers hold, and the program itself. What a run holds for a
// time counts with the largest of what comes at different times: an evaluation, the
// refresh of a sampler's summary, the saving of the data. Garbage is a share of all that,
// which the run keeps to under [Memory.Limit]. What reading the data takes is said by
// [data.Plan.Need].
func (p *Plan) Estimate(set *data.Dataset) (Memory, error) {
	set, err := p.SetOf(set)
	if err != nil {
		return nil, err
	}
	t, err := p.shapes(set)
	if err != nil {
		return nil, err
	}
	numbers := 0.0
	for _, table := range t.Tables() {
		numbers += float64(table.Rows) * float64(table.Dim)
	}
	if numbers > maxParameters {
		return nil, fmt.Errorf("train: the model has %.2g parameters, more than the %.0g that can be counted; lower model.dim", numbers, maxParameters)
	}
	weights := 4 * int64(t.Parameters())
	m := Memory{{"data", set.Bytes()}, {"program", memory.Binary + memory.Runtime}}
	if !p.fits() { // whose solver counts them
		m = append(m, MemoryPart{"weights", weights}, MemoryPart{"weights kept to fall back to", weights})
	}
	m[0].Bytes += viewBytes(t.contexts, set)
	parts, err := p.solver.Spec.memory(p.solver.Values, t, set)
	if err != nil {
		return nil, err
	}
	m = append(m, parts...)
	measures, evaluation, err := t.evaluationBytes(set)
	if err != nil {
		return nil, err
	}
	m = append(m, MemoryPart{"measures", measures})
	passing := MemoryPart{"evaluation", evaluation}
	refresh := int64(0)
	if t.Head != nil {
		refresh = t.Head.Bytes().Peak
	}
	for _, other := range []MemoryPart{{"sampler's refresh", refresh}, {"saving of the data", savingBytes(set)}} {
		if other.Bytes > passing.Bytes {
			passing = other
		}
	}
	m = append(m, passing)
	return append(m, MemoryPart{"garbage", garbage(m.Total())}), nil
}

// garbage is the collector's share of a run that holds live bytes: the runtime keeps 3 %
// of its limit free, and what it cannot use of freed memory, and a collection should not
// follow on the other.
func garbage(live int64) int64 { return 8<<20 + live/16 }

// savingBytes is what the writing of a run's data takes: bounds and ids as arrays of a
// file.
func savingBytes(set *data.Dataset) (n int64) {
	n = 3 * 8 * int64(set.Users+1)
	if set.Histories != nil {
		n += 8 * int64(set.Users+1)
	}
	if set.Known != nil {
		n += 8 * int64(set.Users+1)
	}
	texts := [][]string{set.UserIDs, set.ItemIDs}
	for _, f := range slices.Concat(set.UserFields, set.ItemFields) {
		n += 8 * int64(len(f.Lo)+len(f.Hi))
		texts = append(texts, f.Tokens)
	}
	for _, ids := range texts {
		for _, id := range ids {
			n += 8 + 2*int64(len(id)) // its end, and its text as it grows
		}
	}
	return n
}

// evaluationBytes returns what the measures of examples take that the run's history keeps,
// and what an evaluation takes: its examples and what is known of their contexts, a
// ranker with its copy of the class side, the compiled encoder, and what a chunk of rows
// takes on its way.
func (t *Recommender) evaluationBytes(set *data.Dataset) (kept, passing int64, err error) {
	ats, c := t.Plan.Metrics, t.Plan.Config
	most := 0
	var contexts *data.Frame
	masked := false // rankings leave out what is known
	for i, split := range []string{"valid", "test"} {
		x, err := t.measured(set, split)
		if err != nil {
			return 0, 0, err
		}
		users, times := x.Len(), 1
		if i == 0 {
			every := max(1, c.Eval.Every) // 0 where there is no valid set
			times = (c.Train.Epochs + every - 1) / every
		}
		if float64(times)*float64(users)*float64(len(ats)) > maxParameters {
			return 0, 0, fmt.Errorf("train: %d evaluations of %d metrics for %d users are more than can be counted; raise eval.every or lower train.epochs", times, len(ats), users)
		}
		kept += int64(times) * int64(users) * int64(8*len(ats)+4)
		if most = max(most, users); users == most {
			contexts = x.Context
		}
		masked = masked || x.Seen != ""
	}
	if most == 0 {
		return kept, 0, nil
	}
	leftOut, err := t.LeftOut(set)
	if err != nil {
		return 0, 0, err
	}
	k := min(metric.MaxK(ats), set.Items)
	size := models.Chunk(most, k, len(leftOut))
	ranker, encoder, d, err := t.rankingBytes(contexts, size, k)
	if err != nil {
		return 0, 0, err
	}
	// Rows, bounds and targets of the examples; counts of the classes, those left out as
	// they are found, the last row that ranked each, and what a metric keeps of each;
	// histories before test.
	examples := 40*int64(most) + (16+int64(len(ats)))*int64(set.Items)
	history := max(8*int64(set.Users+1)+4*int64(set.Train.Len()+set.Valid.Len()), viewBytes(contexts, set))
	chunk := int64(size) * (4*int64(d) + 72 + 4*int64(len(leftOut)) + int64(k))
	if masked {
		chunk += 4 * int64(size) * int64(longest(set))
	}
	if slices.ContainsFunc(ats, func(at metric.At) bool { return at.LogProbs }) { // of one target each, or few
		chunk += 64*int64(size) + models.ProberBytes(d)
	}
	return kept, examples + history + ranker + encoder + chunk, nil
}

// rankingBytes returns what ranks size rows of contexts takes, what encodes them, and the width of
// encodings.
func (t *Recommender) rankingBytes(contexts *data.Frame, size, k int) (ranker, encoder int64, d int, err error) {
	if t.Plan.fits() { // the scores of all classes on each processor
		return 4*int64(runtime.GOMAXPROCS(0))*int64(t.classes.Rows) + 8*int64(size)*int64(k), 0, 0, nil
	}
	if ranker, err = t.Head.RankerBytes(t.Model, t.classes, size, k); err != nil {
		return 0, 0, 0, err
	}
	encoder, err = models.EncoderBytes(t.Model, contexts, encoderRows)
	return ranker, encoder, t.Model.Dim(), err
}

// measured returns the examples that an evaluation of a split ranks, as far as their number
// and their contexts are concerned: of users those who are in it, before test.
func (t *Recommender) measured(set *data.Dataset, split string) (*data.Examples, error) {
	if set.Text { // a document has many
		return t.Plan.task().RankedOf(set, split)
	}
	part := set.Valid
	if split == "test" {
		part = set.Test
	}
	task := t.Plan.task()
	contexts, err := task.Contexts(set, 2)
	x := &data.Examples{Context: contexts, Row: part.Active(), Seen: task.SeenOf(set)}
	if set.Points != nil { // those without labels are ranked too
		x.Row = nil
		for p, of := range set.Points {
			if split == data.Splits()[of] {
				x.Row = append(x.Row, int32(p))
			}
		}
	}
	return x, err
}

// viewBytes is what a frame of views of histories takes beside the set: bounds, and the
// ids that the set does not hold. Of other frames the set holds all but their bounds.
func viewBytes(f *data.Frame, set *data.Dataset) (n int64) {
	if set.Histories == nil {
		return 0
	}
	past, err := f.Field("history")
	if err != nil || !past.Ordered {
		return 0
	}
	for i := range f.Fields {
		x := &f.Fields[i]
		n += 8 * int64(len(x.Lo)+len(x.Hi))
		if len(x.ID) != set.Histories.Len() { // else they are its events
			n += 4 * int64(len(x.ID))
		}
	}
	return n
}

// longest returns the most items that a user has in train and valid.
func longest(set *data.Dataset) (most int) {
	for u := range set.Users {
		most = max(most, len(set.Train.ItemsOf(u))+len(set.Valid.ItemsOf(u)))
	}
	return most
}

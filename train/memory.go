package train

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A MemoryPart is what a run holds for one purpose.
type MemoryPart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Memory is what a run holds at its fullest, by purpose; the first part, the data,
// is held before it starts.
type Memory []MemoryPart

// Total returns the sum of the parts.
func (m Memory) Total() (n int64) {
	for _, p := range m {
		n += p.Bytes
	}
	return n
}

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

// Estimate returns what a run of p on set will hold, without making its tables:
// it counts the sizes of tables, of optimizer state, and of every value of the
// compiled graph. Live memory alone is counted: the garbage that the collector
// lets lie comes on top, as GOGC and GOMEMLIMIT say. Not counted are what a sampler
// or a tree keeps of its own (numbers per class, some per class and dimension),
// and files being read.
func (p *Plan) Estimate(set *data.Dataset) (Memory, error) {
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
	m := Memory{{"data", dataBytes(set)}, {"weights", weights}, {"weights kept to fall back to", weights}}
	parts, err := p.solver.Spec.memory(p.solver.Values, t, set)
	if err != nil {
		return nil, err
	}
	m = append(m, parts...)
	evaluation, err := t.evaluationBytes(set)
	return append(m, MemoryPart{"evaluation", evaluation}), err
}

func dataBytes(set *data.Dataset) (n int64) {
	for _, part := range set.Parts() {
		n += 8 * int64(set.Users+1)
		n += 4*int64(len(part.Item())) + 4*int64(len(part.Value())) + 8*int64(len(part.Time()))
	}
	for _, ids := range [][]string{set.UserIDs, set.ItemIDs} {
		for _, id := range ids {
			n += 16 + int64(len(id)) // a string's header
		}
	}
	return n
}

// evaluationBytes counts a ranker's copy of the class side, of norm 1 where scores
// are cosines, what a chunk of users takes on its way, and the metrics of users that the run's history keeps.
func (t *Recommender) evaluationBytes(set *data.Dataset) (n int64, err error) {
	ats, c := t.Plan.Metrics, t.Plan.Config
	most := 0
	for i, part := range []*data.Interactions{set.Valid, set.Test} {
		users, times := 0, 1
		for u := range set.Users {
			if len(part.ItemsOf(u)) > 0 {
				users++
			}
		}
		if i == 0 {
			times = (c.Train.Epochs + c.Eval.Every - 1) / c.Eval.Every
		}
		if float64(times)*float64(users)*float64(len(ats)) > maxParameters {
			return 0, fmt.Errorf("train: %d evaluations of %d metrics for %d users are more than can be counted; raise eval.every or lower train.epochs", times, len(ats), users)
		}
		n += int64(times) * int64(users) * int64(8*len(ats)+4)
		most = max(most, users)
	}
	if most == 0 {
		return n, nil
	}
	if c.Model.Score == string(models.Cosine) {
		if _, ok := t.Head.(models.Vectored); ok {
			n += 4 * int64(set.Items) * int64(t.Model.Dim())
		} else {
			for _, table := range t.tables[t.encoding:] {
				n += 4 * int64(table.Rows) * int64(table.Dim)
			}
		}
	}
	if _, ok := t.Head.(models.Vectored); ok {
		computed, err := models.ClassBytes(t.Model, t.classes)
		if err != nil {
			return 0, err
		}
		n += computed
	}
	leftOut, err := t.LeftOut(set)
	if err != nil {
		return 0, err
	}
	k := min(metric.MaxK(ats), set.Items)
	size := models.Chunk(most, k, len(leftOut))
	n += int64(size)*int64(2*4*t.Model.Dim()) + 64*int64(size)*int64(k) + 4*int64(size)*int64(len(leftOut))

	encoder, err := models.EncoderBytes(t.Model, t.contexts, min(size, encoderRows))
	return n + encoder, err
}

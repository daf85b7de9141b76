package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
)

// A Recommender is a model with its head and their weights: what ranks the classes of a
// frame for rows of contexts. Of a model without vectors, which solver fit fits, Model and Head
// are nil.
type Recommender struct {
	Model models.Model // both sides of a score
	Head  models.Head  // how the sides meet

	// Plan made it; nil after Fit. Items says which items rankings on a dataset hold, and
	// Mask what those of test leave out, as EvalConfig.Items and EvalConfig.Mask do; ""
	// is WarmItems and BothSets.
	Plan        *Plan
	Items, Mask string

	// Users says whose rankings an evaluation measures, of UsersChoices; "" is
	// TrainedUsers.
	Users string

	contexts, classes *data.Frame
	fitted            baseline.Fitted // in place of Model and Head, which are nil, under solver fit; nil before
	tables            []*models.Table // that Model and Head read
	encoding          int             // how many of them, the first, encode contexts

	ranking sync.Mutex    // held by who ranks with ranker
	ranker  models.Ranker // of the last ranking, whose memory the next one takes
}

// newRecommender finds the tables of m and head, whose data stay as they are.
func newRecommender(m models.Model, head models.Head, l losses.Loss, contexts, classes *data.Frame) (*Recommender, error) {
	encoding, others, err := models.Tables(m, head, l, contexts, classes)
	if err != nil {
		return nil, err
	}
	return &Recommender{
		Model: m, Head: head, contexts: contexts, classes: classes,
		tables: append(encoding, others...), encoding: len(encoding),
	}, nil
}

// initialise makes the data of tables that have none.
func (t *Recommender) initialise(seed uint64) {
	for _, table := range t.tables {
		if table.Data == nil {
			table.Initialise(seed)
		}
	}
}

// isMade returns an error unless one of this package's functions made t.
func (t *Recommender) isMade() error {
	if t == nil || (t.Model == nil || t.Head == nil) && !t.Plan.fits() || t.contexts == nil || t.classes == nil {
		return errors.New("train: the recommender was not made by New, Run, Open or Fit")
	}
	return nil
}

// Tables returns all weights: each table that the model or the head reads, once.
func (t *Recommender) Tables() []*models.Table { return t.tables }

// Scalars returns the parameters of the head or the loss that are trained, as they are:
// a learned temperature is "temperature". See [graph.Scalar].
func (t *Recommender) Scalars() (all []Value) {
	for _, table := range t.Tables() {
		if table.Scalar != nil {
			all = append(all, Value{Name: table.Scalar.Name, Value: table.Parameter()})
		}
	}
	return all
}

// Parameters returns the number of trained numbers.
func (t *Recommender) Parameters() int {
	n := 0
	for _, table := range t.Tables() {
		n += table.Rows * table.Dim
	}
	for _, a := range t.fittedArrays() {
		if w, ok := a.Data.([]float32); ok {
			n += len(w)
		}
	}
	return n
}

// Contexts returns the frame of the rows that the model encodes.
func (t *Recommender) Contexts() *data.Frame { return t.contexts }

// Classes returns the frame of the classes that it ranks.
func (t *Recommender) Classes() *data.Frame { return t.classes }

// Encode returns the encodings [len(rows),d] of rows of Contexts.
func (t *Recommender) Encode(rows []int32) ([]float32, error) {
	if err := t.isMade(); err != nil {
		return nil, err
	}
	if t.Plan.fits() {
		return nil, t.noVectors("users")
	}
	h := make([]float32, len(rows)*t.Model.Dim())
	if len(rows) == 0 {
		return h, nil
	}
	enc, err := models.NewEncoder(t.Model, t.contexts, encoderRows)
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return h, enc.Encode(h, rows)
}

// ClassScores returns what the model scores classes by, each by a vector of its own;
// an error of a head that has none.
func (t *Recommender) ClassScores() (*models.ClassScores, error) {
	if err := t.isMade(); err != nil {
		return nil, err
	}
	if t.Plan.fits() {
		return nil, t.noVectors("items")
	}
	head, ok := t.Head.(models.Vectored)
	if !ok {
		candidates := "candidates"
		if t.Plan != nil {
			candidates += " " + t.Plan.Config.Candidates
		}
		return nil, fmt.Errorf("train: %s: no class is scored by a vector of its own; train with all or sampled", candidates)
	}
	return head.ClassScores(t.Model, t.classes)
}

// Rank returns the k best classes for each of rows of Contexts. skip returns those that
// the ranking of rows[i] leaves out, ascending; nil leaves none out.
func (t *Recommender) Rank(ctx context.Context, rows []int32, k int, skip func(i int) []int32) ([]models.Top, error) {
	if err := t.isMade(); err != nil {
		return nil, err
	}
	return t.tops(ctx, models.Query{Contexts: t.contexts, Rows: rows, Classes: t.classes.Rows, K: k, Seen: skip})
}

// tops returns the rankings of q together.
func (t *Recommender) tops(ctx context.Context, q models.Query) ([]models.Top, error) {
	tops := make([]models.Top, len(q.Rows))
	return tops, t.Rankings(ctx, q, func(i int, top models.Top) { tops[i] = top })
}

// Rankings implements [models.Scorer].
func (t *Recommender) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	if err := errors.Join(t.isMade(), q.Validate()); err != nil {
		return err
	}
	if each == nil {
		return errors.New("train: rankings with nobody to take them")
	}
	if q.Classes != t.classes.Rows {
		return fmt.Errorf("train: the model was made for %d classes, not %d", t.classes.Rows, q.Classes)
	}
	if len(q.Rows) == 0 {
		return nil
	}
	if t.Plan.fits() {
		return t.rankFitted(ctx, q, each)
	}
	size, k, d := q.Chunk(), min(q.K, q.Classes), t.Model.Dim()
	enc, err := models.NewEncoder(t.Model, q.Contexts, encoderRows)
	if err != nil {
		return err
	}
	defer enc.Close()
	ranker, done, err := t.rankerNow()
	if err != nil {
		return err
	}
	defer done()
	var prober models.Prober
	if q.Targets != nil {
		var ok bool
		if prober, ok = ranker.(models.Prober); !ok {
			return fmt.Errorf("train: %T gives no probabilities of classes", ranker)
		}
	}
	h, tops, logP := make([]float32, size*d), make([]models.Top, size), make([][]float64, size)
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		n := len(rows)
		if err := enc.Encode(h[:n*d], rows); err != nil {
			return err
		}
		if err := ranker.Rank(tops[:n], h[:n*d], func(i int) []int32 { return masks[i] }, k); err != nil {
			return err
		}
		if prober != nil {
			if err := prober.LogProbs(logP[:n], h[:n*d], func(i int) []int32 { return q.Targets(start + i) }); err != nil {
				return err
			}
			for i := range tops[:n] {
				tops[i].LogP = logP[i]
				logP[i] = nil // it is theirs
			}
		}
		for i, top := range tops[:n] {
			each(start+i, top)
		}
		return nil
	})
}

// rankerNow returns what ranks by the weights of the moment, until done: the ranker of
// the ranking before, renewed, or another one while that is at work.
func (t *Recommender) rankerNow() (r models.Ranker, done func(), err error) {
	kept := t.ranking.TryLock()
	done = func() {
		if kept {
			t.ranking.Unlock()
		}
	}
	if kept && t.ranker != nil {
		r, err = t.ranker, t.ranker.Renew()
	} else if r, err = t.Head.Ranker(t.Model, t.classes); err == nil && r == nil {
		err = fmt.Errorf("train: %T has no ranker", t.Head)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	if kept {
		t.ranker = r
	}
	return r, done, nil
}

// encoderRows is the number of rows that a run of the encoding graph has, padding among
// them: always the same, because a product of matrices adds in an order that depends on
// their sizes, and a row's encoding is not to depend on how many were asked for with it.
const encoderRows = 256

// finite returns an error that names the first weight that is not a number.
func (t *Recommender) finite() error {
	for _, table := range t.Tables() {
		for i, w := range table.Data {
			if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				return fmt.Errorf("table %s, row %d holds %v", table.Name, i/table.Dim, w)
			}
		}
	}
	return nil
}

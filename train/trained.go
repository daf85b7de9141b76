package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// Trained is a model with its head, and the configuration that made them.
type Trained struct {
	Config Config // defaults written out
	Model  models.Model
	Head   models.Head

	contexts, classes *data.Frame
	tables            []*models.Table // that Model and Head read
	encoding          int             // how many of them, the first, encode contexts
	users, items      int
}

// New returns the model and head of cfg for a dataset, with fresh weights.
func New(cfg Config, set *data.Dataset) (*Trained, error) { return newTrained(cfg, set, false) }

// newTrained is New; a plan's tables have shapes and no data.
func newTrained(cfg Config, set *data.Dataset, plan bool) (*Trained, error) {
	if err := errors.Join(cfg.Validate(), set.Validate()); err != nil {
		return nil, err
	}
	t := &Trained{Config: cfg.Filled(), contexts: set.Contexts(), classes: set.Classes(), users: set.Users, items: set.Items}
	c := t.Config.Model
	setting := models.Setting{Set: set, Dim: c.Dim, Init: c.Init, Seed: t.Config.Train.Seed}
	model, err := models.Parse(c.Name)
	if err != nil {
		return nil, err
	}
	if t.Model, err = model.New(setting); err != nil {
		return nil, err
	}
	setting.Dim = t.Model.Dim()
	hs := models.HeadSetting{Setting: setting, Score: models.Score(c.Score), Temperature: c.Temperature, Bias: c.Bias}
	var head models.BoundHead
	if t.Config.Loss == "" { // ials has none
		head, err = models.ParseHead(t.Config.Candidates)
	} else {
		var r models.Resolved
		r, err = models.Resolve(t.Config.Loss, t.Config.Candidates, set.Items)
		head, hs.Loss = r.Head, r.Loss
	}
	if err != nil {
		return nil, err
	}
	t.Head, err = head.New(hs)
	if err != nil {
		return nil, err
	}
	if err := t.findTables(set, hs.Loss); err != nil {
		return nil, err
	}
	if !plan {
		for _, table := range t.tables {
			table.Initialise(t.Config.Train.Seed)
		}
	}
	return t, nil
}

// findTables asks which tables a training graph reads.
func (t *Trained) findTables(set *data.Dataset, loss losses.Bound) (err error) {
	if loss.Spec == nil { // the solver's own; tables do not depend on it
		if loss, err = losses.Parse("softmax"); err != nil {
			return err
		}
	}
	encoding, classes, err := models.Tables(t.Model, t.Head, loss, set)
	if err != nil {
		return fmt.Errorf("train: model %s with candidates %s: %w", t.Config.Model.Name, t.Config.Candidates, err)
	}
	t.tables, t.encoding = append(encoding, classes...), len(encoding)
	return nil
}

// Tables returns all trained weights: each table that the model or the head reads,
// once.
func (t *Trained) Tables() []*models.Table { return t.tables }

// Contexts returns the frame of the rows that the model encodes, and Classes that of
// the classes that it ranks.
func (t *Trained) Contexts() *data.Frame { return t.contexts }

// Classes returns the frame of the classes.
func (t *Trained) Classes() *data.Frame { return t.classes }

// Encode returns the encodings [len(rows),d] of rows of Contexts.
func (t *Trained) Encode(rows []int32) ([]float32, error) {
	h := make([]float32, len(rows)*t.Model.Dim())
	if len(rows) == 0 {
		return h, nil
	}
	enc, err := models.NewEncoder(t.Model, t.contexts, min(len(rows), 1024))
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	return h, enc.Encode(h, rows)
}

// ClassScores returns what the model scores classes by, each by a vector of its own;
// an error of candidates that do not.
func (t *Trained) ClassScores() (*models.ClassScores, error) {
	head, ok := t.Head.(models.Vectored)
	if !ok {
		return nil, fmt.Errorf("train: candidates %s score no class by a vector of its own; train with all or sampled", t.Config.Candidates)
	}
	return head.ClassScores(t.Model, t.classes)
}

// Parameters returns the number of trained numbers.
func (t *Trained) Parameters() int {
	n := 0
	for _, table := range t.Tables() {
		n += table.Rows * table.Dim
	}
	return n
}

// fits returns an error unless set is valid and has as many users and items as the
// model was made for.
func (t *Trained) fits(set *data.Dataset) error {
	if err := set.Validate(); err != nil {
		return err
	}
	if set.Users != t.users || set.Items != t.items {
		return fmt.Errorf("train: the model was made for %d users and %d items, %s has %d and %d", t.users, t.items, set.Name, set.Users, set.Items)
	}
	return nil
}

// finite returns an error that names the first weight that is not a number.
func (t *Trained) finite() error {
	for _, table := range t.Tables() {
		for i, w := range table.Data {
			if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				return fmt.Errorf("table %s, row %d holds %v", table.Name, i/table.Dim, w)
			}
		}
	}
	return nil
}

func tableArrays(prefix string, tables []*models.Table) (all []weights.Array) {
	for _, t := range tables {
		all = append(all, weights.Array{Name: prefix + t.Name, Shape: []int{t.Rows, t.Dim}, Data: t.Data})
	}
	return all
}

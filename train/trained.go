package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// Trained is a model with its head, and the configuration that made them.
type Trained struct {
	Config Config // defaults written out
	Model  models.Model
	Head   models.Head

	users, items int
}

// New returns the model and head of cfg for a dataset, with fresh weights.
func New(cfg Config, set *data.Dataset) (*Trained, error) { return newTrained(cfg, set, false) }

// newTrained is New; a plan's tables have sizes and no data.
func newTrained(cfg Config, set *data.Dataset, plan bool) (*Trained, error) {
	if err := errors.Join(cfg.Validate(), set.Validate()); err != nil {
		return nil, err
	}
	t := &Trained{Config: cfg.Filled(), users: set.Users, items: set.Items}
	c := t.Config.Model
	setting := models.Setting{Set: set, Dim: c.Dim, Init: c.Init, Seed: t.Config.Train.Seed, Plan: plan}
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
	seen := map[*models.Table]bool{}
	names := map[string]bool{}
	for _, table := range t.Tables() {
		if seen[table] || names[table.Name] {
			return nil, fmt.Errorf("train: model %s with candidates %s has table %q twice", c.Name, t.Config.Candidates, table.Name)
		}
		seen[table], names[table.Name] = true, true
	}
	return t, nil
}

// Tables returns all trained weights: the model's, then the head's.
func (t *Trained) Tables() []*models.Table {
	var all []*models.Table
	for _, in := range t.Model.Inputs() {
		all = append(all, in.Table)
	}
	return append(all, t.Head.Tables()...)
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

package train

import (
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// Trained is a Recommender and the configuration that made it.
type Trained struct {
	*Recommender
	Config Config // defaults written out

	users, items int
}

// New returns the model and head of cfg for a dataset, with fresh weights.
func New(cfg Config, set *data.Dataset) (*Trained, error) { return newTrained(cfg, set, false) }

// newTrained is New; a plan's tables have shapes and no data.
func newTrained(cfg Config, set *data.Dataset, plan bool) (*Trained, error) {
	if err := errors.Join(cfg.Validate(), set.Validate()); err != nil {
		return nil, err
	}
	if cfg.Data == (DataConfig{}) {
		cfg.Data = sourceOf(set)
	}
	t := &Trained{Config: cfg.WithDefaults(), users: set.Users, items: set.Items}
	c := t.Config.Model
	setting := models.Setting{Set: set, Dim: c.Dim, Init: c.Init, Seed: t.Config.Train.Seed}
	model, err := models.Parse(c.Name)
	if err != nil {
		return nil, err
	}
	m, err := model.New(setting)
	if err != nil {
		return nil, err
	}
	setting.Dim = m.Dim()
	hs := models.HeadSetting{Setting: setting, Score: models.Score(c.Score), Temperature: c.Temperature, Bias: c.Bias}
	var head models.HeadKind
	if t.Config.Loss == "" { // ials has none
		head, err = models.ParseHead(t.Config.Candidates)
	} else {
		var r models.Choice
		r, err = models.Resolve(t.Config.Loss, t.Config.Candidates, set.Items)
		head, hs.Loss = r.Head, r.Loss
	}
	if err != nil {
		return nil, err
	}
	h, err := head.New(hs)
	if err != nil {
		return nil, err
	}
	loss := hs.Loss
	if loss.Spec == nil { // the solver's own; tables do not depend on it
		if loss, err = losses.Parse("softmax"); err != nil {
			return nil, err
		}
	}
	if t.Recommender, err = newRecommender(m, h, loss, set.Contexts(), set.Classes()); err != nil {
		return nil, fmt.Errorf("train: model %s with candidates %s: %w", c.Name, t.Config.Candidates, err)
	}
	if !plan {
		t.initialise(t.Config.Train.Seed)
	}
	return t, nil
}

// sourceOf returns what a run on set records where its configuration says nothing of
// data: how the set was made.
func sourceOf(set *data.Dataset) DataConfig {
	m := set.Made
	switch {
	case m != (data.Config{}):
		return DataConfig{Source: m.Source, Format: m.Format, MinRating: m.MinRating, Core: m.Core, Split: m.Split}
	case set.Truth != nil: // a demo, whose name is its text
		return DataConfig{Source: set.Name, Split: set.Split}
	}
	return DataConfig{Source: data.MemorySource, Split: set.Split}
}

// ClassScores returns what the model scores classes by, each by a vector of its own;
// an error of candidates that do not.
func (t *Trained) ClassScores() (*models.ClassScores, error) {
	s, err := t.Recommender.ClassScores()
	if err != nil {
		return nil, fmt.Errorf("train: candidates %s: %w", t.Config.Candidates, err)
	}
	return s, nil
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

func tableArrays(prefix string, tables []*models.Table) (all []graph.Array) {
	for _, t := range tables {
		all = append(all, graph.Array{Name: prefix + t.Name, Shape: []int{t.Rows, t.Dim}, Data: t.Data})
	}
	return all
}

package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// New is [Plan.New] of cfg's plan.
func New(cfg Config, set *data.Dataset) (*Recommender, error) {
	p, err := cfg.Plan()
	if err != nil {
		return nil, errors.Join(err, set.Validate())
	}
	return p.New(set)
}

// New returns the model and head of p for a dataset, with fresh weights.
func (p *Plan) New(set *data.Dataset) (*Recommender, error) {
	t, err := p.shapes(set)
	if err != nil {
		return nil, err
	}
	if p.Bias == models.PriorBias {
		if err := p.startAtPrior(t, set); err != nil {
			return nil, err
		}
	}
	t.initialise(p.Config.Train.Seed)
	return t, nil
}

// shapes is New without the tables' data.
func (p *Plan) shapes(set *data.Dataset) (*Recommender, error) {
	set, err := p.SetOf(set)
	if err != nil {
		return nil, err
	}
	if p, err = p.On(set); err != nil {
		return nil, err
	}
	c := p.Config.Model
	if set.Points != nil && !p.task().ByFeatures() {
		return nil, fmt.Errorf("train: the users of %s are points with labels, and task %s is of users with interactions; take train.task label, and a model of features such as linear", set.Name, p.task())
	}
	contexts, err := p.task().Contexts(set, 1)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	setting := models.Setting{Set: set, Contexts: contexts, Dim: c.Dim, Init: c.Init, Seed: p.Config.Train.Seed}
	m, err := p.Model.New(setting)
	if err != nil {
		return nil, err
	}
	setting.Dim = m.Dim()
	hs := models.HeadSetting{Setting: setting, Score: models.Score(c.Score), Temperature: p.Temperature.Value, Learned: p.Temperature.Learned, Bias: p.biased(), Precision: p.Precision}
	if p.Choice.Loss.Spec != nil { // ials has none
		if hs.Loss, err = p.Choice.LossFor(set.Items); err != nil {
			return nil, err
		}
	}
	h, err := p.Choice.Head.New(hs)
	if err != nil {
		return nil, err
	}
	loss := hs.Loss
	if loss.Spec == nil { // the solver's own; tables do not depend on it
		softmax, err := losses.Lookup("softmax")
		if err != nil {
			return nil, err
		}
		loss = softmax.Bind(softmax.Defaults())
	}
	t, err := newRecommender(m, h, loss, contexts, set.Classes())
	if err != nil {
		return nil, fmt.Errorf("train: model %s with candidates %s: %w", c.Name, p.Config.Candidates, err)
	}
	t.Plan, t.Items, t.Mask = p, p.Config.Eval.Items, p.Config.Eval.Mask
	if set.Points != nil {
		if err := t.readsFeatures(set); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// madeFrom returns p with what it says of the data, where it says nothing, as set was
// made.
func (p *Plan) madeFrom(set *data.Dataset) *Plan {
	if p.Given.Data != (DataConfig{}) {
		return p
	}
	q := *p
	q.Config.Data = sourceOf(set)
	return &q
}

// sourceOf returns what a run on d records where its configuration says nothing of
// data: how d was made.
func sourceOf(d *data.Dataset) DataConfig {
	m := d.Made
	switch {
	case m != (data.Config{}):
		c := DataConfig{
			Source: m.Source, Format: m.Format, Columns: m.Columns, Sep: m.Sep, Quote: m.Quote, Header: m.Header,
			UserFeatures: m.UserFeatures, ItemFeatures: m.ItemFeatures, MinRating: m.MinRating, Core: m.Core, Split: m.Split, Held: m.Held,
		}
		set(&c.Source, defaultSource)
		return c
	case d.Truth != nil: // a demo, whose name is its text
		return DataConfig{Source: d.Name, Split: d.Split}
	}
	return DataConfig{Source: data.MemorySource, Split: d.Split}
}

// fits returns an error unless set is valid and has as many users and items as the
// model was made for.
func (t *Recommender) fits(set *data.Dataset) error {
	if err := t.isMade(); err != nil {
		return err
	}
	if err := set.Validate(); err != nil {
		return err
	}
	if !t.ofUsers() && set.Items == t.classes.Rows {
		return nil
	}
	if users := t.users(); set.Users != users || set.Items != t.classes.Rows {
		return fmt.Errorf("train: the model was made for %d users and %d items, %s has %d and %d", users, t.classes.Rows, set.Name, set.Users, set.Items)
	}
	return nil
}

// ofUsers reports whether contexts are users, or views of them.
func (t *Recommender) ofUsers() bool { return t.Plan == nil || t.Plan.task().OfUsers() }

// users returns how many users the frame of contexts is of.
func (t *Recommender) users() int {
	if f, err := t.contexts.Field("user"); err == nil {
		return f.Size
	}
	return t.contexts.Rows
}

// on returns the set that t is measured on: d, or with valid joined to train where t was
// trained on both.
func (t *Recommender) on(d *data.Dataset) (*data.Dataset, error) {
	if err := t.fits(d); err != nil {
		return nil, err
	}
	if t.Plan == nil {
		return d, nil
	}
	return t.Plan.SetOf(d)
}

// items is Items with its default in place.
func (t *Recommender) items() string { return cmp.Or(t.Items, WarmItems) }

// mask is Mask with its default in place.
func (t *Recommender) mask() string { return cmp.Or(t.Mask, BothSets) }

// LeftOut returns the items that no ranking on d holds, ascending; see Items.
func (t *Recommender) LeftOut(d *data.Dataset) ([]int32, error) {
	d, err := t.on(d)
	if err != nil {
		return nil, err
	}
	return leftOut(d, t.items())
}

func leftOut(d *data.Dataset, items string) ([]int32, error) {
	if err := CheckItems(items); err != nil {
		return nil, fmt.Errorf("train: eval.items: %w", err)
	}
	switch items {
	case AllItems:
		return nil, nil
	case ColdItems:
		if len(d.ColdItems()) == 0 {
			return nil, fmt.Errorf("train: eval.items=cold: every item of %s has a pair in train; the splits cold-items and time leave some without", d.Name)
		}
		return d.WarmItems(), nil
	}
	return d.ColdItems(), nil
}

// Evaluation returns what ms measure on a split of set ("train", "valid" or "test"): the
// rankings of the task's examples. What was known before the split is left out, but of
// train, and of test as far as Mask says; and so are the items that Items does not say: those
// without a pair in train, which stay among the relevant ones, or of ColdItems those with
// one, which do not. A valid split that was
// trained on is none. Users are those that Users says; those who are held out of training are
// an error of a model that reads no histories.
func (t *Recommender) Evaluation(set *data.Dataset, split string, ms []metric.At) (Evaluation, error) {
	d, err := t.on(set)
	if err != nil {
		return Evaluation{}, err
	}
	if err := t.knows(d); err != nil {
		return Evaluation{}, err
	}
	return evaluation(t.Plan, d, split, t.mask(), t.items(), t.Users, ms)
}

// knows returns an error where Users are people of whom t can know nothing: who was held out
// of training is nobody to a model that reads no histories, and its ranking would be that of
// first weights.
func (t *Recommender) knows(d *data.Dataset) error {
	if d.Known == nil || t.Users != HeldUsers && t.Users != AllUsers {
		return nil
	}
	reads, err := t.Reads()
	if err != nil || len(known(reads)) > 0 {
		return err
	}
	return fmt.Errorf("train: users=%s: %s reads no histories, and knows nothing else of the users who are held out of training; measure users=%s, or train a model that does, such as pool", t.Users, t.named(), TrainedUsers)
}

// named is the model in an error.
func (t *Recommender) named() string {
	if t.Plan == nil {
		return "the model"
	}
	return "model " + t.Plan.Config.Model.Name
}

// Evaluation returns what ms measure on a split of set, as that of a [Recommender] of p
// does, for whatever else ranks: an order by popularity, say. What learns from the set is
// to learn from the train part of [Plan.SetOf].
func (p *Plan) Evaluation(set *data.Dataset, split string, ms []metric.At) (Evaluation, error) {
	d, err := p.SetOf(set)
	if err != nil {
		return Evaluation{}, err
	}
	return evaluation(p, d, split, p.Config.Eval.Mask, p.Config.Eval.Items, "", ms)
}

// evaluation is Evaluation of a model of p, nil where none made it, on what it was
// trained on.
func evaluation(p *Plan, set *data.Dataset, split, mask, items, users string, ms []metric.At) (e Evaluation, err error) {
	if err := CheckMask(mask); err != nil {
		return e, fmt.Errorf("train: eval.mask: %w", err)
	}
	e = Evaluation{Split: split, Classes: set.Items, Metrics: ms}
	if e.LeftOut, err = leftOut(set, items); err != nil {
		return e, err
	}
	view := set
	if split == "test" && mask == TrainSet { // whatever the task is, it knows nothing of valid
		if view, err = set.WithoutValid(); err != nil {
			return e, err
		}
	}
	if e.Examples, err = p.task().RankedOf(view, split); err != nil {
		return e, err
	}
	if e.Examples, err = ofUsers(e.Examples, set, users); err != nil {
		return e, err
	}
	cold := ""
	if items == ColdItems {
		warm := set.Train.ItemCounts()
		e.Examples = e.Examples.OnlyClasses(func(class int32) bool { return warm[class] == 0 })
		cold = " with items that train has nothing of"
	}
	if split == "test" && mask == NoMask {
		unmasked := *e.Examples // which a task may have kept
		unmasked.Seen = ""
		e.Examples = &unmasked
	}
	if e.Examples.Len() == 0 {
		why := ""
		if split == "valid" && p != nil && p.Config.Train.On == BothSets {
			why = ": train.on=" + BothSets + " has them in train"
		}
		return e, fmt.Errorf("train: the %s split of %s has no interactions%s%s", split, set.Name, cold, why)
	}
	e.Known = knownOf(set)
	return e, nil
}

// knownOf is KnownFrom of the train part of a set: of running text every word is of a context
// of its own.
func knownOf(set *data.Dataset) metric.Set {
	s := metric.Set{Classes: set.Items, Count: set.Positives(), Trained: len(set.Train.Active())}
	for _, part := range set.Points {
		if part == 0 {
			s.Contexts++
		}
	}
	if set.Text {
		s.Trained = 0
		for _, n := range s.Count {
			s.Trained += int(n)
		}
	}
	return s
}

// task returns the task of p, and that of a user's interactions where p has none.
func (p *Plan) task() data.Task {
	if p != nil && p.Task.Spec != nil {
		return p.Task
	}
	s, err := data.ChooseTask("user")
	if err != nil { // a mistake of package data
		panic("train: " + err.Error())
	}
	return s
}

// Evaluate measures a split of set; see Evaluation.
func (t *Recommender) Evaluate(ctx context.Context, set *data.Dataset, split string, ms []metric.At) (*Scores, error) {
	e, err := t.Evaluation(set, split, ms)
	if err != nil {
		return nil, err
	}
	return Evaluate(ctx, t, e)
}

// Predict returns the k best items for users. Unless withSeen, the items that
// the dataset knows of a user, in any split, are left out, and so are the items that Items
// does not say.
func (t *Recommender) Predict(ctx context.Context, set *data.Dataset, users []int, k int, withSeen bool) ([]models.Top, error) {
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	left, err := leftOut(set, t.items())
	if err != nil {
		return nil, err
	}
	if !t.ofUsers() {
		return nil, fmt.Errorf("train: the contexts of task %s are no users; fenchel similar, or Recommender.Similar, finds what is alike", t.Plan.task())
	}
	rows := make([]int32, len(users))
	for i, u := range users {
		if u < 0 || u >= set.Users {
			return nil, fmt.Errorf("train: user %d is outside [0,%d)", u, set.Users)
		}
		rows[i] = int32(u)
	}
	contexts, err := t.Plan.task().Contexts(set, len(data.Splits()))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return t.predict(ctx, contexts, rows, k, seenIn(t, set, withSeen), left)
}

// seenIn names the field of contexts whose items a prediction leaves out, "" of none.
func seenIn(t *Recommender, set *data.Dataset, withSeen bool) string {
	if withSeen {
		return ""
	}
	return t.Plan.task().SeenOf(set)
}

// predict ranks rows of contexts, without what the field seen holds.
func (t *Recommender) predict(ctx context.Context, contexts *data.Frame, rows []int32, k int, field string, left []int32) ([]models.Top, error) {
	q := models.Query{Contexts: contexts, Rows: rows, Classes: t.classes.Rows, K: k, LeftOut: left}
	if field != "" {
		seen, err := seenOf(&data.Examples{Context: contexts, Seen: field})
		if err != nil {
			return nil, err
		}
		q.Seen = func(i int) []int32 { return seen(rows[i]) }
	}
	if len(rows) == 0 {
		return nil, q.Validate()
	}
	return t.tops(ctx, q)
}

// readsFeatures returns an error unless the model reads one of the fields by which the points
// of set are known: of others it would rank by its first weights.
func (t *Recommender) readsFeatures(set *data.Dataset) error {
	fields, err := t.Reads()
	if err != nil {
		return err
	}
	var names []string
	for _, f := range set.UserFields {
		if slices.Contains(fields, f.Name) {
			return nil
		}
		names = append(names, f.Name)
	}
	return fmt.Errorf("train: %s reads none of the fields by which the points of %s are known (%s), and would rank those of valid and test by first weights; take linear", t.named(), set.Name, strings.Join(names, ", "))
}

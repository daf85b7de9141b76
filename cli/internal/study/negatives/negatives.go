package negatives

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/bias"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// Config says what to train.
type Config struct {
	Base train.Config // of every run; its Loss has a parameter negatives; "": sl:tau=0.2

	Omegas []float64 // constants ω of Base.Loss, each once; empty: those of Omegas

	// AtK is the text of the other loss, a setting of sl-at-k; "": that of the temperature
	// at which Base.Loss divides cosines.
	AtK string
}

// DefaultLoss is at the temperature of sl-at-k.
const DefaultLoss = "sl:tau=0.2"

// parameter is the one that ω is of.
const parameter = "negatives"

// Omegas are the constants that are tried unless others are given.
func Omegas() []float64 { return []float64{1, 1.1, 1.2, 1.3} }

// WithDefaults returns c with the defaults written out, as far as its texts can be read.
func (c Config) WithDefaults() Config {
	c.Base.Loss = cmp.Or(c.Base.Loss, DefaultLoss)
	c.Omegas = settings.Or(c.Omegas, Omegas()...)
	if l, err := c.weighted(); c.AtK == "" && err == nil {
		tau := l.Unit()
		if t, err := models.ParseTemperature(c.Base.Model.Temperature); err == nil && t.Learned == nil {
			tau *= t.Value // the two multiply
		} else if tau == 1 {
			tau = 0.2 // what divides the cosines of a loss without one of its own
		}
		c.AtK = fmt.Sprintf("sl-at-k:tau=%g", tau)
	}
	return c
}

// alone returns the loss of text, which is over all classes: ω_y is of all of them.
func alone(text string) (losses.Loss, error) {
	name, candidates, given := models.CutCandidates(text)
	if given && candidates != "all" {
		return losses.Loss{}, fmt.Errorf("%q: the weight of the negatives is of all classes, not of candidates %s; leave them out", text, candidates)
	}
	return losses.Parse(name)
}

// weighted returns the loss whose negatives have a constant weight.
func (c Config) weighted() (losses.Loss, error) {
	l, err := alone(c.Base.Loss)
	if err != nil {
		return l, err
	}
	if text, _, _ := models.CutCandidates(c.Base.Loss); sets(text, parameter) {
		return l, fmt.Errorf("%q: the weight %s is what omegas vary: leave it out, and give its value among those", text, parameter)
	}
	if !hasWeight(l.Spec) {
		return l, fmt.Errorf("%s has no parameter %s; the choices are %v", l.Spec.Name, parameter, Losses())
	}
	return l, nil
}

// Losses returns the names of the losses whose negatives have a weight.
func Losses() (names []string) {
	for _, s := range losses.All() {
		if hasWeight(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// sets reports whether the text of a loss has a setting of that name.
func sets(text, name string) bool {
	t, err := registry.ReadOwn(text)
	return err == nil && registry.Has(t.Settings, name)
}

func hasWeight(s *losses.Spec) bool {
	return slices.ContainsFunc(s.Params, func(p losses.Param) bool { return p.Name == parameter })
}

// at returns the loss l with the weight ω.
func at(l losses.Loss, omega float64) (losses.Loss, error) {
	return losses.Parse(l.Spec.Bind(l.Values.Set(parameter, omega)).String())
}

// Validate reports all faults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults settings.Faults
	l, err := c.weighted()
	if err != nil {
		faults.Addf("loss: %w", err)
	}
	for i, omega := range c.Omegas {
		if slices.Contains(c.Omegas[:i], omega) {
			faults.Addf("omegas: %g is given twice", omega)
		}
		if err == nil {
			if _, err := at(l, omega); err != nil {
				faults.Addf("omegas: %w", err)
			}
		}
	}
	if c.AtK != "" { // else the loss is at fault
		if k, err := alone(c.AtK); err != nil {
			faults.Addf("at-k: %w", err)
		} else if k.Spec.Name != "sl-at-k" {
			faults.Addf("at-k: %q is not sl-at-k, alone or with settings such as sl-at-k:tau-w=2.5", c.AtK)
		}
	}
	if head := c.Base.Candidates; head != "" && head != "all" {
		faults.Addf("candidates: %q: the weight of the negatives is of all classes; leave it out", head)
	}
	if score := c.Base.Model.Score; score != "" && score != string(models.Cosine) {
		faults.Addf("model.score: %q: where the negatives weigh more than the positive all scores fall without end unless they are bounded; leave it out for cosine", score)
	}
	if faults.Any() {
		return faults.Err()
	}
	for _, r := range c.runs() {
		if _, err := r.cfg.Plan(); err != nil {
			return err
		}
	}
	return nil
}

// A Run is the training of one loss.
type Run struct {
	Loss  string        `json:"loss"`
	Omega report.Number `json:"omega"` // the constant weight; null of sl-at-k

	Epochs []Point       `json:"epochs"`
	Valid  []train.Value `json:"valid"`           // of the weights that the run ended with
	Test   []train.Value `json:"test"`            // under the protocol; of a second run where that trains on valid too
	Fault  string        `json:"fault,omitempty"` // why training ended early: the loss diverged, say

	Planned     int  `json:"epochs_planned"`
	Interrupted bool `json:"interrupted,omitempty"` // before its end; Valid and Test are of the weights of the moment

	cfg train.Config
	atK bool
}

// A Point is one epoch.
type Point struct {
	Epoch   int           `json:"epoch"`
	Loss    report.Number `json:"loss"`
	Valid   []train.Value `json:"valid"`             // none where the epoch was not measured
	Weights *Weights      `json:"weights,omitempty"` // of sl-at-k, by the model after the epoch
}

// runs returns the runs of a valid configuration with their defaults.
func (c Config) runs() []*Run {
	var all []*Run
	l, err := c.weighted()
	if err != nil {
		panic("negatives: " + err.Error())
	}
	for _, omega := range c.Omegas {
		b, err := at(l, omega)
		if err != nil {
			panic("negatives: " + err.Error())
		}
		r := &Run{Loss: b.String(), Omega: report.Number(omega), cfg: c.Base}
		all = append(all, r)
	}
	k, err := alone(c.AtK)
	if err != nil {
		panic("negatives: " + err.Error())
	}
	r := &Run{Loss: k.String(), Omega: report.Number(math.NaN()), cfg: c.Base, atK: true}
	r.cfg.Model.Temperature, r.cfg.Model.Spread = "", 0 // it takes cosines as they are
	all = append(all, r)
	for _, r := range all {
		r.cfg.Loss, r.cfg.Candidates = r.Loss, "all"
	}
	return all
}

// A Result is what Train found.
type Result struct {
	Loss     string         `json:"loss"` // without its weight
	Metrics  []string       `json:"metrics"`
	Protocol train.Protocol `json:"protocol"` // what Test is of
	Runs     []*Run         `json:"runs"`     // of the constants in order, then of sl-at-k

	// Missing are the losses whose runs an interruption left out.
	Missing []string `json:"missing,omitempty"`
}

// Interrupted says what an interruption cut off; "" where there was none.
func (r *Result) Interrupted() string {
	var parts []string
	for _, run := range r.Runs {
		if run.Interrupted {
			parts = append(parts, fmt.Sprintf("%s was cut off after %d of %s", run.Loss, len(run.Epochs), words.Count(run.Planned, "epoch")))
		}
	}
	if len(r.Missing) > 0 {
		parts = append(parts, "not begun: "+strings.Join(r.Missing, "; "))
	}
	return strings.Join(parts, "; ")
}

// Train trains every loss of c on set. A loss that fails to train has the error as its
// Fault; the others go on. If ctx ends, what was recorded is returned.
func Train(ctx context.Context, c Config, set *data.Dataset, done func(*Run)) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if set.Valid.Len() == 0 && set.Test.Len() == 0 {
		return nil, fmt.Errorf("negatives: %s has neither valid nor test interactions to measure", set.Name)
	}
	c = c.WithDefaults()
	l, err := c.weighted()
	if err != nil {
		return nil, err
	}
	res := &Result{Loss: l.String()}
	for _, r := range c.runs() {
		if ctx.Err() != nil {
			res.Missing = append(res.Missing, r.Loss)
			continue
		}
		plan, err := r.cfg.Plan()
		if err != nil {
			return nil, err
		}
		if len(res.Runs) == 0 {
			for _, m := range plan.Metrics {
				res.Metrics = append(res.Metrics, m.String())
			}
			res.Protocol = plan.ProtocolOn(set)
		}
		res.Runs, r.Planned = append(res.Runs, r), plan.Config.Train.Epochs
		if err := r.train(ctx, plan, set); err != nil {
			return nil, err
		}
		if done != nil {
			done(r)
		}
	}
	return res, nil
}

// train fills in what r measures. Where its plan trains on valid too, the course is that of
// a run on train alone, and test is measured after a second one.
func (r *Run) train(ctx context.Context, plan *train.Plan, set *data.Dataset) error {
	course := r.cfg
	both := plan.Config.Train.On == train.BothSets
	if both {
		course = plan.Config
		course.Protocol, course.Train.On = "", train.TrainSet // which the result has
	}
	res, err := r.course(ctx, course, set)
	if err != nil || res == nil {
		return err
	}
	if res.Valid != nil {
		r.Valid = res.Valid.Values
	}
	r.Interrupted = res.Interrupted || both && ctx.Err() != nil
	if both && ctx.Err() == nil {
		if res, err = plan.Run(ctx, set, nil); err != nil {
			r.Fault = err.Error()
			return nil
		}
		r.Interrupted = res.Interrupted
	}
	if res.Test != nil {
		r.Test = res.Test.Values
	}
	return nil
}

// course runs cfg and notes every epoch; the result is nil of a run that failed.
func (r *Run) course(ctx context.Context, cfg train.Config, set *data.Dataset) (*train.Result, error) {
	plan, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	on, err := plan.SetOf(set)
	if err != nil {
		return nil, err
	}
	var trained *train.Recommender
	var fault error
	res, err := plan.Run(ctx, set, func(e train.Event) {
		switch e := e.(type) {
		case *train.Started:
			trained = e.Trained
		case *train.EpochDone:
			p := Point{Epoch: e.Epoch, Loss: report.Number(e.Loss)}
			if e.Valid != nil {
				p.Valid = e.Valid.Values
			}
			if r.atK {
				w, err := weights(trained, on)
				fault = errors.Join(fault, err)
				p.Weights = &w
			}
			r.Epochs = append(r.Epochs, p)
		}
	})
	if fault != nil {
		return nil, fault
	}
	if err != nil {
		r.Fault = err.Error()
		return nil, nil
	}
	return res, nil
}

// sampleUsers is the number of users whose positives Weights are of.
const sampleUsers = 256

// weights returns the weights of the negatives by the model as it is, of the train
// interactions of users that are evenly spaced.
func weights(t *train.Recommender, set *data.Dataset) (Weights, error) {
	users := set.Train.Active()
	if n := len(users); n > sampleUsers {
		for i := range sampleUsers {
			users[i] = users[i*n/sampleUsers]
		}
		users = users[:sampleUsers]
	}
	p, err := bias.Queries(t, set, users)
	if err != nil {
		return Weights{}, err
	}
	var pulls []Pull
	z := make([]float64, p.C)
	for i, u := range users {
		p.Scores(z, p.H[i])
		pulls = append(pulls, pullsOf(t.Plan.Choice.Loss, z, set.Train.ItemsOf(int(u)))...)
	}
	return summaryOf(pulls), nil
}

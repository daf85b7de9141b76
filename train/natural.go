package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// usualTemperature divides cosines where no natural temperature is known: the best of 0.1,
// 0.2 and 0.5 for softmax on MovieLens-1M.
const usualTemperature = 0.2

// readTemperature reads what scores are divided by, as far as it does not depend on the
// data.
func (p *Plan) readTemperature() {
	d := &p.Config.Model
	usual := 0.0 // of a score that is none, and where On says it
	switch models.Score(d.Score) {
	case models.Cosine:
		l := p.Choice.Loss
		p.natural = p.Choice.HasNaturalTemperature()
		switch {
		case l.Spec != nil && (l.Spec.Domain == losses.Cosines || l.Unit() != 1):
			usual, p.natural = 1, false
		case !p.natural:
			usual = usualTemperature
			if d.Temperature == "" && l.Spec != nil {
				p.Notes = append(p.Notes, fmt.Sprintf("%s over candidates %s has no natural temperature: cosines are divided by %g", l.Spec.Name, p.Choice.Head.Spec.Name, usual))
			}
		}
	case models.Dot:
		usual = 1
	}
	unread := p.Choice.Loss.Spec == nil && p.Config.Loss != "" // which has its fault
	p.check("model.spread", d.Spread == 0 || p.natural || unread,
		"it decides the natural temperature of cosine scores, which there is not with %s scores under loss %s over candidates %s; leave it out", d.Score, p.Config.Loss, p.Config.Candidates)
	if usual > 0 {
		set(&d.Temperature, models.Temperature{Value: usual}.String())
	}
	text(p, "model.temperature", &d.Temperature, models.ParseTemperature, &p.Temperature)
	p.natural = p.natural && (d.Temperature == "" || p.Temperature.Learned != nil && p.Temperature.Value == 0)
	if !p.natural {
		p.begin(usual)
	}
	if p.Temperature.Learned != nil {
		d.Temperature = p.Temperature.String()
	}
}

// begin has a learned temperature without a start begin at usual, or as near to it as its
// bounds let it.
func (p *Plan) begin(usual float64) {
	if t := &p.Temperature; t.Learned != nil && t.Value == 0 {
		t.Value = min(max(usual, t.Learned.Min), t.Learned.Max)
	}
}

// On returns p with what the data decide: where they are from, if p does not say it, no patience
// that is only usual where there is no valid split, and the natural temperature, if that is the
// default; see [ModelConfig]. Of set it reads what a
// run of p makes of it by SetOf. Its Config is what a run on set records.
func (p *Plan) On(set *data.Dataset) (*Plan, error) {
	if p == nil || p.solver.Spec == nil {
		return nil, errors.New("train: a plan that Config.Plan did not make")
	}
	set, err := p.SetOf(set)
	if err != nil {
		return nil, err
	}
	p = p.madeFrom(set)
	if p.Config.Train.StopsEarly() && p.Given.Train.Patience == nil && set.Valid.Len() == 0 {
		q := *p // it was only usual
		q.Config.Train.Patience = nil
		p = &q
	}
	if p.settled || !p.natural && p.Config.Model.Spread == 0 {
		return p, nil
	}
	q := *p
	q.natural, q.settled, q.Notes = false, true, slices.Clone(p.Notes)
	m, tau, ok, err := p.naturalOn(set)
	if err != nil {
		return nil, err
	}
	named := p.Choice.Loss.Spec.Name + " over candidates " + p.Choice.Head.Spec.Name
	if ok {
		q.Config.Model.Spread = m
		note := fmt.Sprintf("the natural temperature of %s is %.4g, where %.4g of %d classes follow a context (model.spread)", named, tau, m, set.Items)
		if !p.Choice.SpreadMatters() {
			note = fmt.Sprintf("the natural temperature of %s is %.4g on %d classes, however many of them follow a context (model.spread)", named, tau, set.Items)
		}
		q.Notes = append(q.Notes, note)
	} else {
		tau, q.Config.Model.Spread = usualTemperature, 0
		q.Notes = append(q.Notes, fmt.Sprintf("%s has no natural temperature on %d classes: cosines are divided by %g", named, set.Items, tau))
	}
	if p.natural {
		if q.begin(tau); q.Temperature.Learned == nil {
			q.Temperature.Value = tau
		}
		q.Config.Model.Temperature = q.Temperature.String()
	}
	return &q, nil
}

// naturalOn returns the spread of set that p says, or that it has, and what the natural
// temperature is then, if there is one.
func (p *Plan) naturalOn(set *data.Dataset) (m, tau float64, ok bool, err error) {
	if m = p.Config.Model.Spread; m == 0 {
		if m, err = p.task().SpreadOf(set); err != nil {
			return 0, 0, false, fmt.Errorf("train: %w", err)
		}
	}
	if m > float64(set.Items) {
		return 0, 0, false, fmt.Errorf("train: model.spread: %g classes cannot follow a context where there are %d", m, set.Items)
	}
	tau, ok = p.Choice.NaturalTemperature(m, set.Items)
	return m, tau, ok, nil
}

// agrees returns an error where p is given a temperature beside a spread that makes
// another.
func (p *Plan) agrees(set *data.Dataset) error {
	if p == nil || p.Config.Model.Spread == 0 || p.natural {
		return nil
	}
	set, err := p.SetOf(set)
	if err != nil {
		return err
	}
	_, tau, ok, err := p.naturalOn(set)
	if err != nil {
		return err
	}
	t := p.Temperature
	if t.Learned != nil {
		tau = min(max(tau, t.Learned.Min), t.Learned.Max)
	}
	if ok && !(math.Abs(tau-t.Value) <= 1e-9*tau) {
		return fmt.Errorf("train: model.spread %g makes the temperature %.4g, and model.temperature is %s: leave one of them out", p.Config.Model.Spread, tau, p.Config.Model.Temperature)
	}
	return nil
}

// takenUp returns p on set with the temperature of the run that the folder dir holds,
// where it is the data that decide it and the run is p's in all else: how it follows from
// them may have been another when the run began.
func (p *Plan) takenUp(dir string, set *data.Dataset) (*Plan, error) {
	if p == nil {
		return p, nil
	}
	there, err := LoadConfig(dir)
	held := err == nil // else no run is there, or openFolder says what is wrong
	if !p.natural {
		if held && there.Model.Temperature == p.Config.Model.Temperature && there.Model.Spread == p.Config.Model.Spread {
			return p, nil
		}
		return p, p.agrees(set)
	}
	learned := p.Temperature.Learned
	if p, err = p.On(set); err != nil || !held {
		return p, err
	}
	q := *p
	m, was := &q.Config.Model, there.Model
	t, err := models.ParseTemperature(was.Temperature)
	sameKind := err == nil && (learned == nil) == (t.Learned == nil) && (learned == nil || *learned == *t.Learned)
	if given := p.Given.Model.Spread; !sameKind || was.Temperature == m.Temperature || given != 0 && given != was.Spread {
		return p, nil
	}
	q.Temperature, m.Temperature, m.Spread = t, was.Temperature, was.Spread
	if Difference(there.WithDefaults(), q.Config, "", "") != "" {
		return p, nil
	}
	q.Notes = []string{fmt.Sprintf("the temperature %s is the one on record in the run's folder", was.Temperature)}
	return &q, nil
}

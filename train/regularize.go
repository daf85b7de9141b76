package train

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// What an L2 of what a batch reads has numbers for.
const (
	ofContexts = "context"
	ofClasses  = "class"
)

// checkPenalties returns an error where one of the penalties names what is not there.
func (x *training) checkPenalties() error {
	tables := x.penalised()
	choices := tables
	if x.l2.Batch {
		choices = []string{ofContexts, ofClasses}
	}
	if err := x.l2.Check(choices); err != nil {
		return fmt.Errorf("train: train.l2=%s: %w", x.l2, err)
	}
	if err := x.decay.Check(tables); err != nil {
		return fmt.Errorf("train: train.decay=%s: %w", x.decay, err)
	}
	return nil
}

// penalised names the tables whose weights can be drawn to 0: no learned number, of which 0
// is no natural value, and none that training leaves as it is.
func (x *training) penalised() (names []string) {
	for _, t := range x.of.tables {
		if !t.Frozen && t.Scalar == nil {
			names = append(names, t.Name)
		}
	}
	return names
}

// regularization returns what draws table t to 0 in its updater.
func (x *training) regularization(t *models.Table) optim.Regularization {
	r := optim.Regularization{Decay: x.decay.Of(t.Name), DecayRead: x.decay.Batch}
	if !x.l2.Batch {
		r.L2 = x.l2.Of(t.Name)
	}
	return r
}

// model returns what the examples are encoded by in training.
func (x *training) model() models.Model {
	if x.dropout == 0 {
		return x.of.Model
	}
	return models.Dropped(x.of.Model, x.dropout, x.seed)
}

// penalise adds the L2 of what a batch reads to the cost.
func (g *gradient) penalise() error {
	if !g.l2.Batch || g.l2.Zero() {
		return nil
	}
	if err := g.objective.Penalise(g.l2.Of(ofContexts), g.l2.Of(ofClasses)); err != nil {
		return fmt.Errorf("train: train.l2=%s: %w; %s=0 leaves class vectors out, and without on=batch all tables are drawn", g.l2, err, ofClasses)
	}
	return nil
}

// clipGradient has the updaters scale the gradient of the run to the norm that it may
// have, and says in o whether it was longer.
func (g *gradient) clipGradient(o *outcome) error {
	if g.clip == 0 {
		return nil
	}
	if err := g.graph.Step(g.program, func(t *models.Table) graph.Updater[float32] { return g.updater(t).Measure() }); err != nil {
		return err
	}
	if err := g.norm(o); err != nil {
		return err
	}
	scale := 1.0
	if o.clipped = o.gradNorm > g.clip; o.clipped {
		scale = g.clip / o.gradNorm
	}
	for _, u := range g.updaters {
		u.SetScale(scale)
	}
	return nil
}

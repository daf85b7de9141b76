package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// fitSolver is the solver of what package baseline ranks by.
const fitSolver = "fit"

func init() {
	registerSolver(SolverSpec{
		Name:   fitSolver,
		Doc:    "one step, in closed form or by counting, of the models without vectors: ease, itemknn, pop",
		Source: "package models/baseline; each model has its own",
		fill: func(p *Plan) {
			set(&p.Config.Train.Epochs, 1)
			p.readCandidates()
			p.Config.Candidates = "" // it scores all items, and has nothing to draw
			set(&p.Config.Train.Task, "user")
			text(p, "train.task", &p.Config.Train.Task, data.ParseTask, &p.Task)
		},
		check: checkFit,
		memory: func(_ registry.Values, t *Recommender, set *data.Dataset) ([]MemoryPart, error) {
			n := float64(set.Items)
			kept, fitting := t.Plan.Baseline.Bytes(set.Train)
			if n*n > maxParameters && fitting > 8*maxParameters {
				return nil, fmt.Errorf("train: model %s of %d items: its matrix of as many squared is more than can be counted", t.Plan.Baseline, set.Items)
			}
			return []MemoryPart{{"weights", kept}, {"fitting", fitting - kept}}, nil
		},
		new: func(_ registry.Values, r *run) (solver, error) { return &fit{r.trained, r.set}, nil },
	})
}

// readModel reads which model there is: one of package models, or what package baseline fits.
func (p *Plan) readModel() {
	d := &p.Config
	name, _ := registry.CutSpec(d.Model.Name)
	if s, err := baseline.Lookup(name); err == nil {
		// What is wrong with its parameters is said of them alone.
		p.Baseline = baseline.Kind{Choice: registry.NewChoice(s.Name, s, s.Params)}
		text(p, "model.name", &d.Model.Name, baseline.Parse, &p.Baseline)
		set(&d.Train.Solver, fitSolver)
		return
	}
	set(&d.Model.Name, "mf")
	set(&d.Model.Dim, 64)
	set(&d.Train.Solver, "gradient")
	text(p, "model.name", &d.Model.Name, parseModel, &p.Model)
}

// parseModel is models.Parse, whose error of an unknown name lists what is fitted too.
func parseModel(text string) (models.Kind, error) {
	name, _ := registry.CutSpec(text)
	names := modelNames()
	if slices.Contains(names, name) {
		return models.Parse(text)
	}
	return models.Kind{}, fmt.Errorf("models: unknown model %q%s", name, registry.Offer(name, names))
}

// modelNames lists the names that model.name may begin with: those of package models, and
// then those of package baseline, which solver fit fits.
func modelNames() (names []string) {
	for _, s := range models.All() {
		names = append(names, s.Name)
	}
	for _, s := range baseline.All() {
		names = append(names, s.Name)
	}
	return names
}

// fits reports whether the plan is of what package baseline fits, without vectors.
func (p *Plan) fits() bool { return p != nil && p.Baseline.Spec != nil }

func checkFit(given Config, p *Plan) {
	var names []string
	for _, s := range baseline.All() {
		names = append(names, s.Name)
	}
	p.check("train.solver", p.fits(), "solver %s takes the models without vectors (%s), and not %s", fitSolver, strings.Join(names, ", "), p.Config.Model.Name)
	p.unused(map[string]bool{
		"loss": given.Loss != "", "candidates": given.Candidates != "",
		"model.dim": given.Model.Dim != 0, "model.score": given.Model.Score != "", "model.temperature": given.Model.Temperature != "",
		"model.spread": given.Model.Spread != 0, "model.init": given.Model.Init != 0, "model.bias": given.Model.Bias != "" && p.Bias != models.NoBias,
		"train.epochs": p.Config.Train.Epochs != 1, "train.seed": given.Train.Seed != 0, "train.patience": given.Train.StopsEarly(),
		"train.weight": given.Train.Weight != "", "train.batch": given.Train.Batch != 0, "train.positions": given.Train.Positions != 0,
		"train.optimizer": given.Train.Optimizer != "", "train.schedule": given.Train.Schedule != "", "train.l2": given.Train.L2 != "", "train.decay": given.Train.Decay != "",
		"train.dropout": given.Train.Dropout != 0, "train.clip": given.Train.Clip != 0, "train.precision": given.Train.Precision != "",
	})
	if p.Task.Spec != nil {
		p.check("train.task", p.Task.OfUsers() && !p.Task.ByFeatures(), "model %s ranks by what a user has, and the contexts of task %s are others", p.Baseline, p.Task)
	}
}

// checkNotFitted reports a model without vectors under a solver of vectors.
func (p *Plan) checkNotFitted() {
	if p.fits() && p.solver.Spec != nil && p.solver.Spec.Name != fitSolver {
		p.fault("train.solver", fmt.Errorf("model %s has no vectors to train: it takes solver %s, which is its default", p.Baseline, fitSolver))
	}
}

// rankingOf returns what ranks by a baseline on set, which is not fitted yet.
func (p *Plan) rankingOf(set *data.Dataset) (*Recommender, error) {
	if set.Text || set.Points != nil {
		return nil, fmt.Errorf("train: model %s ranks by what users have, and %s has none", p.Baseline, set.Name)
	}
	contexts, err := p.task().Contexts(set, 1)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &Recommender{Plan: p, Items: p.Config.Eval.Items, Mask: p.Config.Eval.Mask, contexts: contexts, classes: set.Classes()}, nil
}

// noVectors is the error of what asks for the vectors of what has none.
func (t *Recommender) noVectors(of string) error {
	return fmt.Errorf("train: model %s has no vectors of %s: it ranks by what a user has", t.Plan.Baseline, of)
}

// fit does the one step.
type fit struct {
	of  *Recommender
	set *data.Dataset
}

func (f *fit) steps() int { return 1 }

func (f *fit) step(ctx context.Context, _, _ int) (outcome, error) {
	fitted, err := f.of.Plan.Baseline.Fit(ctx, f.set.Train)
	if err != nil {
		return outcome{}, err
	}
	f.of.fitted = fitted
	return outcome{weight: 1}, nil
}

func (f *fit) fixed() []graph.Array { return nil }

func (f *fit) counts() []float64 { return nil }

// varying are what was fitted, nothing before.
func (f *fit) varying() []graph.Array { return f.of.fittedArrays() }

func (f *fit) setState(_ []float64, varying []graph.Array) error {
	if len(varying) == 0 {
		return nil
	}
	return f.of.restore(f.set, varying)
}

func (f *fit) close() error { return nil }

// fittedArrays returns what a solver fit has fitted, nothing of another and before.
func (t *Recommender) fittedArrays() []graph.Array {
	if t.fitted == nil {
		return nil
	}
	return t.fitted.Arrays()
}

// restore has t rank by what was fitted to set.
func (t *Recommender) restore(set *data.Dataset, arrays []graph.Array) error {
	fitted, err := t.Plan.Baseline.Restore(set.Train, arrays)
	if err == nil {
		err = finiteArrays(arrays)
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	t.fitted = fitted
	return nil
}

func finiteArrays(arrays []graph.Array) error {
	for _, a := range arrays {
		x, _ := a.Data.([]float32)
		for i, v := range x {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("the array %s holds %v at %d", a.Name, v, i)
			}
		}
	}
	return nil
}

// rankFitted is Rankings of what was fitted.
func (t *Recommender) rankFitted(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	if t.fitted == nil {
		return errors.New("train: the model was not fitted yet")
	}
	return t.fitted.Rankings(ctx, q, each)
}

// readFitted has t rank by what a file of weights holds.
func (t *Recommender) readFitted(f *weights.File, set *data.Dataset) error {
	var arrays []graph.Array
	for _, name := range f.Names() {
		a, err := f.Load(name)
		if err != nil {
			return err
		}
		arrays = append(arrays, a)
	}
	if len(arrays) == 0 {
		return fmt.Errorf("train: the run was interrupted before model %s was fitted: go on with it first", t.Plan.Baseline)
	}
	return t.restore(set, arrays)
}

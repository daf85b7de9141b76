package train

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train/als"
)

// A SolverSpec describes a way to train: what one step of the loop does.
type SolverSpec struct {
	Name, Doc, Source string           // registry key, one line, and the paper
	Params            []registry.Param // in the order of the text form

	// fill writes the solver's defaults into p and reads the texts of the loss and of
	// what the solver alone takes, and check reports the faults of the fields that the
	// solver reads or does not take; given is what the user wrote.
	fill  func(p *Plan)
	check func(given Config, p *Plan)

	// memory returns what the solver will hold beside the weights of t, whose tables
	// have no data.
	memory func(v registry.Values, t *Recommender, set *data.Dataset) ([]MemoryPart, error)

	new func(v registry.Values, r *run) (solver, error)

	// fold, where a user's row has a closed form, returns what solves for it, by the
	// factors [C,d] of the classes; nil where it is found by steps.
	fold func(p *Plan, set *data.Dataset, class []float32) (*als.Fold, error)
}

// A solver does the steps of a run on the run's tables.
type solver interface {
	// steps returns the number of steps of an epoch, at least 1.
	steps() int

	// step does step i of epoch e, both from 0. Steps come in order, from anywhere
	// in a resumed run. A *divergence leaves the tables undefined, any other error
	// too; ctx's error leaves them as after the step before.
	step(ctx context.Context, e, i int) (outcome, error)

	// fixed returns the state beside the tables, not copied: what a checkpoint
	// saves and restores. counts, as many every time, are saved with it, and varying,
	// whose arrays may change their lengths from step to step but not their names;
	// setState tells the solver that fixed were written into, and what counts and
	// varying were saved.
	fixed() []graph.Array
	counts() []float64
	varying() []graph.Array
	setState(counts []float64, varying []graph.Array) error

	close() error
}

// outcome is what a step found.
type outcome struct {
	loss     float64 // weighted mean over rows
	weight   float64 // of the rows together
	gradNorm float64 // before clipping
	clipped  bool
}

// divergence is the error of a step whose loss or gradient is not a number.
type divergence struct{ what string }

func (d *divergence) Error() string { return d.what }

var solvers = registry.NewRegistry[SolverSpec]("train", "solver")

func registerSolver(s SolverSpec) { solvers.Add(s.Name, s.Params, s, nil) }

// Solvers returns the solvers, sorted by name.
func Solvers() []*SolverSpec { return solvers.All() }

type solverKind = registry.Choice[SolverSpec]

func parseSolver(text string) (solverKind, error) { return solvers.Parse(text) }

// unused reports a fault for each setting that the solver would ignore.
func (p *Plan) unused(settings map[string]bool) {
	for _, path := range slices.Sorted(maps.Keys(settings)) {
		if settings[path] {
			what := "solver " + p.solver.Spec.Name + " does not take it"
			if p.Baseline.Spec != nil {
				what = "model " + p.Config.Model.Name + " is fitted in one step, and does not take it"
			}
			p.fault(path, errors.New(what))
		}
	}
}

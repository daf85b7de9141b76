package train

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/als"
)

// regParams are the parameters of both solvers; see package als.
func regParams(reg float64) []registry.Param {
	return []registry.Param{
		{Name: "reg", Doc: "λ: a factor's regularisation is λ·(total weight of its squares)^nu", Default: reg, Min: 0, Max: 1e6},
		{Name: "nu", Doc: "ν: 1 scales λ with how much data a factor has, 0 does not", Default: 1, Min: 0, Max: 1},
		{Name: "precision", Doc: "of the systems; float64 is slower, and for a reg that float32 cannot solve", Choices: registry.Enum("float32", "float64"), DefaultString: "float32"},
	}
}

func init() {
	registerSolver(SolverSpec{
		Name:   "als",
		Doc:    "exact block minimisers of rg2 and rgx on mf with dot scores: users, then classes, each sweep",
		Source: "Pu et al. (ICML 2024)",
		Params: append([]registry.Param{
			{Name: "a", Doc: "weight of the extra Σ_P (o−1)²", Default: 0.05, Min: 0, Max: 1e6},
			{Name: "variant", Doc: "exact; code: the quadratic term as the authors' published program has it", Choices: registry.Enum("exact", "code"), DefaultString: "exact"},
			// a and reg: the best of a few on valid of MovieLens-1M, d = 64.
		}, regParams(0.07)...),
		fill:   func(p *Plan) { fillALS(p, "rg2") },
		check:  checkALS,
		memory: alsMemory,
		new: func(v registry.Values, r *run) (solver, error) {
			return newALS(ratioObjective(v, r.plan, r.set), v, nil, r)
		},
		fold: func(p *Plan, set *data.Dataset, class []float32) (*als.Fold, error) {
			v := p.solver.Values
			return als.NewFold(alsConfig(ratioObjective(v, p, set), v, p.Config), class)
		},
	})
	registerSolver(SolverSpec{
		Name:   "ials",
		Doc:    "alternating least squares of ½Σ_P c(o−1)² + ½α₀Σ_j o² on mf with dot scores",
		Source: "Hu, Koren, Volinsky (2008); Rendle et al. (2022)",
		Params: append([]registry.Param{
			{Name: "alpha", Doc: "α₀: weight of the squares of all scores", Default: 0.25, Min: 1e-9, Max: 1e6},
			// alpha and reg: as for als.
			{Name: "confidence", Doc: "c of an interaction: one; values, 1 + gain·value by the data's own", Choices: registry.Enum(confidenceOne, confidenceValues), DefaultString: confidenceOne},
			{Name: "gain", Doc: "α of Hu et al., how fast confidence=values rises with the value", Default: 1, Min: 0, Max: 1e6, With: "confidence=" + confidenceValues},
		}, regParams(0.008)...),
		fill:   func(p *Plan) { fillALS(p, "") },
		check:  checkALS,
		memory: alsMemory,
		new: func(v registry.Values, r *run) (solver, error) {
			weights, err := r.plan.confidences(r.set)
			if err != nil {
				return nil, err
			}
			return newALS(als.IALS(v.Num("alpha")), v, weights, r)
		},
		fold: func(p *Plan, _ *data.Dataset, class []float32) (*als.Fold, error) {
			v := p.solver.Values
			if p.confident() {
				return nil, fmt.Errorf("train: with confidence=%s a history would need values, which a query has none of", confidenceValues)
			}
			return als.NewFold(alsConfig(als.IALS(v.Num("alpha")), v, p.Config), class)
		},
	})
}

// ratioObjective is that of solver als.
func ratioObjective(v registry.Values, p *Plan, set *data.Dataset) als.Objective {
	beta := 0.0
	if loss := p.Choice.Loss; loss.Spec.Name == "rgx" {
		beta = loss.Values.Num("beta")
	}
	return als.RG(beta, v.Num("a"), set.Items, v.String("variant") == "code")
}

// alsConfig is what package als is told.
func alsConfig(o als.Objective, v registry.Values, c Config) als.Config {
	return als.Config{
		Dim: c.Model.Dim, Objective: o, Lambda: v.Num("reg"), Nu: v.Num("nu"), Init: c.Model.Init, Seed: c.Train.Seed,
		Float64: v.String("precision") == "float64",
	}
}

// alsMemory counts what package als holds: the factors in float64, the fixed side in
// float32 unless systems are float64, the interactions by class, each processor's
// system, and the 64 matrices that are summed for what all systems share.
func alsMemory(v registry.Values, t *Recommender, set *data.Dataset) ([]MemoryPart, error) {
	d := int64(t.Model.Dim())
	if float64(d)*float64(d) > maxParameters {
		return nil, fmt.Errorf("train: systems of %d² numbers are more than can be counted; lower model.dim", d)
	}
	users, classes := int64(set.Users), int64(set.Items)
	factors := 8 * d * (users + classes)
	sweep := int64(runtime.GOMAXPROCS(0))*8*(d*d+512*d) + 64*8*d*d
	if v.String("precision") == "float32" {
		sweep += 4 * d * max(users, classes)
	}
	byClass := 4*int64(set.Train.Len()) + 8*(users+2*classes)
	if t.Plan.confident() { // of interactions by user and by class, and the rows that a system scales
		byClass += 8 * int64(set.Train.Len())
		sweep += int64(runtime.GOMAXPROCS(0)) * 4 * d * max(d, 4096/d)
	}
	return []MemoryPart{{"factors", factors}, {"systems", sweep}, {"interactions by class", byClass}}, nil
}

func fillALS(p *Plan, loss string) {
	c := &p.Config
	set(&c.Loss, loss)
	set(&c.Model.Score, string(models.Dot))
	set(&c.Model.Init, 0.01)
	set(&c.Train.Epochs, 16)
	if loss == "" { // what is given, checkALS refuses
		p.readCandidates()
		return
	}
	p.readChoice()
}

func checkALS(given Config, p *Plan) {
	p.unused(map[string]bool{
		"train.task": given.Train.Task != "", "train.weight": given.Train.Weight != "", "train.batch": given.Train.Batch != 0,
		"train.positions": given.Train.Positions != 0,
		"train.optimizer": given.Train.Optimizer != "", "train.schedule": given.Train.Schedule != "",
		"train.dropout": given.Train.Dropout != 0, "train.clip": given.Train.Clip != 0,
		"train.precision": given.Train.Precision != "",
		"model.bias":      given.Model.Bias != "" && p.Bias != models.NoBias,
	})
	const own = "solver %s does not take it: what draws factors to 0 is its reg, as in %[1]s:reg=0.1"
	p.check("train.l2", given.Train.L2 == "", own, p.solver.Spec.Name)
	p.check("train.decay", given.Train.Decay == "", own, p.solver.Spec.Name)
	name, loss, head := p.solver.Spec.Name, p.Choice.Loss.Spec, p.Choice.Head.Spec
	switch {
	case name == "ials":
		p.check("loss", given.Loss == "", "solver ials has its own loss; leave %q away", given.Loss)
	case loss != nil: // else the loss has its fault
		p.check("loss", loss.Name == "rg2" || loss.Name == "rgx", "solver als minimises rg2 and rgx, not %s", loss.Name)
	}
	if m := p.Model.Spec; m != nil {
		p.check("model.name", m.Factored, "solver %s finds the factors of a model that is a product of two tables (%s), which %s is not",
			name, strings.Join(factored(), ", "), m.Name)
	}
	if head != nil {
		p.check("candidates", head.Exact, "solver %s takes all classes, not %s", name, head.Name)
	}
	p.check("model.score", p.Config.Model.Score == string(models.Dot), "solver %s takes dot scores, not %s", name, p.Config.Model.Score)
	p.check("model.temperature", p.Temperature == models.Temperature{Value: 1}, "solver %s takes temperature 1", name)
}

// factored names the models that als can train.
func factored() (names []string) {
	for _, s := range models.All() {
		if s.Factored {
			names = append(names, s.Name)
		}
	}
	return names
}

// alsSolver does one sweep a step and one step an epoch. The factors live in
// float64 and are copied to the tables.
type alsSolver struct {
	*als.Solver
	user, class *models.Table
}

func newALS(o als.Objective, v registry.Values, weights []float32, r *run) (solver, error) {
	c := r.plan.Config
	model, ok := r.trained.Model.(models.Factored)
	if !ok {
		return nil, fmt.Errorf("train: model %s is declared a product of two tables, and %T has no Factors", c.Model.Name, r.trained.Model)
	}
	s := als.New(alsConfig(o, v, c), als.Positives{Ptr: r.set.Train.Ptr(), Col: r.set.Train.Item(), Weight: weights}, r.set.Items)
	user, class := model.Factors()
	return &alsSolver{s, user, class}, nil
}

func (a *alsSolver) steps() int { return 1 }

func (a *alsSolver) step(ctx context.Context, _, _ int) (outcome, error) {
	value, err := a.Sweep(ctx)
	if err != nil {
		if ctx.Err() == nil {
			err = &divergence{err.Error()}
		}
		return outcome{}, err
	}
	for i, x := range a.User {
		a.user.Data[i] = float32(x)
	}
	for i, x := range a.Class {
		a.class.Data[i] = float32(x)
	}
	return outcome{loss: value, weight: 1}, nil
}

func (a *alsSolver) fixed() []graph.Array {
	return []graph.Array{
		graph.Vector("als/user", a.User),
		graph.Vector("als/class", a.Class),
	}
}

func (a *alsSolver) counts() []float64 { return []float64{a.Value()} }

func (a *alsSolver) varying() []graph.Array { return nil }

func (a *alsSolver) setState(counts []float64, varying []graph.Array) error {
	if len(counts) != 1 || len(varying) != 0 {
		return fmt.Errorf("train: %d numbers and %d arrays for the state of als, want 1 and 0", len(counts), len(varying))
	}
	a.SetValue(counts[0])
	return nil
}

func (a *alsSolver) close() error { return nil }

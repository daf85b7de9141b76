package train

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
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
		fill:   func(c *Config) { fillALS(c, "rg2") },
		check:  func(given, c Config, fault func(string, error)) { checkALS("als", given, c, fault) },
		memory: alsMemory,
		new: func(v registry.Values, r *run) (solver, error) {
			loss, err := losses.Parse(r.trained.Config.Loss)
			if err != nil {
				return nil, err
			}
			beta := 0.0
			if loss.Spec.Name == "rgx" {
				beta = loss.Values.Num("beta")
			}
			return newALS(als.RG(beta, v.Num("a"), r.set.Items, v.String("variant") == "code"), v, r), nil
		},
	})
	registerSolver(SolverSpec{
		Name:   "ials",
		Doc:    "alternating least squares of ½Σ_P (o−1)² + ½α₀Σ_j o² on mf with dot scores",
		Source: "Hu, Koren, Volinsky (2008); Rendle et al. (2022)",
		Params: append([]registry.Param{
			{Name: "alpha", Doc: "α₀: weight of the squares of all scores", Default: 0.25, Min: 1e-9, Max: 1e6},
			// alpha and reg: as for als.
		}, regParams(0.008)...),
		fill:   func(c *Config) { fillALS(c, "") },
		check:  func(given, c Config, fault func(string, error)) { checkALS("ials", given, c, fault) },
		memory: alsMemory,
		new: func(v registry.Values, r *run) (solver, error) {
			return newALS(als.IALS(v.Num("alpha")), v, r), nil
		},
	})
}

// alsMemory counts what package als holds: the factors in float64, the fixed side in
// float32 unless systems are float64, the interactions by class, each processor's
// system, and the 64 matrices that are summed for what all systems share.
func alsMemory(v registry.Values, plan *Trained, set *data.Dataset) ([]MemoryPart, error) {
	d := int64(plan.Config.Model.Dim)
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
	return []MemoryPart{{"factors", factors}, {"systems", sweep}, {"interactions by class", byClass}}, nil
}

func fillALS(c *Config, loss string) {
	if loss != "" {
		set(&c.Loss, loss)
	}
	set(&c.Model.Score, string(models.Dot))
	set(&c.Model.Init, 0.01)
	set(&c.Train.Epochs, 16)
}

func checkALS(name string, given, c Config, fault func(path string, err error)) {
	unused(name, fault, map[string]bool{
		"train.rows": given.Train.Rows != "", "train.batch": given.Train.Batch != 0,
		"train.optimizer": given.Train.Optimizer != "", "train.schedule": given.Train.Schedule != "",
		"model.bias": given.Model.Bias,
	})
	loss, err := losses.Parse(c.Loss)
	switch {
	case name == "ials":
		if given.Loss != "" {
			fault("loss", fmt.Errorf("solver ials has its own loss; leave %q away", given.Loss))
		}
	case err != nil:
		fault("loss", err)
	case loss.Spec.Name != "rg2" && loss.Spec.Name != "rgx":
		fault("loss", fmt.Errorf("solver als minimises rg2 and rgx, not %s", loss.Spec.Name))
	}
	if m, err := models.Parse(c.Model.Name); err == nil && m.Spec.Name != "mf" {
		fault("model.name", fmt.Errorf("solver %s trains mf, not %s", name, m.Spec.Name))
	}
	if h, err := models.ParseHead(c.Candidates); err == nil && h.Spec.Name != "all" {
		fault("candidates", fmt.Errorf("solver %s takes all classes, not %s", name, h.Spec.Name))
	}
	if c.Model.Score != string(models.Dot) {
		fault("model.score", fmt.Errorf("solver %s takes dot scores, not %s", name, c.Model.Score))
	}
	if c.Model.Temperature != 1 {
		fault("model.temperature", errors.New("solver "+name+" takes temperature 1"))
	}
}

// alsSolver does one sweep a step and one step an epoch. The factors live in
// float64 and are copied to the tables.
type alsSolver struct {
	*als.Solver
	user, class *models.Table
}

func newALS(o als.Objective, v registry.Values, r *run) solver {
	c := r.trained.Config
	s := als.New(als.Config{
		Dim: c.Model.Dim, Objective: o, Lambda: v.Num("reg"), Nu: v.Num("nu"), Init: c.Model.Init, Seed: c.Train.Seed,
		Float64: v.String("precision") == "float64",
	}, als.Positives{Ptr: r.set.Train.Ptr(), Col: r.set.Train.Item()}, r.set.Items)
	user, class := r.trained.Model.(models.Factored).Factors() // checkALS held the model against it
	return &alsSolver{s, user, class}
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

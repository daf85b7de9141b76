package compare

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// An Axis is a setting and the values to try. Name is
//
//	temperature  of the scores, which may be learned; of losses of cosines their own: tau, or scale = 1/τ
//	reg          the solver's, or l2
//	l2, decay    what draws weights to 0, for all tables: train.l2, train.decay
//	lr, mode, …  a parameter of the optimizer
//	model.dim …  any path of model or train
//
// A temperature that the text of a loss of cosines gives stays, and values that
// such a loss does not take are left out of its grid.
//
// Of temperature the value may be auto alone, which is no grid but a Search. It comes
// first, with the first value of each other axis; their grid has what it found.
type Axis struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// ParseAxis reads "lr=0.003,0.01".
func ParseAxis(text string) (Axis, error) {
	name, list, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return Axis{}, fmt.Errorf("%q is not name=value,value", text)
	}
	a := Axis{Name: name}
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimSpace(v)
		if v == "" || slices.Contains(a.Values, v) {
			return Axis{}, fmt.Errorf("%s: value %q is empty or given twice", name, v)
		}
		a.Values = append(a.Values, v)
	}
	return a, nil
}

// A Setting is one value of an axis.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// grid returns the points of the axes that apply to a variant, at least one.
func (c Config) grid(v Variant) [][]Setting {
	points := [][]Setting{nil}
	for _, a := range c.Tune {
		if a.Name == "temperature" && temperatureOf(v.choice) == "" || a.searched() {
			continue
		}
		var next [][]Setting
		for _, p := range points {
			for _, value := range a.Values {
				if s := (Setting{a.Name, value}); s.suits(v) {
					next = append(next, append(slices.Clone(p), s))
				}
			}
		}
		if len(next) > 0 {
			points = next
		}
	}
	return points
}

// suits reports whether a loss takes the setting, because a loss of cosines may take
// other temperatures than those of the grid.
func (s Setting) suits(v Variant) bool {
	at := temperatureOf(v.choice)
	if s.Name != "temperature" || at == "model" {
		return true
	}
	if t, err := models.ParseTemperature(s.Value); err == nil && t.Learned != nil {
		return false
	}
	cfg := train.Config{Loss: v.Loss}
	if err := apply(&cfg, v, s); err != nil {
		return true // no number: an error of every loss's
	}
	_, err := models.Resolve(cfg.Loss, v.given, 0)
	return err == nil
}

// temperatureOf names where a loss's temperature is set: "model", the parameter
// "tau" or "scale" of the loss, or "" where it is not to be changed.
func temperatureOf(r models.Choice) string {
	if r.Loss.Spec.Domain != losses.Cosines {
		return "model"
	}
	for _, name := range []string{"tau", "scale"} {
		if slices.ContainsFunc(r.Loss.Spec.Params, func(p losses.Param) bool { return p.Name == name }) && !r.Sets(name) {
			return name
		}
	}
	return ""
}

// with returns the configuration of a variant at a point of its grid.
func (c Config) with(v Variant, point []Setting, seed uint64) (train.Config, error) {
	cfg := c.Base
	cfg.Model.Name, cfg.Loss, cfg.Candidates, cfg.Train.Seed = v.Model, v.Loss, v.given, seed
	if v.given == "" && v.choice.Recipe == nil {
		cfg.Candidates = "all"
	}
	if c.Budget.limited() {
		cfg.Train.Epochs = cmp.Or(c.Budget.Epochs, math.MaxInt32) // where nothing else does the budget ends the run
		if cfg.Train.Patience == nil {                            // whatever is usual of the model
			cfg.Train.Patience = new(int)
		}
	}
	if t := c.Base.Model.Temperature; t != "" && temperatureOf(v.choice) != "model" {
		// A loss of cosines has its own; scores divided by another are no cosines.
		cfg.Model.Temperature = ""
		if s := (Setting{"temperature", t}); s.suits(v) {
			point = append([]Setting{s}, point...)
		}
	}
	for _, s := range point {
		if err := apply(&cfg, v, s); err != nil {
			return cfg, fmt.Errorf("tune: %s: %w", s.Name, err)
		}
	}
	return cfg.WithDefaults(), nil
}

func apply(cfg *train.Config, v Variant, s Setting) error {
	full := cfg.WithDefaults()
	solver, _ := registry.CutSpec(full.Train.Solver)
	switch {
	case s.Name == "temperature":
		t, err := models.ParseTemperature(s.Value)
		if err != nil {
			return err
		}
		switch at := temperatureOf(v.choice); at { // none: it stays
		case "model":
			cfg.Model.Temperature = t.String()
		case "tau":
			cfg.Loss = registry.With(cfg.Loss, at, s.Value)
		case "scale":
			cfg.Loss = registry.With(cfg.Loss, at, fmt.Sprint(1/t.Value))
		}
	case s.Name == "reg" && solverHas(solver, "reg"):
		cfg.Train.Solver = registry.With(full.Train.Solver, "reg", s.Value)
	case slices.Contains(train.Paths(), s.Name):
		group, _, _ := strings.Cut(s.Name, ".")
		if s.Name == "train.seed" || s.Name == "train.on" || group != "model" && group != "train" {
			return errors.New("only settings of model and train can be tuned")
		}
		return cfg.Set(s.Name, s.Value)
	default:
		name := s.Name
		if full.Train.Optimizer == "" {
			return fmt.Errorf("solver %s has no optimizer to set it of", full.Train.Solver)
		}
		switch name {
		case "reg", "l2":
			return cfg.Set("train.l2", s.Value)
		case "decay":
			return cfg.Set("train.decay", s.Value)
		}
		o, err := optim.Parse(full.Train.Optimizer)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(o.Params, func(p registry.Param) bool { return p.Name == name }) {
			names := []string{"temperature", "reg", "l2", "decay"}
			for _, p := range o.Params {
				names = append(names, p.Name)
			}
			return fmt.Errorf("unknown setting%s", registry.Offer(s.Name, append(names, train.Paths()...)))
		}
		cfg.Train.Optimizer = registry.With(full.Train.Optimizer, name, s.Value)
	}
	return nil
}

func solverHas(solver, name string) bool {
	return slices.ContainsFunc(train.Solvers(), func(s *train.SolverSpec) bool {
		return s.Name == solver && slices.ContainsFunc(s.Params, func(p registry.Param) bool { return p.Name == name })
	})
}

// edges names the settings of a variant's chosen point whose value, or one as good beside the
// same others, is the smallest or the largest of several numbers that were tried. 0 is none:
// no setting goes below it.
func (p *comparison) edges(variant int, trials []Trial) (names []string) {
	for _, s := range p.searches {
		if s.Edge && slices.Contains(s.variants, variant) {
			names = append(names, s.Setting)
		}
	}
	chosen := p.grids[variant][p.best[variant]]
	at := slices.IndexFunc(trials, func(t Trial) bool { return t.Value.Finite() && slices.Equal(t.Settings, chosen) })
	if at < 0 {
		return names // it is the only point, which nothing was tried for
	}
	for k, s := range chosen {
		alike := func(t Trial) bool { // the best value, and what differs from the chosen by s alone
			others := slices.Clone(t.Settings)
			if len(others) != len(chosen) || t.Value != trials[at].Value {
				return false
			}
			others[k] = s
			return slices.Equal(others, chosen)
		}
		if slices.ContainsFunc(trials, func(t Trial) bool { return alike(t) && p.extreme(variant, k, t.Settings[k].Value) }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// extreme reports whether a value of the k-th setting of a variant's grid is a number, not
// 0, and the smallest or the largest of several.
func (p *comparison) extreme(variant, k int, value string) bool {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || x == 0 {
		return false
	}
	below, above, others, own := true, true, false, false // own: x is of the grid, and not of a search
	for _, point := range p.grids[variant] {
		y, err := strconv.ParseFloat(point[k].Value, 64)
		switch {
		case err != nil:
		case y == x:
			own = true
		default:
			below, above, others = below && x < y, above && x > y, true
		}
	}
	return own && others && (below || above)
}

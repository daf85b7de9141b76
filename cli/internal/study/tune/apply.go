package tune

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// A Setting is the value of an axis.
type Setting struct {
	Name  string `json:"name"` // Axis.Name
	Value string `json:"value"`
}

// Text joins settings as tables and messages have them.
func Text(settings []Setting) string {
	parts := make([]string, len(settings))
	for i, s := range settings {
		parts[i] = s.Name + "=" + s.Value
	}
	return strings.Join(parts, " ")
}

// A space is the axes of a search over a configuration.
type space struct {
	base train.Config
	axes []Axis
}

// follows are the settings that a temperature on record was made of: where one of them
// changes, it follows anew.
var follows = []string{"loss", "candidates", "model.score", "train.solver"}

// config returns the configuration with a value for each axis, and the settings that it
// takes: a parameter of a text counts only where the chosen text has it, if the text is
// chosen too.
func (s space) config(values []string) (train.Config, []Setting, error) {
	cfg := s.base
	m := &cfg.Model
	if m.Temperature != "" && m.Spread != 0 { // on record, as a run's file has them
		for _, a := range s.axes {
			switch {
			case a.Path == "model.temperature":
				m.Spread = 0
			case a.Path == "model.spread" || slices.Contains(follows, a.Path):
				m.Temperature = ""
			}
		}
	}
	took := make([]bool, len(s.axes))
	for i, a := range s.axes { // whole texts first: parameters go into what was chosen
		if a.Param == "" {
			if err := cfg.Set(a.Path, values[i]); err != nil {
				return cfg, nil, fmt.Errorf("%s: %w", a.name, err)
			}
			took[i] = true
		}
	}
	for i, a := range s.axes {
		if a.Param == "" {
			continue
		}
		with, err := a.within(cfg, values[i])
		if err == nil {
			err = with.Validate()
		}
		var unknown *registry.UnknownError
		switch {
		case err == nil:
			cfg, took[i] = with, true
		case errors.As(err, &unknown) && unknown.Name == a.Param && s.chosen(a.Path):
		default:
			return cfg, nil, fmt.Errorf("%s: %w", a.name, err)
		}
	}
	var settings []Setting
	for i, a := range s.axes {
		if took[i] {
			settings = append(settings, Setting{a.name, values[i]})
		}
	}
	return cfg, settings, cfg.Validate()
}

// chosen reports whether the text at path is chosen by the search too.
func (s space) chosen(path string) bool {
	return slices.ContainsFunc(s.axes, func(a Axis) bool {
		return a.Param == "" && (a.Path == path || path == "candidates" && a.Path == "loss")
	})
}

// within returns the configuration with a value for the axis's parameter.
func (a Axis) within(cfg train.Config, value string) (train.Config, error) {
	full := cfg.WithDefaults()
	switch a.Path {
	case "loss", "candidates":
		cfg.Loss, cfg.Candidates = full.Loss, full.Candidates // one text may have had both
		if a.Path == "loss" {
			cfg.Loss = registry.With(cfg.Loss, a.Param, value)
		} else {
			cfg.Candidates = registry.With(cfg.Candidates, a.Param, value)
		}
	case "model.name":
		cfg.Model.Name = registry.With(full.Model.Name, a.Param, value)
	case "model.temperature":
		cfg.Model.Temperature = registry.With(full.Model.Temperature, a.Param, value)
	case "train.solver":
		cfg.Train.Solver = registry.With(full.Train.Solver, a.Param, value)
	case "train.optimizer":
		if full.Train.Optimizer == "" {
			return cfg, fmt.Errorf("solver %s has no optimizer", full.Train.Solver)
		}
		cfg.Train.Optimizer = registry.With(full.Train.Optimizer, a.Param, value)
	case "train.schedule":
		cfg.Train.Schedule = registry.With(full.Train.Schedule, a.Param, value)
	}
	return cfg, nil
}

// check returns an error where a value at an end of an axis, between its ends, or of a list,
// does not fit the configuration while the others are in their middle, and where a parameter
// is never one of the texts that are chosen.
func (s space) check() error {
	middle := make([]string, len(s.axes))
	for i, a := range s.axes {
		middle[i] = a.at(0.5)
	}
	var faults []error
	taken := map[string]bool{}
	for i, a := range s.axes {
		tried := []string{a.at(0), a.at(0.317), a.at(1)}
		if a.choices != nil {
			tried = a.choices
		}
		for _, value := range slices.Compact(tried) {
			values := slices.Clone(middle)
			values[i] = value
			_, settings, err := s.config(values)
			if err != nil {
				text := a.name + "=" + value + ": " + strings.TrimPrefix(strings.TrimPrefix(err.Error(), a.name+": "), "config: ")
				faults = append(faults, errors.New(text))
				break
			}
			for _, x := range settings {
				taken[x.Name] = true
			}
		}
	}
	for _, a := range s.axes {
		if len(faults) == 0 && !taken[a.name] {
			faults = append(faults, fmt.Errorf("%s: none of what is chosen from has a parameter %s", a.name, a.Param))
		}
	}
	return errors.Join(faults...)
}

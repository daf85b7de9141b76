package train

import (
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// canonical returns c with each text that denotes something in the one spelling that
// all texts of the same meaning share. The others, and those that have one spelling
// alone, such as a path or a score, stay.
func (c Config) canonical() Config {
	spell(&c.Data.Source, data.ParseDemo) // anything but a demo text is a path
	spell(&c.Data.Split, data.ParseSplit)
	spell(&c.Model.Name, models.Parse)
	if loss, candidates, found := models.CutCandidates(c.Loss); found {
		// One notation of a pair; what cannot be one stays for Validate to name.
		if _, err := models.Resolve(c.Loss, c.Candidates, 0); err == nil {
			c.Loss, c.Candidates = strings.TrimSpace(loss), strings.TrimSpace(candidates)
		}
	}
	c.Loss = CanonicalLoss(c.Loss, c.Candidates)
	// Of texts that contradict each other each stays as it was given: without what is
	// the default anyway they would agree.
	if _, err := models.Resolve(c.Loss, c.Candidates, 0); err == nil {
		spell(&c.Candidates, models.ParseHead)
	}
	spell(&c.Train.Solver, parseSolver)
	spell(&c.Train.Optimizer, optim.Parse)
	spell(&c.Train.Schedule, optim.ParseSchedule)
	spell(&c.Train.Monitor, metric.Parse)
	c.Eval.Metrics = slices.Clone(c.Eval.Metrics)
	for i := range c.Eval.Metrics {
		spell(&c.Eval.Metrics[i], metric.Parse)
	}
	return c
}

// spell replaces a text by that of what it denotes.
func spell[T interface{ String() string }](text *string, parse func(string) (T, error)) {
	if *text == "" {
		return
	}
	if x, err := parse(*text); err == nil {
		*text = x.String()
	}
}

// CanonicalLoss returns the canonical text of a loss or recipe: its name and, in
// declared order, the settings without which it would mean something else over its own
// candidates. A text that denotes neither, or does not go with candidates, is returned
// as it is; "" are its own.
func CanonicalLoss(text, candidates string) string {
	if _, err := models.Resolve(text, candidates, 0); err != nil {
		return text
	}
	r, err := models.Resolve(text, "", 0)
	if err != nil {
		return text
	}
	if r.Recipe == nil {
		return r.Loss.String()
	}
	name, settings := registry.CutSpec(text)
	given, err := registry.Settings(settings)
	if err != nil { // Resolve has read them
		return text
	}
	// A key belongs to the first that declares it, as in Resolve.
	var parts []registry.Setting
	for _, of := range []struct {
		params []registry.Param
		values registry.Values
	}{{r.Recipe.Params, r.Values}, {r.Loss.Spec.Params, r.Loss.Values}, {r.Head.Params, r.Head.Values}} {
		for _, p := range of.params {
			if registry.Has(given, p.Name) && !registry.Has(parts, p.Name) {
				parts = append(parts, registry.Setting{Name: p.Name, Value: of.values.Of(p)})
			}
		}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		without := slices.Delete(slices.Clone(parts), i, i+1)
		if sameLoss(registry.Join(name, parts), registry.Join(name, without)) {
			parts = without
		}
	}
	return registry.Join(name, parts)
}

// sameLoss reports whether two texts of a recipe denote the same, whatever the
// number of classes, on which a recipe may depend: one that is not known, and
// another.
func sameLoss(a, b string) bool {
	for _, classes := range []int{0, 1000} {
		x, errX := models.Resolve(a, "", classes)
		y, errY := models.Resolve(b, "", classes)
		if errX != nil || errY != nil || x.Loss.String() != y.Loss.String() || x.Head.String() != y.Head.String() ||
			x.Values.Text(x.Recipe.Params) != y.Values.Text(y.Recipe.Params) {
			return false
		}
	}
	return true
}

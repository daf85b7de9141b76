package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// Groups are the names that stand for several losses, with what they stand for.
func Groups() [][2]string {
	return [][2]string{
		{"exact", "every loss that is meant for all classes; others go with them as bpr@all"},
		{"sampled", "every recipe with its own candidates"},
		{"all", "both"},
	}
}

// expand replaces groups by their entries. A loss whose name is that of a recipe, such
// as bpr, is meant for draws, so it is in the group sampled. It is compared over all
// classes, which may cost a multiple of the others' time, only as bpr@all.
func expand(entries []string) (out []string) {
	exact := func() {
		for _, s := range losses.All() {
			if _, err := models.LookupRecipe(s.Name); err != nil {
				out = append(out, s.Name)
			}
		}
	}
	sampled := func() {
		for _, c := range models.Recipes() {
			out = append(out, c.Name)
		}
	}
	for _, e := range entries {
		switch e {
		case "exact":
			exact()
		case "sampled":
			sampled()
		case "all":
			exact()
			sampled()
		default:
			out = append(out, e)
		}
	}
	return out
}

// ParseEntries splits a list of losses, or of models, at its commas, but not at those between
// parameters: "softmax:tau=0.2,smoothing=0.1,rg2" has two entries, because no name has "="
// before its ":".
func ParseEntries(text string) []string {
	var entries []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		key, _, isSetting := strings.Cut(part, "=")
		if isSetting && !strings.Contains(key, ":") && len(entries) > 0 {
			entries[len(entries)-1] += "," + part
		} else {
			entries = append(entries, part)
		}
	}
	return entries
}

// A Variant is one thing that is compared.
type Variant struct {
	Entry      string `json:"entry"` // of Config.Losses, groups expanded
	Loss       string `json:"loss"`
	Candidates string `json:"candidates"`
	Model      string `json:"model"`

	// Name is the entry, with the model where the comparison has several.
	Name string `json:"name"`

	choice    models.Choice
	canonical string // text of Loss
	given     string // candidates as the entry has them, "" without
}

// variants returns the variants in order: all losses of the first model, and so on.
func (c Config) variants() ([]Variant, error) {
	var all []Variant
	var faults []error
	for _, model := range c.Models {
		for _, entry := range expand(c.Losses) {
			loss, candidates, _ := models.CutCandidates(entry)
			candidates = strings.TrimSpace(candidates)
			v := Variant{Entry: entry, Loss: loss, Model: model, Name: entry, given: candidates}
			if len(c.Models) > 1 {
				v.Name += " " + model
			}
			var err error
			if v.choice, err = models.Resolve(entry, "", 0); err != nil {
				faults = append(faults, fmt.Errorf("losses: %q: %w", entry, err))
				continue
			}
			full := train.Config{Loss: loss, Candidates: candidates}.WithDefaults()
			v.Candidates, v.canonical = full.Candidates, full.Loss
			if slices.ContainsFunc(all, func(w Variant) bool { return w.Name == v.Name }) {
				continue // named twice, as by a group and alone: one of it is enough
			}
			all = append(all, v)
		}
	}
	return all, errors.Join(faults...)
}

// baselines returns for each variant the index of the one that it is held
// against, of the same model; a baseline is its own.
func (c Config) baselines(variants []Variant) ([]int, error) {
	// It is the entry itself, or else one that means the same.
	find := func(entry, model string) int {
		loss, candidates, _ := models.CutCandidates(entry)
		same := train.Config{Loss: loss, Candidates: candidates}.WithDefaults()
		of := func(v Variant) bool { return model == "" || v.Model == model }
		if i := slices.IndexFunc(variants, func(v Variant) bool { return v.Entry == entry && of(v) }); i >= 0 {
			return i
		}
		return slices.IndexFunc(variants, func(v Variant) bool {
			return loss != "" && v.canonical == same.Loss && v.Candidates == same.Candidates && of(v)
		})
	}
	entry := c.Baseline
	if entry == "" {
		entry = variants[0].Entry
		if find("softmax", "") >= 0 {
			entry = "softmax"
		}
	}
	if find(entry, "") < 0 {
		var names []string
		for _, v := range variants {
			names = append(names, v.Entry)
		}
		return nil, fmt.Errorf("baseline: %q is not compared%s", entry, registry.Offer(entry, slices.Compact(names)))
	}
	of := make([]int, len(variants))
	for i, v := range variants {
		of[i] = find(entry, v.Model)
	}
	return of, nil
}

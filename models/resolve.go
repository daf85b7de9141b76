package models

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Resolved is what the text of a loss or of a composition denotes, together with
// that of candidates. It is immutable.
type Resolved struct {
	Loss losses.Bound
	Head BoundHead // the candidates

	// Candidates is the text of Head: the one given, with the settings that the loss's
	// text has for it, else that of the composition, else "all".
	Candidates string

	Composition *losses.Composition // nil of a loss
	Values      registry.Values     // of Composition.Params

	spec                *losses.Spec       // of Loss
	given               []registry.Setting // of the loss's text
	own, ofLoss, ofHead []registry.Setting // of those: the composition's, its loss's, its candidates'
}

// CutCandidates splits "LOSS@CANDIDATES" at the @, and says whether there is one. A file's
// name in the loss's text may have one too: then the first @ behind which the name of a
// head stands is taken.
func CutCandidates(text string) (loss, candidates string, found bool) {
	for at := 0; ; {
		i := strings.Index(text[at:], "@")
		if i < 0 {
			break
		}
		at += i + 1
		name, _ := registry.CutSpec(text[at:])
		if _, err := heads.Lookup(name); err == nil {
			return text[:at-1], text[at:], true
		}
	}
	if strings.Contains(text, "file=") {
		return text, "", false
	}
	return strings.Cut(text, "@")
}

// Resolve returns what the text of a loss and that of candidates denote. loss names
// a composition, or else a loss; where both have the name, the composition.
// candidates is the text of a head; empty it is what follows an @ in the text of the
// loss, as in "sparsemax@sampled:n=512", else that of the composition, or "all" of
// a loss. classes is the number of classes where it is known, else 0: the loss of a
// composition may depend on it, and on the draws of the head, whichever text the
// head has.
//
// A composition's text has settings of the composition itself, of its loss and of
// its candidates. One that is of none of them is an error that lists the choices, by
// whatever candidates it is replaced. Candidates that are given take the settings
// that the composition's text has for candidates; where they lack such a parameter,
// or their own text sets it to something else, that is an error: the candidates that
// the setting was for are replaced.
func Resolve(loss, candidates string, classes int) (Resolved, error) {
	if before, after, found := CutCandidates(loss); found {
		after = strings.TrimSpace(after)
		switch {
		case after == "":
			return Resolved{}, fmt.Errorf("models: %q names no candidates after @", loss)
		case strings.TrimSpace(candidates) != "" && !sameHead(after, candidates):
			return Resolved{}, fmt.Errorf("models: candidates are said twice, in %q and as %s: say them once", loss, candidates)
		}
		loss, candidates = strings.TrimSpace(before), after
	}
	name, settings := registry.CutSpec(loss)
	c, err := losses.LookupComposition(name)
	if err != nil {
		return resolveLoss(loss, candidates)
	}
	r := Resolved{Composition: c}
	if err := r.deal(settings); err != nil {
		return Resolved{}, fmt.Errorf("models: %s: %w", name, err)
	}
	if err := r.choose(candidates); err != nil {
		return Resolved{}, fmt.Errorf("models: %s: %w", name, err)
	}
	if r.Loss, err = r.LossOf(classes, r.Head.draws()); err != nil {
		return Resolved{}, fmt.Errorf("models: %s: %w", name, err)
	}
	return r, nil
}

// sameHead reports whether two texts denote the same head.
func sameHead(a, b string) bool {
	x, errX := ParseHead(a)
	y, errY := ParseHead(b)
	return errX == nil && errY == nil && x.String() == y.String()
}

func resolveLoss(loss, candidates string) (Resolved, error) {
	b, err := losses.Parse(loss)
	name, settings := registry.CutSpec(loss)
	if err != nil {
		if _, unknown := losses.Lookup(name); unknown != nil {
			err = fmt.Errorf("losses: unknown loss %q; the choices are %s", name, strings.Join(losses.AllNames(), ", "))
		}
		return Resolved{}, err
	}
	r := Resolved{Loss: b, spec: b.Spec, Candidates: strings.TrimSpace(candidates)}
	if r.Candidates == "" {
		r.Candidates = "all"
	}
	if r.given, err = registry.Settings(settings); err != nil {
		return Resolved{}, err
	}
	r.Head, err = ParseHead(r.Candidates)
	return r, err
}

// deal deals the settings of the loss's text out: to the composition, to its loss, and
// the rest to its candidates.
func (r *Resolved) deal(settings string) (err error) {
	if r.given, err = registry.Settings(settings); err != nil {
		return err
	}
	lossName, _ := registry.CutSpec(r.Composition.Loss)
	if r.spec, err = losses.Lookup(lossName); err != nil { // a mistake of the registration, of a loss that may register later
		return err
	}
	of := func(ps []registry.Param, name string) bool {
		return slices.ContainsFunc(ps, func(p registry.Param) bool { return p.Name == name })
	}
	for _, s := range r.given {
		switch {
		case of(r.Composition.Params, s.Name):
			r.own = append(r.own, s)
		case of(r.spec.Params, s.Name):
			r.ofLoss = append(r.ofLoss, s)
		default:
			r.ofHead = append(r.ofHead, s)
		}
	}
	_, own := registry.CutSpec(registry.Join("", r.own))
	r.Values, err = registry.Parse(r.Composition.Params, own)
	return err
}

// choose finds the head: that of the composition at the settings of the loss's text,
// or the given one.
func (r *Resolved) choose(candidates string) error {
	text, err := r.usual()
	if err != nil {
		return err
	}
	head, err := ParseHead(text)
	var unknown *registry.UnknownError
	if errors.As(err, &unknown) {
		return &registry.UnknownError{Name: unknown.Name, Params: slices.Concat(r.Composition.Params, r.spec.Params, unknown.Params)}
	}
	if err != nil {
		return err
	}
	r.Head, r.Candidates = head, text
	if candidates = strings.TrimSpace(candidates); candidates == "" {
		return nil
	}
	if r.Head, err = ParseHead(candidates); err != nil {
		return err
	}
	r.Candidates = candidates
	if r.Head.String() == head.String() {
		return nil
	}
	name, settings := registry.CutSpec(candidates)
	all, err := registry.Settings(settings)
	if err != nil {
		return err
	}
	carried := 0
	for _, s := range r.ofHead {
		if !registry.Has(all, s.Name) {
			all = append(all, s)
			carried++
		} else if is, want := r.Head.value(s.Name), head.value(s.Name); is != want {
			return fmt.Errorf("%s=%s is for its candidates %s, which are replaced by %s with %s=%s: say it once", s.Name, s.Value, head.Spec.Name, candidates, s.Name, is)
		}
	}
	if carried == 0 {
		return nil
	}
	r.Candidates = registry.Join(name, all)
	if r.Head, err = ParseHead(r.Candidates); errors.As(err, &unknown) {
		return fmt.Errorf("%s is a parameter of its candidates %s, which are replaced by %s, and those have no parameter %s: leave it out",
			unknown.Name, head.Spec.Name, candidates, unknown.Name)
	}
	return err
}

// usual returns the text of the composition's own head.
func (r *Resolved) usual() (string, error) {
	name, settings := registry.CutSpec(r.Composition.Candidates)
	all, err := registry.Settings(settings)
	if err != nil {
		return "", err
	}
	// What is said of the usual sampler does not suit another.
	if i := slices.IndexFunc(r.ofHead, func(s registry.Setting) bool { return s.Name == "sampler" }); i >= 0 && !slices.Contains(all, r.ofHead[i]) {
		all = slices.DeleteFunc(all, func(s registry.Setting) bool {
			return s.Name != "n" && s.Name != "correction" && s.Name != "hits"
		})
	}
	return registry.Join(name, override(all, r.ofHead)), nil
}

// override returns the settings without those that others replace, and the others.
func override(settings, others []registry.Setting) []registry.Setting {
	settings = slices.DeleteFunc(settings, func(s registry.Setting) bool { return registry.Has(others, s.Name) })
	return append(settings, others...)
}

// LossOf returns the loss where there are classes classes, 0 if it is not known yet,
// and draws draws against a positive, 0 if all classes are candidates: that of other
// numbers than Loss is of.
func (r Resolved) LossOf(classes, draws int) (losses.Bound, error) {
	c := r.Composition
	if c == nil {
		return r.Loss, nil
	}
	rate := 1.0
	if draws > 0 {
		rate = 0
		if classes > 1 {
			rate = min(float64(draws)/float64(classes-1), 1)
		}
	}
	name, settings := registry.CutSpec(c.Loss)
	all, err := registry.Settings(settings)
	if err != nil {
		return losses.Bound{}, err
	}
	if c.Bind != nil {
		bound, err := registry.Settings(c.Bind(r.Values, classes, rate))
		if err != nil {
			return losses.Bound{}, err
		}
		for _, b := range bound {
			if len(r.own) > 0 && registry.Has(r.ofLoss, b.Name) {
				return losses.Bound{}, fmt.Errorf("%s follows from %s, and %s is given too: say one of them", b.Name, r.own[0].Name, b.Name)
			}
		}
		all = override(all, bound)
	}
	return losses.Parse(registry.Join(name, override(all, r.ofLoss)))
}

// Bound names the parameters of the loss that the numbers of classes and draws decide,
// because no text does.
func (r Resolved) Bound() []string {
	if r.Composition == nil || r.Composition.Bind == nil {
		return nil
	}
	var names []string
	bound, err := registry.Settings(r.Composition.Bind(r.Values, 1000, 0.5)) // any numbers
	if err != nil {
		return nil // LossOf reports it
	}
	for _, s := range bound {
		if !r.Sets(s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Sets reports whether the text of the loss has a setting of that name.
func (r Resolved) Sets(name string) bool { return registry.Has(r.given, name) }

// Line returns the texts of the loss and of the candidates that say in full what r
// is: they denote it for every number of classes. What follows from that number
// stays with the composition's name.
func (r Resolved) Line() (loss, candidates string) {
	c := r.Composition
	if c == nil {
		return r.Loss.String(), r.Candidates
	}
	if c.Bind != nil {
		return registry.Join(c.Name, append(slices.Clone(r.own), r.ofLoss...)), r.Candidates
	}
	loss = r.Loss.String()
	if other, err := losses.LookupComposition(r.spec.Name); err == nil && (other.Bind != nil || other.Loss != r.spec.Name) {
		// The loss's name is that of a composition with settings of its own.
		var all []registry.Setting
		for _, p := range r.spec.Params {
			all = append(all, registry.Setting{Name: p.Name, Value: r.Loss.Values.Of(p)})
		}
		loss = registry.Join(r.spec.Name, all)
	}
	return loss, r.Candidates
}

// Declared reports whether what the composition declares of its minimiser and order
// holds of the candidates at hand: they are of its own kind, with its own correction
// and treatment of hits. The number of draws and the sampler do not matter.
func (r Resolved) Declared() bool {
	if r.Composition == nil {
		return false
	}
	usual, err := ParseHead(r.Composition.Candidates)
	if err != nil || usual.Spec.Name != r.Head.Spec.Name {
		return false
	}
	for _, name := range []string{"correction", "hits"} {
		if usual.value(name) != r.Head.value(name) {
			return false
		}
	}
	return true
}

// Order returns what is declared of the order of the scores that minimise the
// expected loss over the candidates; NoOrder where nothing is: a loss over candidates
// that no composition goes with.
func (r Resolved) Order() losses.Order {
	switch {
	case r.Head.Spec.Name == "all":
		return r.Loss.Theory().PopulationOrder
	case !r.Declared():
		return losses.NoOrder
	case r.Head.value("sampler") == "uniform":
		return r.Composition.OrderUniform
	}
	return r.Composition.Order
}

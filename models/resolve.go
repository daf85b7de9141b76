package models

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Choice is what the text of a loss or of a recipe denotes, together with
// that of candidates. It is immutable.
type Choice struct {
	Loss losses.Loss // under which the head trains
	Head HeadKind    // the candidates

	// Candidates is the text of Head: the one given, with the settings that the loss's
	// text has for it, else that of the recipe, else "all".
	Candidates string

	Recipe *Recipe // nil of a loss
	Values Values  // of Recipe.Params

	spec                *losses.Spec       // of Loss
	given               []registry.Setting // of the loss's text
	own, ofLoss, ofHead []registry.Setting // of those: the recipe's, its loss's, its candidates'
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
// a recipe, or else a loss; where both have the name, the recipe.
// candidates is the text of a head; empty it is what follows an @ in the text of the
// loss, as in "sparsemax@sampled:n=512", else that of the recipe, or "all" of
// a loss. classes is the number of classes where it is known, else 0: the loss of a
// recipe may depend on it, and on the draws of the head, whichever text the
// head has.
//
// A recipe's text has settings of the recipe itself, of its loss and of
// its candidates. One that is of none of them is an error that lists the choices, by
// whatever candidates it is replaced. Candidates that are given take the settings
// that the recipe's text has for candidates; where they lack such a parameter,
// or their own text sets it to something else, that is an error: the candidates that
// the setting was for are replaced.
func Resolve(loss, candidates string, classes int) (Choice, error) {
	if before, after, found := CutCandidates(loss); found {
		after = strings.TrimSpace(after)
		switch {
		case after == "":
			return Choice{}, fmt.Errorf("models: %q names no candidates after @", loss)
		case strings.TrimSpace(candidates) != "" && !sameHead(after, candidates):
			return Choice{}, fmt.Errorf("models: candidates are said twice, in %q and as %s: say them once", loss, candidates)
		}
		loss, candidates = strings.TrimSpace(before), after
	}
	l, err := registry.Read(loss)
	if err != nil {
		return Choice{}, refuse(l, err)
	}
	var c registry.Text
	if candidates = strings.TrimSpace(candidates); candidates != "" {
		if c, err = registry.Read(candidates); err != nil {
			if _, unknown := heads.Lookup(c.Name); unknown != nil {
				err = unknown
			}
			return Choice{}, fmt.Errorf("models: %s: %w", c.Name, err)
		}
	}
	return choose(l, c, classes)
}

// refuse returns the error of a loss's text whose settings are none.
func refuse(l registry.Text, err error) error {
	if _, unknown := LookupRecipe(l.Name); unknown == nil {
		return fmt.Errorf("models: %s: %w", l.Name, err)
	}
	if _, unknown := losses.Lookup(l.Name); unknown != nil {
		return unknownLoss(l.Name)
	}
	return fmt.Errorf("losses: %s: %w", l.Name, err)
}

func unknownLoss(name string) error {
	return fmt.Errorf("losses: unknown loss %q%s", name, registry.Offer(name, LossNames()))
}

// choose is Resolve of texts that were read, which have no @; candidates without a name
// are not given.
func choose(loss, candidates registry.Text, classes int) (Choice, error) {
	c, err := LookupRecipe(loss.Name)
	if err != nil {
		return chooseLoss(loss, candidates)
	}
	r := Choice{Recipe: c}
	if err := r.deal(loss.Settings); err != nil {
		return Choice{}, fmt.Errorf("models: %s: %w", loss.Name, err)
	}
	if err := r.choose(candidates); err != nil {
		return Choice{}, fmt.Errorf("models: %s: %w", loss.Name, err)
	}
	if r.Loss, err = r.LossOf(classes, r.Head.draws()); err != nil {
		return Choice{}, fmt.Errorf("models: %s: %w", loss.Name, err)
	}
	return r, nil
}

// sameHead reports whether two texts denote the same head.
func sameHead(a, b string) bool {
	x, errX := ParseHead(a)
	y, errY := ParseHead(b)
	return errX == nil && errY == nil && x.String() == y.String()
}

func chooseLoss(loss, candidates registry.Text) (Choice, error) {
	if _, err := losses.Lookup(loss.Name); err != nil {
		return Choice{}, unknownLoss(loss.Name)
	}
	b, err := losses.Choose(loss.Name, loss.Settings)
	if err != nil {
		return Choice{}, err
	}
	if candidates.Name == "" {
		candidates.Name = "all"
	}
	r := Choice{Loss: b, spec: b.Spec, given: loss.Settings, Candidates: candidates.String()}
	r.Head, err = chooseHead(candidates)
	return r, err
}

// deal deals the settings of the loss's text out: to the recipe, to its loss, and
// the rest to its candidates.
func (r *Choice) deal(given []registry.Setting) (err error) {
	r.given = given
	lossName, _ := registry.CutSpec(r.Recipe.Loss)
	if r.spec, err = losses.Lookup(lossName); err != nil { // a mistake of the registration, of a loss that may register later
		return err
	}
	of := func(ps []Param, name string) bool {
		return slices.ContainsFunc(ps, func(p Param) bool { return p.Name == name })
	}
	for _, s := range r.given {
		switch {
		case of(r.Recipe.Params, s.Name):
			r.own = append(r.own, s)
		case of(r.spec.Params, s.Name):
			r.ofLoss = append(r.ofLoss, s)
		default:
			r.ofHead = append(r.ofHead, s)
		}
	}
	r.Values, err = registry.Bind(r.Recipe.Params, r.own)
	return err
}

// choose finds the head: that of the recipe at the settings of the loss's text,
// or the given one.
func (r *Choice) choose(candidates registry.Text) error {
	usual, err := r.usual()
	if err != nil {
		return err
	}
	head, err := chooseHead(usual)
	var unknown *registry.UnknownError
	if errors.As(err, &unknown) {
		return &registry.UnknownError{Name: unknown.Name, Params: slices.Concat(r.Recipe.Params, r.spec.Params, unknown.Params)}
	}
	if err != nil {
		return err
	}
	r.Head, r.Candidates = head, usual.String()
	if candidates.Name == "" {
		return nil
	}
	if r.Head, err = chooseHead(candidates); err != nil {
		return err
	}
	r.Candidates = candidates.String()
	if r.Head.String() == head.String() {
		return nil
	}
	all := registry.Text{Name: candidates.Name, Settings: slices.Clone(candidates.Settings)}
	for _, s := range r.ofHead {
		if !registry.Has(all.Settings, s.Name) {
			all.Settings = append(all.Settings, s)
		} else if is, want := r.Head.Value(s.Name), head.Value(s.Name); is != want {
			return fmt.Errorf("%s=%s is for its candidates %s, which are replaced by %s with %s=%s: say it once", s.Name, s.Value, head.Spec.Name, candidates, s.Name, is)
		}
	}
	if len(all.Settings) == len(candidates.Settings) {
		return nil
	}
	r.Candidates = all.String()
	if r.Head, err = chooseHead(all); errors.As(err, &unknown) {
		return fmt.Errorf("%s is a parameter of its candidates %s, which are replaced by %s, and those have no parameter %s: leave it out",
			unknown.Name, head.Spec.Name, candidates, unknown.Name)
	}
	return err
}

// usual returns the text of the recipe's own head.
func (r *Choice) usual() (registry.Text, error) {
	t, err := registry.ReadOwn(r.Recipe.Candidates)
	// What is said of the usual sampler does not suit another.
	if i := slices.IndexFunc(r.ofHead, func(s registry.Setting) bool { return s.Name == "sampler" }); i >= 0 && !slices.Contains(t.Settings, r.ofHead[i]) {
		t.Settings = slices.DeleteFunc(t.Settings, func(s registry.Setting) bool {
			return s.Name != "n" && s.Name != "correction" && s.Name != "hits"
		})
	}
	t.Settings = override(t.Settings, r.ofHead)
	return t, err
}

// override returns the settings without those that others replace, and the others.
func override(settings, others []registry.Setting) []registry.Setting {
	settings = slices.DeleteFunc(settings, func(s registry.Setting) bool { return registry.Has(others, s.Name) })
	return append(settings, others...)
}

// LossOf returns the loss where there are classes classes, 0 if it is not known yet,
// and draws draws against a positive, 0 if all classes are candidates: that of other
// numbers than Loss is of.
func (r Choice) LossOf(classes, draws int) (losses.Loss, error) {
	c := r.Recipe
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
	t, err := registry.ReadOwn(c.Loss)
	if err != nil {
		return losses.Loss{}, err
	}
	if c.Bind != nil {
		bound, err := registry.Settings(c.Bind(r.Values, classes, rate))
		if err != nil {
			return losses.Loss{}, err
		}
		for _, b := range bound {
			if len(r.own) > 0 && registry.Has(r.ofLoss, b.Name) {
				return losses.Loss{}, fmt.Errorf("%s follows from %s, and %s is given too: say one of them", b.Name, r.own[0].Name, b.Name)
			}
		}
		t.Settings = override(t.Settings, bound)
	}
	return losses.Choose(t.Name, override(t.Settings, r.ofLoss))
}

// SetByRun names the parameters of the loss that the numbers of classes and draws decide,
// because no text does.
func (r Choice) SetByRun() []string {
	if r.Recipe == nil || r.Recipe.Bind == nil {
		return nil
	}
	var names []string
	bound, err := registry.Settings(r.Recipe.Bind(r.Values, 1000, 0.5)) // any numbers
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
func (r Choice) Sets(name string) bool { return registry.Has(r.given, name) }

// Line returns the texts of the loss and of the candidates that say in full what r
// is: they denote it for every number of classes. What follows from that number
// stays with the recipe's name.
func (r Choice) Line() (loss, candidates string) {
	c := r.Recipe
	if c == nil {
		return r.Loss.String(), r.Candidates
	}
	if c.Bind != nil {
		return registry.Join(c.Name, append(slices.Clone(r.own), r.ofLoss...)), r.Candidates
	}
	loss = r.Loss.String()
	if other, err := LookupRecipe(r.spec.Name); err == nil && (other.Bind != nil || other.Loss != r.spec.Name) {
		// The loss's name is that of a recipe with settings of its own.
		var all []registry.Setting
		for _, p := range r.spec.Params {
			all = append(all, registry.Setting{Name: p.Name, Value: r.Loss.Values.Of(p)})
		}
		loss = registry.Join(r.spec.Name, all)
	}
	return loss, r.Candidates
}

// Declared reports whether what the recipe declares of its minimiser and order
// holds of the candidates at hand: they are of its own kind, with its own correction
// and treatment of hits, and its loss keeps the order over all classes that it keeps at the
// recipe's own settings, as softmax does not with a weight of the negatives. The number of
// draws and the sampler do not matter.
func (r Choice) Declared() bool {
	if r.Recipe == nil {
		return false
	}
	usual, err := ParseHead(r.Recipe.Candidates)
	if err != nil || usual.Spec.Name != r.Head.Spec.Name {
		return false
	}
	for _, name := range []string{"correction", "hits"} {
		if usual.Value(name) != r.Head.Value(name) {
			return false
		}
	}
	own, err := losses.Parse(r.Recipe.Loss)
	return err == nil && own.Theory().PopulationOrder == r.Loss.Theory().PopulationOrder
}

// Order returns what is declared of the order of the scores that minimise the
// expected loss over the candidates; NoOrder where nothing is: a loss over candidates
// that no recipe goes with.
func (r Choice) Order() losses.Order {
	switch {
	case r.Head.Spec == nil: // of the zero Choice
		return losses.NoOrder
	case r.Head.Spec.Exact:
		return r.Loss.Theory().PopulationOrder
	case !r.Declared():
		return losses.NoOrder
	case r.Head.Value("sampler") == "uniform":
		return r.Recipe.OrderUniform
	}
	return r.Recipe.Order
}

// Canonical returns the canonical text of the loss or recipe: its name and, in
// declared order, the settings without which it would mean something else over its own
// candidates.
func (r Choice) Canonical() string {
	if r.Recipe == nil {
		return r.Loss.String()
	}
	text := registry.Text{Name: r.Recipe.Name, Settings: r.given}
	own, err := choose(text, registry.Text{}, 0)
	if err != nil { // over other candidates it means something
		return text.String()
	}
	// A key belongs to the first that declares it, as in deal.
	text.Settings = nil
	for _, of := range []struct {
		params []Param
		values Values
	}{{own.Recipe.Params, own.Values}, {own.Loss.Spec.Params, own.Loss.Values}, {own.Head.Params, own.Head.Values}} {
		for _, p := range of.params {
			if registry.Has(r.given, p.Name) && !registry.Has(text.Settings, p.Name) {
				text.Settings = append(text.Settings, registry.Setting{Name: p.Name, Value: of.values.Of(p)})
			}
		}
	}
	for i := len(text.Settings) - 1; i >= 0; i-- {
		without := registry.Text{Name: text.Name, Settings: slices.Delete(slices.Clone(text.Settings), i, i+1)}
		if sameChoice(text, without) {
			text = without
		}
	}
	return text.String()
}

// sameChoice reports whether two texts of a recipe denote the same, whatever the
// number of classes, on which a recipe may depend: one that is not known, and
// another.
func sameChoice(a, b registry.Text) bool {
	for _, classes := range []int{0, 1000} {
		x, errX := choose(a, registry.Text{}, classes)
		y, errY := choose(b, registry.Text{}, classes)
		if errX != nil || errY != nil || x.Loss.String() != y.Loss.String() || x.Head.String() != y.Head.String() ||
			x.Values.Text(x.Recipe.Params) != y.Values.Text(y.Recipe.Params) {
			return false
		}
	}
	return true
}

// NaturalTemperature returns the temperature at which cosines fit the choice's loss, by
// the candidates that a row is scored against: [losses.Loss.NaturalTemperature] over all
// classes, [losses.Loss.SampledTemperature] over draws. It reports false where the loss has
// none, and where the candidates are decisions of their own, as those of a tree, whose
// scores are not those of classes.
func (r Choice) NaturalTemperature(spread float64, classes int) (tau float64, ok bool) {
	if r.Head.Spec == nil { // of the zero Choice
		return 0, false
	}
	l, err := r.LossFor(classes)
	if err != nil || l.Spec == nil {
		return 0, false
	}
	if r.Head.Spec.Exact {
		return l.NaturalTemperature(spread, classes)
	}
	return l.SampledTemperature(spread, classes, r.Head.draws()) // false of 0 draws
}

// SpreadMatters reports whether the natural temperature has the spread in it; see
// [losses.Loss.SpreadMatters].
func (r Choice) SpreadMatters() bool {
	return r.HasNaturalTemperature() && r.Loss.SpreadMatters(2, 1000) // any numbers
}

// HasNaturalTemperature reports whether there is a NaturalTemperature where there are
// more than one class.
func (r Choice) HasNaturalTemperature() bool {
	_, ok := r.NaturalTemperature(2, 1000) // any numbers
	return ok
}

// LossFor returns the loss where there are classes classes.
func (r Choice) LossFor(classes int) (losses.Loss, error) { return r.LossOf(classes, r.Head.draws()) }

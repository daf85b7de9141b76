package losses

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/losses/param"
)

// A Composition is a well-known name for a loss together with the candidates
// that it is meant for, such as sampled-softmax: softmax over a positive and the
// draws of a sampler. Its spec text takes the parameters of both:
// "sampled-softmax:tau=0.2,n=512,sampler=popularity,beta=0.5".
type Composition struct {
	Name   string // registry key; the name of a loss may be that of its composition too
	Doc    string // one line: what it is
	Source string // paper and equation

	Loss       string // text of the loss of one row
	Candidates string // text of the head that chooses a row's candidates

	// Params are of the composition itself. Bind returns the settings of the loss that
	// follow from them, from the number of classes (0: not known yet) and from that
	// of draws; what the text says itself stands. Nil where nothing follows.
	Params []Param
	Bind   func(v Values, classes, draws int) string

	// Minimiser says which scores minimise the expected loss, over data with
	// distribution t and draws from q.
	Minimiser string

	// Order relates t to the minimiser for any q, and OrderUniform for q uniform; see
	// Theory.PopulationOrder. NoOrder claims nothing.
	Order, OrderUniform Order

	// Link maps t, all positive, to a minimiser under draws from q, n of them, up to
	// a constant where the loss is shift-invariant; v are the settings of the loss. It
	// is that of Candidates and of one positive a row. Nil where there is no closed form, and for hierarchies, whose minimiser is
	// p = t and whose scores are not those of classes.
	Link func(v Values, t, q []float64, n int) []float64
}

var compositions = param.NewRegistry[Composition]("losses", "composition")

// RegisterComposition adds c to the registry. It panics if c is incomplete, its
// name or a parameter is malformed, or the name is taken: mistakes of the program
// that its first run shows.
func RegisterComposition(c Composition) {
	var fault error
	switch {
	case c.Doc == "" || c.Source == "" || c.Loss == "" || c.Candidates == "" || c.Minimiser == "":
		fault = errors.New("lacks one of Doc, Source, Loss, Candidates and Minimiser")
	case len(c.Params) > 0 && c.Bind == nil:
		fault = errors.New("has Params that nothing reads")
	}
	compositions.Add(c.Name, c.Params, c, fault)
}

// Compositions returns the registered compositions, sorted by name.
func Compositions() []*Composition { return compositions.All() }

// A Resolved is what the text of a loss or of a composition denotes.
type Resolved struct {
	Loss Bound

	// Candidates is the text of the head that the composition is meant for; "" of a
	// loss, which any head suits.
	Candidates string

	Composition *Composition // nil of a loss
	Values      Values       // of Composition.Params
}

// Resolve returns what text denotes: a composition, or else a loss; where both
// have the name, the composition. classes is the number of classes where it is
// known, else 0: a composition may depend on it. Settings of the candidates are
// held against their declaration only by the head that takes them.
func Resolve(text string, classes int) (Resolved, error) {
	name, settings := param.CutSpec(text)
	c, err := compositions.Lookup(name)
	if err != nil {
		b, err := Parse(text)
		if _, unknown := Lookup(name); unknown != nil {
			err = fmt.Errorf("losses: unknown loss %q; the choices are %s", name, strings.Join(AllNames(), ", "))
		}
		return Resolved{Loss: b}, err
	}
	return c.resolve(settings, classes)
}

// AllNames returns the names of the losses and compositions, sorted.
func AllNames() []string {
	names := append(Names(), compositions.Names()...)
	slices.Sort(names)
	return slices.Compact(names)
}

// resolve deals the settings out: to the composition's own parameters, to the
// loss, to the candidates.
func (c *Composition) resolve(settings string, classes int) (Resolved, error) {
	lossName, lossSettings := param.CutSpec(c.Loss)
	spec, err := Lookup(lossName)
	if err != nil { // a mistake of the registration, of a loss that may register later
		return Resolved{}, fmt.Errorf("losses: composition %s: %w", c.Name, err)
	}
	of := func(ps []Param, key string) bool {
		return slices.ContainsFunc(ps, func(p Param) bool { return p.Name == key })
	}
	headName, headSettings := param.CutSpec(c.Candidates)
	var own []string
	loss, head := split(lossSettings), split(headSettings)
	seen := map[string]bool{}
	for _, part := range split(settings) {
		key, _, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return Resolved{}, fmt.Errorf("losses: %s: %q is not name=value", c.Name, part)
		}
		if seen[key] {
			return Resolved{}, fmt.Errorf("losses: %s: parameter %q is given twice", c.Name, key)
		}
		seen[key] = true
		switch {
		case of(c.Params, key):
			own = append(own, part)
		case of(spec.Params, key):
			loss = override(loss, key, part)
		default:
			if key == "sampler" { // what is said of the usual sampler does not suit another
				head = slices.DeleteFunc(head, func(p string) bool {
					k, _, _ := strings.Cut(p, "=")
					return k != "n" && k != "correction" && k != "hits"
				})
			}
			head = override(head, key, part)
		}
	}
	r := Resolved{Composition: c, Candidates: join(headName, head)}
	if r.Values, err = param.Parse(c.Params, strings.Join(own, ",")); err != nil {
		return Resolved{}, fmt.Errorf("losses: %s: %w", c.Name, err)
	}
	if c.Bind != nil {
		draws := 0
		for _, part := range head {
			fmt.Sscanf(part, "n=%d", &draws) // stays 0 where there is none; the head reports a wrong one
		}
		for _, part := range split(c.Bind(r.Values, classes, draws)) {
			key, _, _ := strings.Cut(part, "=")
			if !seen[key] {
				loss = override(loss, key, part)
			}
		}
	}
	if r.Loss, err = Parse(join(lossName, loss)); err != nil {
		return Resolved{}, fmt.Errorf("losses: %s: %w", c.Name, err)
	}
	return r, nil
}

// split returns the settings of a text, none of an empty one.
func split(settings string) []string {
	if strings.TrimSpace(settings) == "" {
		return nil
	}
	parts := strings.Split(settings, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func join(name string, settings []string) string {
	if len(settings) == 0 {
		return name
	}
	return name + ":" + strings.Join(settings, ",")
}

// override replaces the setting of key, or appends it.
func override(settings []string, key, part string) []string {
	settings = slices.DeleteFunc(settings, func(s string) bool { return strings.HasPrefix(s, key+"=") })
	return append(settings, part)
}

// ratios returns log(t/q) + c.
func ratios(t, q []float64, c float64) []float64 {
	z := make([]float64, len(t))
	for i := range t {
		z[i] = logs(t)[i] - logs(q)[i] + c
	}
	return z
}

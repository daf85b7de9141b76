package registry

// A Choice is a registered thing with its parameters: what a spec text such as
// "popularity:beta=0.5" denotes. What all packages' choices have in common is here; a
// package embeds it in a type of its own where there is more to say. It is immutable and
// safe for concurrent use. The zero Choice is of nothing: its Spec is nil.
type Choice[S any] struct {
	Spec   *S
	Params []Param // those that Spec was registered with, and what their settings call for
	Values Values  // of Params

	name string
}

// NewChoice returns the choice of spec, whose name and parameters those are, at the
// default settings. It panics if a parameter is malformed, which no registered one is.
func NewChoice[S any](name string, spec *S, ps []Param) Choice[S] {
	c := Choice[S]{Spec: spec, Params: ps, name: name}
	return c.each(func(ps []Param) ([]Values, error) {
		v, err := Parse(ps, "")
		return []Values{v}, err
	})[0]
}

// String returns the canonical text: the name, then the parameters that differ from
// their default in declared order. Parsed again it is an equal choice.
func (c Choice[S]) String() string { return SpecText(c.name, c.Params, c.Values) }

// At returns the choice at other settings, which were parsed from its Params.
func (c Choice[S]) At(v Values) Choice[S] {
	c.Values = v
	return c
}

// Value returns the text of a parameter's value, "" of one that the choice has not.
func (c Choice[S]) Value(name string) string {
	for _, p := range c.Params {
		if p.Name == name {
			return c.Values.Of(p)
		}
	}
	return ""
}

// Probes returns the choice at the default settings and at one further setting per
// probe of each parameter: the settings that tests and checks run.
func (c Choice[S]) Probes() []Choice[S] { return c.each(Probes) }

// Corners returns the choice at the ends of its parameters' ranges, in all combinations:
// where a formula that is right in between loses its digits.
func (c Choice[S]) Corners() []Choice[S] { return c.each(cornersOf) }

func (c Choice[S]) each(settings func([]Param) ([]Values, error)) []Choice[S] {
	vs, err := settings(c.Params)
	if err != nil { // a registry has validated defaults and probes
		panic("registry: " + c.name + ": " + err.Error())
	}
	cs := make([]Choice[S], len(vs))
	for i, v := range vs {
		cs[i] = c.At(v)
	}
	return cs
}

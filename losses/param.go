package losses

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Param is one knob of a loss: a number, or, where Words is set, a word.
type Param struct {
	Name     string
	Doc      string
	Default  float64   // of a number
	Min, Max float64   // inclusive bounds of a number; Max may be +Inf
	Integer  bool      // a number that must be whole
	Probe    []float64 // further numbers that tests run at

	Words       func() []string // the choices of a word, e.g. OneOf("none", "logq")
	DefaultWord string
}

// OneOf returns the fixed list of choices of a word parameter.
func OneOf(words ...string) func() []string { return func() []string { return words } }

func (p Param) validate() error {
	if p.Name == "" || strings.ContainsAny(p.Name, ":=, ") || p.Doc == "" {
		return fmt.Errorf("parameter %q: malformed name or no Doc", p.Name)
	}
	if p.Words != nil {
		// Words may range over a registry that fills later: checked when parsed.
		if p.DefaultWord == "" {
			return fmt.Errorf("parameter %q has no DefaultWord", p.Name)
		}
		return nil
	}
	for _, x := range append([]float64{p.Default}, p.Probe...) {
		if _, err := p.number(formatNumber(x)); err != nil {
			return err
		}
	}
	return nil
}

func formatNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func (p Param) number(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(x):
		return 0, fmt.Errorf("%s=%q is not a number", p.Name, text)
	case p.Integer && x != math.Trunc(x):
		return 0, fmt.Errorf("%s=%s is not a whole number", p.Name, text)
	case !(p.Min <= x && x <= p.Max):
		return 0, fmt.Errorf("%s=%s is outside [%g, %g]", p.Name, text, p.Min, p.Max)
	}
	return x, nil
}

// probes returns the texts of the settings other than the default that tests
// run at: the Probe numbers, or every word.
func (p Param) probes() []string {
	var texts []string
	if p.Words != nil {
		for _, w := range p.Words() {
			if w != p.DefaultWord {
				texts = append(texts, w)
			}
		}
		return texts
	}
	for _, x := range p.Probe {
		texts = append(texts, formatNumber(x))
	}
	return texts
}

// Values are the settings of a loss's parameters. They are complete: every
// declared parameter has one.
type Values struct {
	num  map[string]float64
	word map[string]string
}

// Num returns a number. It panics if the loss declares no such number.
func (v Values) Num(name string) float64 {
	x, ok := v.num[name]
	if !ok {
		panic(fmt.Sprintf("losses: no number %q", name))
	}
	return x
}

// Int returns a whole number. It panics if the loss declares no such number.
func (v Values) Int(name string) int { return int(v.Num(name)) }

// Word returns a word. It panics if the loss declares no such word.
func (v Values) Word(name string) string {
	w, ok := v.word[name]
	if !ok {
		panic(fmt.Sprintf("losses: no word %q", name))
	}
	return w
}

// text prints the parameters that differ from their default, in declared order.
func (v Values) text(params []Param) string {
	var parts []string
	for _, p := range params {
		if p.Words != nil {
			if w := v.word[p.Name]; w != p.DefaultWord {
				parts = append(parts, p.Name+"="+w)
			}
		} else if x := v.num[p.Name]; x != p.Default {
			parts = append(parts, p.Name+"="+formatNumber(x))
		}
	}
	return strings.Join(parts, ",")
}

// parseValues reads "key=value,key=value"; the empty text gives the defaults.
func parseValues(params []Param, text string) (Values, error) {
	v := Values{num: map[string]float64{}, word: map[string]string{}}
	for _, p := range params {
		if p.Words != nil {
			v.word[p.Name] = p.DefaultWord
		} else {
			v.num[p.Name] = p.Default
		}
	}
	if strings.TrimSpace(text) == "" {
		return v, nil
	}
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		key, val, ok := strings.Cut(part, "=")
		key, val = strings.TrimSpace(key), strings.TrimSpace(val)
		if !ok || key == "" || val == "" {
			return Values{}, fmt.Errorf("%q is not name=value", part)
		}
		i := slices.IndexFunc(params, func(p Param) bool { return p.Name == key })
		if i < 0 {
			return Values{}, fmt.Errorf("no parameter %q; the choices are %s", key, paramNames(params))
		}
		if slices.Contains(seen, key) {
			return Values{}, fmt.Errorf("parameter %q is given twice", key)
		}
		seen = append(seen, key)
		p := params[i]
		if p.Words != nil {
			if words := p.Words(); !slices.Contains(words, val) {
				return Values{}, fmt.Errorf("%s=%q is not one of %s", key, val, strings.Join(words, ", "))
			}
			v.word[key] = val
			continue
		}
		x, err := p.number(val)
		if err != nil {
			return Values{}, err
		}
		v.num[key] = x
	}
	return v, nil
}

func paramNames(params []Param) string {
	if len(params) == 0 {
		return "none: it takes no parameters"
	}
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

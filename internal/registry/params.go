package registry

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Param is one parameter: a number, or, where Choices is set, one of these strings, or,
// where AnyString is, any text.
type Param struct {
	Name     string
	Doc      string
	Default  float64   // of a number
	Min, Max float64   // inclusive bounds of a number; Max may be +Inf
	Integer  bool      // a number that must be whole; its bounds are finite
	Probe    []float64 // further numbers that tests run at
	Learn    *Learn    // of a number that may be "learned": trained with the weights; nil of others

	// With is the setting of another parameter, such as "k=0", with which alone this one
	// counts: a text that sets it beside another is refused. "" is any.
	With string

	// Hint, if set, returns what to say of a value that is refused, as "alpha=1 is softmax",
	// or "". The value of a string is NaN where it is no number.
	Hint func(x float64) string

	Choices       func() []string // of a string, e.g. Enum("none", "logq")
	AnyString     bool            // any text, such as the name of a file; a comma ends it
	DefaultString string          // of AnyString "" is no setting at all
}

// IsString reports whether the parameter is set to a string, not to a number.
func (p Param) IsString() bool { return p.Choices != nil || p.AnyString }

// maxInteger bounds the bounds of whole numbers: up to 2⁵³ a float64 has each of them.
const maxInteger int64 = 1 << 53

// Enum returns the fixed list of choices of a parameter that is a string.
func Enum(choices ...string) func() []string { return func() []string { return choices } }

func (p Param) validate() error {
	if p.Name == "" || strings.ContainsAny(p.Name, ":=, ") || p.Doc == "" {
		return fmt.Errorf("parameter %q: malformed name or no Doc", p.Name)
	}
	if p.AnyString {
		if p.Choices != nil || strings.Contains(p.DefaultString, ",") {
			return fmt.Errorf("parameter %q is AnyString and has Choices, or a comma in its default", p.Name)
		}
		return nil
	}
	if p.Learn != nil && p.IsString() {
		return fmt.Errorf("parameter %q is a string, and Learn is of numbers", p.Name)
	}
	if p.Choices != nil {
		// Choices may range over a registry that fills later: checked when parsed.
		if p.DefaultString == "" {
			return fmt.Errorf("parameter %q has no DefaultString", p.Name)
		}
		return nil
	}
	if p.Integer && !(float64(-maxInteger) <= p.Min && p.Max <= float64(maxInteger)) {
		return fmt.Errorf("parameter %q is whole and its bounds [%g, %g] are not within ±%d", p.Name, p.Min, p.Max, maxInteger)
	}
	for _, x := range append([]float64{p.Default}, p.Probe...) {
		if _, err := p.number(formatNumber(x)); err != nil {
			return err
		}
	}
	return nil
}

func formatNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// text returns a number of p as texts have it: a whole one in digits, where others have an
// exponent from a million on.
func (p Param) text(x float64) string {
	if p.Integer {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return formatNumber(x)
}

// Range says which numbers p takes, "1 to 1048576" or "0 or more".
func (p Param) Range() string {
	if math.IsInf(p.Max, 1) {
		return p.text(p.Min) + " or more"
	}
	return p.text(p.Min) + " to " + p.text(p.Max)
}

// outside is the error of a number of p that its bounds leave out.
func (p Param) outside(text, hint string) error {
	return fmt.Errorf("%s=%s is outside [%s, %s]%s", p.Name, text, p.text(p.Min), p.text(p.Max), hint)
}

// ErrNumber is the error of Real and Whole for a text that is no number of the kind.
var ErrNumber = errors.New("not a number")

// Real reads a finite number in decimal notation, such as "-0.5" or "1e-3": the one
// rule for all texts of settings and flags. NaN, infinities, hexadecimal digits and
// underscores are ErrNumber; a number beyond the largest float64 is strconv.ErrRange.
func Real(text string) (float64, error) {
	if strings.ContainsAny(text, "xX_nN") { // 0x1p4, 1_000, inf, nan
		return 0, ErrNumber
	}
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, strconv.ErrRange
	case err != nil:
		return 0, ErrNumber
	}
	return x, nil
}

// Whole reads a whole number in decimal digits with or without a sign; leading zeros
// mean nothing, so that "010" is ten. Anything else is ErrNumber, and a number beyond
// an int64 is strconv.ErrRange.
func Whole(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, strconv.ErrRange
	case err != nil:
		return 0, ErrNumber
	}
	return n, nil
}

func (p Param) number(text string) (float64, error) {
	x, err := Real(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, p.outside(text, "")
	case err != nil && p.Learn != nil:
		return 0, fmt.Errorf("%s=%q is neither a number nor learned", p.Name, text)
	case err != nil && text == learned:
		return 0, fmt.Errorf("%s=%q is not a number, and %[1]s is not a parameter that can be trained", p.Name, text)
	case err != nil:
		return 0, fmt.Errorf("%s=%q is not a number", p.Name, text)
	case p.Integer && x != math.Trunc(x):
		return 0, fmt.Errorf("%s=%s is not a whole number", p.Name, text)
	case !(p.Min <= x && x <= p.Max):
		return 0, p.outside(text, p.hint(x))
	}
	return x, nil
}

// hint ends the error of a value that is refused.
func (p Param) hint(x float64) string {
	if p.Hint != nil {
		if text := p.Hint(x); text != "" {
			return ": " + text
		}
	}
	return ""
}

func (p Param) hintOf(text string) string {
	x, err := Real(text)
	if err != nil {
		x = math.NaN()
	}
	return p.hint(x)
}

// Validate reports the first mistake in a declared list: a malformed name, a
// missing Doc, a default or probe out of bounds, a name given twice.
func Validate(ps []Param) error {
	for i, p := range ps {
		if err := p.validate(); err != nil {
			return err
		}
		if name, _, _ := strings.Cut(p.With, "="); p.With != "" && !slices.ContainsFunc(ps, func(q Param) bool { return q.Name == name }) {
			return fmt.Errorf("parameter %q counts with %s, which is no setting beside it", p.Name, p.With)
		}
		if slices.ContainsFunc(ps[:i], func(q Param) bool { return q.Name == p.Name }) {
			return fmt.Errorf("duplicate parameter %q", p.Name)
		}
	}
	return nil
}

// probes returns the texts of the settings other than the default that tests
// run at: the Probe numbers, or every choice.
func (p Param) probes() []string {
	var texts []string
	if p.Choices != nil {
		for _, w := range p.Choices() {
			if w != p.DefaultString {
				texts = append(texts, w)
			}
		}
		return texts
	}
	if p.AnyString {
		return nil // any text is a setting, and none is known to be one that works
	}
	for _, x := range p.Probe {
		texts = append(texts, p.text(x))
	}
	return texts
}

// Values are the settings of a list of parameters. They are complete: every
// declared parameter has one. They are immutable.
type Values struct {
	num     map[string]float64
	str     map[string]string
	learned map[string]bool // the numbers that are; nil where none is
}

// Num returns a number. It panics if no such number is declared.
func (v Values) Num(name string) float64 {
	x, ok := v.num[name]
	if !ok {
		panic(fmt.Sprintf("registry: no number %q", name))
	}
	return x
}

// Int returns a whole number. It panics if no such number is declared.
func (v Values) Int(name string) int { return int(v.Num(name)) }

// String returns a string. It panics if no such string is declared.
func (v Values) String(name string) string {
	w, ok := v.str[name]
	if !ok {
		panic(fmt.Sprintf("registry: no string %q", name))
	}
	return w
}

// Set returns v with another number, which is not held against its declaration. It
// panics if no such number is declared.
func (v Values) Set(name string, x float64) Values {
	v.Num(name)
	v.num = maps.Clone(v.num)
	v.num[name] = x
	return v
}

// Text prints the parameters that differ from their default, in declared order.
func (v Values) Text(ps []Param) string {
	var parts []string
	for _, p := range ps {
		if p.IsString() && v.str[p.Name] != p.DefaultString || !p.IsString() && (v.num[p.Name] != p.Default || v.learned[p.Name]) {
			parts = append(parts, p.Name+"="+v.Of(p))
		}
	}
	return strings.Join(parts, ",")
}

// Of returns the text of the value of one of the declared parameters, also where it
// is the default.
func (v Values) Of(p Param) string {
	switch {
	case p.IsString():
		return v.String(p.Name)
	case v.learned[p.Name]:
		return learned
	}
	return p.text(v.Num(p.Name))
}

// A Setting is one name=value of a text.
type Setting struct{ Name, Value string }

// Settings reads "name=value,name=value" without a declaration to hold it against;
// of the empty text there are none. Spaces around names and values are not theirs.
// The error is of what is not name=value, or of a name that is given twice.
func Settings(text string) ([]Setting, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var all []Setting
	for part := range strings.SplitSeq(text, ",") {
		key, val, ok := strings.Cut(part, "=")
		s := Setting{strings.TrimSpace(key), strings.TrimSpace(val)}
		if !ok || s.Name == "" || s.Value == "" {
			return nil, fmt.Errorf("%q is not name=value", part)
		}
		if Has(all, s.Name) {
			return nil, fmt.Errorf("parameter %q is given twice", s.Name)
		}
		all = append(all, s)
	}
	return all, nil
}

// Has reports whether one of the settings is of that name.
func Has(all []Setting, name string) bool {
	return slices.ContainsFunc(all, func(s Setting) bool { return s.Name == name })
}

// Join returns the spec text of a name with settings.
func Join(name string, settings []Setting) string {
	parts := make([]string, len(settings))
	for i, s := range settings {
		parts[i] = s.Name + "=" + s.Value
	}
	if len(parts) == 0 {
		return name
	}
	return name + ":" + strings.Join(parts, ",")
}

// An UnknownError is of a setting whose name no declared parameter has.
type UnknownError struct {
	Name   string
	Params []Param // the choices
}

// Error names the setting and lists the choices.
func (e *UnknownError) Error() string {
	if len(e.Params) == 0 {
		return fmt.Sprintf("no parameter %q; the choices are none: it takes no parameters", e.Name)
	}
	var names []string
	for _, p := range e.Params {
		names = append(names, p.Name)
		for _, end := range learnEnds {
			if p.Learn != nil && e.Name == p.Name+end {
				return fmt.Sprintf("no parameter %q unless %s=%s", e.Name, p.Name, learned)
			}
		}
	}
	return fmt.Sprintf("no parameter %q%s", e.Name, Offer(e.Name, names))
}

// Parse reads "name=value,name=value"; parameters left out take their default,
// so the empty text gives the defaults. The error names what is wrong and lists
// the choices.
func Parse(ps []Param, text string) (Values, error) {
	settings, err := Settings(text)
	if err != nil {
		return Values{}, err
	}
	return Bind(ps, settings)
}

// Bind is Parse of settings that were read.
func Bind(ps []Param, settings []Setting) (Values, error) {
	v := Values{num: map[string]float64{}, str: map[string]string{}}
	for _, p := range ps {
		if p.IsString() {
			v.str[p.Name] = p.DefaultString
		} else {
			v.num[p.Name] = p.Default
		}
	}
	for _, s := range settings {
		key, val := s.Name, s.Value
		i := slices.IndexFunc(ps, func(p Param) bool { return p.Name == key })
		if i < 0 {
			return Values{}, &UnknownError{key, ps}
		}
		p := ps[i]
		if p.Choices != nil {
			if words := p.Choices(); !slices.Contains(words, val) {
				return Values{}, fmt.Errorf("%s=%q is not one of %s%s%s", key, val, strings.Join(words, ", "), DidYouMean(val, words), p.hintOf(val))
			}
		}
		if p.IsString() {
			v.str[key] = val
			continue
		}
		if p.Learn != nil && val == learned {
			v = v.learn(p)
			continue
		}
		x, err := p.number(val)
		if err != nil {
			return Values{}, err
		}
		v.num[key] = x
	}
	for _, s := range settings {
		p := ps[slices.IndexFunc(ps, func(p Param) bool { return p.Name == s.Name })]
		if name, want, _ := strings.Cut(p.With, "="); p.With != "" {
			other := ps[slices.IndexFunc(ps, func(q Param) bool { return q.Name == name })]
			if got := v.Of(other); got != want {
				return Values{}, fmt.Errorf("%s=%s counts only with %s, and %s is %s", s.Name, s.Value, p.With, name, got)
			}
		}
	}
	return v, nil
}

// Probes returns the default setting and one further setting per probe of each
// parameter: the settings that tests and checks run.
func Probes(ps []Param) ([]Values, error) {
	texts := []string{""}
	for _, p := range ps {
		for _, text := range p.probes() {
			texts = append(texts, p.Name+"="+text)
		}
	}
	vs := make([]Values, len(texts))
	for i, text := range texts {
		var err error
		if vs[i], err = Parse(ps, text); err != nil {
			return nil, err
		}
	}
	return vs, nil
}

// cornersOf returns the settings at which every number is its least or its largest
// (its default where it has no largest), in all combinations with each other and
// with every choice: where formulas that are right in between lose their digits. Any
// strings stay at their default, and so does what would not count in a combination.
func cornersOf(ps []Param) ([]Values, error) {
	texts := [][]string{nil}
	for _, p := range ps {
		var ends []string
		switch {
		case p.AnyString:
			continue
		case p.Choices != nil:
			ends = p.Choices()
		case math.IsInf(p.Max, 1):
			ends = []string{p.text(p.Min), p.text(p.Default)}
		default:
			ends = []string{p.text(p.Min), p.text(p.Max)}
		}
		ends = slices.Compact(ends)
		var next [][]string
		for _, text := range texts {
			for _, end := range ends {
				next = append(next, append(slices.Clone(text), p.Name+"="+end))
			}
		}
		texts = next
	}
	var vs []Values
	seen := map[string]bool{}
	for _, settings := range texts {
		// A setting that does not count beside the others is none.
		text := strings.Join(slices.DeleteFunc(slices.Clone(settings), func(s string) bool {
			name, _, _ := strings.Cut(s, "=")
			p := ps[slices.IndexFunc(ps, func(p Param) bool { return p.Name == name })]
			return p.With != "" && !slices.Contains(settings, p.With)
		}), ",")
		if seen[text] {
			continue
		}
		seen[text] = true
		v, err := Parse(ps, text)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

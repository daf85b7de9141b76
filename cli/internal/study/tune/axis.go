package tune

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// An Axis is a setting and the values that a search may give it: a range of numbers, or a
// list of texts. Its text is NAME=VALUES, where VALUES is one of
//
//	0.1..0.9          a number between the two, both included, uniform
//	log:1e-3..1e-1    the same, uniform in its logarithm
//	int:16..128       a whole number
//	int:log:16..1024  the same, uniform in its logarithm
//	A|B|C             one of these texts
//
// and a range followed by /N is N values at equal distances, both ends among them. NAME is
// a path of train.Config, the name that a flag has for one, or either with a point and a
// parameter of the text there, such as loss.alpha or train.optimizer.lr.
type Axis struct {
	Path  string // of train.Config
	Param string // of the text at Path; "" for all of it

	low, high  float64
	log, whole bool
	steps      int      // values of a range; 0 of one that is not cut
	choices    []string // of a list; nil of a range
	name       string   // as it was given
}

// maxSteps bounds the N of a range, and maxChoices a list.
const (
	maxSteps   = 10_000
	maxChoices = 1000
)

// untuned are the paths, and the groups, that no search may change, with the reason.
var untuned = map[string]string{
	"data":          "it decides what is measured",
	"eval":          "it decides what is measured",
	"protocol":      "it decides what is measured",
	"train.on":      "it decides what is measured",
	"train.task":    "it decides what is measured",
	"train.monitor": "it is the metric that values are chosen by",
	"train.seed":    "the best of several seeds is luck; compare trains at several",
}

// Names lists what an axis may be of, beside parameters: paths, and flags for them.
func Names(flags map[string]string) []string {
	all := train.Paths()
	all = slices.DeleteFunc(all, func(path string) bool { return refusal(path) != "" })
	for flag, path := range flags {
		if refusal(path) == "" {
			all = append(all, flag)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// refusal says why no search may change the setting at path, "" where one may.
func refusal(path string) string {
	group, _, _ := strings.Cut(path, ".")
	if why := untuned[group]; why != "" {
		return why
	}
	return untuned[path]
}

// texts are the paths whose text has parameters.
var texts = []string{"loss", "candidates", "model.name", "model.temperature", "train.solver", "train.optimizer", "train.schedule"}

// ParseAxis reads the text of an axis. Flags are the paths that flags have names for, and
// may have names such as "lr" for a parameter.
func ParseAxis(text string, flags map[string]string) (Axis, error) {
	name, values, ok := strings.Cut(text, "=")
	name, values = strings.TrimSpace(name), strings.TrimSpace(values)
	if !ok || name == "" || values == "" {
		return Axis{}, fmt.Errorf("%q is not NAME=VALUES, such as lr=log:1e-3..1e-1, dim=int:16..128 or loss=softmax|sparsemax", text)
	}
	a := Axis{name: name}
	if err := a.setName(flags); err != nil {
		return Axis{}, err
	}
	if err := a.setValues(values); err != nil {
		return Axis{}, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

// setName reads the axis's name.
func (a *Axis) setName(flags map[string]string) error {
	paths := train.Paths()
	find := func(name string) (string, bool) {
		if slices.Contains(paths, name) {
			return name, true
		}
		path, ok := flags[name]
		return path, ok
	}
	path, ok := find(a.name)
	if !ok {
		if i := strings.LastIndexByte(a.name, '.'); i > 0 {
			if path, ok = find(a.name[:i]); ok {
				a.Param = a.name[i+1:]
			}
		}
	}
	if !ok {
		return fmt.Errorf("unknown setting %q%s, and of those that are texts parameters too, such as loss.alpha", a.name, registry.Offer(a.name, Names(flags)))
	}
	if a.Param == "" && !slices.Contains(paths, path) { // a flag of a parameter
		i := strings.LastIndexByte(path, '.')
		path, a.Param = path[:i], path[i+1:]
	}
	a.Path = path
	if why := refusal(a.Path); why != "" {
		return fmt.Errorf("%s cannot be tuned: %s", a.name, why)
	}
	if a.Param != "" && !slices.Contains(texts, a.Path) {
		return fmt.Errorf("%s has no parameters; those that have are %s", a.Path, strings.Join(texts, ", "))
	}
	return nil
}

// setValues reads the axis's values.
func (a *Axis) setValues(text string) error {
	rest := text
	for {
		if after, ok := strings.CutPrefix(rest, "log:"); ok && !a.log {
			a.log, rest = true, after
		} else if after, ok := strings.CutPrefix(rest, "int:"); ok && !a.whole {
			a.whole, rest = true, after
		} else {
			break
		}
	}
	low, high, isRange := strings.Cut(rest, "..")
	var c train.Config
	if isRange && !a.whole && a.Param == "" && c.Set(a.Path, "2") == nil && c.Set(a.Path, "2.5") != nil {
		return fmt.Errorf("%q: %s is a whole number; write int:%s", text, a.Path, rest)
	}
	switch {
	case strings.Contains(text, "|"):
		return a.setChoices(text)
	case !isRange && rest != text:
		return fmt.Errorf("%q is no range such as %s1..100", text, strings.TrimSuffix(text, rest))
	case !isRange:
		return fmt.Errorf("%q is one value; write LOW..HIGH, log:LOW..HIGH, int:LOW..HIGH or A|B|C, or give the one value by --set", text)
	}
	high, steps, cut := strings.Cut(high, "/")
	var err error
	if a.low, err = a.number(low); err != nil {
		return err
	}
	if a.high, err = a.number(high); err != nil {
		return err
	}
	switch {
	case !(a.low < a.high):
		return fmt.Errorf("%q: the first number is not below the second", text)
	case a.log && a.low <= 0:
		return fmt.Errorf("%q: a logarithmic range begins above 0", text)
	case !a.whole && !(a.high-a.low <= math.MaxFloat64):
		return fmt.Errorf("%q: the range is too wide", text)
	}
	if cut {
		n, err := registry.Whole(strings.TrimSpace(steps))
		if err != nil || n < 2 || n > maxSteps {
			return fmt.Errorf("%q: what follows / is the number of values, a whole number from 2 to %d", text, maxSteps)
		}
		if a.whole && float64(n) > a.high-a.low+1 {
			return fmt.Errorf("%q: there are only %.0f whole numbers in the range", text, a.high-a.low+1)
		}
		a.steps = int(n)
	}
	return nil
}

// maxWhole bounds whole numbers, which a float64 has each of.
const maxWhole = 1 << 53

// number reads an end of a range.
func (a *Axis) number(text string) (float64, error) {
	text = strings.TrimSpace(text)
	x, err := registry.Real(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is too large", text)
	case err != nil:
		return 0, fmt.Errorf("%q is not a number", text)
	case a.whole && (x != math.Trunc(x) || math.Abs(x) > maxWhole):
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return x, nil
}

// setChoices reads a list.
func (a *Axis) setChoices(text string) error {
	for part := range strings.SplitSeq(text, "|") {
		part = strings.TrimSpace(part)
		if part == "" || slices.ContainsFunc(a.choices, func(c string) bool { return sameValue(c, part) }) {
			return fmt.Errorf("value %q of %q is empty or given twice", part, text)
		}
		a.choices = append(a.choices, part)
	}
	if len(a.choices) < 2 || len(a.choices) > maxChoices {
		return fmt.Errorf("a list of %d values; want 2 to %d", len(a.choices), maxChoices)
	}
	return nil
}

// sameValue reports whether two texts are one value: 0.1 and 0.10 are.
func sameValue(a, b string) bool {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	return a == b || errA == nil && errB == nil && x == y
}

// Name is the axis's name as it was given.
func (a Axis) Name() string { return a.name }

// key is the axis's name as all spellings share it.
func (a Axis) key() string {
	if a.Param == "" {
		return a.Path
	}
	return a.Path + "." + a.Param
}

// String returns a text that is read as the same axis.
func (a Axis) String() string {
	if a.choices != nil {
		return a.name + "=" + strings.Join(a.choices, "|")
	}
	text := a.name + "="
	if a.whole {
		text += "int:"
	}
	if a.log {
		text += "log:"
	}
	text += a.text(a.low) + ".." + a.text(a.high)
	if a.steps > 0 {
		text += "/" + strconv.Itoa(a.steps)
	}
	return text
}

// text returns a number as texts of settings have it.
func (a Axis) text(x float64) string {
	if a.whole {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// count returns how many values the axis has, 0 of a range that is not cut.
func (a Axis) count() int {
	switch {
	case a.choices != nil:
		return len(a.choices)
	case a.steps > 0:
		return a.steps
	case a.whole:
		return int(min(a.high-a.low+1, maxWhole))
	}
	return 0
}

// at returns the value at a place u in [0, 1) of the axis, along which values are spread
// evenly, or log-evenly. Numbers have four digits, more where the range is narrow: what a
// reader types to have the value again.
func (a Axis) at(u float64) string {
	u = min(max(u, 0), math.Nextafter(1, 0))
	switch n := float64(a.count()); {
	case a.choices != nil:
		return a.choices[int(u*n)]
	case a.steps > 0:
		return a.text(a.round(a.between(math.Floor(u*n) / (n - 1))))
	case a.whole && a.log:
		return a.text(min(math.Floor(a.low*math.Pow((a.high+1)/a.low, u)), a.high))
	case a.whole:
		return a.text(min(a.low+math.Floor(u*n), a.high))
	}
	return a.text(a.round(a.between(u)))
}

// between returns the number at a part v in [0, 1] of the range.
func (a Axis) between(v float64) float64 {
	if a.log {
		return math.Exp(math.Log(a.low) + v*(math.Log(a.high)-math.Log(a.low))) // the quotient of the two may be too large
	}
	return a.low + v*(a.high-a.low)
}

// round leaves a number the digits that tell it from its neighbours.
func (a Axis) round(x float64) float64 {
	if a.whole {
		return min(max(math.Round(x), a.low), a.high)
	}
	unit := x // whose first digit the last one that stays is three digits below
	if narrow := a.high - a.low; !a.log || narrow < x {
		unit = narrow
	}
	if x == 0 {
		return min(max(x, a.low), a.high)
	}
	last := int(math.Floor(math.Log10(math.Abs(unit)))) - 3 // the power of ten of the last digit that stays
	y := 0.0
	if digits := int(math.Floor(math.Log10(math.Abs(x)))) - last; digits >= 0 {
		y, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits, 64), 64) // of what was a number
	}
	return min(max(y, a.low), a.high)
}

// place is the inverse of at: a place whose value is text, in the middle of those that
// share it. It reports whether the axis has the value.
func (a Axis) place(text string) (float64, bool) {
	if a.choices != nil {
		i := slices.Index(a.choices, text)
		return (float64(i) + 0.5) / float64(len(a.choices)), i >= 0
	}
	x, err := registry.Real(text)
	if err != nil || x < a.low || x > a.high {
		return 0, false
	}
	v := (x - a.low) / (a.high - a.low)
	if a.log {
		v = (math.Log(x) - math.Log(a.low)) / (math.Log(a.high) - math.Log(a.low))
	}
	u := v
	switch n := float64(a.count()); {
	case a.steps > 0:
		step := math.Round(v * (n - 1))
		for _, near := range []float64{step, step - 1, step + 1} { // rounding may have moved it
			if u = (near + 0.5) / n; a.at(u) == text {
				break
			}
		}
	case a.whole && a.log:
		u = math.Log((x+0.5)/a.low) / math.Log((a.high+1)/a.low)
	case a.whole:
		u = (x - a.low + 0.5) / n
	}
	return u, a.at(u) == text
}

// cutInto returns the axis with a range that is not cut cut into at most n values.
func (a Axis) cutInto(n int) Axis {
	if a.choices == nil && a.steps == 0 {
		if a.whole {
			n = min(n, a.count())
		}
		a.steps = n
	}
	return a
}

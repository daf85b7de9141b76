package models

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Temperature is what the text of a temperature denotes: a number τ, or "learned", a
// number that is trained.
//
// A learned temperature is a table [1,1], "logit-scale", that holds log(1/τ): the score
// is exp(logit-scale)·⟨h, w⟩ + b. The logarithm keeps τ above 0 and makes a step a factor
// of it, and the table's bounds keep the scores from growing without end; both as in
// Radford et al. 2021, Learning transferable visual models from natural language
// supervision, arXiv:2103.00020, §2.5, whose 1/τ is at most 100 too.
type Temperature struct {
	// Value is τ; of a learned one where it begins, or 0: where it would stay if it were
	// not learned.
	Value   float64
	Learned *TemperatureBounds // nil: τ is fixed
}

// TemperatureBounds are the Min and the Max of a learned temperature, both above 0. The
// zero value is 0.01 to 100.
type TemperatureBounds struct{ Min, Max float64 }

// temperatureParams are the settings of the text "learned".
var temperatureParams = []Param{
	{Name: "start", Doc: "τ at first; unless given the temperature that is the default", Default: 0, Min: 0, Max: math.MaxFloat64},
	{Name: "min", Doc: "least τ", Default: 0.01, Min: 1e-6, Max: 1e6},
	{Name: "max", Doc: "largest τ", Default: 100, Min: 1e-6, Max: 1e6},
}

// ParseTemperature reads a number above 0, or "learned" with its settings, as in
// "learned:start=0.2,min=0.01,max=100".
func ParseTemperature(text string) (Temperature, error) {
	text = strings.TrimSpace(text)
	if name, _ := registry.CutSpec(text); name != "learned" {
		x, err := registry.Real(text)
		if err != nil || !(x > 0) {
			return Temperature{}, fmt.Errorf("%q is no temperature; the choices are a finite number above 0, and learned, alone or as in learned:start=0.2,min=0.01,max=100", text)
		}
		return Temperature{Value: x}, nil
	}
	t, err := registry.Read(text)
	if err != nil {
		return Temperature{}, fmt.Errorf("learned: %w", err)
	}
	v, err := registry.Bind(temperatureParams, t.Settings)
	if err != nil {
		return Temperature{}, fmt.Errorf("learned: %w", err)
	}
	r := Temperature{v.Num("start"), &TemperatureBounds{v.Num("min"), v.Num("max")}}
	if registry.Has(t.Settings, "start") && r.Value == 0 {
		return Temperature{}, errors.New("learned: start=0 is not above 0; leave it out to begin with the default temperature")
	}
	return r, r.Learned.hold(r.Value)
}

// String returns the text that denotes t.
func (t Temperature) String() string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	if t.Learned == nil {
		return number(t.Value)
	}
	var settings []registry.Setting
	b := t.Learned.filled()
	for i, x := range []float64{t.Value, b.Min, b.Max} {
		if p := temperatureParams[i]; x != p.Default {
			settings = append(settings, registry.Setting{Name: p.Name, Value: number(x)})
		}
	}
	return registry.Join("learned", settings)
}

// filled returns b with the default of what is 0.
func (b TemperatureBounds) filled() TemperatureBounds {
	if b.Min == 0 {
		b.Min = temperatureParams[1].Default
	}
	if b.Max == 0 {
		b.Max = temperatureParams[2].Default
	}
	return b
}

// hold returns an error unless the bounds hold numbers, and start, where it is not 0, is
// one of them.
func (b TemperatureBounds) hold(start float64) error {
	b = b.filled()
	switch {
	case !(b.Min > 0) || !(b.Min < b.Max) || math.IsInf(b.Max, 1):
		return fmt.Errorf("a temperature is not learned between min=%g and max=%g: both must be finite and above 0, and min below max", b.Min, b.Max)
	case start != 0 && !(b.Min <= start && start <= b.Max):
		return fmt.Errorf("a temperature that is learned between min=%g and max=%g does not start at %g", b.Min, b.Max, start)
	}
	return nil
}

// A temperature is what a head divides scores by.
type temperature struct {
	value float64
	table *Table // [1,1] of log(1/τ); nil: τ is value
}

// newTemperature returns that of a head. Its table has no data yet.
func (s HeadSetting) newTemperature() (temperature, error) {
	t := temperature{value: s.Temperature}
	if s.Learned == nil {
		return t, nil
	}
	b := s.Learned.filled()
	var err error
	t.table, err = graph.NewScalar[float32]("logit-scale", -math.Log(s.Temperature), graph.Scalar{
		Name: "temperature", Least: -math.Log(b.Max), Most: -math.Log(b.Min), Value: func(x float64) float64 { return math.Exp(-x) },
	})
	return t, err
}

// now returns τ as it is.
func (t temperature) now() float64 {
	if t.table == nil {
		return t.value
	}
	return t.table.Parameter()
}

// inverse returns 1/τ as a graph has it.
func (t temperature) inverse() float32 {
	if t.table == nil {
		return float32(1 / t.value)
	}
	return float32(math.Exp(float64(t.table.Data[0])))
}

// divide returns h/τ in g.
func (t temperature) divide(g *Graph, h *gorgonia.Node) (*gorgonia.Node, error) {
	if t.table == nil {
		if t.value == 1 {
			return h, nil
		}
		return graph.Scale(h, 1/t.value)
	}
	scale := g.vector(t.table)
	if err := g.err(); err != nil {
		return nil, err
	}
	var e graph.Expr
	return e.N(graph.MulScalar(h, e.N(graph.Exp(scale)))), e.Err
}

// LearnedCosines returns the error of a learned temperature under a loss that takes
// cosines: what scores are divided by are no cosines, and such a loss has a scale of its
// own.
func LearnedCosines(l *losses.Spec) error {
	own := []string{"leave the temperature out"}
	for _, p := range l.Params {
		if p.Name == "tau" || p.Name == "scale" {
			own = append(own, "and set the "+p.Name+" of the loss")
		}
	}
	return fmt.Errorf("loss %s takes cosines, and those over a learned temperature are none: %s, or choose a loss of any scores, such as softmax", l.Name, strings.Join(own, ", "))
}

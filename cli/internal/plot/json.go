package plot

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Numbers is a figure as numbers, of which it can be drawn again: what JSON of a report
// holds. Fields that a kind of figure has not are absent.
type Numbers struct {
	Kind  string `json:"kind"` // lines, multiples, scatter or bars
	Title string `json:"title"`
	X     *Scale `json:"x,omitempty"`
	Y     *Scale `json:"y,omitempty"`
	Value *Scale `json:"value,omitempty"` // of bars, which lie

	Panels  []PanelNumbers `json:"panels,omitempty"` // of lines one, without a title
	Columns int            `json:"columns,omitempty"`
	Own     bool           `json:"own_ranges,omitempty"` // each panel's axes have the range of its data

	Points   []PointNumbers `json:"points,omitempty"`
	Frontier []PointNumbers `json:"frontier,omitempty"` // what a dashed line joins, of a scatter that draws one
	Joined   bool           `json:"draws_frontier,omitempty"`

	Groups []string     `json:"groups,omitempty"`
	Bars   []BarNumbers `json:"bars,omitempty"`

	Width  int `json:"width,omitempty"`  // units; absent: the usual one
	Height int `json:"height,omitempty"` // the same
}

// A Scale is an axis as numbers.
type Scale struct {
	Label string   `json:"label,omitempty"`
	Unit  string   `json:"unit,omitempty"`
	Scale string   `json:"scale"`         // linear, or log of base 10
	Min   *float64 `json:"min,omitempty"` // where the ends are given
	Max   *float64 `json:"max,omitempty"`
}

// PanelNumbers is a panel as numbers.
type PanelNumbers struct {
	Title  string          `json:"title,omitempty"`
	Series []SeriesNumbers `json:"series"`
}

// SeriesNumbers is a series as numbers: as many X as Y, and of a band as many half-widths.
type SeriesNumbers struct {
	Name string `json:"name,omitempty"`
	X    Values `json:"x"`
	Y    Values `json:"y"`
	Err  Values `json:"err,omitempty"` // the band is y ± err

	NotFinite []NotFinite `json:"not_finite,omitempty"`
}

// PointNumbers is a point as numbers.
type PointNumbers struct {
	Label string `json:"label,omitempty"`
	Group string `json:"group,omitempty"`
	X     Value  `json:"x"`
	Y     Value  `json:"y"`
	XErr  *Value `json:"x_err,omitempty"` // half-width of the error bar; absent: none
	YErr  *Value `json:"y_err,omitempty"`

	NotFinite []NotFinite `json:"not_finite,omitempty"`
}

// BarNumbers is a quantity of bars as numbers, a value for each group.
type BarNumbers struct {
	Name   string `json:"name,omitempty"`
	Values Values `json:"values"`
	Err    Values `json:"err,omitempty"`

	NotFinite []NotFinite `json:"not_finite,omitempty"`
}

// A NotFinite is a note of a number that JSON cannot hold and has null for. None of them is
// drawn.
type NotFinite struct {
	Of string `json:"of"` // the field, as in "y"
	At int    `json:"at"` // index within it, 0 of a single number
	Is string `json:"is"` // NaN, +Inf or -Inf
}

// A Value is a number, null in JSON where it is not finite; notes say which it is then.
type Value float64

// Values are several.
type Values []Value

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	if x := float64(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
		return json.Marshal(x)
	}
	return []byte("null"), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(v))
}

// notes returns a note of each number of a field that is not finite.
func notes(of string, xs ...Value) (all []NotFinite) {
	for i, v := range xs {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			all = append(all, NotFinite{of, i, strconv.FormatFloat(x, 'g', -1, 64)})
		}
	}
	return all
}

// restore puts the infinities that notes have of a field in the place of its nulls.
func restore(notes []NotFinite, of string, xs []float64) []float64 {
	for _, n := range notes {
		if n.Of == of && 0 <= n.At && n.At < len(xs) && math.IsNaN(xs[n.At]) {
			if x, err := strconv.ParseFloat(n.Is, 64); err == nil && math.IsInf(x, 0) {
				xs[n.At] = x
			}
		}
	}
	return xs
}

func valuesOf(xs []float64) Values {
	if xs == nil {
		return nil
	}
	all := make(Values, len(xs))
	for i, x := range xs {
		all[i] = Value(x)
	}
	return all
}

func (v Values) floats() []float64 {
	if v == nil {
		return nil
	}
	all := make([]float64, len(v))
	for i, x := range v {
		all[i] = float64(x)
	}
	return all
}

func scaleOf(a Axis) *Scale {
	s := &Scale{Label: a.Label, Unit: a.Unit, Scale: "linear"}
	if a.Log {
		s.Scale = "log"
	}
	if a.fixed() {
		s.Min, s.Max = &a.Min, &a.Max
	}
	return s
}

func (s *Scale) axis() (a Axis, err error) {
	if s == nil {
		return a, errors.New("plot: numbers without an axis")
	}
	if s.Scale != "linear" && s.Scale != "log" {
		return a, fmt.Errorf("plot: unknown scale %q (choices: linear, log)", s.Scale)
	}
	a = Axis{Label: s.Label, Unit: s.Unit, Log: s.Scale == "log"}
	if s.Min != nil && s.Max != nil {
		a.Min, a.Max = *s.Min, *s.Max
	}
	return a, nil
}

func panelOf(p Panel) PanelNumbers {
	n := PanelNumbers{Title: p.Title}
	for _, s := range p.Series {
		x := make(Values, len(s.Y))
		for i := range s.Y {
			x[i] = Value(s.x(i))
		}
		y, err := valuesOf(s.Y), valuesOf(s.Err)
		n.Series = append(n.Series, SeriesNumbers{s.Name, x, y, err, slices.Concat(notes("x", x...), notes("y", y...), notes("err", err...))})
	}
	return n
}

func (n PanelNumbers) panel() Panel {
	p := Panel{Title: n.Title}
	for _, s := range n.Series {
		of := func(name string, v Values) []float64 { return restore(s.NotFinite, name, v.floats()) }
		p.Series = append(p.Series, Series{Name: s.Name, X: of("x", s.X), Y: of("y", s.Y), Err: of("err", s.Err)})
	}
	return p
}

func pointOf(p Point) PointNumbers {
	n := PointNumbers{Label: p.Label, Group: p.Group, X: Value(p.X), Y: Value(p.Y)}
	n.NotFinite = slices.Concat(notes("x", n.X), notes("y", n.Y))
	if p.XErr != 0 {
		n.XErr = new(Value(p.XErr))
		n.NotFinite = append(n.NotFinite, notes("x_err", *n.XErr)...)
	}
	if p.YErr != 0 {
		n.YErr = new(Value(p.YErr))
		n.NotFinite = append(n.NotFinite, notes("y_err", *n.YErr)...)
	}
	return n
}

func (n PointNumbers) point() Point {
	of := func(name string, v *Value) float64 {
		if v == nil && !slices.ContainsFunc(n.NotFinite, func(x NotFinite) bool { return x.Of == name }) {
			return 0 // there is none
		}
		if v == nil { // null
			v = new(Value(math.NaN()))
		}
		return restore(n.NotFinite, name, []float64{float64(*v)})[0]
	}
	return Point{Label: n.Label, Group: n.Group, X: of("x", &n.X), Y: of("y", &n.Y), XErr: of("x_err", n.XErr), YErr: of("y_err", n.YErr)}
}

func (l Lines) numbers() Numbers {
	return Numbers{Kind: "lines", Title: l.Title, X: scaleOf(l.X), Y: scaleOf(l.Y), Panels: []PanelNumbers{panelOf(Panel{Series: l.Series})}, Width: l.Width, Height: l.Height}
}

func (m Multiples) numbers() Numbers {
	n := Numbers{Kind: "multiples", Title: m.Title, X: scaleOf(m.X), Y: scaleOf(m.Y), Columns: m.Columns, Own: m.Own, Width: m.Width, Height: m.Height}
	for _, p := range m.Panels {
		n.Panels = append(n.Panels, panelOf(p))
	}
	return n
}

func (s Scatter) numbers() Numbers {
	n := Numbers{Kind: "scatter", Title: s.Title, X: scaleOf(s.X), Y: scaleOf(s.Y), Joined: s.Frontier, Width: s.Width, Height: s.Height}
	for _, p := range s.Points {
		n.Points = append(n.Points, pointOf(p))
	}
	if s.Frontier {
		for _, p := range s.unbeaten() {
			n.Frontier = append(n.Frontier, PointNumbers{X: Value(p.X), Y: Value(p.Y)})
		}
	}
	return n
}

func (b Bars) numbers() Numbers {
	n := Numbers{Kind: "bars", Title: b.Title, Value: scaleOf(b.Value), Groups: slices.Clone(b.Groups), Width: b.Width}
	for _, s := range b.Series {
		values, err := valuesOf(s.Values), valuesOf(s.Err)
		n.Bars = append(n.Bars, BarNumbers{s.Name, values, err, slices.Concat(notes("values", values...), notes("err", err...))})
	}
	return n
}

// NumbersOf returns the figure as numbers.
func NumbersOf(f Figure) Numbers { return f.numbers() }

// Figure returns the figure that the numbers are of.
func (n Numbers) Figure() (Figure, error) {
	if n.Kind == "bars" {
		value, err := n.Value.axis()
		if err != nil {
			return nil, err
		}
		b := Bars{Title: n.Title, Value: value, Groups: n.Groups, Width: n.Width}
		for _, s := range n.Bars {
			b.Series = append(b.Series, Bar{Name: s.Name, Values: restore(s.NotFinite, "values", s.Values.floats()), Err: restore(s.NotFinite, "err", s.Err.floats())})
		}
		return b, nil
	}
	x, errX := n.X.axis()
	y, errY := n.Y.axis()
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	switch n.Kind {
	case "lines":
		if len(n.Panels) != 1 {
			return nil, fmt.Errorf("plot: lines of %d panels, want 1", len(n.Panels))
		}
		return Lines{Title: n.Title, X: x, Y: y, Series: n.Panels[0].panel().Series, Width: n.Width, Height: n.Height}, nil
	case "multiples":
		m := Multiples{Title: n.Title, X: x, Y: y, Columns: n.Columns, Own: n.Own, Width: n.Width, Height: n.Height}
		for _, p := range n.Panels {
			m.Panels = append(m.Panels, p.panel())
		}
		return m, nil
	case "scatter":
		s := Scatter{Title: n.Title, X: x, Y: y, Frontier: n.Joined, Width: n.Width, Height: n.Height}
		for _, p := range n.Points {
			s.Points = append(s.Points, p.point())
		}
		return s, nil
	}
	return nil, fmt.Errorf("plot: unknown kind of figure %q (choices: lines, multiples, scatter, bars)", n.Kind)
}

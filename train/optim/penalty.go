package optim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Penalty is what the text of an l2 or a decay denotes: how strongly weights are drawn
// to 0, a number for each table. The zero Penalty draws nothing.
//
// Its text is a number, which is of all tables, or name=number for some, or both, where
// the number is of the tables without a name of their own; on=batch restricts it to what a
// batch reads. So "1e-4", "user=1e-4,class=1e-5", "1e-4,class=0,on=batch".
type Penalty struct {
	Rest  float64 // of what Named does not name
	Named []Share // by name, ascending
	Batch bool    // of what a batch reads alone, in place of all rows
}

// A Share is the number of one name of a Penalty.
type Share struct {
	Name  string  // of a table, or what else a Penalty is of
	Value float64 // at least 0
}

// The choices of a Penalty's on.
const (
	onRows  = "all"
	onBatch = "batch"
)

// ParsePenalty returns the Penalty that text denotes. The error says what is no number, or
// below 0, or given twice.
func ParsePenalty(text string) (Penalty, error) {
	if _, err := registry.Real(strings.TrimSpace(text)); err != nil { // a number alone is no text to read twice
		registry.Reading(text)
	}
	var p Penalty
	given := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, named := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !named {
			name, value = "", name
		}
		if given[name] {
			return Penalty{}, fmt.Errorf("%q gives %s twice", text, cmp.Or(name, "the number without a name"))
		}
		given[name] = true
		if name == "on" {
			if value != onRows && value != onBatch {
				return Penalty{}, fmt.Errorf("on=%q is not one of %s, %s", value, onRows, onBatch)
			}
			p.Batch = value == onBatch
			continue
		}
		x, err := registry.Real(value)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && !(x >= 0 && x <= math.MaxFloat32):
			return Penalty{}, fmt.Errorf("%s is outside [0, %g]", strings.TrimSpace(part), math.MaxFloat32)
		case err != nil || named && name == "":
			return Penalty{}, fmt.Errorf("%q is neither a number nor name=number; it goes as in 1e-4, user=1e-4,class=1e-5 or 1e-4,on=batch", part)
		case named:
			p.Named = append(p.Named, Share{name, x})
		default:
			p.Rest = x
		}
	}
	slices.SortFunc(p.Named, func(a, b Share) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

// String returns the text that denotes p.
func (p Penalty) String() string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	var parts []string
	if p.Rest != 0 || len(p.Named) == 0 {
		parts = append(parts, number(p.Rest))
	}
	for _, s := range p.Named {
		parts = append(parts, s.Name+"="+number(s.Value))
	}
	if p.Batch {
		parts = append(parts, "on="+onBatch)
	}
	return strings.Join(parts, ",")
}

// Zero reports whether p draws nothing.
func (p Penalty) Zero() bool {
	return p.Rest == 0 && !slices.ContainsFunc(p.Named, func(s Share) bool { return s.Value != 0 })
}

// Of returns the number of a name.
func (p Penalty) Of(name string) float64 {
	for _, s := range p.Named {
		if s.Name == name {
			return s.Value
		}
	}
	return p.Rest
}

// Largest returns the largest of its numbers.
func (p Penalty) Largest() float64 {
	x := p.Rest
	for _, s := range p.Named {
		x = max(x, s.Value)
	}
	return x
}

// Check returns an error that lists the choices where p names what is not among them.
func (p Penalty) Check(choices []string) error {
	for _, s := range p.Named {
		if !slices.Contains(choices, s.Name) {
			return fmt.Errorf("no %q to draw to 0%s", s.Name, registry.Offer(s.Name, choices))
		}
	}
	return nil
}

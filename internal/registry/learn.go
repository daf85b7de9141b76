package registry

import (
	"fmt"
	"maps"
	"math"
)

// learned is the text of a number that is trained with the weights.
const learned = "learned"

// learnEnds are what the names of the further parameters of a learned number end with.
var learnEnds = [...]string{"-start", "-min", "-max"}

// A Learn says how a number is trained that a text says is learned: the defaults of its
// further parameters NAME-start, NAME-min and NAME-max, which the text may set beside it.
// All are within the bounds of the number.
type Learn struct{ Start, Min, Max float64 }

// learn returns v with p learned: the number is where it starts.
func (v Values) learn(p Param) Values {
	v.num[p.Name] = p.Learn.Start
	if v.learned == nil {
		v.learned = map[string]bool{}
	}
	v.learned[p.Name] = true
	return v
}

// Learned reports whether the text has a number learned.
func (v Values) Learned(name string) bool { return v.learned[name] }

// Fix returns v with x in place of a number that is learned. It panics if no such number is
// declared.
func (v Values) Fix(name string, x float64) Values {
	v = v.Set(name, x)
	v.learned = maps.Clone(v.learned)
	if delete(v.learned, name); len(v.learned) == 0 {
		v.learned = nil
	}
	return v
}

// LearnParams returns the further parameters of the numbers of ps that are learned in v.
func LearnParams(ps []Param, v Values) (more []Param) {
	for _, p := range ps {
		if !v.learned[p.Name] {
			continue
		}
		for _, x := range []struct {
			name, doc string
			value     float64
		}{{"start", "where %s starts", p.Learn.Start}, {"min", "least %s", p.Learn.Min}, {"max", "largest %s", p.Learn.Max}} {
			more = append(more, Param{Name: p.Name + "-" + x.name, Doc: fmt.Sprintf(x.doc, p.Name) + " as it is learned", Default: x.value, Min: p.Min, Max: p.Max})
		}
	}
	return more
}

// Trained returns how the number p is learned in v, by the settings of its further
// parameters, and an error unless it starts between its bounds.
func (v Values) Trained(p Param) (Learn, error) {
	l := *p.Learn
	for name, x := range map[string]*float64{"-start": &l.Start, "-min": &l.Min, "-max": &l.Max} {
		if set, ok := v.num[p.Name+name]; ok {
			*x = set
		}
	}
	if !(l.Min < l.Max) || !(l.Min <= l.Start && l.Start <= l.Max) || math.IsInf(l.Max, 1) {
		return l, fmt.Errorf("%[1]s is not learned from %[1]s-start=%[2]g between %[1]s-min=%[3]g and %[1]s-max=%[4]g: want min < max, and start from min to max", p.Name, l.Start, l.Min, l.Max)
	}
	return l, nil
}

package formula

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// A Scope says what the letters of a formula are. Definitions of the formula itself
// come first, then Index, Number, Vector and Formulas; e and π are the constants, and
// K is the length of a row.
type Scope struct {
	K        int
	Index    map[string]int       // indices that are bound, from 0
	Number   map[string]float64   // e.g. parameters
	Vector   map[string][]float64 // rows of length K, e.g. z
	Formulas []Named              // whose definitions count as well
}

// A Named is a formula that is the definition of a letter, of the index where that is
// not "".
type Named struct {
	Name, Index string
	*Formula
}

// Uses reports whether the letter or index stands in the formula and is bound nowhere in
// it: whether "y" does says that a formula is of one label.
func (f *Formula) Uses(name string) bool {
	if uses(f.body, name) {
		return true
	}
	return slices.ContainsFunc(f.clauses, func(c clause) bool {
		return c.index != name && uses(c.right, name) || c.name == "" && uses(c.left, name)
	})
}

func uses(x node, name string) bool {
	in := func(x node) bool { return uses(x, name) }
	switch x := x.(type) {
	case letter:
		return x.name == name
	case entry:
		return x.name == name || x.index == name
	case largest:
		return x.name == name || in(x.at)
	case negated:
		return in(x.x)
	case sum:
		return in(x.a) || in(x.b)
	case product:
		return slices.ContainsFunc(x.factors, in)
	case quotient:
		return in(x.a) || in(x.b)
	case power:
		return in(x.base) || in(x.exp)
	case parens:
		return in(x.x)
	case positive:
		return in(x.x)
	case relation:
		return in(x.a) || in(x.b)
	case call:
		return slices.ContainsFunc(x.args, in)
	case over:
		return x.but == name || x.index != name && in(x.body)
	}
	return false
}

// Eval returns the value of the formula. The error is of a letter that nothing defines,
// of definitions that go in a circle, or of an equation without a solution.
func (f *Formula) Eval(s Scope) (v float64, err error) {
	e := &evaluation{Scope: s, bound: map[string]int{}, solved: map[string]float64{}}
	maps.Copy(e.bound, s.Index)
	defer func() {
		if fault, ok := recover().(fault); ok {
			v, err = math.NaN(), fmt.Errorf("formula: %q: %s", f.Text, string(fault))
		}
	}()
	return e.enter(f), nil
}

type fault string

func fail(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

// An evaluation has the indices that are bound and the letters that an equation is being
// solved for. Definitions are looked up from the innermost formula outwards.
type evaluation struct {
	Scope
	bound  map[string]int
	solved map[string]float64
	inside []*Formula
	depth  int
}

func (e *evaluation) enter(f *Formula) float64 {
	return e.within(f, func() float64 { return e.value(f.body) })
}

// within looks letters up in f first, for the time of v.
func (e *evaluation) within(f *Formula, v func() float64) float64 {
	e.inside = append(e.inside, f)
	x := v()
	e.inside = e.inside[:len(e.inside)-1]
	return x
}

// with binds an index for the time of f.
func (e *evaluation) with(index string, at int, f func() float64) float64 {
	before, was := e.bound[index]
	e.bound[index] = at
	v := f()
	if was {
		e.bound[index] = before
	} else {
		delete(e.bound, index)
	}
	return v
}

func (e *evaluation) at(index string) int {
	at, ok := e.bound[index]
	if !ok {
		fail("index %s is not bound", index)
	}
	return at
}

// define returns the value of a letter by the definitions and, last, by the equations.
func (e *evaluation) define(name string, at int) float64 {
	if e.depth++; e.depth > 200 {
		fail("the definition of %s goes in a circle", name)
	}
	defer func() { e.depth-- }()
	apply := func(index string, f func() float64) float64 {
		if index == "" {
			return f()
		}
		if at < 0 {
			fail("%s has no index", name)
		}
		return e.with(index, at, f)
	}
	places := []*Formula{e.inside[len(e.inside)-1]}
	for _, n := range e.Formulas {
		places = append(places, n.Formula)
	}
	for _, f := range places {
		for _, c := range f.clauses {
			if c.name == name {
				return apply(c.index, func() float64 { return e.within(f, func() float64 { return e.value(c.right) }) })
			}
		}
	}
	for _, n := range e.Formulas {
		if n.Name == name {
			return apply(n.Index, func() float64 { return e.enter(n.Formula) })
		}
	}
	for _, f := range places {
		for _, c := range f.clauses {
			if c.name == "" && f.Uses(name) {
				return e.within(f, func() float64 { return e.solve(name, c) })
			}
		}
	}
	fail("nothing defines %s", name)
	return 0
}

// solve returns the x at which both sides of an equation agree, one of which falls and
// the other does not.
func (e *evaluation) solve(name string, c clause) float64 {
	f := func(x float64) float64 {
		e.solved[name] = x
		v := e.value(c.left) - e.value(c.right)
		delete(e.solved, name)
		return v
	}
	lo, hi := -1.0, 1.0
	for ; f(lo)*f(hi) > 0; lo, hi = 2*lo, 2*hi {
		if hi > 1e9 {
			fail("no %s solves the equation", name)
		}
	}
	sign := math.Copysign(1, f(lo))
	for range 200 {
		if mid := lo + (hi-lo)/2; f(mid)*sign > 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + (hi-lo)/2
}

func (e *evaluation) name(name string) float64 {
	if x, ok := e.solved[name]; ok {
		return x
	}
	if at, ok := e.bound[name]; ok {
		return float64(at)
	}
	if x, ok := e.Number[name]; ok {
		return x
	}
	switch name {
	case "K":
		return float64(e.K)
	case "e":
		return math.E
	case "π":
		return math.Pi
	}
	return e.define(name, -1)
}

func (e *evaluation) value(x node) float64 {
	switch x := x.(type) {
	case number:
		if x.text == "½" {
			return 0.5
		}
		v, err := strconv.ParseFloat(x.text, 64)
		if err != nil {
			fail("%v", err)
		}
		return v
	case letter:
		return e.name(x.name)
	case entry:
		at := e.at(x.index)
		if row, ok := e.Vector[x.name]; ok {
			return row[at]
		}
		return e.define(x.name, at)
	case largest:
		row, ok := e.Vector[x.name]
		if !ok {
			fail("%s is no row", x.name)
		}
		down := slices.Sorted(slices.Values(row))
		return down[max(0, len(down)-int(e.value(x.at)))]
	case negated:
		return -e.value(x.x)
	case sum:
		if x.minus {
			return e.value(x.a) - e.value(x.b)
		}
		return e.value(x.a) + e.value(x.b)
	case product:
		v := 1.0
		for _, f := range x.factors {
			if v *= e.value(f); v == 0 {
				return 0
			}
		}
		return v
	case quotient:
		return e.value(x.a) / e.value(x.b)
	case power:
		if x.base == (letter{"e"}) {
			return math.Exp(e.value(x.exp))
		}
		return math.Pow(e.value(x.base), e.value(x.exp))
	case parens:
		return e.value(x.x)
	case positive:
		return max(e.value(x.x), 0)
	case relation:
		if holds(x.op, e.value(x.a), e.value(x.b)) {
			return 1
		}
		return 0
	case call:
		return e.call(x)
	case over:
		return e.over(x)
	}
	panic(fmt.Sprintf("formula: no value of a %T", x))
}

func holds(op string, a, b float64) bool {
	switch op {
	case "=":
		return a == b
	case "≠":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "≤":
		return a <= b
	}
	return a >= b
}

func (e *evaluation) call(x call) float64 {
	a := e.value(x.args[0])
	switch x.name {
	case "log":
		return math.Log(a)
	case "softplus":
		return max(a, 0) + math.Log1p(math.Exp(-math.Abs(a)))
	case "σ":
		return 1 / (1 + math.Exp(-a))
	case "tanh":
		return math.Tanh(a)
	case "arctan":
		return math.Atan(a)
	case "arccos":
		return math.Acos(a)
	case "cos":
		return math.Cos(a)
	case "sin":
		return math.Sin(a)
	case "√":
		return math.Sqrt(a)
	case "max":
		return max(a, e.value(x.args[1]))
	case "min":
		return min(a, e.value(x.args[1]))
	}
	panic("formula: no function " + x.name)
}

func (e *evaluation) over(x over) float64 {
	v := map[string]float64{"Σ": 0, "max": math.Inf(-1), "min": math.Inf(1)}[x.op]
	but := -1
	if x.but != "" {
		but = e.at(x.but)
	}
	for at := range e.K {
		if at == but {
			continue
		}
		term := e.with(x.index, at, func() float64 { return e.value(x.body) })
		switch x.op {
		case "Σ":
			v += term
		case "max":
			v = max(v, term)
		case "min":
			v = min(v, term)
		}
	}
	return v
}

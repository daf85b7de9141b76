package formula

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Formula is a text that was read.
type Formula struct {
	Text    string
	body    node
	clauses []clause
}

// A clause defines a letter (of an index where index is not "") or, where name is "",
// is an equation.
type clause struct {
	name, index string
	left, right node
}

// The kinds of nodes.
type (
	node    any
	number  struct{ text string }
	letter  struct{ name string } // an index as well, where it stands alone
	entry   struct{ name, index string }
	largest struct {
		name string
		at   node
	}
	negated struct{ x node }
	sum     struct {
		minus bool
		a, b  node
	}
	product  struct{ factors []node }
	quotient struct{ a, b node }
	power    struct{ base, exp node }
	parens   struct{ x node }
	positive struct{ x node }
	relation struct {
		op   string
		a, b node
	}
	call struct {
		name string
		args []node
	}
	over struct { // Σ, max or min over a row's classes but one
		op, index, but string
		body           node
	}
)

const (
	indices   = "ijly"
	relations = "=≠<>≤≥"
)

var functions = []string{"softplus", "arctan", "arccos", "tanh", "log", "cos", "sin", "max", "min", "σ"} // longer ones first

var superscripts = map[rune]string{'²': "2", '³': "3", '⁴': "4", '⁵': "5", '⁶': "6", '⁷': "7", '⁸': "8"}

// Parse reads a formula. The error names the place where it cannot be read on.
func Parse(text string) (f *Formula, err error) {
	p := &parser{rest: []rune(text)}
	defer func() {
		if fault, ok := recover().(syntax); ok {
			f, err = nil, fmt.Errorf("formula: %q: %s before %q", text, string(fault), string(p.rest))
		}
	}()
	f = &Formula{Text: text, body: p.expression()}
	for p.take(',') {
		left := p.expression()
		p.need('=')
		c := clause{left: left, right: p.expression()}
		switch x := left.(type) {
		case letter:
			c.name = x.name
		case entry:
			c.name, c.index = x.name, x.index
		}
		f.clauses = append(f.clauses, c)
	}
	if len(p.rest) > 0 {
		p.fail("there is no reading")
	}
	return f, nil
}

type syntax string

type parser struct{ rest []rune }

func (p *parser) fail(format string, args ...any) { panic(syntax(fmt.Sprintf(format, args...))) }

// peek returns the next rune that is no space, 0 at the end.
func (p *parser) peek() rune {
	for len(p.rest) > 0 && p.rest[0] == ' ' {
		p.rest = p.rest[1:]
	}
	if len(p.rest) == 0 {
		return 0
	}
	return p.rest[0]
}

func (p *parser) take(r rune) bool {
	if p.peek() != r {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) need(r rune) {
	if !p.take(r) {
		p.fail("%q is missing", string(r))
	}
}

// glued takes r where it stands without a space.
func (p *parser) glued(r rune) bool {
	if len(p.rest) == 0 || p.rest[0] != r {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) expression() node {
	var x node
	if p.take('−') {
		x = negated{p.term()}
	} else {
		x = p.term()
	}
	for {
		switch {
		case p.take('+'):
			x = sum{false, x, p.term()}
		case p.take('−'):
			x = sum{true, x, p.term()}
		default:
			return x
		}
	}
}

// starts reports whether a factor begins here.
func (p *parser) starts() bool {
	r := p.peek()
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("½([√Σ", r) && r != 0
}

func (p *parser) term() node {
	if !p.starts() {
		p.fail("a factor is missing")
	}
	factors := []node{p.factor()}
	for p.starts() {
		factors = append(factors, p.factor())
	}
	x := factors[0]
	if len(factors) > 1 {
		x = product{factors}
	}
	if p.take('/') {
		if !p.starts() {
			p.fail("a denominator is missing")
		}
		x = quotient{x, p.factor()}
		if p.starts() || p.peek() == '/' {
			p.fail("what is below the stroke is not plain; write parentheses")
		}
	}
	return x
}

func (p *parser) factor() node {
	x := p.primary()
	for len(p.rest) > 0 {
		if digit, ok := superscripts[p.rest[0]]; ok {
			p.rest = p.rest[1:]
			x = power{x, number{digit}}
			continue
		}
		if !p.glued('^') {
			break
		}
		if p.glued('{') {
			x = power{x, p.expression()}
			p.need('}')
		} else {
			x = power{x, p.primary()}
		}
	}
	return x
}

func (p *parser) primary() node {
	switch r := p.peek(); {
	case unicode.IsDigit(r):
		n := 0
		for n < len(p.rest) && (unicode.IsDigit(p.rest[n]) || p.rest[n] == '.') {
			n++
		}
		text := string(p.rest[:n])
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			p.fail("%q is no number", text)
		}
		p.rest = p.rest[n:]
		return number{text}
	case p.take('½'):
		return number{"½"}
	case p.take('('):
		x := p.expression()
		p.need(')')
		return parens{x}
	case p.take('√'):
		p.need('(')
		x := p.expression()
		p.need(')')
		return call{"√", []node{x}}
	case p.take('['):
		return p.bracket()
	case p.take('Σ'):
		return p.over("Σ")
	case unicode.IsLetter(r):
		for _, f := range functions {
			if strings.HasPrefix(string(p.rest), f) {
				p.rest = p.rest[len([]rune(f)):]
				return p.call(f)
			}
		}
		return p.letter()
	}
	p.fail("a factor is missing")
	return nil
}

func (p *parser) bracket() node {
	x := p.expression()
	op := string(p.peek())
	if strings.Contains(relations, op) {
		p.take([]rune(op)[0])
		x = relation{op, x, p.expression()}
		p.need(']')
		return x
	}
	p.need(']')
	if !p.glued('_') || !p.glued('+') {
		p.fail("a bracket has a relation in it or _+ after it, which is missing")
	}
	return positive{x}
}

func (p *parser) call(name string) node {
	two := name == "max" || name == "min"
	if two && p.peek() == '_' {
		return p.over(name)
	}
	if two {
		p.need('(')
		a := p.expression()
		p.need(',')
		c := call{name, []node{a, p.expression()}}
		p.need(')')
		return c
	}
	if !p.starts() {
		p.fail("the argument of %s is missing", name)
	}
	return call{name, []node{p.factor()}}
}

func (p *parser) over(op string) node {
	x := over{op: op}
	if !p.glued('_') {
		p.fail("the index of %s is missing", op)
	}
	if p.glued('{') {
		x.index = p.index()
		p.need('≠')
		x.but = p.index()
		p.need('}')
	} else {
		x.index = p.index()
	}
	x.body = p.term()
	return x
}

func (p *parser) index() string {
	r := string(p.peek())
	if !strings.Contains(indices, r) {
		p.fail("one of the indices i, j, l and y is missing")
	}
	p.rest = p.rest[1:]
	return r
}

// letter reads a letter with its marks and its index.
func (p *parser) letter() node {
	name := string(p.rest[0])
	p.rest = p.rest[1:]
	for len(p.rest) > 0 && (slices.Contains([]rune{'\'', '*'}, p.rest[0]) || '₀' <= p.rest[0] && p.rest[0] <= '₉') {
		name += string(p.rest[0])
		p.rest = p.rest[1:]
	}
	switch {
	case !p.glued('_'):
		return letter{name}
	case p.glued('{'):
		p.need('(')
		x := largest{name, p.expression()}
		p.need(')')
		p.need('}')
		return x
	case len(p.rest) > 0 && strings.ContainsRune(indices, p.rest[0]):
		return entry{name, p.index()}
	case len(p.rest) > 0 && unicode.IsLetter(p.rest[0]):
		name += "_" + string(p.rest[0])
		p.rest = p.rest[1:]
		return letter{name}
	}
	p.fail("an index is missing")
	return nil
}

package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A reference says where a figure is from: a cell or a match of a run's output, or the
// ratio or difference of two, perhaps times a constant factor.
//
//	RUN{ROW;COLUMN}         a cell; COLUMN#2 is the second of its numbers
//	RUN/TITLE{ROW;COLUMN}   of a table below the line TITLE
//	RUN~REGEXP~             the first group, of one match; so may RUN/TITLE~REGEXP~
//	A:B  A-B  A*0.001       no blanks around
type reference struct {
	text     string
	operands []operand
	operator byte // ':' or '-' where there are two operands
	factor   float64
}

// An operand is one value of a record.
type operand struct {
	run, title  string
	row, column string
	number      int // which of the numbers of the cell, from 1; 0 is its only one
	pattern     *regexp.Regexp
}

// parseReferences reads references with blanks between.
func parseReferences(text string) (all []reference, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		r, rest, err := parseReference(text)
		if err != nil {
			return nil, err
		}
		all, text = append(all, r), rest
	}
	return all, nil
}

// splitColumns divides what a comment says of a table at the bars that are in no
// reference.
func splitColumns(text string) []string {
	var parts []string
	start := 0
	var until byte // the mark that ends the cell or the pattern that we are in
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case until != 0:
			if c == until {
				until = 0
			}
		case c == '{':
			until = '}'
		case c == '~':
			until = '~'
		case c == '|':
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// parseReference reads the reference that a text begins with.
func parseReference(text string) (r reference, rest string, err error) {
	r.factor = 1
	rest = text
	for {
		var o operand
		if o, rest, err = parseOperand(rest); err != nil {
			return r, "", err
		}
		r.operands = append(r.operands, o)
		if len(r.operands) == 2 || rest == "" || rest[0] != ':' && rest[0] != '-' {
			break
		}
		r.operator, rest = rest[0], rest[1:]
	}
	if factor, found := strings.CutPrefix(rest, "*"); found {
		end := strings.IndexAny(factor+" ", " \t\n")
		if r.factor, err = strconv.ParseFloat(factor[:end], 64); err != nil || math.IsNaN(r.factor) || math.IsInf(r.factor, 0) || r.factor == 0 {
			return r, "", fmt.Errorf("%q is no factor: want a number other than 0 behind *", factor[:end])
		}
		rest = factor[end:]
	}
	r.text = text[:len(text)-len(rest)]
	if rest != "" && !strings.ContainsRune(" \t\n", rune(rest[0])) {
		return r, "", fmt.Errorf("behind %q stands %q: want a blank between references, or one of : - * without blanks", r.text, rest)
	}
	return r, rest, nil
}

// wanted ends the error of a reference that cannot be read.
const wanted = "want RUN{ROW;COLUMN}, RUN/TITLE{ROW;COLUMN} or RUN~REGEXP~"

func parseOperand(text string) (o operand, rest string, err error) {
	at := strings.IndexAny(text, "{~")
	if at <= 0 {
		return o, "", fmt.Errorf("%q is no reference: %s", text, wanted)
	}
	o.run, o.title, _ = strings.Cut(text[:at], "/")
	if strings.ContainsAny(o.run, " \t\n") {
		return o, "", fmt.Errorf("%q is no reference: %s", strings.Fields(o.run)[0], wanted)
	}
	end := strings.IndexByte(text[at+1:], map[byte]byte{'{': '}', '~': '~'}[text[at]])
	if end < 0 {
		return o, "", fmt.Errorf("%q does not end: %s", text, wanted)
	}
	inner, rest := text[at+1:at+1+end], text[at+2+end:]
	if text[at] == '~' {
		if o.pattern, err = regexp.Compile("(?m)" + inner); err != nil {
			return o, "", fmt.Errorf("%q: %w", inner, err)
		}
		if o.pattern.NumSubexp() < 1 {
			return o, "", fmt.Errorf("%q has no group: want parentheses around the number", inner)
		}
		return o, rest, nil
	}
	semicolon := strings.LastIndexByte(inner, ';')
	if semicolon < 0 {
		return o, "", fmt.Errorf("{%s} has no semicolon: %s", inner, wanted)
	}
	o.row, o.column = strings.TrimSpace(inner[:semicolon]), strings.TrimSpace(inner[semicolon+1:])
	if name, number, found := cutLast(o.column, "#"); found {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return o, "", fmt.Errorf("{%s}: %q is not which number of the cell: want 1, 2, …", inner, number)
		}
		o.column, o.number = name, n
	}
	return o, rest, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// of returns the reference with the text of a row's first cell in place of the dollar signs.
func (r reference) of(cell string) reference {
	r.operands = append([]operand(nil), r.operands...)
	for i, o := range r.operands {
		r.operands[i].row = strings.ReplaceAll(o.row, "$", cell)
		r.operands[i].title = strings.ReplaceAll(o.title, "$", cell)
	}
	r.text = strings.ReplaceAll(r.text, "$", cell)
	return r
}

// errNoRecord says that a run is known, and its record is not there, which is a fault of
// the run.
var errNoRecord = errors.New("there is no record of the run")

// value returns what a reference is by the records.
func (r reference) value(b *book) (float64, error) {
	var values [2]float64
	for i, o := range r.operands {
		v, err := o.value(b)
		if err != nil {
			return 0, err
		}
		values[i] = v
	}
	v := values[0]
	switch r.operator {
	case ':':
		v /= values[1]
	case '-':
		v -= values[1]
	}
	v *= r.factor
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("the value is %v", v)
	}
	return v, nil
}

// value returns the number that a record has for an operand.
func (o operand) value(b *book) (float64, error) {
	if b.manifest.run(o.run) == nil {
		return 0, fmt.Errorf("%s has no run %q%s", manifestName, o.run, registry.Offer(o.run, b.manifest.names()))
	}
	out := b.output(o.run)
	if out == nil {
		return 0, errNoRecord
	}
	from, to := 0, len(out.lines)
	if o.title != "" {
		var err error
		if from, to, err = out.below(o.title); err != nil {
			return 0, absent{fmt.Errorf("run %s: %w", o.run, err)}
		}
	}
	cell, err := o.cell(out, from, to)
	if err != nil {
		if errors.As(err, new(absent)) {
			return 0, absent{fmt.Errorf("run %s: %w", o.run, err)}
		}
		return 0, fmt.Errorf("run %s: %w", o.run, err)
	}
	numbers := cellNumber.FindAllString(cell, -1)
	switch {
	case len(numbers) == 0:
		err := fmt.Errorf("run %s: %q is no number", o.run, cell)
		if strings.TrimSpace(cell) == "" || cell == "–" || cell == "-" {
			return 0, absent{err}
		}
		return 0, err
	case o.number > len(numbers):
		return 0, fmt.Errorf("run %s: %q has %d numbers: there is no #%d", o.run, cell, len(numbers), o.number)
	case o.number == 0 && len(numbers) > 1:
		return 0, fmt.Errorf("run %s: %q has %d numbers: say which, as in {%s;%s#1}", o.run, cell, len(numbers), o.row, o.column)
	}
	return parseNumber(numbers[max(o.number, 1)-1])
}

// cell returns the text that the reference is to.
func (o operand) cell(out *output, from, to int) (string, error) {
	if o.pattern != nil {
		part := strings.Join(out.lines[from:to], "\n")
		matches := o.pattern.FindAllStringSubmatch(part, -1)
		switch {
		case len(matches) == 0:
			return "", absent{fmt.Errorf("nothing matches %s", strings.TrimPrefix(o.pattern.String(), "(?m)"))}
		case len(matches) > 1:
			return "", fmt.Errorf("%d places match %s", len(matches), strings.TrimPrefix(o.pattern.String(), "(?m)"))
		}
		return matches[0][1], nil
	}
	found, err := out.cells(from, to, o.row, o.column)
	if err != nil {
		return "", err
	}
	best := found[0]
	for _, cell := range found[1:] { // where one table prints another's value with more digits, that is the value
		a, b := best, cell
		if len(a) > len(b) {
			a, b = b, a
		}
		if !sameRounded(a, b) {
			return "", fmt.Errorf("several tables have {%s;%s}: %s; name the line above one of them, as in %s/TITLE{…}", o.row, o.column, strings.Join(found, ", "), o.run)
		}
		best = b
	}
	return best, nil
}

// sameRounded reports whether the shorter of two numbers is the longer one rounded.
func sameRounded(short, long string) bool {
	v, err := parseNumber(long)
	return err == nil && numeral{text: short}.is(v)
}

// cellNumber is a number in a cell of a record.
var cellNumber = regexp.MustCompile(`[-+−]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?|NaN|[-+]?Inf|[-+−]?∞`)

func parseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.NewReplacer(",", "", "−", "-", "∞", "Inf").Replace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return v, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// compare makes runs again and says which figures of documents moved.
func compare(ctx context.Context, o *options, b *book) (ok bool, err error) {
	chosen, err := b.manifest.choose(o.names)
	if err != nil {
		return false, err
	}
	l, err := readLibrary(o.dir, b)
	if err != nil {
		return false, err
	}
	m, err := newMaker(ctx, o)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	m.out = io.Discard
	again := &book{manifest: b.manifest, folder: b.folder, records: maps.Clone(b.records), outputs: map[string]*output{}}
	var made, cannot, failed, left []string
	for _, r := range chosen {
		switch lacks := m.lacks(r); {
		case r.Timing && !o.timing:
			left = append(left, r.Name)
			continue
		case b.records[r.Name] == nil:
			cannot = append(cannot, r.Name+" (it has no record)")
			continue
		case lacks != "":
			cannot = append(cannot, r.Name+" ("+lacks+")")
			continue
		}
		have, err := m.make(ctx, r)
		if ctx.Err() != nil {
			return false, err
		}
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s (%v)", r.Name, err))
			continue
		}
		made = append(made, r.Name)
		again.records[r.Name] = have
	}
	changes := l.changes(again, made)
	moved := 0
	for _, c := range changes {
		if c.moved() {
			moved++
			fmt.Fprintln(o.out, c)
		}
	}
	fmt.Fprintf(o.out, "%d runs made again: %s\n", len(made), strings.Join(made, ", "))
	fmt.Fprintf(o.out, "%d figures: %d within their tolerance, %d moved\n", len(changes), len(changes)-moved, moved)
	for _, list := range []struct {
		what  string
		names []string
	}{{"FAILED", failed}, {"NOT MADE HERE", cannot}, {"LEFT OUT, being of time (-timing compares them)", left}} {
		if len(list.names) > 0 {
			fmt.Fprintf(o.out, "%s: %s\n", list.what, strings.Join(list.names, ", "))
		}
	}
	if len(made) == 0 {
		return false, errors.New("no run was made again")
	}
	return moved == 0 && len(failed) == 0, nil
}

// A change is what a figure was and is.
type change struct {
	where   string // the document and line
	shown   string
	was, is float64
	allowed float64
	from    string // the reference
	err     error  // why there is no value any more
}

// moved reports whether a figure is another by more than what is allowed. What is not a
// number any more moved.
func (c change) moved() bool {
	// Half a unit of a sum's last place is no move.
	return c.err != nil || !(math.Abs(c.is-c.was) <= c.allowed+1e-12*math.Abs(c.was))
}

func (c change) String() string {
	if c.err != nil {
		return fmt.Sprintf("%s: %s: %s: %v", c.where, c.shown, c.from, c.err)
	}
	return fmt.Sprintf("%s: %s was %.6g, is %.6g, and may differ by %.2g: %s", c.where, c.shown, c.was, c.is, c.allowed, c.from)
}

// changes returns what became of the figures of documents that are of the runs that were
// made again.
func (l *library) changes(again *book, made []string) (all []change) {
	for _, f := range l.figures {
		if !slices.ContainsFunc(f.from.operands, func(o operand) bool { return slices.Contains(made, o.run) }) {
			continue
		}
		c := change{where: fmt.Sprintf("%s:%d", f.document.name, f.line), shown: f.shown(), was: f.value, from: f.from.text}
		if c.err = f.err; c.err != nil { // nothing that it could be compared with
			all = append(all, c)
			continue
		}
		if c.is, c.err = f.from.value(again); c.err == nil {
			c.allowed, c.err = f.from.allowed(l.book)
		}
		all = append(all, c)
	}
	for _, d := range l.documents {
		for _, k := range d.blocks {
			if k.output == nil {
				continue
			}
			name, _, _ := strings.Cut(k.output.text, "/")
			if slices.Contains(made, name) {
				all = append(all, d.outputChanges(k, again, l.book.manifest.run(name))...)
			}
		}
	}
	return all
}

// outputChanges compares a block of output with the lines that are in the places of its own
// now: the text between numbers, and the numbers. A number with a unit is one of time or
// memory, which only a run of these is held to.
func (d *document) outputChanges(k block, again *book, r *run) (all []change) {
	for _, p := range d.pairs(k, again) {
		where := fmt.Sprintf("%s:%d", d.name, p.line.line)
		if p.err != nil {
			all = append(all, change{where: where, shown: p.line.text, from: k.output.text, err: p.err})
			continue
		}
		old, now := number.FindAllStringIndex(p.line.text, -1), number.FindAllString(p.now, -1)
		if len(old) != len(now) {
			all = append(all, change{where: where, shown: p.line.text, from: k.output.text, err: fmt.Errorf("the line has other numbers: %s", p.now)})
			continue
		}
		if worded(p.line.text) != worded(p.now) {
			all = append(all, change{where: where, shown: p.line.text, from: k.output.text, err: fmt.Errorf("the line has another text: %s", p.now)})
		}
		for i, at := range old {
			text := p.line.text[at[0]:at[1]]
			if !r.Timing && unit.MatchString(p.line.text[at[1]:]) {
				continue
			}
			c := change{where: where, shown: text, from: k.output.text}
			c.was, c.err = parseNumber(text)
			if c.err == nil {
				c.is, c.err = parseNumber(now[i])
			}
			if c.err == nil {
				c.allowed, c.err = r.allowed(c.was)
			}
			all = append(all, c)
		}
	}
	return all
}

// worded is a line without its numbers, and with one blank where there are several.
func worded(line string) string {
	return strings.Join(strings.Fields(number.ReplaceAllString(line, "0")), " ")
}

// allowed returns by how much the value of a reference may differ, from the tolerances of
// the runs of its operands: of a difference their sum, of a ratio that of the relative ones.
func (r reference) allowed(b *book) (float64, error) {
	total := 0.0
	value, err := r.value(b)
	if err != nil {
		return 0, err
	}
	for _, o := range r.operands {
		v, err := o.value(b)
		if err != nil {
			return 0, err
		}
		a, err := b.manifest.run(o.run).allowed(v)
		if err != nil {
			return 0, err
		}
		if r.operator == ':' {
			total += math.Abs(value * a / v)
		} else {
			total += math.Abs(r.factor * a)
		}
	}
	return total, nil
}

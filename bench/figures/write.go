package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fenchel-ml/fenchel/internal/fs"
)

// write puts what the records have into the documents.
func write(_ context.Context, o *options, b *book) (bool, error) {
	l, err := readLibrary(o.dir, b)
	if err != nil {
		return false, err
	}
	for _, d := range l.documents {
		text, changed := d.renewed(l)
		if changed == 0 {
			continue
		}
		if err := fs.WriteBytes(filepath.Join(o.dir, filepath.FromSlash(d.name)), []byte(text)); err != nil {
			return false, err
		}
		fmt.Fprintf(o.out, "%s: %d figures and lines are new\n", d.name, changed)
	}
	results := b.results()
	if results != "" {
		file := filepath.Join(o.dir, filepath.FromSlash(resultsName))
		if old, err := os.ReadFile(file); err != nil || string(old) != results {
			if err := fs.WriteBytes(file, []byte(results)); err != nil {
				return false, err
			}
			fmt.Fprintf(o.out, "%s is new\n", resultsName)
		}
	}
	if l, err = readLibrary(o.dir, b); err != nil {
		return false, err
	}
	faults := l.check()
	for _, f := range faults {
		fmt.Fprintln(o.out, f)
	}
	return len(faults) == 0, nil
}

// renewed returns the text of a document with the values of the records, and how many
// figures and lines of it are new.
func (d *document) renewed(l *library) (text string, changed int) {
	type edit struct {
		start, end int
		text       string
	}
	var edits []edit
	for _, f := range l.figures {
		if f.document == d && f.err == nil && !f.is(f.value) {
			edits = append(edits, edit{f.start, f.end, f.write(f.value)})
		}
	}
	for _, k := range d.blocks {
		if k.output == nil {
			continue
		}
		for _, p := range d.pairs(k, l.book) {
			if p.err == nil && p.now != p.line.text {
				edits = append(edits, edit{p.line.start, p.line.end, p.now})
			}
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.start - a.start })
	text = d.text
	for _, e := range edits {
		text = text[:e.start] + e.text + text[e.end:]
	}
	return text, len(edits)
}

// A pair is a line of a block of output, and what the record has in its place.
type pair struct {
	line outputLine
	now  string
	err  error
}

// pairs finds the line of the record for each of a block, in their order: the next one that
// is the same but for numbers, or whose first cell is the same where it has several.
func (d *document) pairs(k block, b *book) (all []pair) {
	out, at, to, err := b.part(k.output.text)
	if err != nil {
		if errors.Is(err, errNoRecord) {
			return nil
		}
		return []pair{{line: outputLine{line: k.output.line}, err: err}}
	}
	for _, line := range d.outputLines(k) {
		p := pair{line: line}
		n := slices.IndexFunc(out.lines[at:to], func(s string) bool { return lineKey(s) == lineKey(line.text) })
		if n < 0 {
			p.err = fmt.Errorf("the record of %s has no such line any more, or not here", k.output.text)
		} else {
			p.now = strings.TrimRight(out.lines[at+n], " ")
			at += n + 1
		}
		all = append(all, p)
	}
	return all
}

// lineKey is what a line of output keeps when its numbers change.
func lineKey(line string) string {
	line = strings.TrimRight(line, " ")
	if isTableLine(line) {
		return "|" + strings.TrimSpace(splitCells(line)[0])
	}
	if fields := csvFields(line); fields != nil {
		return "," + fields[0]
	}
	if cells := spans(line); len(cells) > 1 {
		return "  " + cells[0].text
	}
	return number.ReplaceAllString(line, "0")
}

// list prints every figure with where it is from.
func list(_ context.Context, o *options, b *book) (bool, error) {
	l, err := readLibrary(o.dir, b)
	if err != nil {
		return false, err
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE AT\tSHOWN\tVALUE\tREFERENCE\tTOLERANCE\tMADE\tMACHINE")
	for _, f := range l.figures {
		value := fmt.Sprintf("%.6g", f.value)
		if f.err != nil {
			value = "none"
		}
		var tolerance, made, machine []string
		add := func(list *[]string, text string) {
			if !slices.Contains(*list, text) {
				*list = append(*list, text)
			}
		}
		for _, operand := range f.from.operands {
			if r := b.manifest.run(operand.run); r != nil {
				add(&tolerance, r.Tolerance)
			}
			if have := b.records[operand.run]; have != nil {
				add(&made, have.date())
				add(&machine, have.machine)
			}
		}
		fmt.Fprintf(w, "%s:%d\t%s\t%s\t%s\t%s\t%s\t%s\n", f.document.name, f.line, f.shown(), value, f.from.text,
			strings.Join(tolerance, " and "), strings.Join(made, " and "), strings.Join(machine, " and "))
	}
	return true, w.Flush()
}

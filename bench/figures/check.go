package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A library is all documents with their figures, beside the records.
type library struct {
	root      string
	book      *book
	documents []*document
	figures   []figure
	used      map[string]bool // the runs that a figure or a block of output is of
}

// readLibrary reads the documents below a root and finds the value of each of their figures.
func readLibrary(root string, b *book) (*library, error) {
	names, err := documents(root)
	if err != nil {
		return nil, err
	}
	l := &library{root: root, book: b, used: map[string]bool{}}
	for name, have := range b.records {
		l.used[name] = strings.HasPrefix(have.text, benchHeading) // of the document of results
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		l.add(parseDocument(name, string(text)))
	}
	return l, nil
}

func (l *library) add(d *document) {
	l.documents = append(l.documents, d)
	figures := d.figures(l.book)
	l.figures = append(l.figures, figures...)
	for _, f := range figures {
		for _, o := range f.from.operands {
			l.used[o.run] = true
		}
	}
	for _, k := range d.blocks {
		if k.output != nil {
			run, _, _ := strings.Cut(k.output.text, "/")
			l.used[run] = true
		}
	}
}

// check returns all faults: figures without a reference or with another value than their
// record's, output that a record does not have, and runs without a record or a use.
func (l *library) check() []fault {
	var faults []fault
	for _, d := range l.documents {
		faults = append(faults, d.faults...)
	}
	for _, f := range l.figures {
		if f.err != nil {
			if !errors.Is(f.err, errNoRecord) { // which is said of the run, once
				faults = append(faults, fault{f.document.name, f.line, f.shown() + ": " + f.from.text + ": " + f.err.Error()})
			}
		} else if !f.is(f.value) {
			faults = append(faults, fault{f.document.name, f.line, f.shown() + " is " + f.write(f.value) + " by " + f.from.text})
		}
	}
	for _, d := range l.documents {
		faults = append(faults, d.checkOutput(l.book)...)
	}
	slices.SortStableFunc(faults, func(a, b fault) int {
		return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	faults = append(faults, l.book.faults...)
	if results := l.book.results(); results != "" {
		if text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(resultsName))); err != nil || string(text) != results {
			faults = append(faults, fault{resultsName, 0, "it is not what the records of bench make: go run ./bench/figures write makes it again"})
		}
	}
	for i := range l.book.manifest.Runs {
		r := &l.book.manifest.Runs[i]
		file := filepath.Join(l.book.folder, r.Name+".txt")
		switch have := l.book.records[r.Name]; {
		case have == nil:
			if _, err := os.Stat(file); err != nil { // else it is among the faults
				faults = append(faults, fault{file, 0, "the run has no record: go run ./bench/figures run " + r.Name + " makes it"})
			}
		case !l.book.current(r):
			faults = append(faults, fault{file, 0, "the record is of another command than the manifest's: go run ./bench/figures run " + r.Name + " makes it again"})
		}
		if !l.used[r.Name] {
			faults = append(faults, fault{manifestName, 0, "run " + r.Name + ": no figure and no block of output is of it"})
		}
	}
	return faults
}

// checkOutput holds the blocks of output against the records: each line of a block is one
// of the record, in its order.
func (d *document) checkOutput(b *book) (faults []fault) {
	for _, k := range d.blocks {
		if k.output == nil {
			continue
		}
		out, from, to, err := b.part(k.output.text)
		if err != nil {
			if !errors.Is(err, errNoRecord) {
				faults = append(faults, fault{d.name, k.output.line, err.Error()})
			}
			continue
		}
		at := from
		for _, line := range d.outputLines(k) {
			n := slices.IndexFunc(out.lines[at:to], func(s string) bool { return strings.TrimRight(s, " ") == line.text })
			if n < 0 {
				faults = append(faults, fault{d.name, line.line, "the record of " + k.output.text + " does not have the line, or not here: " + line.text})
				continue
			}
			at += n + 1
		}
	}
	return faults
}

// part returns the output of RUN or RUN/TITLE, and its lines that are meant.
func (b *book) part(text string) (out *output, from, to int, err error) {
	name, title, found := strings.Cut(text, "/")
	o := operand{run: name}
	if b.manifest.run(name) == nil {
		_, err := o.value(b)
		return nil, 0, 0, err
	}
	if out = b.output(name); out == nil {
		return nil, 0, 0, errNoRecord
	}
	if !found {
		return out, 0, len(out.lines), nil
	}
	from, to, err = out.below(title)
	return out, from, to, err
}

// An outputLine is one of a block of output, without the blanks that the whole block is
// moved by.
type outputLine struct {
	text       string
	start, end int
	line       int
}

// outputLines returns the lines of a block that are not empty: of a fence those within.
func (d *document) outputLines(k block) (lines []outputLine) {
	all := strings.Split(d.text[k.start:k.end], "\n")
	indent := len(all[0]) - len(strings.TrimLeft(all[0], " "))
	at := k.start
	for i, text := range all {
		l := outputLine{start: at, end: at + len(text), line: d.line(at)}
		at += len(text) + 1
		if k.kind == fence && (i == 0 || i == len(all)-1) {
			continue
		}
		cut := min(indent, len(text)-len(strings.TrimLeft(text, " ")))
		l.start += cut
		if l.text = strings.TrimRight(text[cut:], " "); l.text != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

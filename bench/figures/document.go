package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// documents are the files, by their paths from the root, that hold figures only with
// references.
func documents(root string) ([]string, error) {
	var all []string
	for _, name := range []string{"README.md", "STUDY.md", "bench/README.md"} {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err == nil {
			all = append(all, name)
		}
	}
	for folder, is := range map[string]func(string) bool{
		"docs":     func(name string) bool { return path.Ext(name) == ".md" },
		"examples": func(name string) bool { return path.Base(name) == "README.md" },
	} {
		err := fs.WalkDir(os.DirFS(root), folder, func(name string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) && name == folder {
				return nil
			}
			if err == nil && d.Type().IsRegular() && is(name) {
				all = append(all, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no document: want README.md, STUDY.md, bench/README.md, docs/**/*.md or examples/**/README.md", root)
	}
	slices.Sort(all)
	return all, nil
}

// A document is a text of Markdown in the parts that its figures are checked by.
type document struct {
	name, text string
	masked     []byte // the text with zeros for code, comments and addresses: as long as the text
	blocks     []block
	faults     []fault // of the form
}

// A kind is what a block is.
type kind int

const (
	prose kind = iota // a paragraph, an item of a list or a heading
	grid              // a table
	fence             // a fenced block of code
)

// A block is a part of a document, in bytes of its text, with the comments that
// say where its figures or lines are from.
type block struct {
	kind       kind
	start, end int
	figures    *comment // behind it
	output     *comment // before it
}

// A comment is one of references, or the name of a run.
type comment struct {
	text string // behind the colon
	line int
}

// A fault is what is wrong at a line of a document or of another file.
type fault struct {
	file string
	line int // from 1; 0 is the whole file
	text string
}

func (f fault) String() string {
	if f.line == 0 {
		return f.file + ": " + f.text
	}
	return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.text)
}

// line returns the number of the line, from 1, that a byte is on.
func (d *document) line(at int) int { return 1 + strings.Count(d.text[:at], "\n") }

func (d *document) fault(line int, format string, args ...any) {
	d.faults = append(d.faults, fault{d.name, line, fmt.Sprintf(format, args...)})
}

// parseDocument divides a document into blocks.
func parseDocument(name, text string) *document {
	d := &document{name: name, text: text, masked: []byte(text)}
	p := &parser{document: d}
	for p.at < len(text) {
		p.next()
	}
	p.close()
	if p.output != nil {
		d.fault(p.output.line, "no fenced block or table follows the comment")
	}
	return d
}

// A parser stands at a line of a document.
type parser struct {
	*document
	at     int
	open   *block   // prose whose lines may go on
	list   bool     // whether an indented line goes on with an item of a list
	blank  bool     // whether the line before is empty
	output *comment // waits for its block
}

// close ends the prose that is open.
func (p *parser) close() {
	if p.open == nil {
		return
	}
	p.add(*p.open)
	p.open = nil
}

func (p *parser) add(b block) {
	if b.kind != prose || p.output != nil {
		if p.output != nil && b.kind == prose {
			p.fault(p.output.line, "no fenced block or table follows the comment")
		} else {
			b.output = p.output
		}
		p.output = nil
	}
	if b.kind == fence {
		mask(p.masked, b.start, b.end)
	} else {
		p.maskInline(b.start, b.end)
	}
	p.blocks = append(p.blocks, b)
}

// next reads a line, or the lines of a comment, a fence or a table.
func (p *parser) next() {
	start, end := p.at, p.lineEnd(p.at)
	line := p.text[start:end]
	trimmed := strings.TrimSpace(line)
	p.at = min(end+1, len(p.text))
	wasBlank := p.blank || start == 0
	p.blank = trimmed == ""
	switch {
	case trimmed == "":
		p.close()
	case strings.HasPrefix(trimmed, "<!--") && p.comment(start):
	case strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~"):
		p.close()
		p.fence(start, trimmed)
	case isTableLine(line) && (p.open == nil || p.nextIsDashes()):
		p.close()
		for p.at < len(p.text) && isTableLine(p.text[p.at:p.lineEnd(p.at)]) {
			end = p.lineEnd(p.at)
			p.at = min(end+1, len(p.text))
		}
		p.add(block{kind: grid, start: start, end: end})
		p.list = false
	case p.open == nil && wasBlank && !p.list && (strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")):
		mask(p.masked, start, end) // code by its indentation
		p.blank = true             // so that the next such line is code, too
	case headingLevel(trimmed) > 0:
		p.close()
		p.add(block{kind: prose, start: start, end: end})
		p.list = false
	default:
		if isItem(trimmed) {
			p.close()
			p.list = true
		} else if p.open == nil && !strings.HasPrefix(line, " ") {
			p.list = false
		}
		if p.open == nil {
			p.open = &block{kind: prose, start: start}
		}
		p.open.end = end
	}
}

func (p *parser) lineEnd(at int) int {
	if n := strings.IndexByte(p.text[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(p.text)
}

func (p *parser) nextIsDashes() bool {
	return p.at < len(p.text) && dashes.MatchString(p.text[p.at:p.lineEnd(p.at)])
}

// isItem reports whether a line begins an item of a list.
func isItem(line string) bool {
	for _, mark := range []string{"- ", "* ", "+ "} {
		if strings.HasPrefix(line, mark) {
			return true
		}
	}
	rest := strings.TrimLeft(line, "0123456789")
	return rest != line && (strings.HasPrefix(rest, ". ") || strings.HasPrefix(rest, ") "))
}

// comment reads a comment that has its lines to itself, and reports whether it is one.
func (p *parser) comment(start int) bool {
	open := start + strings.Index(p.text[start:], "<!--")
	n := commentEnd(p.text[open:])
	if n < 0 {
		return false
	}
	end := p.lineEnd(open + n)
	if strings.TrimSpace(p.text[open+n+len("-->"):end]) != "" {
		return false
	}
	p.close()
	mask(p.masked, start, end)
	p.at = min(end+1, len(p.text))
	text := strings.TrimSpace(p.text[open+len("<!--") : open+n])
	if refs, found := strings.CutPrefix(text, "figures:"); found {
		c := &comment{strings.TrimSpace(refs), p.line(start)}
		switch last := len(p.blocks) - 1; {
		case last < 0 || p.blocks[last].kind == fence:
			p.fault(c.line, "the comment follows no paragraph, item of a list or table")
		case p.blocks[last].figures != nil:
			p.fault(c.line, "the block before has a comment of figures already")
		default:
			p.blocks[last].figures = c
		}
	} else if run, found := strings.CutPrefix(text, "output:"); found {
		if p.output != nil {
			p.fault(p.output.line, "no fenced block or table follows the comment")
		}
		p.output = &comment{strings.TrimSpace(run), p.line(start)}
	}
	return true
}

// commentEnd returns where the marks are that end the comment which a text begins with, and
// -1 where it has none.
func commentEnd(text string) int {
	if n := strings.Index(text[len("<!--"):], "-->"); n >= 0 {
		return n + len("<!--")
	}
	return -1
}

// fence reads a fenced block to its end.
func (p *parser) fence(start int, opening string) {
	marks := opening[:len(opening)-len(strings.TrimLeft(opening, opening[:1]))]
	for p.at < len(p.text) {
		end := p.lineEnd(p.at)
		line := strings.TrimSpace(p.text[p.at:end])
		p.at = min(end+1, len(p.text))
		if strings.HasPrefix(line, marks) && strings.Trim(line, marks[:1]) == "" {
			p.add(block{kind: fence, start: start, end: end})
			return
		}
	}
	p.fault(p.line(start), "the fenced block does not end")
	p.add(block{kind: fence, start: start, end: len(p.text)})
}

// mask puts zeros in place of all but ends of lines.
func mask(text []byte, start, end int) {
	for i := start; i < end; i++ {
		if text[i] != '\n' {
			text[i] = 0
		}
	}
}

// maskInline puts zeros in place of the code, the comments and the addresses of a block.
func (p *parser) maskInline(start, end int) {
	for i := start; i < end; {
		rest := p.text[i:end]
		switch {
		case rest[0] == '`':
			marks := rest[:len(rest)-len(strings.TrimLeft(rest, "`"))]
			n := closing(rest[len(marks):], marks)
			if n < 0 {
				i += len(marks)
				continue
			}
			n += 2 * len(marks)
			mask(p.masked, i, i+n)
			i += n
		case strings.HasPrefix(rest, "<!--"):
			n := commentEnd(rest)
			if n < 0 {
				i += len("<!--")
				continue
			}
			text := strings.TrimSpace(rest[len("<!--"):n])
			if strings.HasPrefix(text, "figures:") || strings.HasPrefix(text, "output:") {
				p.fault(p.line(i), "the comment has to have its line to itself")
			}
			mask(p.masked, i, i+n+len("-->"))
			i += n + len("-->")
		case strings.HasPrefix(rest, "]("):
			n := strings.IndexByte(rest, ')')
			if n < 0 {
				i += 2
				continue
			}
			mask(p.masked, i, i+n+1)
			i += n + 1
		case strings.HasPrefix(rest, "http://"), strings.HasPrefix(rest, "https://"):
			n := strings.IndexAny(rest+" ", " \t\n)>|")
			mask(p.masked, i, i+n)
			i += n
		default:
			i++
		}
	}
}

// closing returns where a run of exactly these marks begins, and -1 where there is none.
func closing(text, marks string) int {
	for i := 0; i < len(text); {
		n := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if n == len(marks) {
			return i
		}
		i += max(n, 1)
	}
	return -1
}

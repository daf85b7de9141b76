package main

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// An output is what a run printed, with the tables in it.
type output struct {
	lines  []string
	tables []table
}

// A table is one of an output: columns with names, and rows of cells. Its first line is
// lines[at] of the output.
type table struct {
	at      int
	columns []string
	rows    [][]string
}

// parseOutput finds the tables of a text, which are of three kinds.
//
//   - Markdown: a line of cells between bars, a line of dashes, and rows.
//   - CSV: two or more lines of as many fields each; the first has the names. The same
//     line once more begins another table.
//   - Blanks: a line of two or more cells with two or more blanks between, the first of
//     which is in capitals, and lines whose cells stand below them.
func parseOutput(text string) *output {
	o := &output{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	for i := 0; i < len(o.lines); {
		var t *table
		next := i + 1
		for _, read := range []func([]string) (*table, int){markdownTable, csvTable, blankTable} {
			if found, n := read(o.lines[i:]); found != nil {
				t, next = found, i+n
				break
			}
		}
		if t != nil {
			t.at = i
			for r := 1; r < len(t.rows); r++ { // an empty first cell continues the row above
				if t.rows[r][0] == "" {
					t.rows[r][0] = t.rows[r-1][0]
				}
			}
			o.tables = append(o.tables, *t)
		}
		i = next
	}
	return o
}

// dashes is the second line of a Markdown table.
var dashes = regexp.MustCompile(`^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$`)

func markdownTable(lines []string) (*table, int) {
	if len(lines) < 2 || !isTableLine(lines[0]) || !dashes.MatchString(lines[1]) {
		return nil, 0
	}
	t := &table{columns: plainCells(lines[0])}
	n := 2
	for ; n < len(lines) && isTableLine(lines[n]); n++ {
		row := plainCells(lines[n])
		for len(row) < len(t.columns) {
			row = append(row, "")
		}
		t.rows = append(t.rows, row)
	}
	return t, n
}

// isTableLine reports whether a line is of a Markdown table.
func isTableLine(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "|") }

// splitCells divides a line of a Markdown table at its bars, but for those behind a
// backslash.
func splitCells(line string) []string {
	line = strings.TrimSpace(line)
	line = strings.TrimPrefix(line, "|")
	if strings.HasSuffix(line, "|") && !strings.HasSuffix(line, `\|`) {
		line = strings.TrimSuffix(line, "|")
	}
	var cells []string
	start := 0
	for i := 0; i < len(line); i++ {
		if line[i] == '|' && (i == 0 || line[i-1] != '\\') {
			cells = append(cells, line[start:i])
			start = i + 1
		}
	}
	return append(cells, line[start:])
}

func plainCells(line string) []string {
	cells := splitCells(line)
	for i, c := range cells {
		cells[i] = withoutMarkup(c)
	}
	return cells
}

// link is one of Markdown; its first group is what it shows.
var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// withoutMarkup returns the text of a cell without marks of code, of emphasis and links.
func withoutMarkup(cell string) string {
	cell = link.ReplaceAllString(cell, "$1")
	cell = strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(cell)
	cell = strings.TrimSpace(cell)
	if len(cell) > 2 && cell[0] == '*' && cell[len(cell)-1] == '*' {
		cell = cell[1 : len(cell)-1]
	}
	return cell
}

// csvFields returns the fields of a line of CSV, nil where it is none or a sentence with commas.
func csvFields(line string) []string {
	if !strings.Contains(line, ",") {
		return nil
	}
	r := csv.NewReader(strings.NewReader(line))
	fields, err := r.Read()
	if err != nil || len(fields) < 2 {
		return nil
	}
	for _, f := range fields[1:] {
		if strings.HasPrefix(f, " ") {
			return nil
		}
	}
	return fields
}

func csvTable(lines []string) (*table, int) {
	head := csvFields(lines[0])
	if head == nil {
		return nil, 0
	}
	t := &table{columns: head}
	n := 1
	for ; n < len(lines) && lines[n] != lines[0]; n++ {
		row := csvFields(lines[n])
		if len(row) != len(head) {
			break
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		return nil, 0
	}
	return t, n
}

// A span is a cell of a line whose columns are divided by blanks, with the places of its
// first rune and of the one behind its last.
type span struct {
	text       string
	start, end int
}

var gap = regexp.MustCompile(` {2,}`)

// spans returns the cells of a line between two or more blanks.
func spans(line string) []span {
	var all []span
	at := 0
	add := func(from, to int) {
		if text := strings.TrimSpace(line[from:to]); text != "" {
			lead := len(line[from:to]) - len(strings.TrimLeft(line[from:to], " "))
			start := utf8.RuneCountInString(line[:from+lead])
			all = append(all, span{text, start, start + utf8.RuneCountInString(text)})
		}
	}
	for _, g := range gap.FindAllStringIndex(line, -1) {
		add(at, g[0])
		at = g[1]
	}
	add(at, len(line))
	return all
}

// capitals is the first name of a table of blanks.
var capitals = regexp.MustCompile(`^[A-Z][A-Z]`)

func blankTable(lines []string) (*table, int) {
	head := spans(lines[0])
	if len(head) < 2 || !capitals.MatchString(head[0].text) {
		return nil, 0
	}
	t := &table{}
	for _, h := range head {
		t.columns = append(t.columns, h.text)
	}
	n := 1
	for ; n < len(lines); n++ {
		row := make([]string, len(head))
		cells := spans(lines[n])
		if len(cells) < 2 || len(cells) > len(head) {
			break
		}
		for _, c := range cells {
			at := slices.IndexFunc(head, func(h span) bool { return c.start < h.end && h.start < c.end })
			if at < 0 || row[at] != "" { // a number may stand beside its name where that is shorter
				at = nearest(head, c)
			}
			if row[at] != "" {
				return nil, 0
			}
			row[at] = c.text
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		return nil, 0
	}
	return t, n
}

// nearest returns the name whose ends are nearest to those of a cell.
func nearest(head []span, c span) int {
	best, distance := 0, -1
	for i, h := range head {
		if d := min(abs(h.start-c.start), abs(h.end-c.end)); distance < 0 || d < distance {
			best, distance = i, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// below returns the part of the output that belongs to a title: the lines from the one
// that is the title, to the next title of its kind. That is a heading of Markdown of the
// same or a higher level, or a line of the same first word; a title is written
// without its number signs.
func (o *output) below(title string) (from, to int, err error) {
	from = -1
	for i, line := range o.lines {
		if strings.TrimSpace(strings.TrimLeft(line, "#")) != title {
			continue
		}
		if from >= 0 {
			return 0, 0, fmt.Errorf("the line %q stands more than once", title)
		}
		from = i
	}
	if from < 0 {
		return 0, 0, fmt.Errorf("no line is %q", title)
	}
	level := headingLevel(o.lines[from])
	word, _, _ := strings.Cut(title, " ")
	for to = from + 1; to < len(o.lines); to++ {
		line := o.lines[to]
		if level > 0 {
			if n := headingLevel(line); n > 0 && n <= level {
				break
			}
		} else if rest, found := strings.CutPrefix(line, word+" "); found && !strings.HasPrefix(rest, " ") {
			break
		}
	}
	return from, to, nil
}

// headingLevel counts the number signs of a heading, and is 0 of another line.
func headingLevel(line string) int {
	rest := strings.TrimLeft(line, "#")
	if n := len(line) - len(rest); n > 0 && strings.HasPrefix(rest, " ") {
		return n
	}
	return 0
}

// cells returns the different texts that the tables between two lines have in a row and a
// column. A row is called by its first cell, or by its first cells with " / " between.
func (o *output) cells(from, to int, row, column string) (found []string, err error) {
	var names []string
	for _, t := range o.tables {
		if t.at < from || t.at >= to {
			continue
		}
		at := t.rowsOf(row)
		for i, name := range t.columns {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			if name != column {
				continue
			}
			if len(at) > 1 {
				return nil, fmt.Errorf("%d rows begin with %q: name more of their cells, as in %q", len(at), row, t.longer(at))
			}
			for _, r := range at {
				if i < len(r) && !slices.Contains(found, r[i]) {
					found = append(found, r[i])
				}
			}
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("there is no table")
	case !slices.Contains(names, column):
		return nil, absent{fmt.Errorf("no table has a column %q%s", column, registry.Offer(column, names))}
	case len(found) == 0:
		var known []string
		for _, t := range o.tables {
			if t.at >= from && t.at < to && slices.Contains(t.columns, column) {
				for _, r := range t.rows {
					known = append(known, r[0])
				}
			}
		}
		return nil, absent{fmt.Errorf("no table with the column %q has a row %q%s", column, row, registry.Offer(row, slices.Compact(known)))}
	}
	return found, nil
}

// An absent error says that a record has no such row or column.
type absent struct{ error }

// rowsOf returns the rows of a name.
func (t table) rowsOf(name string) (rows [][]string) {
	for k := 1; k <= len(t.columns); k++ {
		for _, r := range t.rows {
			if k <= len(r) && strings.Join(r[:k], " / ") == name {
				rows = append(rows, r)
			}
		}
		if len(rows) > 0 {
			return rows
		}
	}
	return nil
}

// longer returns a name that tells the first of several rows apart.
func (t table) longer(rows [][]string) string {
	for k := 2; k <= len(t.columns); k++ {
		name := strings.Join(rows[0][:k], " / ")
		if len(t.rowsOf(name)) == 1 {
			return name
		}
	}
	return strings.Join(rows[0], " / ")
}

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// A table is plain text in columns that line up. Columns whose every cell is a
// number are set flush right.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

// reportTable returns the cells of a report's table.
func reportTable(b report.Table) *table { return &table{head: slices.Clone(b.Head), rows: b.Rows} }

// add appends a row of as many cells as the table has columns; floats print
// with their shortest form.
func (t *table) add(cells ...any) {
	if len(cells) != len(t.head) {
		panic(fmt.Sprintf("table: %d cells in %d columns", len(cells), len(t.head)))
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

// print writes the table, indented by indent; columns are two spaces apart.
func (t *table) print(w io.Writer, indent string) {
	width := make([]int, len(t.head))
	right := make([]bool, len(t.head))
	for j, h := range t.head {
		width[j], right[j] = utf8.RuneCountInString(h), len(t.rows) > 0
		for _, row := range t.rows {
			width[j] = max(width[j], utf8.RuneCountInString(row[j]))
			right[j] = right[j] && numeric(row[j])
		}
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		line.WriteString(indent)
		for j, cell := range row {
			pad := strings.Repeat(" ", width[j]-utf8.RuneCountInString(cell))
			if right[j] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
			line.WriteString("  ")
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// none stands in a column of numbers where there is none.
const none = "-"

func numeric(s string) bool {
	if s == none || s == "" {
		return true
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// printJSON writes v, indented. What is not printable is escaped within its texts,
// as JSON may, so that a terminal takes none of it for a command.
func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range text.String() { // UTF-8, and outside of texts ASCII
		switch {
		case r == '\n' || strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

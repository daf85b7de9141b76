package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// A table is a report's, built row by row.
type table struct{ report.Table }

func newTable(head ...string) *table { return &table{report.Table{Head: head}} }

// add appends a row of as many cells as the table has columns: cells, numbers, which print
// with their shortest form, and texts.
func (t *table) add(cells ...any) {
	if len(cells) != len(t.Head) {
		panic(fmt.Sprintf("table: %d cells in %d columns", len(cells), len(t.Head)))
	}
	row := make([]report.Cell, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case report.Cell:
			row[i] = c
		case report.Number:
			row[i] = report.Digits(c, 4)
		case int:
			row[i] = report.Whole(c)
		case int64:
			row[i] = report.Whole(c)
		case float64:
			row[i] = report.Shown(fmt.Sprint(c), c)
		default:
			row[i] = report.Words(fmt.Sprint(c))
		}
	}
	t.Rows = append(t.Rows, row)
}

// print writes the table to w: in the form of a sheet, and as text to others, each line
// after indent.
func (t *table) print(w io.Writer, indent string) {
	if s, ok := w.(*sheet); ok {
		s.table(t.Table, indent)
		return
	}
	io.WriteString(w, t.Text(indent, 0))
}

// none stands in a column of numbers where there is none.
const none = "-"

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

package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// A Table is rows of cells under heads. A column of numbers, or of what says that there is
// none, stands flush right.
type Table struct {
	Title string   `json:"title,omitempty"`
	Head  []string `json:"head"`
	Rows  [][]Cell `json:"rows"`           // each as long as Head
	Note  string   `json:"note,omitempty"` // below the table; several lines are a list
	Mark  []int    `json:"mark,omitempty"` // rows that stand out
}

// A Cell is a text, or numbers with the text that people read in their place. The zero
// Cell is empty.
type Cell struct {
	text   string
	values []Number // nil of a text
	parts  []string // what values[1:] are, as in "sd"
}

// absent is what people read where a column of numbers has none.
const absent = "-"

// Absent is the cell of a number that there is not.
var Absent = Cell{text: absent}

// Words returns a cell of text.
func Words(s string) Cell { return Cell{text: s} }

// Whole returns a cell of a whole number.
func Whole[N ~int | ~int64 | ~uint64](n N) Cell { return Shown(fmt.Sprint(n), float64(n)) }

// Shown returns a cell of the number x that people read as text, such as "> 200" or "12%".
// A number that is not finite is Absent whatever the text.
func Shown[N ~float64](text string, x N) Cell {
	if !Number(x).Finite() {
		return Absent
	}
	return Cell{text: text, values: []Number{Number(x)}}
}

// Fixed returns a cell of x that shows so many decimals.
func Fixed[N ~float64](x N, decimals int) Cell {
	return Shown(strconv.FormatFloat(float64(x), 'f', decimals, 64), x)
}

// Digits returns a cell of x that shows so many digits.
func Digits[N ~float64](x N, digits int) Cell {
	return Shown(strconv.FormatFloat(float64(x), 'g', digits, 64), x)
}

// Spread returns a cell of a mean with its standard deviation, which may be not finite.
func Spread(text string, mean, sd Number) Cell {
	if !mean.Finite() {
		return Absent
	}
	return Cell{text: text, values: []Number{mean, sd}, parts: []string{"sd"}}
}

// WithError returns a cell of x with its standard error, which may be not finite.
func WithError(text string, x, err Number) Cell {
	if !x.Finite() {
		return Absent
	}
	return Cell{text: text, values: []Number{x, err}, parts: []string{"error"}}
}

// FromTo returns a cell of a number that went from x to y; either may be not finite.
func FromTo(text string, x, y Number) Cell {
	return Cell{text: text, values: []Number{x, y}, parts: []string{"last"}}
}

// Interval returns a cell of x between the ends of its interval, which may be not finite.
func Interval(text string, x, low, high Number) Cell {
	if !x.Finite() {
		return Absent
	}
	return Cell{text: text, values: []Number{x, low, high}, parts: []string{"low", "high"}}
}

// String returns what people read.
func (c Cell) String() string { return c.text }

// Value returns the number of the cell, the first of several; NaN of a text.
func (c Cell) Value() float64 {
	if len(c.values) == 0 {
		return math.NaN()
	}
	return float64(c.values[0])
}

// numeric reports whether the cell may stand in a column of numbers.
func (c Cell) numeric() bool { return c.values != nil || c.text == "" || c.text == absent }

// MarshalJSON writes a text as such, what is absent as null, and a number as such where
// people read nothing but that number. Other cells are objects: text, value, and the further
// numbers by their names, null where they are not finite.
func (c Cell) MarshalJSON() ([]byte, error) {
	switch {
	case c.text == absent && c.values == nil:
		return []byte("null"), nil
	case c.values == nil:
		return json.Marshal(c.text)
	}
	if _, err := strconv.ParseFloat(c.text, 64); err == nil && len(c.values) == 1 {
		return c.values[0].MarshalJSON()
	}
	all := map[string]any{"text": c.text, "value": c.values[0]}
	for i, name := range c.parts {
		all[name] = c.values[i+1]
	}
	return json.Marshal(all)
}

// check returns an error unless every row is as long as the head.
func (t Table) check() error {
	for i, row := range t.Rows {
		if len(row) != len(t.Head) {
			return fmt.Errorf("report: table %q: row %d has %d cells in %d columns", t.Title, i, len(row), len(t.Head))
		}
	}
	return nil
}

// right reports of each column whether it stands flush right.
func (t Table) right() []bool {
	right := make([]bool, len(t.Head))
	for j := range right {
		numbers, texts := false, false
		for _, row := range t.Rows {
			numbers = numbers || row[j].values != nil || row[j].text == absent
			texts = texts || !row[j].numeric()
		}
		right[j] = numbers && !texts
	}
	return right
}

// names returns the heads, made unique: one that is there twice takes the last one before
// that is not, as in "in C declared" of a "declared" that follows "in C".
func (t Table) names() []string {
	count := map[string]int{}
	for _, h := range t.Head {
		count[h]++
	}
	names, last, seen := make([]string, len(t.Head)), "", map[string]bool{}
	for j, h := range t.Head {
		name := h
		if count[h] > 1 {
			if last != "" {
				name = last + " " + h
			}
		} else {
			last = h
		}
		for n := 2; seen[name]; n++ {
			name = fmt.Sprintf("%s %d", h, n)
		}
		seen[name] = true
		names[j] = name
	}
	return names
}

func (t Table) block() (template.HTML, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	marked := map[int]bool{}
	for _, i := range t.Mark {
		marked[i] = true
	}
	return render("table", struct {
		Table
		Right  []bool
		Marked map[int]bool
		Notes  []string
		Until  string
	}{t, t.right(), marked, strings.Split(t.Note, "\n"), t.until()})
}

// steps are the widths of windows, in pixels, at which a page decides whether a table is
// said to scroll.
var steps = []int{400, 500, 600, 700, 800, 900, 1000, 1100}

// until returns the class of a table's hint: the widest of steps at which a window hides
// columns of it, by an estimate of its letters; "" where none does, and always where even a
// desk's does.
func (t Table) until() string {
	const letter, padding, margins = 7.3, 26, 40 // pixels: a letter of a table, both sides of a cell, of the page
	width := margins
	for j, n := range t.widths() {
		if j == 0 {
			n = min(n, 16) // it wraps on phones
		}
		width += int(letter*float64(min(n, 44))) + padding
	}
	class := ""
	for _, s := range steps {
		if width > s {
			class = fmt.Sprintf("until%d", s)
		}
	}
	if width > steps[len(steps)-1] {
		class = "always"
	}
	return class
}

package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A GradientReport says how far apart the statements of a gradient are: a row for each
// parameter. [CheckGradient] makes one, and so do the checks of losses and of whole
// models.
type GradientReport struct {
	Title string        // what was checked
	Rows  []GradientRow // in the order of the parameters
}

// A GradientRow is what was found of one parameter: the worst of its coordinates, and
// what each statement gives there.
type GradientRow struct {
	Param string // its name

	// Where is the worst coordinate, such as "user[3,1]", or a direction of all
	// coordinates; "" where none was compared.
	Where  string
	Values []GradientValue // there

	// Error is the distance between the largest and the smallest of Values over a size
	// that who makes the report states. It is +Inf where one of them is NaN.
	Error, Tolerance float64

	Compared int // coordinates and directions at which values were compared
	Kinks    int // of these, at how many the cost has no derivative; see CheckGradient
}

// A GradientValue is a partial derivative as one statement gives it.
type GradientValue struct {
	By    string  // "symbolic", "numerical", …
	Value float64 // at Where of the row
}

// OK reports whether the error is within the tolerance. It is false for NaN.
func (r GradientRow) OK() bool { return r.Error <= r.Tolerance }

// By returns the value of one statement at the worst coordinate, NaN of one that the
// row does not have.
func (r GradientRow) By(name string) float64 {
	for _, v := range r.Values {
		if v.By == name {
			return v.Value
		}
	}
	return math.NaN()
}

// See takes the values at a coordinate into the row, if they are further apart, in units
// of size, than those that it has. A row of which nothing was seen passes; Compared tells.
func (r *GradientRow) See(where string, size float64, values ...GradientValue) {
	r.Compared++
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		lo, hi = min(lo, v.Value), max(hi, v.Value) // the built-ins keep NaN
	}
	e := (hi - lo) / size
	if lo == hi { // equal infinities
		e = 0
	}
	if math.IsNaN(e) {
		e = math.Inf(1)
	}
	if e > r.Error || r.Where == "" {
		r.Error, r.Where, r.Values = e, where, append(r.Values[:0:0], values...)
	}
}

// OK reports whether there are rows and every one is within its tolerance.
func (r *GradientReport) OK() bool { return len(r.Rows) > 0 && r.Err() == nil }

// Worst returns the row that comes closest to its tolerance, or exceeds it most; the zero
// row of a report without any.
func (r *GradientReport) Worst() GradientRow {
	var worst GradientRow
	for i, row := range r.Rows {
		if i == 0 || !(row.Error/row.Tolerance <= worst.Error/worst.Tolerance) {
			worst = row
		}
	}
	return worst
}

// Err returns an error for each row that is beyond its tolerance, joined, or nil. Each
// names the coordinate, and has all digits of the values there.
func (r *GradientReport) Err() error {
	var faults []error
	for _, row := range r.Rows {
		if row.OK() {
			continue
		}
		var values []string
		for _, v := range row.Values {
			values = append(values, fmt.Sprintf("%s %.17g", v.By, v.Value))
		}
		faults = append(faults, fmt.Errorf("%s of %s: %s: error %.1e exceeds %.0e", row.Where, row.Param, strings.Join(values, ", "), row.Error, row.Tolerance))
	}
	return errors.Join(faults...)
}

// String is the report as a table in columns that line up: of each parameter the worst
// coordinate, the values of all statements there, the error, its tolerance and the
// verdict; then a line that counts.
func (r *GradientReport) String() string {
	var b strings.Builder
	if r.Title != "" {
		fmt.Fprintln(&b, r.Title)
	}
	var by []string // the statements of any row
	for _, row := range r.Rows {
		for _, v := range row.Values {
			if !slices.Contains(by, v.By) {
				by = append(by, v.By)
			}
		}
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	head := []string{"PARAMETER", "WORST AT"}
	for _, name := range by {
		head = append(head, strings.ToUpper(name))
	}
	line(append(head, "ERROR", "TOLERANCE", "VERDICT")...)
	failed, compared, kinks := 0, 0, 0
	for _, row := range r.Rows {
		cells := []string{row.Param, orDash(row.Where)}
		for _, name := range by {
			cell := "-"
			for _, v := range row.Values {
				if v.By == name {
					cell = signed(v.Value)
				}
			}
			cells = append(cells, cell)
		}
		verdict := "PASS"
		if !row.OK() {
			verdict = "FAIL"
			failed++
		}
		compared, kinks = compared+row.Compared, kinks+row.Kinks
		line(append(cells, short(row.Error), fmt.Sprintf("%.0e", row.Tolerance), verdict)...)
	}
	w.Flush() // into memory, which does not fail
	fmt.Fprintf(&b, "%d of %d within tolerance, of %d comparisons", len(r.Rows)-failed, len(r.Rows), compared)
	if kinks > 0 {
		fmt.Fprintf(&b, ", %d at kinks", kinks)
	}
	b.WriteString("\n")
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// signed prints x to ten digits, with room for a sign so that digits line up.
func signed(x float64) string {
	text := strconv.FormatFloat(x, 'g', 10, 64)
	if math.Signbit(x) {
		return text
	}
	return " " + text
}

func short(x float64) string {
	if x == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1e", x)
}

// Coordinate names entry i of a parameter of that shape, such as "user[3,1]".
func Coordinate(name string, shape []int, i int) string {
	at := make([]string, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		at[axis] = strconv.Itoa(i % shape[axis])
		i /= shape[axis]
	}
	return name + "[" + strings.Join(at, ",") + "]"
}

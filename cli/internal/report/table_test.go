package report_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// odd has every kind of cell, wide letters, and what each form must escape.
func odd() report.Table {
	third := 1.0 / 3
	return report.Table{
		Title: "Odd cells",
		Head:  []string{"loss", "recall", "declared", "κ", "declared", "note"},
		Rows: [][]report.Cell{
			{report.Words("softmax:tau=0.2"), report.Spread("0.3333 ± 0.0100", report.Number(third), 0.01), report.Whole(12), report.Digits(1e300/3, 3), report.Absent, report.Words(`a|b, "c" & 5% of $x_i$`)},
			{report.Words("日本語"), report.Spread("0.25", 0.25, report.Number(math.NaN())), report.Shown("> 200", 200.0), report.Absent, report.Fixed(-0.00004, 4), report.Words("line\nend \x1b[31mred")},
			{report.Words("é"), report.Absent, report.Fixed(math.Inf(1), 2), report.Whole(0), report.Interval("+0.1 [−∞, 0.2]", 0.1, report.Number(math.Inf(-1)), 0.2), report.Cell{}},
		},
	}
}

// TestForms holds each form to the letter.
func TestForms(t *testing.T) {
	for form, want := range map[report.Form]string{
		report.TextForm: `loss                      recall  declared          κ        declared  note
softmax:tau=0.2  0.3333 ± 0.0100        12  3.33e+299               -  a|b, "c" & 5% of $x_i$
日本語                      0.25     > 200          -         -0.0000  line\nend \x1b[31mred
é                              -         -          0  +0.1 [−∞, 0.2]
`,
		report.MarkdownForm: `| loss | recall | declared | κ | declared | note |
|:--- | ---:| ---:| ---:| ---:|:--- |
| softmax:tau=0.2 | 0.3333 ± 0.0100 | 12 | 3.33e+299 | - | a\|b, "c" & 5% of $x_i$ |
| 日本語 | 0.25 | > 200 | - | -0.0000 | line\nend \x1b[31mred |
| é | - | - | 0 | +0.1 [−∞, 0.2] |  |
`,
		report.CSVForm: `loss,recall,recall sd,recall declared,κ,κ declared,κ declared low,κ declared high,note
softmax:tau=0.2,0.3333333333333333,0.01,12,3.3333333333333335e+299,,,,"a|b, ""c"" & 5% of $x_i$"
日本語,0.25,,200,,-4e-05,,,line\nend \x1b[31mred
é,,,,0,0.1,,0.2,
`,
		report.LatexForm: `\begin{tabular}{lrrrrl}
\hline
loss & recall & declared & $\kappa$ & declared & note \\
\hline
softmax:tau=0.2 & 0.3333 $\pm$ 0.0100 & 12 & 3.33e+299 & - & a\textbar{}b, ''c'' \& 5\% of \$x\_i\$ \\
日本語 & 0.25 & \textgreater{} 200 & - & -0.0000 & line\textbackslash{}nend \textbackslash{}x1b[31mred \\
é & - & - & 0 & +0.1 [$-$$\infty$, 0.2] &  \\
\hline
\end{tabular}
`,
	} {
		got, err := odd().Write(form)
		require.NoError(t, err)
		require.Equal(t, want, got, form)
	}
	_, err := odd().Write("html")
	require.ErrorContains(t, err, `unknown form "html" (choices: text, markdown, csv, latex)`)
	_, err = report.Table{Head: []string{"a", "b"}, Rows: [][]report.Cell{{report.Whole(1)}}}.Write(report.CSVForm)
	require.ErrorContains(t, err, "row 0 has 1 cells in 2 columns")
}

// TestCSVComesBack: a reader of CSV finds every number to the last bit, heads that are all
// different, and texts as they were but for what is not printable.
func TestCSVComesBack(t *testing.T) {
	text, err := odd().Write(report.CSVForm)
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, h := range rows[0] {
		require.False(t, seen[h], h)
		seen[h] = true
	}
	x, err := strconv.ParseFloat(rows[1][1], 64)
	require.NoError(t, err)
	require.Equal(t, 1.0/3, x)
	require.Equal(t, `a|b, "c" & 5% of $x_i$`, rows[1][8])
}

// TestLatex: what LaTeX takes for a command is escaped.
func TestLatex(t *testing.T) {
	require.Equal(t, `a\_b \& 5\% \{\textbackslash{}x\} \#1 \$ \textasciicircum{} \textasciitilde{} $\beta$`, report.Latex(`a_b & 5% {\x} #1 $ ^ ~ β`))
	text, err := report.Table{Head: []string{"h"}, Rows: [][]report.Cell{{report.Words("[x]")}}}.Write(report.LatexForm)
	require.NoError(t, err)
	require.Contains(t, text, "\n{}[x] \\\\\n", "a bracket after \\\\ would be its argument")
}

// TestWideTables: on a terminal that is too narrow a column of text wraps, or the columns
// stand in parts, each with the first, and the last line says so. No line is wider.
func TestWideTables(t *testing.T) {
	doc := report.Table{Head: []string{"NAME", "WHAT IT IS"}, Rows: [][]report.Cell{{report.Words("a"), report.Words(strings.Repeat("some words ", 12))}}}
	require.Equal(t, 7, strings.Count(doc.Text("  ", 30), "\n"))
	require.NotContains(t, doc.Text("", 60), "parts")
	wide := report.Table{Head: []string{"loss"}, Rows: [][]report.Cell{{report.Words("softmax")}}}
	for i := range 9 {
		wide.Head = append(wide.Head, "column "+strconv.Itoa(i))
		wide.Rows[0] = append(wide.Rows[0], report.Whole(i))
	}
	text := wide.Text("", 40)
	require.Equal(t, 3, strings.Count(text, "softmax"))
	require.Contains(t, text, "(10 columns in 3 parts, to fit the terminal)\n")
	for _, x := range []string{doc.Text("  ", 30), doc.Text("", 60), text} {
		for line := range strings.Lines(x) {
			require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 60)
		}
	}
	for i := range 9 {
		require.Equal(t, 1, strings.Count(text, "column "+strconv.Itoa(i)))
	}
	require.NotContains(t, wide.Text("", 0), "parts", "a file has every column side by side")
}

// TestTableJSON: numbers are numbers, null where there is none.
func TestTableJSON(t *testing.T) {
	text, err := json.Marshal(odd().Rows)
	require.NoError(t, err)
	require.JSONEq(t, `[
		["softmax:tau=0.2", {"text": "0.3333 ± 0.0100", "value": 0.3333333333333333, "sd": 0.01}, 12, 3.3333333333333335e299, null, "a|b, \"c\" & 5% of $x_i$"],
		["日本語", {"text": "0.25", "value": 0.25, "sd": null}, {"text": "> 200", "value": 200}, null, -0.00004, "line\nend \u001b[31mred"],
		["é", null, null, 0, {"text": "+0.1 [−∞, 0.2]", "value": 0.1, "low": null, "high": 0.2}, ""]
	]`, string(text))
}

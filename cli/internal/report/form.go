package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fenchel-ml/fenchel/data"
)

// A Form is how a table is written where it is not in a page.
type Form string

// The forms.
const (
	TextForm     Form = "text"     // columns that line up
	MarkdownForm Form = "markdown" // a table of GitHub's
	CSVForm      Form = "csv"      // as RFC 4180 has it, with every number whole
	LatexForm    Form = "latex"    // a tabular that needs no package
)

// Forms lists the names of all forms.
func Forms() []string {
	return []string{string(TextForm), string(MarkdownForm), string(CSVForm), string(LatexForm)}
}

// Write returns the table in a form, with a line end after its last line. CSV has a column
// for every number of a cell, such as mean and standard deviation, and nothing where there is
// none; the other forms have what people read. What is not printable is escaped in all.
func (t Table) Write(f Form) (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	switch f {
	case TextForm:
		return t.Text("", 0), nil
	case MarkdownForm:
		return t.writer(t.all(), nil).RenderMarkdown() + "\n", nil
	case CSVForm:
		return t.csv(), nil
	case LatexForm:
		return t.latex(), nil
	}
	return "", fmt.Errorf("report: unknown form %q (choices: %s)", f, strings.Join(Forms(), ", "))
}

// all lists the columns.
func (t Table) all() []int {
	columns := make([]int, len(t.Head))
	for j := range columns {
		columns[j] = j
	}
	return columns
}

// plain makes what is not printable visible: a terminal takes none of it for a command, and
// no form for the end of a row.
func plain(s string) string { return strings.ReplaceAll(data.EscapeText(s), "\n", `\n`) }

// The letters whose width depends on the language of the machine, such as ±, take one column:
// output is the same wherever it is made.
func init() { text.OverrideRuneWidthEastAsianWidth(false) }

// gap is the blanks between two columns of text.
const gap = 2

// writer returns a writer of some columns, in the style of the text form; those that wrap has
// are no wider than it says.
func (t Table) writer(columns []int, wrap map[int]int) table.Writer {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box = table.BoxStyle{PaddingRight: strings.Repeat(" ", gap)}
	style.Format = table.FormatOptions{}
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	head := table.Row{}
	var configs []table.ColumnConfig
	right := t.right()
	for n, j := range columns {
		head = append(head, plain(t.Head[j]))
		c := table.ColumnConfig{Number: n + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft, WidthMax: wrap[j], WidthMaxEnforcer: text.WrapSoft}
		if right[j] {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, c)
	}
	w.AppendHeader(head)
	for _, row := range t.Rows {
		cells := table.Row{}
		for _, j := range columns {
			cells = append(cells, plain(row[j].text))
		}
		w.AppendRow(cells)
	}
	w.SetColumnConfigs(configs)
	return w
}

// widths returns the cells that each column takes on a terminal.
func (t Table) widths() []int {
	w := make([]int, len(t.Head))
	for j, h := range t.Head {
		w[j] = text.StringWidthWithoutEscSequences(plain(h))
		for _, row := range t.Rows {
			w[j] = max(w[j], text.StringWidthWithoutEscSequences(plain(row[j].text)))
		}
	}
	return w
}

// leastWrapped is how narrow a column of text becomes by wrapping.
const leastWrapped = 24

// Text is the text form, each line after indent, on a terminal of so many columns; 0: of any
// number. What is too wide wraps within its widest column of text, or else stands in parts
// below each other, each with the first column, and a last line says so.
func (t Table) Text(indent string, width int) string {
	widths, right := t.widths(), t.right()
	room := width - len(indent)
	total := func(columns []int) int {
		sum := -gap
		for _, j := range columns {
			sum += widths[j] + gap
		}
		return sum
	}
	wrap := map[int]int{}
	if width > 0 && total(t.all()) > room {
		widest := -1
		for j := 1; j < len(widths); j++ {
			if !right[j] && widths[j] > leastWrapped && (widest < 0 || widths[j] > widths[widest]) {
				widest = j
			}
		}
		if widest >= 0 {
			least := max(leastWrapped, text.StringWidthWithoutEscSequences(plain(t.Head[widest])))
			left := room - total(t.all()) + widths[widest] // beside all other columns
			if left < least {
				left = max(least, room-widths[0]-gap) // in a part of its own
			}
			widths[widest] = min(widths[widest], left)
			wrap[widest] = widths[widest]
		}
	}
	parts := [][]int{t.all()}
	if width > 0 && total(parts[0]) > room && len(t.Head) > 2 {
		parts = [][]int{{0}}
		for j := 1; j < len(t.Head); j++ {
			last := len(parts) - 1
			if len(parts[last]) > 1 && total(append(parts[last], j)) > room {
				parts = append(parts, []int{0})
				last++
			}
			parts[last] = append(parts[last], j)
		}
	}
	var b strings.Builder
	for n, columns := range parts {
		if n > 0 {
			b.WriteString("\n")
		}
		for line := range strings.SplitSeq(t.writer(columns, wrap).Render(), "\n") {
			b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
		}
	}
	if len(parts) > 1 {
		fmt.Fprintf(&b, "%s(%d columns in %d parts, to fit the terminal)\n", indent, len(t.Head), len(parts))
	}
	return b.String()
}

// csv is the CSV form.
func (t Table) csv() string {
	w := table.NewWriter()
	head, parts := table.Row{}, make([][]string, len(t.Head))
	for j, name := range t.names() {
		for _, row := range t.Rows {
			if len(row[j].parts) > len(parts[j]) {
				parts[j] = row[j].parts
			}
		}
		head = append(head, plain(name))
		for _, part := range parts[j] {
			head = append(head, plain(name+" "+part))
		}
	}
	w.AppendHeader(head)
	w.Style().Format = table.FormatOptions{}
	for _, row := range t.Rows {
		cells := table.Row{}
		for j, c := range row {
			texts := make([]string, 1+len(parts[j]))
			if c.values == nil && c.text != absent {
				texts[0] = plain(c.text)
			}
			for n, x := range c.values {
				if x.Finite() {
					texts[n] = strconv.FormatFloat(float64(x), 'g', -1, 64)
				}
			}
			for _, s := range texts {
				cells = append(cells, s)
			}
		}
		w.AppendRow(cells)
	}
	return w.RenderCSV() + "\n"
}

// latex is the LaTeX form, which the library lacks.
func (t Table) latex() string {
	var b strings.Builder
	var spec strings.Builder
	for _, right := range t.right() {
		if right {
			spec.WriteString("r")
		} else {
			spec.WriteString("l")
		}
	}
	line := func(cells []string) {
		for j, s := range cells {
			cells[j] = Latex(plain(s))
		}
		text := strings.Join(cells, " & ")
		if strings.HasPrefix(text, "[") { // which would be an argument of the \\ before
			text = "{}" + text
		}
		b.WriteString(text + ` \\` + "\n")
	}
	fmt.Fprintf(&b, "\\begin{tabular}{%s}\n\\hline\n", spec.String())
	line(append([]string{}, t.Head...))
	b.WriteString("\\hline\n")
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for j, c := range row {
			cells[j] = c.text
		}
		line(cells)
	}
	b.WriteString("\\hline\n\\end{tabular}\n")
	return b.String()
}

// latexOf is what LaTeX needs in place of what it takes for a command, and in place of
// letters that its usual fonts lack.
var latexOf = func() map[rune]string {
	m := map[rune]string{
		'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '_': `\_`, '&': `\&`, '%': `\%`, '#': `\#`, '$': `\$`,
		'^': `\textasciicircum{}`, '~': `\textasciitilde{}`, '<': `\textless{}`, '>': `\textgreater{}`, '|': `\textbar{}`, '"': "''",
		'±': `$\pm$`, '−': `$-$`, '×': `$\times$`, '·': `$\cdot$`, '²': `$^2$`, '³': `$^3$`, '₀': `$_0$`, '₁': `$_1$`, '₂': `$_2$`,
		'≤': `$\le$`, '≥': `$\ge$`, '≠': `$\ne$`, '≈': `$\approx$`, '∞': `$\infty$`, '→': `$\to$`, '∂': `$\partial$`, '‖': `$\|$`,
		'Σ': `$\Sigma$`, '∈': `$\in$`, '⌈': `$\lceil$`, '⌉': `$\rceil$`, '…': `\ldots{}`, '–': `--`, 'ℓ': `$\ell$`, 'Ω': `$\Omega$`, 'Δ': `$\Delta$`,
	}
	for letter, name := range map[rune]string{
		'α': "alpha", 'β': "beta", 'γ': "gamma", 'δ': "delta", 'ε': "varepsilon", 'η': "eta", 'θ': "theta", 'κ': "kappa", 'λ': "lambda", 'μ': "mu",
		'π': "pi", 'ρ': "rho", 'σ': "sigma", 'τ': "tau", 'φ': "varphi", 'ψ': "psi", 'ω': "omega",
	} {
		m[letter] = `$\` + name + `$`
	}
	return m
}()

// Latex escapes what LaTeX takes for a command in running text, and writes signs and Greek
// letters as formulas.
func Latex(s string) string {
	var b strings.Builder
	for _, r := range s {
		if t, ok := latexOf[r]; ok {
			b.WriteString(t)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/losses"
)

// A formulaCard is what a loss states of itself in letters, at one setting.
type formulaCard struct {
	Loss      string            `json:"loss"`
	Gradient  string            `json:"gradient"`
	Map       string            `json:"map,omitempty"`
	Minimiser string            `json:"minimiser,omitempty"`
	Letters   map[string]string `json:"letters"`      // letter to the parameter that it is
	OfLabel   bool              `json:"of_one_label"` // the loss of a target is the weighted sum over its labels y

	shift bool // a constant added to the scores changes nothing
}

// newFormulaCard returns nil for a loss that states no formulas.
func newFormulaCard(b losses.Loss) *formulaCard {
	if b.Spec.Formulas == nil {
		return nil
	}
	f := b.Spec.Formulas(b.Values)
	letters := f.Letters
	if letters == nil {
		letters = map[string]string{}
	}
	return &formulaCard{
		Loss: string(f.Loss), Gradient: string(f.Gradient), Map: string(f.Map), Minimiser: string(f.Minimiser),
		Letters: letters, OfLabel: f.Loss.OfLabel(), shift: b.Theory().Props.Has(losses.ShiftInvariant),
	}
}

// noMinimiser stands where no minimiser is stated.
const noMinimiser = "none in closed form"

func (c *formulaCard) print(w io.Writer) {
	if c == nil {
		return
	}
	where := []string{}
	for _, letter := range slices.Sorted(maps.Keys(c.Letters)) {
		where = append(where, letter+" is "+c.Letters[letter])
	}
	where = append(where, "z are scores, t the target, K the number of candidates")
	if c.OfLabel {
		where = append(where, "y is a label: of a target ℓ is Σ_y t_y of this")
	}
	minimiser := noMinimiser
	if c.Minimiser != "" {
		minimiser = "z_j = " + c.Minimiser
		if c.shift {
			minimiser += "; any constant may be added"
		}
	}
	prediction := "none"
	if c.Map != "" {
		prediction = "p_j = " + c.Map
	}
	for _, f := range [][2]string{
		{"loss", "ℓ = " + c.Loss}, {"derivative", "∂ℓ/∂z_j = " + c.Gradient}, {"map", prediction}, {"minimiser", minimiser}, {"where", strings.Join(where, "; ")},
	} {
		fmt.Fprintf(w, "  %-10s  %s\n", f[0], f[1])
	}
	fmt.Fprintln(w)
}

// printLatex writes a LaTeX tabular of the losses, of all at their default where none is
// given. A formula's definitions stand below it, one a line.
func printLatex(w io.Writer, bs []losses.Loss) error {
	if len(bs) == 0 {
		for _, spec := range losses.All() {
			bs = append(bs, spec.Bind(spec.Defaults()))
		}
	}
	var rows strings.Builder
	for _, b := range bs {
		row, err := latexRow(b)
		if err != nil {
			return err
		}
		rows.WriteString(row)
	}
	fmt.Fprintf(w, `%% Needs \usepackage{amsmath}. z: scores, t: target, K: candidates; a formula with y is of one label.
%% It is wide: \resizebox it, or turn the page.
\begin{tabular}{lllllp{9em}}
\hline
Loss & $\ell$ & $\partial\ell/\partial z_j$ & $p_j$ & $z^*_j$ & Properties \\
\hline
%s\hline
\end{tabular}
`, rows.String())
	return nil
}

func latexRow(b losses.Loss) (string, error) {
	cells := []string{`\texttt{` + report.Latex(b.String()) + "}"}
	var f losses.Formulas
	if b.Spec.Formulas != nil {
		f = b.Spec.Formulas(b.Values)
	}
	for _, text := range []losses.Formula{f.Loss, f.Gradient, f.Map, f.Minimiser} {
		if text == "" {
			cells = append(cells, "--")
			continue
		}
		lines, err := text.LaTeX()
		if err != nil {
			return "", fmt.Errorf("%s: %w", b, err)
		}
		cell := `$\begin{aligned}[t] & ` + strings.Join(lines, `, \\ & `)
		cells = append(cells, cell+` \end{aligned}$`)
	}
	props := []string{undeclared}
	if b.HasTheory() {
		th := b.Theory()
		props = th.Props.Names()
		if th.Calibrated {
			props = append(props, "calibrated")
		}
		props = append(props, "order "+th.PopulationOrder.String())
	}
	cells = append(cells, `{\raggedright `+report.Latex(strings.Join(props, ", "))+`\par}`)
	return strings.Join(cells, "\n  & ") + " \\\\[4pt]\n", nil
}

package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestCardsHaveFormulas: what a Spec states is what its card prints.
func TestCardsHaveFormulas(t *testing.T) {
	for _, spec := range losses.All() {
		f := spec.Formulas(spec.Defaults())
		code, out, stderr := execute(t, "losses", spec.Name)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "  loss        ℓ = "+string(f.Loss)+"\n")
		require.Contains(t, out, "  derivative  ∂ℓ/∂z_j = "+string(f.Gradient)+"\n")
		prediction, minimiser := "  map         p_j = "+string(f.Map)+"\n", "  minimiser   z_j = "+string(f.Minimiser)
		if f.Map == "" {
			prediction = "  map         none\n"
		}
		if f.Minimiser == "" {
			minimiser = "  minimiser   none in closed form\n"
		}
		require.Contains(t, out, prediction)
		require.Contains(t, out, minimiser)
		require.Equal(t, f.Loss.OfLabel(), strings.Contains(out, "y is a label"), spec.Name)
		for letter, name := range f.Letters {
			require.Contains(t, out, letter+" is "+name+";", spec.Name)
		}
	}
	_, out, _ := execute(t, "losses", "softmax:smoothing=0.1,tau=2", "--json")
	var c struct {
		Formulas struct {
			Loss    string            `json:"loss"`
			Letters map[string]string `json:"letters"`
		} `json:"formulas"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &c))
	require.Equal(t, "log Σ_j e^{z_j/τ} − Σ_j t'_j z_j/τ, t'_j = (1 − ε) t_j + ε/K", c.Formulas.Loss)
	require.Equal(t, map[string]string{"τ": "tau", "ε": "smoothing"}, c.Formulas.Letters)
	_, out, _ = execute(t, "losses", "entmax")
	require.Contains(t, out, "  minimiser   z_j = t_j^{α − 1}/(α − 1); any constant may be added\n")
}

// TestLatexTable holds the structure of the table: a row of six cells for each loss, groups
// and environments that close, no letter that LaTeX would not print. Where a LaTeX is
// installed, it sets the table.
func TestLatexTable(t *testing.T) {
	code, out, stderr := execute(t, "losses", "--latex")
	require.Equal(t, exitOK, code, stderr)
	for _, r := range out {
		require.Less(t, r, rune(128), "%q is not ASCII", r)
	}
	comment, rest, _ := strings.Cut(out, "page.\n")
	require.True(t, strings.HasPrefix(comment, "% Needs \\usepackage{amsmath}."))
	require.True(t, strings.HasPrefix(rest, `\begin{tabular}{lllllp{9em}}`+"\n"))
	balanced(t, rest)
	_, body, _ := strings.Cut(rest, "Properties \\\\\n\\hline\n")
	body, end, _ := strings.Cut(body, "\\hline\n")
	require.Equal(t, "\\end{tabular}\n", end)
	rows := strings.Split(strings.TrimSuffix(body, " \\\\[4pt]\n"), " \\\\[4pt]\n")
	require.Len(t, rows, len(losses.Names()))
	for i, row := range rows {
		cells := strings.Split(row, "\n  & ")
		require.Len(t, cells, 6, row)
		require.Equal(t, `\texttt{`+losses.Names()[i]+"}", cells[0])
		for _, cell := range cells {
			balanced(t, cell)
			require.Zero(t, strings.Count(cell, "$")%2, cell)
		}
		f := losses.All()[i].Formulas(losses.All()[i].Defaults())
		require.Equal(t, f.Minimiser == "", cells[4] == "--", row)
	}
	require.Contains(t, rest, `\texttt{squared}
  & $\begin{aligned}[t] & \tfrac{1}{2} \, \sum_{j} \left(z_j - t_j\right)^{2} \end{aligned}$
  & $\begin{aligned}[t] & p_j - t_j \end{aligned}$
  & $\begin{aligned}[t] & z_j \end{aligned}$
  & $\begin{aligned}[t] & t_j \end{aligned}$
  & {\raggedright non-negative, fenchel-young, convex, affine-in-target, calibrated, order strict\par} \\[4pt]`)

	_, one, _ := execute(t, "losses", "psl:act=relu", "--latex")
	require.Contains(t, one, `\texttt{psl:act=relu}`)
	require.Equal(t, 1, strings.Count(one, `\texttt`))

	latex, err := exec.LookPath("pdflatex")
	if err != nil {
		needs.System(t, "pdflatex in PATH, for more than the structure")
	}
	dir := t.TempDir()
	doc := "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n" + out + one + "\\end{document}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.tex"), []byte(doc), 0o600))
	cmd := exec.CommandContext(t.Context(), latex, "-interaction=nonstopmode", "-halt-on-error", "t.tex")
	cmd.Dir = dir
	log, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", log)
}

// balanced holds that braces, \left and \right, and environments close.
func balanced(t *testing.T, text string) {
	t.Helper()
	depth := 0
	plain := strings.NewReplacer(`\{`, "", `\}`, "").Replace(text)
	for _, r := range plain {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		require.GreaterOrEqual(t, depth, 0, text)
	}
	require.Zero(t, depth, text)
	require.Equal(t, strings.Count(text, `\left`), strings.Count(text, `\right`), text)
	require.Equal(t, strings.Count(text, `\begin{`), strings.Count(text, `\end{`), text)
}

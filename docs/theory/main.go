// Command theory writes docs/theory.md: the frame of docs/theory/frame.tmpl, filled with what
// the losses, recipes and samplers register of themselves.
//
//	go run ./docs/theory [-o FILE]
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

//go:embed frame.tmpl
var frame string

// candidates is the number of candidates of a row that the table states smoothness for.
const candidates = 1000

func main() {
	out := flag.String("o", "", "file to write; unless given it goes to standard output")
	flag.Parse()
	text, err := page()
	if err == nil && *out != "" {
		err = os.WriteFile(*out, []byte(text), 0o644)
	} else if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "theory:", err)
		os.Exit(1)
	}
}

// A loss is what the page says of one.
type loss struct {
	Name, Doc, Smoothness, Margin, Order, Calibrated, Properties, Math string
	Facts                                                              []string
}

type recipe struct{ Name, Stands, Minimiser, Order, Uniform, Source string }

type proposal struct{ Name, Doc, Growth, Facts, Cost, Source string }

type named struct{ Name, Doc string }

// page returns the whole page.
func page() (string, error) {
	var data struct {
		K          int
		Checks     []check
		Losses     []loss
		Properties []named
		Recipes    []recipe
		Samplers   []proposal
	}
	data.K, data.Checks = candidates, checks
	for _, spec := range losses.All() {
		l, err := describe(spec.Bind(spec.Defaults()))
		if err != nil {
			return "", fmt.Errorf("%s: %w", spec.Name, err)
		}
		data.Losses = append(data.Losses, l)
	}
	for _, p := range losses.AllProps() {
		data.Properties = append(data.Properties, named{p.String(), properties[p]})
	}
	for _, r := range models.Recipes() {
		data.Recipes = append(data.Recipes, recipe{r.Name, r.Loss + "@" + r.Candidates, cell(r.Minimiser), r.Order.String(), r.OrderUniform.String(), cell(source(r.Source))})
	}
	for _, s := range sampler.All() {
		facts := strings.Join(s.Props.Names(), ", ")
		data.Samplers = append(data.Samplers, proposal{s.Name, cell(s.Doc), s.Growth.String(), facts, "`" + s.Cost + "`", cell(source(s.Source))})
	}
	t, err := template.New("frame").Funcs(template.FuncMap{"code": func(x any) string { return fmt.Sprintf("`%v`", x) }}).Parse(frame)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return strings.TrimRight(out.String(), "\n") + "\n", nil
}

// properties says in words and signs what a loss with each property has.
var properties = map[losses.Props]string{
	losses.NonNegative:      `$\ell \ge 0$`,
	losses.ShiftInvariant:   `$\ell(z + c, t) = \ell(z, t)$, so that the gradient sums to 0`,
	losses.FenchelYoungForm: `$\partial\ell/\partial z = c\,(p(z) - t)$ for a map $p$ that does not depend on $t$ and a constant $c > 0$`,
	losses.Simplex:          `the map is a distribution: $p \ge 0$ and $\sum_j p_j = 1$`,
	losses.Convex:           `$\ell$ is convex in $z$`,
	losses.SparseGradient:   `classes far below the top have a gradient of exactly 0`,
	losses.AffineInTarget:   `$\partial\ell(z, t)/\partial z = \sum_k t_k\,\partial\ell(z, e_k)/\partial z$: a row of several labels is one objective with a row for each`,
	losses.HotLabels:        `$\ell$ depends on which classes a target has, and not on their weights`,
}

// describe returns what l declares.
func describe(l losses.Loss) (loss, error) {
	th := l.Theory()
	math, err := formulas(l)
	if err != nil {
		return loss{}, err
	}
	out := loss{
		Name: l.Spec.Name, Doc: upper(strings.TrimSuffix(l.Spec.Doc, ".")), Math: math,
		Smoothness: number(th.Smoothness(candidates)), Margin: number(th.Margin), Order: th.PopulationOrder.String(), Calibrated: yesNo(th.Calibrated),
		Properties: strings.Join(th.Props.Names(), ", "),
	}
	fact := func(name, text string) {
		if text != "" {
			out.Facts = append(out.Facts, "**"+name+"**: "+text)
		}
	}
	for _, p := range l.Spec.Params {
		fact("`"+p.Name+"`", cell(p.Doc)+setting(p))
	}
	if l.Spec.Domain != losses.Reals {
		fact("scores", l.Spec.Domain.String())
	}
	fact("order", fmt.Sprintf("%s in the scores of the minimiser, %s in the map; zero-one %s; calibrated %s",
		th.PopulationOrder, th.MapOrder, yesNo(th.ZeroOne), yesNo(th.Calibrated)))
	fact("gradient", th.Support.String())
	if th.Condition != nil {
		fact("conditioning", fmt.Sprintf("declared; where one class has the half and 9 share the rest $\\kappa$ = %s", number(th.Condition(halves()))))
	}
	fact("cost of a row", "`"+th.Cost+"`, beside the scores")
	fact("source", source(l.Spec.Source))
	for i, f := range out.Facts {
		out.Facts[i] = figures(f)
	}
	return out, nil
}

// halves is a distribution of ten classes, the first with one half.
func halves() []float64 {
	t := slices.Repeat([]float64{0.5 / 9}, 10)
	t[0] = 0.5
	return t
}

// setting says what a parameter may be and is unless given.
func setting(p losses.Param) string {
	if p.IsString() {
		return fmt.Sprintf("; `%s` unless given", p.DefaultString)
	}
	return fmt.Sprintf("; from `%g` to `%g`, `%g` unless given", p.Min, p.Max, p.Default)
}

// formulas are the statements of l, aligned.
func formulas(l losses.Loss) (string, error) {
	if l.Spec.Formulas == nil {
		return `\text{no formulas are declared}`, nil
	}
	f := l.Spec.Formulas(l.Values)
	var lines []string
	for _, s := range []struct {
		name    string
		formula losses.Formula
	}{{`\ell`, f.Loss}, {`\frac{\partial\ell}{\partial z_j}`, f.Gradient}, {"p_j", f.Map}, {"z^*_j", f.Minimiser}} {
		if s.formula == "" {
			continue
		}
		parts, err := s.formula.LaTeX()
		if err != nil {
			return "", err
		}
		lines = append(lines, s.name+" &= "+parts[0])
		for _, where := range parts[1:] { // definitions and equations
			lines = append(lines, `&\qquad `+where)
		}
	}
	return "\\begin{aligned}\n" + strings.Join(lines, " \\\\\n") + "\n\\end{aligned}", nil
}

// number returns a number as code, – where there is none.
func number(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("`%.4g`", x)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func upper(s string) string {
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// cell is text within a table or a list, in which Markdown reads no signs of its own.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", "\n", " ").Replace(s)
}

var arxiv = regexp.MustCompile(`arXiv:(\d{4}\.\d{4,5})`)

// source links the papers of arXiv.
func source(s string) string {
	return arxiv.ReplaceAllString(s, "[arXiv:$1](https://arxiv.org/abs/$1)")
}

// decimals are numbers with a decimal point, in a sentence, beside those of papers and links.
var decimals = regexp.MustCompile("`[^`]*`|\\[[^]]*\\]\\([^)]*\\)|arXiv:[\\d.]+|\\$[^$]*\\$|-?\\d+\\.\\d+")

// figures puts the numbers of a sentence, which are settings of the design, in code.
func figures(s string) string {
	return decimals.ReplaceAllStringFunc(s, func(m string) string {
		if strings.ContainsAny(m[:1], "`[$a") {
			return m
		}
		return "`" + m + "`"
	})
}

package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

func init() { commands = append(commands, newLosses) }

func newLosses(s streams) *cobra.Command {
	var (
		asJSON, asLatex bool
		priced          bool
		figure          string
		within          span
		form            formFlag
	)
	cmd := &cobra.Command{
		Use:   "losses [NAME]",
		Short: "List the losses, or describe one",
		Long: `Without a name, losses prints one line per registered loss. With a name, or a
spec text such as "softmax:tau=0.2", it prints the card of that loss: its
parameters, its declared properties and what theory says of it. A recipe is
a loss with the candidates that it is meant for, under one name, such as
sampled-softmax; its card says what it stands for and which scores minimise it.
Its text sets parameters of either; where --candidates of another command names
other candidates, they take those that were for candidates, or refuse them.

  smoothness  the largest curvature of the loss in its scores, here for 1000 candidates
  order       whether the scores that minimise the expected loss are ordered as the true
              probabilities: strict, weak (distinct items may tie) or none
  margin      the lead of the label from which the loss is 0; - where there is none
  calibrated  whether the predicted probabilities of the minimiser are the true ones
  sparse      whether classes far below the top get gradient exactly 0

The price is measured as the command runs, in a second at most: a step of the loss over
10,000 classes beside the same step under a fused softmax. A loss that is stated as a
graph alone trains through that graph, and the price says how much slower that is.
--price=false leaves it out.

The temperature is what cosine scores are divided by in training unless told otherwise:
the natural one, at which one unit of cosine is the lead that the loss's link gives the
M classes that follow a context over the others. M, the spread, is the mean interactions
of a user unless --spread of train says it; the card has it for MovieLens-1M.

What a loss does not declare is printed as "not declared", and as ? in the list. JSON
prints null for a smoothness or margin that is infinite or not declared.

--plot draws the value and the gradient of the label against the label's lead over
the other candidates, of one loss or of all, to a file .svg or .png. Each loss has a
range of leads of its own, from what it is at its parameters; --from and --to set one.

--latex prints the table of all losses, or of one, in LaTeX: a tabular of loss,
gradient, map and minimiser, for a document that loads amsmath.`,
		Args:              arguments(0, 1),
		ValidArgsFunction: completeSpecs("loss", "recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var shown []losses.Loss
			var r models.Choice
			if len(args) > 0 {
				var err error
				if r, err = models.Resolve(args[0], "", 0); err != nil {
					return usageError{err}
				}
				shown = []losses.Loss{r.Loss}
			}
			if cmd.Flags().Changed("plot") {
				if asJSON || asLatex || cmd.Flags().Changed("table") {
					return usagef("--plot draws, and --json, --latex and --table print; give one of them")
				}
				return plotLosses(s.out, figure, shown, within)
			}
			if within != (span{}) {
				return usagef("--from and --to are of --plot, which is not given")
			}
			if cmd.Flags().Changed("table") && (asLatex || len(args) > 0) {
				return usagef("--table is of the list of all losses, without --latex, which prints another table")
			}
			if asLatex {
				if asJSON {
					return usagef("--latex and --json are two forms; give one of them")
				}
				return printLatex(s.out, shown)
			}
			if len(args) == 0 && cmd.Flags().Changed("price") {
				return usagef("--price is of one loss; name it")
			}
			if len(args) == 0 {
				return listLosses(s, asJSON, form)
			}
			c := newCard(r.Loss)
			if r.Recipe != nil {
				c.Recipe = newRecipeCard(r)
			}
			if priced {
				c.Price = measurePrice(r.Loss)
			}
			if asJSON {
				return printJSON(s.out, c)
			}
			c.print(s.out)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&priced, "price", true, "measure what a step under the loss NAME takes")
	cmd.Flags().StringVar(&figure, "plot", "", "file .svg or .png to draw the curves to, instead of printing")
	addOptionalReal(cmd.Flags(), &within.from, "from", "least lead that --plot draws (default the loss's own)")
	addOptionalReal(cmd.Flags(), &within.to, "to", "largest lead that --plot draws (default the loss's own)")
	cmd.Flags().BoolVar(&asLatex, "latex", false, "print a table of formulas in LaTeX")
	form.add(cmd)
	must(cmd.MarkFlagFilename("plot", "svg", "png"))
	return cmd
}

// undeclared is what cards print of what a loss does not declare.
const undeclared = "not declared"

// candidates is the K at which cards state what depends on it.
const candidates = 1000

// A card is what the registry says of a loss at one setting.
type card struct {
	Name       string        `json:"name"`
	Spec       string        `json:"spec"`
	Learned    []string      `json:"learned,omitempty"` // parameters that are trained
	At         string        `json:"at,omitempty"`      // the loss where they start, of which Formulas to Cost are
	Doc        string        `json:"doc"`
	Source     string        `json:"source"`
	Declared   bool          `json:"theory_declared"` // else all from Properties to Cost says nothing
	Domain     string        `json:"domain"`
	Params     []cardParam   `json:"params"`
	Properties []string      `json:"properties"`
	Smoothness report.Number `json:"smoothness_at_1000"`
	MapOrder   string        `json:"map_order"`
	Order      string        `json:"population_order"`
	Calibrated bool          `json:"calibrated"`
	Margin     report.Number `json:"margin"`
	Support    string        `json:"gradient_support"`
	Cost       string        `json:"cost_per_row"`

	Temperature *naturalCard `json:"natural_temperature"` // null where there is none

	Formulas *formulaCard `json:"formulas,omitempty"`
	Recipe   *recipeCard  `json:"recipe,omitempty"`
	Price    *price       `json:"price,omitempty"` // nil where it was not measured

	fixed string // what is said where Temperature is nil
}

// A naturalCard is a loss's natural temperature on one set of data.
type naturalCard struct {
	Spread  float64 `json:"spread"`
	Classes int     `json:"classes"`
	Value   float64 `json:"value"`

	where string // what it is of, in words
}

// Cards state the natural temperature at the mean interactions of a user of MovieLens-1M,
// and at its items.
const (
	cardSpread  = 132
	cardClasses = 3043
)

// newNaturalCard returns that of l, nil where it has none or is trained at 1 because it
// has a temperature of its own.
func newNaturalCard(l losses.Loss) *naturalCard {
	tau, ok := l.NaturalTemperature(cardSpread, cardClasses)
	if !ok || l.Unit() != 1 {
		return nil
	}
	where := fmt.Sprintf("where %d of %d classes follow a context", cardSpread, cardClasses)
	switch {
	case l.Theory().Props.Has(losses.HotLabels):
		where = fmt.Sprintf("on %d classes, with M = 1 because labels are hot", cardClasses)
	case !l.SpreadMatters(cardSpread, cardClasses):
		where = fmt.Sprintf("on %d classes, M cancels", cardClasses)
	}
	return &naturalCard{cardSpread, cardClasses, tau, where}
}

// temperature says what cosines are divided by before the loss.
func (c card) temperature() string {
	if c.Temperature == nil {
		return c.fixed
	}
	return fmt.Sprintf("1/(Link(1/M) − Link(b)) for cosines, b = 0 or, where that is infinite, 1/(C·M): %.4g %s", c.Temperature.Value, c.Temperature.where)
}

// composed is what the registry says of a recipe beside its loss.
type recipeCard struct {
	Name       string      `json:"name"`
	Doc        string      `json:"doc"`
	Source     string      `json:"source"`
	Line       []string    `json:"stands_for"` // flags that train the same
	Candidates string      `json:"candidates"`
	Minimiser  string      `json:"minimiser"` // "" where none is declared of these candidates
	Order      string      `json:"population_order"`
	Uniform    string      `json:"population_order_uniform_draws"`
	SetByRun   []string    `json:"set_by_run"` // parameters of the loss that the data set decides
	Params     []cardParam `json:"params"`
}

func newRecipeCard(r models.Choice) *recipeCard {
	c := r.Recipe
	loss, candidates := r.Line()
	p := &recipeCard{Name: c.Name, Doc: c.Doc, Source: c.Source, Line: []string{"--loss", loss, "--candidates", candidates}, Candidates: candidates,
		Order: losses.NoOrder.String(), Uniform: losses.NoOrder.String(), SetByRun: r.SetByRun(), Params: cardParams(c.Params, r.Values)}
	if r.Declared() {
		p.Minimiser, p.Order, p.Uniform = c.Minimiser, c.Order.String(), c.OrderUniform.String()
	}
	return p
}

func cardParams(ps []losses.Param, v losses.Values) []cardParam {
	cs := []cardParam{}
	for _, p := range ps {
		q := cardParam{Name: p.Name, Doc: p.Doc}
		q.Choices, q.Range = choices(p)
		if p.IsString() {
			q.Value, q.Default = v.String(p.Name), p.DefaultString
		} else {
			q.Value, q.Default = numberOf(p, v.Num(p.Name)), numberOf(p, p.Default)
			if v.Learned(p.Name) {
				q.Value = v.Of(p)
			}
		}
		cs = append(cs, q)
	}
	return cs
}

// numberOf returns a number of p as it is printed: a whole one in digits, where a float64 has
// an exponent from a million on.
func numberOf(p losses.Param, x float64) any {
	if p.Integer {
		return int64(x)
	}
	return x
}

type cardParam struct {
	Name    string   `json:"name"`
	Value   any      `json:"value"`
	Default any      `json:"default"`
	Range   string   `json:"range,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Doc     string   `json:"doc"`
}

func newCard(b losses.Loss) card {
	th := b.Theory()
	c := card{
		Name: b.Spec.Name, Spec: b.String(), Doc: b.Spec.Doc, Source: b.Spec.Source, Domain: b.Spec.Domain.String(),
		Params:     cardParams(b.Params, b.Values),
		Declared:   b.HasTheory(),
		Properties: th.Props.Names(),
		Smoothness: report.Number(th.Smoothness(candidates)),
		MapOrder:   th.MapOrder.String(), Order: th.PopulationOrder.String(),
		Calibrated: th.Calibrated,
		Margin:     report.Number(th.Margin),
		Support:    th.Support.String(), Cost: th.Cost,
		Formulas: newFormulaCard(b),
	}
	if !c.Declared {
		c.Support = ""
	}
	switch c.Temperature = newNaturalCard(b); {
	case c.Temperature != nil:
	case b.Spec.Domain == losses.Cosines:
		c.fixed = "none: it takes cosines"
	case b.Unit() != 1:
		c.fixed = "1: the loss has its own"
	default:
		c.fixed = "0.2 for cosines: no natural temperature follows from what it declares"
	}
	if learned := b.Learned(); len(learned) > 0 {
		var starts []float64
		for _, p := range learned {
			c.Learned, starts = append(c.Learned, p.Name), append(starts, p.Start)
		}
		c.At = b.At(starts...).String()
	}
	return c
}

func listLosses(s streams, asJSON bool, form formFlag) error {
	cards := []card{}
	for _, spec := range losses.All() {
		cards = append(cards, newCard(spec.Bind(spec.Defaults())))
	}
	if asJSON {
		return printJSON(s.out, cards)
	}
	w := form.sheet(s)
	t := newTable("LOSS", "SMOOTHNESS", "MARGIN", "ORDER", "CALIBRATED", "CONVEX", "SPARSE", "WHAT IT IS")
	for _, c := range cards {
		if !c.Declared {
			t.add(c.Name, "?", "?", "?", "?", "?", "?", c.Doc)
			continue
		}
		t.add(c.Name, c.Smoothness, c.Margin, c.Order, yesNo(c.Calibrated),
			yesNo(slices.Contains(c.Properties, "convex")), yesNo(slices.Contains(c.Properties, "sparse-gradient")), c.Doc)
	}
	t.print(w, "")
	fmt.Fprintln(w)
	t = newTable("RECIPE", "LOSS", "CANDIDATES", "ORDER", "UNIFORM", "WHAT IT IS")
	for _, c := range models.Recipes() {
		r, err := models.Resolve(c.Name, "", 0)
		if err != nil {
			return err
		}
		t.add(c.Name, r.Loss.Spec.Name, r.Head.Spec.Name, c.Order, c.OrderUniform, c.Doc)
	}
	t.print(w, "")
	fmt.Fprintf(w, "\n%[1]s losses NAME describes one; %[1]s train --loss NAME trains it.\nIn the tables - is none or no bound, and ? is not declared.\n", s.program)
	return nil
}

func (c card) print(w io.Writer) {
	if p := c.Recipe; p != nil {
		fmt.Fprintf(w, "%s: %s\n\n", p.Name, p.Doc)
		minimiser := p.Minimiser
		if minimiser == "" {
			minimiser = "not declared: correction or hits are not the recipe's own"
		}
		facts := [][2]string{{"stands for", strings.Join(p.Line, " ")}, {"source", p.Source}, {"minimiser", minimiser}}
		if len(p.SetByRun) > 0 {
			facts = append(facts, [2]string{"set by run", strings.Join(p.SetByRun, ", ") + ", from its numbers of classes and draws; the card below has the value before they are known"})
		}
		if p.Order != losses.NoOrder.String() {
			facts = append(facts, [2]string{"order", p.Order + " in the scores for any draws, " + p.Uniform + " for uniform ones"})
		}
		for _, f := range facts {
			fmt.Fprintf(w, "  %-10s  %s\n", f[0], f[1])
		}
		for _, q := range p.Params {
			fmt.Fprintf(w, "  %-10s  %v (%s): %s\n", q.Name, q.Value, q.Range, q.Doc)
		}
		fmt.Fprint(w, "\nIts row loss over all candidates:\n\n")
	}
	fmt.Fprintf(w, "%s: %s\n\n", c.Name, c.Doc)
	c.Formulas.print(w)
	order := c.Order + " in the scores, " + c.MapOrder + " in the prediction map"
	if c.MapOrder == losses.NoOrder.String() {
		order = c.Order + " in the scores; there is no prediction map"
	}
	facts := [][2]string{{"spec", c.Spec}}
	if len(c.Learned) > 0 {
		facts = append(facts, [2]string{"learned", strings.Join(c.Learned, ", ") + "; what is said of it below is of " + c.At + ", where it starts"})
	}
	facts = append(facts, [2]string{"source", cmp.Or(c.Source, undeclared)})
	if c.Declared {
		facts = append(facts, [][2]string{
			{"properties", strings.Join(c.Properties, ", ")},
			{"scores", c.Domain},
			{"order", order},
			{"calibrated", yesNo(c.Calibrated)},
			{"smoothness", c.Smoothness.Or("unbounded") + fmt.Sprintf(" at %d candidates", candidates)},
			{"margin", c.Margin.Or("none")},
			{"gradient", c.Support},
			{"cost", c.Cost + " a row, beside the scores"},
		}...)
	} else {
		facts = append(facts, [2]string{"scores", c.Domain}, [2]string{"theory", undeclared})
	}
	facts = append(facts, [2]string{"divided by", c.temperature()})
	if c.Price != nil {
		facts = append(facts, [2]string{"price", c.Price.String()})
		if c.Price.Fault == "" {
			facts = append(facts, [2]string{"measured", c.Price.protocol()})
		}
	}
	for _, f := range facts {
		fmt.Fprintf(w, "  %-10s  %s\n", f[0], f[1])
	}
	if len(c.Params) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable("PARAMETER", "VALUE", "DEFAULT", "RANGE", "WHAT IT IS")
	for _, p := range c.Params {
		within := p.Range
		if p.Choices != nil {
			within = strings.Join(p.Choices, ", ")
		}
		t.add(p.Name, p.Value, p.Default, within, p.Doc)
	}
	t.print(w, "  ")
}

// choices returns the strings that a parameter takes, or else the range of what it
// takes.
func choices(p losses.Param) (words []string, within string) {
	switch {
	case p.Choices != nil:
		return p.Choices(), ""
	case p.AnyString:
		return nil, "text without a comma"
	}
	return nil, p.Range()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

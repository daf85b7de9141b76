package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/losses"
)

func init() { commands = append(commands, newLosses) }

func newLosses(s streams) *cobra.Command {
	var (
		asJSON bool
		figure string
	)
	cmd := &cobra.Command{
		Use:   "losses [NAME]",
		Short: "List the losses, or describe one",
		Long: `Without a name, losses prints one line per registered loss. With a name, or a
spec text such as "softmax:tau=0.2", it prints the card of that loss: its
parameters, its declared properties and what theory says of it.

  smoothness  the largest curvature of the loss in its scores, here for 1000 candidates
  order       whether the scores that minimise the expected loss are ordered as the true
              probabilities: strict, weak (distinct items may tie) or none
  margin      the lead of the label from which the loss is 0; - where there is none
  calibrated  whether the predicted probabilities of the minimiser are the true ones
  sparse      whether classes far below the top get gradient exactly 0

JSON prints null for a smoothness or margin that is infinite.

--plot draws the value and the gradient of the label against the label's lead over
the other candidates, of one loss or of all, to a file .svg or .png.`,
		Args:              arguments(0, 1),
		ValidArgsFunction: completeSpecs("loss"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var shown []losses.Bound
			if len(args) > 0 {
				b, err := losses.Parse(args[0])
				if err != nil {
					return usageError{err}
				}
				shown = []losses.Bound{b}
			}
			if cmd.Flags().Changed("plot") {
				if asJSON {
					return usagef("--plot draws and --json prints; give one of them")
				}
				return plotLosses(s.out, figure, shown)
			}
			if len(args) == 0 {
				return listLosses(s.out, asJSON)
			}
			b := shown[0]
			if asJSON {
				return printJSON(s.out, newCard(b))
			}
			newCard(b).print(s.out)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&figure, "plot", "", "file .svg or .png to draw the curves to, instead of printing")
	must(cmd.MarkFlagFilename("plot", "svg", "png"))
	return cmd
}

// candidates is the K at which cards state what depends on it.
const candidates = 1000

// A card is what the registry says of a loss at one setting.
type card struct {
	Name       string      `json:"name"`
	Spec       string      `json:"spec"`
	Doc        string      `json:"doc"`
	Source     string      `json:"source"`
	Domain     string      `json:"domain"`
	Params     []cardParam `json:"params"`
	Properties []string    `json:"properties"`
	Smoothness number      `json:"smoothness_at_1000"`
	MapOrder   string      `json:"map_order"`
	Order      string      `json:"population_order"`
	Calibrated bool        `json:"calibrated"`
	Margin     number      `json:"margin"`
	Support    string      `json:"gradient_support"`
	Cost       string      `json:"cost_per_row"`
}

type cardParam struct {
	Name    string   `json:"name"`
	Value   any      `json:"value"`
	Default any      `json:"default"`
	Range   string   `json:"range,omitempty"`
	Words   []string `json:"choices,omitempty"`
	Doc     string   `json:"doc"`
}

func newCard(b losses.Bound) card {
	th := b.Theory()
	c := card{
		Name: b.Spec.Name, Spec: b.String(), Doc: b.Spec.Doc, Source: b.Spec.Source, Domain: b.Spec.Domain.String(),
		Params:     []cardParam{},
		Properties: th.Props.Names(),
		Smoothness: number(th.Smoothness(candidates)),
		MapOrder:   th.MapOrder.String(), Order: th.PopulationOrder.String(),
		Calibrated: th.Calibrated,
		Margin:     number(th.Margin),
		Support:    th.Support, Cost: th.Cost,
	}
	for _, p := range b.Spec.Params {
		q := cardParam{Name: p.Name, Doc: p.Doc}
		if p.Words != nil {
			q.Value, q.Default, q.Words = b.Values.Word(p.Name), p.DefaultWord, p.Words()
		} else {
			q.Value, q.Default, q.Range = b.Values.Num(p.Name), p.Default, rangeText(p.Min, p.Max)
		}
		c.Params = append(c.Params, q)
	}
	return c
}

func listLosses(w io.Writer, asJSON bool) error {
	cards := []card{}
	for _, spec := range losses.All() {
		cards = append(cards, newCard(spec.Bind(spec.Defaults())))
	}
	if asJSON {
		return printJSON(w, cards)
	}
	t := newTable("LOSS", "SMOOTHNESS", "MARGIN", "ORDER", "CALIBRATED", "CONVEX", "SPARSE", "WHAT IT IS")
	for _, c := range cards {
		t.add(c.Name, c.Smoothness.or(none), c.Margin.or(none), c.Order, yesNo(c.Calibrated),
			yesNo(slices.Contains(c.Properties, "convex")), yesNo(slices.Contains(c.Properties, "sparse-gradient")), c.Doc)
	}
	t.print(w, "")
	fmt.Fprintln(w, "\nfenchel losses NAME describes one; fenchel train --loss NAME trains it.")
	return nil
}

func (c card) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\n", c.Name, c.Doc)
	order := c.Order + " in the scores, " + c.MapOrder + " in the prediction map"
	if c.MapOrder == losses.NoOrder.String() {
		order = c.Order + " in the scores; there is no prediction map"
	}
	facts := []struct{ name, value string }{
		{"spec", c.Spec},
		{"source", c.Source},
		{"properties", strings.Join(c.Properties, ", ")},
		{"scores", c.Domain},
		{"order", order},
		{"calibrated", yesNo(c.Calibrated)},
		{"smoothness", c.Smoothness.or("unbounded") + fmt.Sprintf(" at %d candidates", candidates)},
		{"margin", c.Margin.or("none")},
		{"gradient", c.Support},
		{"cost", c.Cost + " a row, beside the scores"},
	}
	for _, f := range facts {
		fmt.Fprintf(w, "  %-10s  %s\n", f.name, f.value)
	}
	if len(c.Params) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable("PARAMETER", "VALUE", "DEFAULT", "RANGE", "WHAT IT IS")
	for _, p := range c.Params {
		within := p.Range
		if p.Words != nil {
			within = strings.Join(p.Words, ", ")
		}
		t.add(p.Name, p.Value, p.Default, within, p.Doc)
	}
	t.print(w, "  ")
}

func rangeText(low, high float64) string {
	if math.IsInf(high, 1) {
		return fmt.Sprintf("%g or more", low)
	}
	return fmt.Sprintf("%g to %g", low, high)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

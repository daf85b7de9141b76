package complexity

import (
	"fmt"
	"math"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// slack is how far a measured exponent may exceed the declared one: caches and
// the time that other programs take bend a line of five points by as much.
const slack = 0.15

// Verdicts holds measured exponents against the declared arithmetic, which is an
// upper bound: what a step costs at any size makes small sizes look flat.
func Verdicts(rs []Result) report.Verdicts {
	var vs report.Verdicts
	for _, r := range rs {
		for _, e := range r.Exponents {
			if !e.Declared.Finite() {
				continue
			}
			v := report.Verdict{Kind: report.Open, Text: fmt.Sprintf("%s: seconds per step grow with %s like a power of %.2f, at most %.2f declared by %s", r.Loss, e.Of, float64(e.Measured), float64(e.Declared), r.Cost)}
			se := float64(e.Error)
			switch over := float64(e.Measured) - float64(e.Declared); {
			case math.IsNaN(se):
				v.Detail = "two sizes alone were measured"
			case over <= slack:
				v.Kind = report.Agrees
			case over-2*se > slack:
				v.Kind = report.Disagrees
				v.Detail = fmt.Sprintf("± %.2f over %d sizes", se, e.Points)
			default:
				v.Detail = fmt.Sprintf("± %.2f over %d sizes: the times are too uneven", se, e.Points)
			}
			vs = append(vs, v)
		}
	}
	return vs
}

// Section shows results of Run(c).
func Section(c Config, rs []Result) report.Section {
	c = c.WithDefaults()
	centre := c.centre()
	t := report.Table{
		Title: "Exponents of seconds per step",
		Head:  []string{"loss", "cost declared", "in C", "declared", "in d", "declared", "in B", "declared", "in n", "declared", "ms at the centre", "MiB held", "MiB foretold"},
		Note: fmt.Sprintf("Least squares in logarithms, ± one standard error, one size varying through the centre C = %d, d = %d, B = %d, n = %d. A step is a whole training step: gather, loss, gradients, optimizer. Declared exponents are those of the formula over the same sizes. MiB: live heap at the centre, and what the memory estimate foretells.",
			centre.Classes, centre.Dim, centre.Batch, centre.Draws),
	}
	blocks := []report.Block{
		report.Text("What a training step costs, beside the arithmetic that theory counts. Full losses pay for every class, sampled ones for their draws, hierarchies for a path; quadratic and spherical losses work through a d × d matrix instead of the scores."),
		Verdicts(rs),
	}
	byClasses := plot.Lines{Title: "Seconds per step against the classes", X: plot.Axis{Label: "classes C", Log: true}, Y: plot.Axis{Label: "milliseconds per step", Log: true}}
	memory := plot.Lines{Title: "Memory against the classes", X: plot.Axis{Label: "classes C", Log: true}, Y: plot.Axis{Label: "live heap (MiB)", Log: true}}
	var notes []report.Block
	var cut []string
	for _, r := range rs {
		row := []report.Cell{report.Words(r.Loss), report.Words(r.Cost)}
		for _, of := range []string{"C", "d", "B", "n"} {
			measured, declared := report.Cell{}, report.Cell{}
			for _, e := range r.Exponents {
				if e.Of != of {
					continue
				}
				text := fmt.Sprintf("%.2f", float64(e.Measured))
				if e.Error.Finite() {
					text += fmt.Sprintf(" ± %.2f", float64(e.Error))
				}
				measured = report.WithError(text, e.Measured, e.Error)
				if e.Declared.Finite() {
					declared = report.Fixed(e.Declared, 2)
				}
			}
			row = append(row, measured, declared)
		}
		ms, held, foretold := report.Cell{}, report.Cell{}, report.Cell{}
		s, m := plot.Series{Name: r.Loss}, plot.Series{Name: r.Loss}
		for _, n := range c.Classes {
			p := centre
			p.Classes = n
			for _, sample := range r.Samples {
				if sample.Point != p {
					continue
				}
				s.X, s.Y = append(s.X, float64(n)), append(s.Y, 1e3*float64(sample.Seconds))
				m.X, m.Y = append(m.X, float64(n)), append(m.Y, mib(sample.Bytes))
				if p == centre {
					ms = report.Digits(1e3*float64(sample.Seconds), 3)
					held, foretold = report.Digits(mib(sample.Bytes), 3), report.Digits(mib(sample.Estimated), 3)
				}
			}
		}
		if len(s.Y) > 0 {
			byClasses.Series, memory.Series = append(byClasses.Series, s), append(memory.Series, m)
		}
		t.Rows = append(t.Rows, append(row, ms, held, foretold))
		if r.Fault != "" {
			notes = append(notes, report.Text(r.Loss+": "+r.Fault))
		}
		if r.Cut {
			cut = append(cut, fmt.Sprintf("%s after %d", r.Loss, len(r.Samples)))
		}
	}
	blocks = append(blocks, t)
	if len(cut) > 0 {
		notes = append(notes, report.Text("The budget cut sweeps short; so many sizes were measured: "+strings.Join(cut, "; ")+"."))
	}
	blocks = append(blocks, notes...)
	if len(byClasses.Series) > 0 {
		blocks = append(blocks,
			report.Figure{Figure: byClasses, Caption: fmt.Sprintf("At d = %d, B = %d, n = %d; the least of %d steps.", centre.Dim, centre.Batch, centre.Draws, c.Steps)},
			report.Figure{Figure: memory, Caption: "Tables, optimizer state and the buffers of the graph."})
	}
	return report.Section{Title: "Complexity", Blocks: blocks, Data: map[string]any{"config": c, "results": rs}}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

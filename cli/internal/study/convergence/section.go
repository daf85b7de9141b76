package convergence

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// Section shows descents, hard labels and traces; each may be empty.
func Section(c TabularConfig, ds []Descent, hs []Hard, traces []Trace) report.Section {
	c = c.WithDefaults()
	blocks := []report.Block{report.Text(fmt.Sprintf(
		"How fast is gradient descent under each loss? In the table of free scores the truth is Zipf(1) over C classes, scores start at 0, the step is 1/β with the declared smoothness β, and descent runs until the conditional risk is within %g of its minimum. Theory: the number of iterations follows the condition number at the minimiser, for α-entmax (t_max/t_min)^{2−α}: from hundreds for softmax (α = 1) to one step for sparsemax (α = 2) and the quadratic losses.", c.Excess))}
	if len(ds) > 0 {
		blocks = append(blocks, Verdicts(ds), descentTable(ds))
		blocks = append(blocks, descentFigures(c, ds)...)
	}
	if len(hs) > 0 {
		blocks = append(blocks, hardTable(hs))
	}
	if len(traces) > 0 {
		blocks = append(blocks, traceBlocks(traces)...)
	}
	return report.Section{Title: "Convergence", Blocks: blocks, Data: map[string]any{"config": c, "tabular": ds, "one_label": hs, "training": traces}}
}

// Slack of the verdicts: the declared bound on κ is an interlacing bound, which
// the true value stays below by a factor that depends on t; and Predicted puts
// all excess into the slowest direction, which it never lies in wholly.
const (
	conditionOver  = 1.02
	conditionUnder = 2.5
)

// Verdicts holds each descent against what its loss declares.
func Verdicts(ds []Descent) report.Verdicts {
	var vs report.Verdicts
	for _, d := range ds {
		if d.Skipped != "" {
			continue
		}
		at := fmt.Sprintf("%s, C = %d", d.Loss, d.Classes)
		if d.Declared.Finite() {
			v := report.Verdict{Kind: report.Agrees, Text: fmt.Sprintf("%s: condition number: declared at most %.4g, measured %.4g", at, float64(d.Declared), float64(d.Measured))}
			if !(d.Measured <= d.Declared*conditionOver) || !(d.Measured*conditionUnder >= d.Declared) {
				v.Kind = report.Disagrees
			}
			vs = append(vs, v)
		}
		v := report.Verdict{Kind: report.Agrees, Text: fmt.Sprintf("%s: iterations: at most %.0f predicted by β/λ = %.4g, %d measured", at, math.Ceil(float64(d.Predicted)), float64(d.Slowest), d.Iterations)}
		switch {
		case !d.Reached && float64(d.Predicted) > float64(d.Iterations):
			v.Kind = report.Open
			v.Detail = fmt.Sprintf("excess %.3g when the iterations ran out", float64(d.Excess))
		case !(float64(d.Iterations) <= math.Ceil(float64(d.Predicted)*1.05)):
			v.Kind = report.Disagrees
		}
		vs = append(vs, v)
	}
	return vs
}

func descentTable(ds []Descent) report.Table {
	t := report.Table{
		Title: "Iterations of gradient descent in the table",
		Head:  []string{"loss", "C", "β", "κ declared", "κ measured", "β/λ", "iterations", "predicted"},
		Note:  "κ: largest over least curvature of the risk at its minimiser. λ: the least one. Predicted: what β/λ gives if all excess lay in the slowest direction. A loss without a finite β, without convexity or without a minimiser has no row.",
	}
	for _, d := range ds {
		if d.Skipped != "" {
			continue
		}
		iterations := report.Whole(d.Iterations)
		if !d.Reached {
			iterations = report.Shown("> "+iterations.String(), float64(d.Iterations))
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Words(d.Loss), report.Whole(d.Classes), short(d.Beta), short(d.Declared), short(d.Measured), short(d.Slowest), iterations,
			report.Fixed(math.Ceil(float64(d.Predicted)), 0),
		})
	}
	return t
}

// short shows x to four digits.
func short(x report.Number) report.Cell { return report.Digits(x, 4) }

func descentFigures(c TabularConfig, ds []Descent) []report.Block {
	largest := c.Classes[len(c.Classes)-1]
	lines := plot.Lines{
		Title: fmt.Sprintf("Excess risk in the table, C = %d", largest),
		X:     plot.Axis{Label: "iteration", Log: true}, Y: plot.Axis{Label: "excess risk", Log: true, Min: c.Excess / 10, Max: 10},
	}
	scatter := plot.Scatter{
		Title: "Iterations against the conditioning", X: plot.Axis{Label: "β/λ at the minimiser", Log: true}, Y: plot.Axis{Label: "iterations", Log: true},
	}
	for _, d := range ds {
		if d.Skipped != "" {
			continue
		}
		scatter.Points = append(scatter.Points, plot.Point{Group: fmt.Sprintf("C = %d", d.Classes), X: float64(d.Slowest), Y: float64(d.Iterations)})
		if d.Classes != largest {
			continue
		}
		s := plot.Series{Name: d.Loss}
		for i, n := range d.At {
			if n == 0 {
				continue
			}
			y := max(float64(d.Curve[i]), c.Excess/10) // exactly 0 has no logarithm
			s.X, s.Y = append(s.X, float64(n)), append(s.Y, y)
		}
		if len(s.Y) > 0 {
			lines.Series = append(lines.Series, s)
		}
	}
	var blocks []report.Block
	if len(lines.Series) > 0 {
		blocks = append(blocks, report.Figure{Figure: lines, Caption: "Descent at step 1/β from scores 0. Losses that arrive in one step are single marks at the left."})
	}
	if len(scatter.Points) > 0 {
		blocks = append(blocks, report.Figure{Figure: scatter, Caption: "Every loss and size of the table: the iterations follow β/λ, the smoothness over the least curvature at the minimiser."})
	}
	return blocks
}

func hardTable(hs []Hard) report.Table {
	t := report.Table{
		Title: fmt.Sprintf("One label, %d classes: how the gradient dies", hardClasses),
		Head:  []string{"loss", "margin", "gradient exactly 0 after", "exponent of ‖g‖ in T", "gradient support"},
		Note:  fmt.Sprintf("Descent at step 1/β on one row, at most %d iterations. Softmax keeps pulling like 1/T; a loss with a finite margin stops by itself, sparse ones after finitely many steps.", hardIterations),
	}
	for _, h := range hs {
		zero := report.Absent
		if h.Zero >= 0 {
			zero = report.Whole(h.Zero)
		}
		t.Rows = append(t.Rows, []report.Cell{report.Words(h.Loss), short(h.Margin), zero, report.Fixed(h.Slope, 2), report.Words(h.Support)})
	}
	return t
}

func traceBlocks(traces []Trace) []report.Block {
	panel := func(title, y string, log bool, of func(p Point) report.Number) report.Block {
		l := plot.Lines{Title: title, X: plot.Axis{Label: "epoch"}, Y: plot.Axis{Label: y, Log: log}}
		for _, t := range traces {
			s := plot.Series{Name: t.Loss}
			drawn := false
			for _, p := range t.Points {
				v := float64(of(p))
				s.X, s.Y = append(s.X, float64(p.Epoch)), append(s.Y, v)
				drawn = drawn || !math.IsNaN(v) && (!log || v > 0)
			}
			if drawn {
				l.Series = append(l.Series, s)
			}
		}
		if len(l.Series) == 0 {
			return nil
		}
		return report.Figure{Figure: l}
	}
	t := report.Table{
		Title: "In training",
		Head:  []string{"loss", "epochs", "loss first → last", "‖gradient‖ first → last", "support first → last", "of classes", "s per epoch"},
		Note:  fmt.Sprintf("Support: gradient entries that are not 0, mean over %d users, all classes as candidates. Losses have different units; compare their shapes.", sampleRows),
	}
	for _, tr := range traces {
		if len(tr.Points) == 0 {
			t.Rows = append(t.Rows, []report.Cell{report.Words(tr.Loss), report.Whole(0), {}, {}, {}, {}, {}})
			continue
		}
		a, b := tr.Points[0], tr.Points[len(tr.Points)-1]
		var seconds float64
		for _, p := range tr.Points {
			seconds += float64(p.Seconds) / float64(len(tr.Points))
		}
		arrow := func(x, y report.Number) report.Cell {
			return report.FromTo(short(x).String()+" → "+short(y).String(), x, y)
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Words(tr.Loss), report.Whole(len(tr.Points)), arrow(a.Loss, b.Loss), arrow(a.GradNorm, b.GradNorm), arrow(a.Support, b.Support),
			report.Whole(tr.Classes), report.Digits(seconds, 3),
		})
	}
	blocks := []report.Block{t}
	for _, tr := range traces {
		if tr.Fault != "" {
			blocks = append(blocks, report.Text(tr.Loss+" ended early: "+tr.Fault))
		}
	}
	for _, f := range []report.Block{
		panel("Loss in training", "training loss", true, func(p Point) report.Number { return p.Loss }),
		panel("Gradient norm in training", "mean norm of a step's gradient", true, func(p Point) report.Number { return p.GradNorm }),
		panel("Support in training", "classes with a gradient", true, func(p Point) report.Number { return p.Support }),
	} {
		if f != nil {
			blocks = append(blocks, f)
		}
	}
	return blocks
}

package compare

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Order returns what is declared of the order of the scores that minimise the
// variant's expected loss; NoOrder where nothing is: a loss over candidates that
// no recipe goes with.
func (v Variant) Order() losses.Order { return v.choice.Order() }

// first returns the metric that decides.
func (r *Result) first() metric.At {
	at, err := metric.Parse(r.Metrics[0])
	if err != nil { // a mistake of this package: runs have measured it
		panic("compare: " + err.Error())
	}
	return at
}

// verdicts holds the declared orders against the measured ones. A loss declared
// strict should not score below one whose order is declared weaker; whether it
// does is decided where the interval of the difference leaves 0 out. Of a metric that
// measures something else than hits, theory's order says nothing.
func (r *Result) verdicts() report.Verdicts {
	var all report.Verdicts
	if at := r.first(); at.Beyond || at.LogProbs {
		return nil
	}
	for a := range r.Rows {
		row := &r.Rows[a]
		if row.Order() != losses.OrderStrict || row.Done == 0 {
			continue
		}
		var below, above, level []string
		for _, p := range r.Pairs {
			other, d := p.B, p.Interval
			if p.B == a {
				other, d = p.A, Interval{-p.Difference, -p.High, -p.Low}
			} else if p.A != a {
				continue
			}
			o := &r.Rows[other]
			if order := o.Order(); o.Model != row.Model || order != losses.OrderWeak && order != losses.OrderNone {
				continue
			}
			text := fmt.Sprintf("%s (%s) %s", o.Name, o.Order(), d)
			switch d.Sign() {
			case 1:
				above = append(above, text)
			case -1:
				below = append(below, text)
			default:
				level = append(level, text)
			}
		}
		n := len(below) + len(above) + len(level)
		if n == 0 {
			continue
		}
		v := report.Verdict{Kind: report.Agrees, Text: fmt.Sprintf("%s keeps the order strictly, and scores above all %d losses of a weaker order", row.Name, n)}
		switch {
		case len(below) > 0:
			v.Kind = report.Disagrees
			v.Text = fmt.Sprintf("%s keeps the order strictly, yet scores below %d of %d losses of a weaker order", row.Name, len(below), n)
		case len(level) > 0:
			v.Kind = report.Open
			v.Text = fmt.Sprintf("%s keeps the order strictly; from %d of %d losses of a weaker order nothing tells it apart", row.Name, len(level), n)
		}
		// The differences that decided; the others are counted.
		decided, rest := above, fmt.Sprintf("undecided: %d", len(level))
		if len(below) > 0 {
			decided, rest = below, fmt.Sprintf("above: %d, undecided: %d", len(above), len(level))
		} else if len(level) > 0 {
			decided, rest = level, fmt.Sprintf("above: %d", len(above))
		}
		v.Detail = fmt.Sprintf("%s on %s: %s; %s", r.Metrics[0], r.Reported, strings.Join(decided, ", "), rest)
		all = append(all, v)
	}
	return all
}

// String prints "+0.0031 [+0.0010, +0.0052]", or "+0.0031" where there is no interval.
func (i Interval) String() string {
	if math.IsNaN(float64(i.Low)) {
		return fmt.Sprintf("%+.4f", float64(i.Difference))
	}
	return fmt.Sprintf("%+.4f [%+.4f, %+.4f]", float64(i.Difference), float64(i.Low), float64(i.High))
}

// cell shows it as String has it.
func (i Interval) cell() report.Cell { return report.Interval(i.String(), i.Difference, i.Low, i.High) }

// card is what theory says of a row's loss.
func (r *Row) card(items int) report.Card {
	b := r.choice.Loss
	th := b.Theory()
	c := report.Card{Title: r.Name, Lead: b.Spec.Doc}
	add := func(name, format string, args ...any) {
		c.Facts = append(c.Facts, report.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	order := "nothing is declared for these candidates"
	if o := r.Order(); o != losses.NoOrder {
		order = o.String() + " in the scores"
	}
	if p := r.choice.Recipe; p != nil && !r.choice.Head.Spec.Exact {
		c.Lead = p.Doc
		add("row loss", "%s", b)
		add("candidates", "%s", r.Candidates)
		if r.choice.Declared() {
			add("minimiser", "%s", p.Minimiser)
		}
		add("source", "%s", p.Source)
	} else {
		add("loss", "%s", b)
		add("candidates", "%s", r.Candidates)
		add("source", "%s", cmp.Or(b.Spec.Source, "not declared"))
	}
	add("order", "%s", order)
	if !b.HasTheory() {
		add("theory", "not declared")
		return r.trained(c)
	}
	add("properties", "%s", strings.Join(th.Props.Names(), ", "))
	add("calibrated", "%s", map[bool]string{true: "yes", false: "no"}[th.Calibrated])
	add("smoothness", "%s", report.Number(th.Smoothness(items)).Or("unbounded"))
	add("margin", "%s", report.Number(th.Margin).Or("none"))
	add("gradient", "%s", th.Support)
	add("cost of a row", "%s", th.Cost)
	return r.trained(c)
}

// trained returns c with the settings of the runs of its row.
func (r *Row) trained(c report.Card) report.Card {
	if len(r.Runs) == 0 {
		return c
	}
	cfg := r.Runs[0].Config
	how := cfg.Train.Solver
	if cfg.Train.Optimizer != "" {
		how = cfg.Train.Optimizer
	}
	c.Facts = append(c.Facts, report.Fact{Name: "trained with", Value: fmt.Sprintf("%s scores over %s, %s", cfg.Model.Score, cfg.Model.Temperature, how)})
	return c
}

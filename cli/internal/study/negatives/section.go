package negatives

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Table returns a row for each run: its weight of the negatives, of sl-at-k at the end of
// training, and its metrics.
func (r *Result) Table() report.Table {
	t := report.Table{
		Title: "The weight of the negatives and what it is worth",
		Head:  []string{"loss", "ω", "epochs"},
		Note:  "ω of sl-at-k is that of all negatives together over all positives together after the last epoch. One seed: differences of a few thousandths say nothing.",
	}
	for _, m := range r.Metrics {
		t.Head = append(t.Head, m+" valid")
	}
	for _, m := range r.Metrics {
		t.Head = append(t.Head, m+" test")
	}
	for _, run := range r.Runs {
		row := []report.Cell{report.Words(run.Loss), report.Digits(run.omega(), 4), report.Whole(len(run.Epochs))}
		for _, values := range [][]train.Value{run.Valid, run.Test} {
			for _, m := range r.Metrics {
				row = append(row, report.Fixed(value(values, m), 4))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// value returns the metric of that name; NaN where it was not measured.
func value(values []train.Value, name string) report.Number {
	for _, v := range values {
		if v.Name == name {
			return report.Number(v.Value)
		}
	}
	return report.Number(math.NaN())
}

// omega returns the weight of r's negatives: the constant, or the total of sl-at-k after the
// last epoch.
func (r *Run) omega() report.Number {
	if !r.atK {
		return r.Omega
	}
	if len(r.Epochs) == 0 {
		return report.Number(math.NaN())
	}
	return r.Epochs[len(r.Epochs)-1].Weights.Total
}

// WeightTable returns ω_y of sl-at-k after epochs 1, 2, 5, 10, 20, 50 and so on and the
// last one; the figure and the data have every epoch. It has no row where sl-at-k was not trained.
func (r *Result) WeightTable() report.Table {
	t := report.Table{
		Title: "ω_y of sl-at-k over training",
		Head:  []string{"epoch", "mean", "10 %", "median", "90 %", "together", "reversed"},
		Note:  fmt.Sprintf("Over the train interactions of %d users at most, by the model after the epoch. Together: the pull of all negatives over that of all positives. Reversed: the share of positives that the gradient does not raise, of which ω_y is infinite.", sampleUsers),
	}
	for _, run := range r.Runs {
		if !run.atK {
			continue
		}
		for i, p := range run.Epochs {
			if !round(p.Epoch) && i < len(run.Epochs)-1 {
				continue
			}
			w := p.Weights
			row := []report.Cell{report.Whole(p.Epoch)}
			for _, x := range []report.Number{w.Mean, w.Low, w.Median, w.High, w.Total, w.Reversed} {
				row = append(row, report.Digits(x, 4))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// round reports whether n is 1, 2 or 5 times a power of ten.
func round(n int) bool {
	for n >= 10 && n%10 == 0 {
		n /= 10
	}
	return n == 1 || n == 2 || n == 5
}

// Verdicts says by each metric of hits whether a constant weight is worth what sl-at-k is. It is of
// the constant next to the weight that sl-at-k ends with, on test, or on valid where test
// was not measured; there is none where a run that it takes is missing or was cut off, or of a loss but sl
// and bsl, of which sl-at-k differs by more than a weight.
func (r *Result) Verdicts() (all report.Verdicts) {
	last := len(r.Runs) - 1
	if r.Interrupted() != "" {
		return nil // of fewer epochs than the others
	}
	if name, _, _ := strings.Cut(r.Loss, ":"); name != "sl" && name != "bsl" || last < 1 || !r.Runs[last].atK {
		return nil
	}
	at, constants := r.Runs[last], r.Runs[:last]
	one := slices.IndexFunc(constants, func(x *Run) bool { return x.Omega == 1 })
	omega := at.omega()
	if one < 0 || !omega.Finite() {
		return nil
	}
	distance := func(x *Run) float64 { return math.Abs(float64(x.Omega - omega)) }
	near := slices.MinFunc(constants, func(a, b *Run) int { return cmp.Compare(distance(a), distance(b)) })
	split, of := "test", func(x *Run) []train.Value { return x.Test }
	if len(at.Test) == 0 {
		split, of = "valid", func(x *Run) []train.Value { return x.Valid }
	}
	for _, m := range r.Metrics {
		if at, err := metric.Parse(m); err != nil || at.Beyond {
			continue // what is not of hits says nothing of how well a loss does
		}
		base, atK, constant := value(of(constants[one]), m), value(of(at), m), value(of(near), m)
		if !base.Finite() || !atK.Finite() || !constant.Finite() {
			continue
		}
		gain, share := atK-base, constant-base
		v := report.Verdict{
			Kind:   report.Agrees,
			Text:   fmt.Sprintf("%s: what sl-at-k gains is a weight of the negatives: it has %+.4f over %s with ω = 1, and that with ω = %.3g, near the %.3g that sl-at-k ends with, has %+.4f", m, float64(gain), r.Loss, float64(near.Omega), float64(omega), float64(share)),
			Detail: "on " + split + ", one seed; it agrees where the constant weight has at least half of the gain",
		}
		switch {
		case gain <= 0 || near.Omega == 1:
			v.Kind = report.Open
			v.Detail = "on " + split + ", one seed; nothing is decided where sl-at-k gains nothing, or where no constant but 1 is near its weight"
		case share < gain/2:
			v.Kind = report.Disagrees
		}
		all = append(all, v)
	}
	return all
}

// Section shows the result.
func (r *Result) Section() report.Section {
	blocks := []report.Block{report.Text(strings.Join([]string{
		"Two publications weigh the negatives of a row more than its positive, under two names. The code of BSL has a constant ω before the log-sum-exp of the negatives, ℓ = −z_y/τ + ω log Σ e^{z_j/τ}. SL@K multiplies the softmax loss L by the weight w = σ((z_y − β)/τ_w) of the positive's place, and its gradient goes through w too: it lowers the positive's pull, and so the negatives weigh ω_y = 1/(1 − τ (1 − w) L/τ_w) times as much as the positive.",
		"One figure has ω_y over training beside the constants, the others what each is worth on valid.",
	}, "\n\n"))}
	if cut := r.Interrupted(); cut != "" {
		blocks = append(blocks, report.Text("Interrupted: "+cut+"."))
	}
	if v := r.Verdicts(); len(v) > 0 {
		blocks = append(blocks, v)
	}
	blocks = append(blocks, r.Table())
	if t := r.WeightTable(); len(t.Rows) > 0 {
		blocks = append(blocks, t)
	}
	for _, run := range r.Runs {
		if run.Fault != "" {
			blocks = append(blocks, report.Text(run.Loss+" ended early: "+run.Fault))
		}
	}
	return report.Section{Title: "The weight of the negatives", Blocks: append(blocks, r.figures()...), Data: r}
}

// figures returns ω over training, and each metric on valid over training; what has
// nothing to draw is left out.
func (r *Result) figures() []report.Block {
	omega := plot.Lines{
		Title: "The weight of the negatives over training",
		X:     plot.Axis{Label: "epoch"}, Y: plot.Axis{Label: "ω"},
	}
	for _, run := range r.Runs {
		if len(run.Epochs) == 0 {
			continue
		}
		if !run.atK {
			omega.Series = append(omega.Series, run.series(run.Loss, func(Point) report.Number { return run.Omega }))
			continue
		}
		omega.Series = append(omega.Series,
			run.series("sl-at-k, all together", func(p Point) report.Number { return p.Weights.Total }),
			run.series("sl-at-k, 10 %", func(p Point) report.Number { return p.Weights.Low }),
			run.series("sl-at-k, median", func(p Point) report.Number { return p.Weights.Median }),
			run.series("sl-at-k, 90 %", func(p Point) report.Number { return p.Weights.High }))
	}
	blocks := drawn(omega, "Quantiles of ω_y over the positives of the train set; the constants are level lines.")
	for _, m := range r.Metrics {
		l := plot.Lines{Title: m + " on valid", X: plot.Axis{Label: "epoch"}, Y: plot.Axis{Label: m}}
		for _, run := range r.Runs {
			if s := run.series(run.Loss, func(p Point) report.Number { return value(p.Valid, m) }); canDraw(s) {
				l.Series = append(l.Series, s)
			}
		}
		blocks = append(blocks, drawn(l, "")...)
	}
	return blocks
}

func (r *Run) series(name string, of func(Point) report.Number) plot.Series {
	s := plot.Series{Name: name}
	for _, p := range r.Epochs {
		s.X, s.Y = append(s.X, float64(p.Epoch)), append(s.Y, float64(of(p)))
	}
	return s
}

func canDraw(s plot.Series) bool {
	return slices.ContainsFunc(s.Y, func(y float64) bool { return report.Number(y).Finite() })
}

// drawn is the figure l as a block; none where no series of l can be drawn.
func drawn(l plot.Lines, caption string) []report.Block {
	if !slices.ContainsFunc(l.Series, canDraw) {
		return nil
	}
	return []report.Block{report.Figure{Figure: l, Caption: caption}}
}

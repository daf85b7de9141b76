package cli

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
)

// Curves are of one label among curveCandidates classes, the others of equal
// score, at the margins of Loss.CurveRange unless others are given.
const (
	curveCandidates = 10
	curvePoints     = 161
)

// A span is the range of margins that flags give: nil is the loss's own end.
type span struct{ from, to *float64 }

// plotLosses draws the curves of bs, or of all losses at their default where
// there are none, to a file.
func plotLosses(w io.Writer, file string, bs []losses.Loss, within span) error {
	if ext := strings.ToLower(filepath.Ext(file)); ext != ".svg" && ext != ".png" {
		return usagef("--plot: %q ends neither in .svg nor in .png", file)
	}
	x := plot.Axis{Label: "margin: the label's score minus that of each other candidate"}
	var figure plot.Figure
	if len(bs) == 1 {
		p, err := curves(bs[0], within)
		if err != nil {
			return err
		}
		figure = plot.Lines{Title: fmt.Sprintf("%s, %d candidates", bs[0], curveCandidates), X: x, Series: p.Series}
	} else {
		m := plot.Multiples{
			Title: fmt.Sprintf("Losses by margin, %d candidates", curveCandidates),
			X:     x, Own: true, Columns: 4, Width: 960,
		}
		for _, spec := range losses.All() {
			p, err := curves(spec.Bind(spec.Defaults()), within)
			if err != nil {
				return err
			}
			m.Panels = append(m.Panels, p)
		}
		figure = m
	}
	if err := plot.Save(file, figure); err != nil {
		return err
	}
	fmt.Fprintf(w, "figure %s\n", data.EscapeText(file))
	return nil
}

// curves returns the panel of one loss.
func curves(b losses.Loss, within span) (plot.Panel, error) {
	lo, hi := b.CurveRange(curveCandidates)
	if within.from != nil {
		lo = *within.from
	}
	if within.to != nil {
		hi = *within.to
	}
	points, err := b.Curve(curveCandidates, curvePoints, lo, hi)
	if err != nil {
		return plot.Panel{}, usageError{err}
	}
	value, label := plot.Series{Name: "value"}, plot.Series{Name: "gradient of the label's score"}
	for _, p := range points {
		value.X, value.Y = append(value.X, p.Margin), append(value.Y, p.Value)
		label.X, label.Y = append(label.X, p.Margin), append(label.Y, p.Label)
	}
	for _, s := range []plot.Series{value, label} {
		interruptPole(s.Y)
	}
	return plot.Panel{Title: b.String(), Series: []plot.Series{value, label}}, nil
}

// interruptPole makes a value that is a hundred times all others one that is not drawn, as
// where equal scores leave z-loss no deviation to divide by: the others would be flat
// beside it.
func interruptPole(y []float64) {
	at, largest, next := 0, 0.0, 0.0
	for i, v := range y {
		if v = math.Abs(v); v > largest {
			at, largest, next = i, v, largest
		} else {
			next = max(next, v)
		}
	}
	if largest > 100*next {
		y[at] = math.NaN()
	}
}

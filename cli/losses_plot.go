package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
)

// Curves are of one label among curveCandidates classes, the others of equal
// score, at margins to curveMargin on both sides. In a figure of all losses the
// values beyond curveMin and curveMax are cut off: some losses scale their scores
// thirtyfold, and the others would be flat beside them.
const (
	curveCandidates    = 10
	curvePoints        = 161
	curveMargin        = 4
	curveMin, curveMax = -2, 8
)

// plotLosses draws the curves of bs, or of all losses at their default where
// there are none, to a file.
func plotLosses(w io.Writer, file string, bs []losses.Loss) error {
	if ext := strings.ToLower(filepath.Ext(file)); ext != ".svg" && ext != ".png" {
		return usagef("--plot: %q ends neither in .svg nor in .png", file)
	}
	x := plot.Axis{Label: "margin: the label's score minus that of each other candidate"}
	var figure plot.Figure
	if len(bs) == 1 {
		p, err := curves(bs[0])
		if err != nil {
			return err
		}
		figure = plot.Lines{Title: fmt.Sprintf("%s, %d candidates", bs[0], curveCandidates), X: x, Series: p.Series}
	} else {
		m := plot.Multiples{
			Title: fmt.Sprintf("Losses by margin, %d candidates", curveCandidates),
			X:     x, Y: plot.Axis{Min: curveMin, Max: curveMax}, Columns: 4, Width: 960,
		}
		for _, spec := range losses.All() {
			p, err := curves(spec.Bind(spec.Defaults()))
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
func curves(b losses.Loss) (plot.Panel, error) {
	points, err := b.Curve(curveCandidates, curvePoints, -curveMargin, curveMargin)
	if err != nil {
		return plot.Panel{}, err
	}
	value, label := plot.Series{Name: "value"}, plot.Series{Name: "gradient of the label's score"}
	for _, p := range points {
		value.X, value.Y = append(value.X, p.Margin), append(value.Y, p.Value)
		label.X, label.Y = append(label.X, p.Margin), append(label.Y, p.Label)
	}
	return plot.Panel{Title: b.String(), Series: []plot.Series{value, label}}, nil
}

package plot

import (
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bar is one quantity, with a value for each group.
type Bar struct {
	Name   string    // in the legend; may be "" where it is the only one
	Values []float64 // one a group
	Err    []float64 // half-widths ≥ 0 of error bars; nil or NaN draws none
}

// Bars is a chart of grouped bars with error bars, such as bias² and variance
// of each estimator. The bars lie, the name of its group above them: names of
// any length stay legible on a phone. Bars start at 0, or on a logarithmic axis
// at its lower end. A value that cannot be drawn is written out as a number, and so is 0.
type Bars struct {
	Title  string
	Value  Axis
	Groups []string // at least one
	Series []Bar    // at least one; names differ
	Width  int      // units; 0: 400. The height follows from the groups.
}

const (
	barHeight   = 13
	groupMargin = 7
)

func (b Bars) compose() (*sheet, error) {
	f := &faults{kind: "bars", title: b.Title}
	w := f.side("Width", b.Width, defaultWidth, minWidth)
	b.check(f)
	if len(f.list) > 0 {
		return nil, f.err()
	}
	e := newExtent(b.Value)
	for _, s := range b.Series {
		for i, v := range s.Values {
			if !b.Value.draws(v) {
				continue
			}
			e.add(v)
			if s.Err != nil {
				e.add(v - s.Err[i])
				e.add(v + s.Err[i])
			}
		}
	}
	if !e.any {
		f.addf("no value that can be drawn")
		return nil, f.err()
	}
	e.whole = false
	e.add(0) // the foot of the bars; nothing on a logarithmic axis
	x := e.scale()

	var entries []entry
	for i, s := range b.Series {
		if s.Name == "" {
			continue
		}
		l := lookAt(i)
		entries = append(entries, entry{s.Name, func(c draw.Canvas, p vg.Point) {
			drawBar(c, l, p.X-thumbWidth/2, p.X+thumbWidth/2, p.Y)
		}})
	}
	inner := w - 2*margin
	hd, ft := newHead(b.Title, "", inner), newFoot(entries, nil, inner)
	group := rowHeight + vg.Length(len(b.Series))*barHeight + groupMargin
	body := vg.Length(len(b.Groups))*group + tickSize/2 + axisHeight
	label := wrap(face(labelSize, false), b.Value.text(), inner)
	labelHeight := vg.Length(len(label))*rowHeight + gap
	total := margin + hd.height() + body + labelHeight + ft.height() + margin

	return f.sheet(w, total, func(c draw.Canvas) {
		top := total - margin
		hd.draw(c, margin, top)
		top -= hd.height()
		fr := newFrame(vg.Rectangle{
			Min: vg.Point{X: margin, Y: top - body},
			Max: vg.Point{X: w - margin, Y: top},
		}, x, nil)
		fr.draw(c)
		for i, name := range b.Groups {
			b.drawGroup(c, fr, i, name, fr.y.to-vg.Length(i)*group)
		}
		// The line that bars start from, over their feet.
		foot := max(fr.x.from, min(fr.x.to, fr.x.lower(0)))
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, foot, fr.y.from, foot, fr.y.to)
		top -= body + gap
		for i, s := range label {
			write(c, face(labelSize, false), w/2, top-vg.Length(i)*rowHeight-labelSize, 0.5, s)
		}
		ft.draw(c, margin, top-labelHeight+gap)
	})
}

func (b Bars) check(f *faults) {
	b.Value.check(f, "value")
	if len(b.Groups) == 0 {
		f.addf("no groups")
	}
	if len(b.Series) == 0 {
		f.addf("no series")
	}
	for i, s := range b.Series {
		switch {
		case s.Name == "" && len(b.Series) > 1:
			f.addf("series %d has no name", i)
		case slices.ContainsFunc(b.Series[:i], func(t Bar) bool { return t.Name == s.Name }):
			f.addf("series %q appears twice", s.Name)
		}
		if len(s.Values) != len(b.Groups) {
			f.addf("series %q has %d values for %d groups", s.Name, len(s.Values), len(b.Groups))
		}
		checkErr(f, "series", s.Name, s.Err, len(s.Values))
	}
}

// drawGroup paints the i-th group downwards from top.
func (b Bars) drawGroup(c draw.Canvas, fr *frame, i int, name string, top vg.Length) {
	f := face(labelSize, false)
	inside := func(x vg.Length) vg.Length { return max(fr.x.from, min(fr.x.to, x)) }
	foot := inside(fr.x.lower(0))
	write(c, f, fr.x.from+gap, top-labelSize, 0, shorten(f, name, fr.x.to-fr.x.from-gap))
	for k, s := range b.Series {
		v, y := s.Values[i], top-rowHeight-(vg.Length(k)+0.5)*barHeight
		if !b.Value.draws(v) {
			write(c, face(tickSize, false), fr.x.from+gap, y-0.36*tickSize, 0, sign(strconv.FormatFloat(v, 'g', 4, 64)))
			continue
		}
		drawBar(c, lookAt(k), foot, inside(fr.x.at(v)), y)
		if v == 0 { // a bar that nobody sees
			write(c, face(tickSize, false), foot+gap, y-0.36*tickSize, 0, "0")
		}
		if s.Err == nil || !(s.Err[i] <= limit) {
			continue
		}
		drawWhisker(c, fr, v, s.Err[i], y)
	}
}

// drawBar paints every second series hollow: neighbours differ without colour.
func drawBar(c draw.Canvas, l look, from, to, y vg.Length) {
	const half = barHeight/2.0 - 1.5
	corners := []vg.Point{{X: from, Y: y - half}, {X: to, Y: y - half}, {X: to, Y: y + half}, {X: from, Y: y + half}}
	if l.slot%2 == 1 {
		c.FillPolygon(l.color.faded(0.25), corners)
		c.StrokeLines(draw.LineStyle{Color: l.color, Width: 1.2}, append(corners, corners[0]))
		return
	}
	c.FillPolygon(l.color, corners)
}

// drawWhisker paints v ± e, cut at the ends of the axis; an end that is cut has no cap.
func drawWhisker(c draw.Canvas, fr *frame, v, e float64, y vg.Length) {
	style := draw.LineStyle{Color: ink, Width: 1.2}
	lo, hi := max(fr.x.from, fr.x.lower(v-e)), min(fr.x.to, fr.x.at(v+e))
	if lo > hi {
		return
	}
	c.StrokeLine2(style, lo, y, hi, y)
	for _, end := range []float64{v - e, v + e} {
		if fr.x.inside(end) {
			x := fr.x.at(end)
			c.StrokeLine2(style, x, y-3, x, y+3)
		}
	}
}

package plot

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Series is one named line. A value that cannot be drawn interrupts it; a
// single value between two interruptions is drawn as a marker.
type Series struct {
	Name string    // in the legend; may be "" where it is the only one
	X    []float64 // as long as Y; nil counts 1, 2, …
	Y    []float64 // at least one

	// Err is the half-width, ≥ 0, of the band Y ± Err; nil draws none, NaN
	// and +Inf interrupt it.
	Err []float64
}

func (s Series) x(i int) float64 {
	if s.X == nil {
		return float64(i + 1)
	}
	return s.X[i]
}

// Lines is a chart of one or more series, such as a metric against epochs.
type Lines struct {
	Title         string
	X, Y          Axis
	Series        []Series // at least one; names differ
	Width, Height int      // units; 0: 400 and 280. Title, labels and legend add to Height.
}

func (l Lines) compose() (*sheet, error) {
	m := Multiples{Title: l.Title, X: l.X, Y: l.Y, Panels: []Panel{{Series: l.Series}}, Columns: 1, Width: l.Width, Height: l.Height}
	if m.Height == 0 {
		m.Height = 280
	}
	return m.lay("lines")
}

// Panel is one chart of Multiples.
type Panel struct {
	Title  string
	Series []Series
}

// Multiples is a grid of line charts over the same two axes, or with ranges of their own,
// read row by row.
// Series of one name look the same in all panels and stand in the legend once.
type Multiples struct {
	Title   string
	X, Y    Axis
	Panels  []Panel
	Columns int  // 0: 2
	Own     bool // each panel's axes have the range of its data, where X and Y give none
	Width   int  // of the figure, units; 0: 400
	Height  int  // of one panel, units; 0: 150. Titles, labels and legend add to it.
}

func (m Multiples) compose() (*sheet, error) { return m.lay("multiples") }

// lay composes for both kinds; kind is the one that errors name.
func (m Multiples) lay(kind string) (*sheet, error) {
	f := &faults{kind: kind, title: m.Title}
	w, h := f.side("Width", m.Width, defaultWidth, minWidth), f.side("Height", m.Height, 150, minHeight)
	columns := m.Columns
	if columns == 0 {
		columns = 2
	}
	columns = min(columns, max(1, len(m.Panels)))
	inner := w - 2*margin
	cell := (inner - vg.Length(columns-1)*2*gap) / vg.Length(columns)
	if columns < 0 || cell < minCell {
		f.addf("Columns is %d, want at least 1, and at least %d of Width %.0f to each", m.Columns, minCell, float64(w))
	}
	m.X.check(f, "x")
	m.Y.check(f, "y")
	if len(m.Panels) == 0 {
		f.addf("no panels")
	}
	for _, p := range m.Panels {
		p.check(f)
	}
	if len(f.list) > 0 {
		return nil, f.err()
	}

	x, y, names, shown := m.survey()
	if !slices.Contains(shown, true) {
		f.addf("no value that can be drawn")
		return nil, f.err()
	}
	var entries []entry
	for i, name := range names {
		if name == "" {
			continue
		}
		if !shown[i] {
			name += " (nothing to draw)"
		}
		l := lookAt(i)
		entries = append(entries, entry{name, func(c draw.Canvas, p vg.Point) {
			c.StrokeLine2(l.line(2), p.X-thumbWidth/2, p.Y, p.X+thumbWidth/2, p.Y)
			drawMark(c, l, p, 3.5)
		}})
	}

	hd, ft := newHead(m.Title, m.Y.text(), inner), newFoot(entries, nil, inner)
	rows := (len(m.Panels) + columns - 1) / columns
	var panelTitle vg.Length
	for _, p := range m.Panels {
		if p.Title != "" {
			panelTitle = rowHeight
		}
	}
	xLabel := wrap(face(labelSize, false), m.X.text(), inner)
	xLabelHeight := vg.Length(len(xLabel)) * rowHeight
	pitch := h + panelTitle + gap
	total := margin + hd.height() + vg.Length(rows)*pitch + xLabelHeight + ft.height() + margin

	return f.sheet(w, total, func(c draw.Canvas) {
		top := total - margin
		hd.draw(c, margin, top)
		top -= hd.height()
		for i, p := range m.Panels {
			left := margin + vg.Length(i%columns)*(cell+2*gap)
			up := top - vg.Length(i/columns)*pitch
			t := face(labelSize, true)
			write(c, t, left, up-labelSize, 0, shorten(t, p.Title, cell))
			x, y := x, y
			if m.Own {
				x, y, _, _ = Multiples{X: m.X, Y: m.Y, Panels: []Panel{p}}.survey()
			}
			fr := newFrame(vg.Rectangle{
				Min: vg.Point{X: left, Y: up - panelTitle - h},
				Max: vg.Point{X: left + cell, Y: up - panelTitle},
			}, x, y)
			fr.draw(c)
			p.draw(c, fr, names)
		}
		top -= vg.Length(rows) * pitch
		for i, s := range xLabel {
			write(c, face(labelSize, false), w/2, top-vg.Length(i)*rowHeight-labelSize, 0.5, s)
		}
		ft.draw(c, margin, top-xLabelHeight)
	})
}

func (p Panel) check(f *faults) {
	in := ""
	if p.Title != "" {
		in = "panel " + p.Title + ": "
	}
	if len(p.Series) == 0 {
		f.addf("%sno series", in)
	}
	seen := map[string]bool{}
	for i, s := range p.Series {
		switch {
		case s.Name == "" && len(p.Series) > 1:
			f.addf("%sseries %d has no name", in, i)
		case seen[s.Name]:
			f.addf("%sseries %q appears twice", in, s.Name)
		}
		seen[s.Name] = true
		if len(s.Y) == 0 {
			f.addf("%sseries %q has no values", in, s.Name)
		}
		if s.X != nil && len(s.X) != len(s.Y) {
			f.addf("%sseries %q has %d x and %d y", in, s.Name, len(s.X), len(s.Y))
		}
		checkErr(f, in+"series", s.Name, s.Err, len(s.Y))
	}
}

// checkErr finds half-widths that are too few, too many or negative.
func checkErr(f *faults, what, name string, err []float64, n int) {
	if err == nil {
		return
	}
	if len(err) != n {
		f.addf("%s %q has %d values and %d errors", what, name, n, len(err))
	}
	for i, e := range err {
		if e < 0 {
			f.addf("%s %q: error %d is %v, want ≥ 0", what, name, i, e)
			return
		}
	}
}

// survey finds the scales that hold all panels, the names of the series in
// order of appearance, and which of them have anything to draw.
func (m Multiples) survey() (x, y *scale, names []string, shown []bool) {
	ex, ey := newExtent(m.X), newExtent(m.Y)
	for _, p := range m.Panels {
		for _, s := range p.Series {
			k := slices.Index(names, s.Name)
			if k < 0 {
				k = len(names)
				names, shown = append(names, s.Name), append(shown, false)
			}
			for i, v := range s.Y {
				if !m.X.draws(s.x(i)) || !m.Y.draws(v) {
					continue
				}
				shown[k] = true
				ex.add(s.x(i))
				ey.add(v)
				if s.Err != nil {
					ey.add(v - s.Err[i])
					ey.add(v + s.Err[i])
				}
			}
		}
	}
	return ex.scale(), ey.scale(), names, shown
}

// draw paints bands first, so that no band covers a line.
func (p Panel) draw(c draw.Canvas, fr *frame, names []string) {
	area := fr.area(c)
	for _, s := range p.Series {
		s.drawBand(area, fr, lookAt(slices.Index(names, s.Name)))
	}
	any := false
	for k, s := range p.Series {
		any = s.drawLine(area, fr, lookAt(slices.Index(names, s.Name)), k, len(p.Series)) || any
	}
	if !any {
		f := face(labelSize, false)
		write(c, f, area.Center().X, area.Center().Y, 0.5, shorten(f, "nothing to draw", area.Size().X))
	}
}

// runs calls f with each maximal stretch [i, j) of points for which ok holds.
func runs(n int, ok func(i int) bool, f func(i, j int)) {
	for i := 0; i < n; i++ {
		j := i
		for j < n && ok(j) {
			j++
		}
		if j > i {
			f(i, j)
			i = j
		}
	}
}

func (s Series) drawBand(area draw.Canvas, fr *frame, l look) {
	if s.Err == nil {
		return
	}
	ok := func(i int) bool {
		return fr.x.axis.draws(s.x(i)) && fr.y.axis.draws(s.Y[i]) && s.Err[i] <= limit
	}
	runs(len(s.Y), ok, func(i, j int) {
		var low, high []vg.Point
		for k := i; k < j; k++ {
			x := fr.x.at(s.x(k))
			low = append(low, vg.Point{X: x, Y: fr.y.lower(s.Y[k] - s.Err[k])})
			high = append(high, vg.Point{X: x, Y: fr.y.at(s.Y[k] + s.Err[k])})
		}
		low, high = thin(low), thin(high)
		slices.Reverse(low)
		area.FillPolygon(l.color.faded(0.18), area.ClipPolygonXY(append(high, low...)))
	})
}

// marksPerLine bounds the markers of one line: enough to tell it from others,
// few enough to see the line.
const marksPerLine = 6

// drawLine paints the k-th of n series and reports whether there was anything.
func (s Series) drawLine(area draw.Canvas, fr *frame, l look, k, n int) bool {
	ok := func(i int) bool { return fr.x.axis.draws(s.x(i)) && fr.y.axis.draws(s.Y[i]) }
	var lone, all []vg.Point
	runs(len(s.Y), ok, func(i, j int) {
		var pts []vg.Point
		for k := i; k < j; k++ {
			pts = append(pts, vg.Point{X: fr.x.at(s.x(k)), Y: fr.y.at(s.Y[k])})
		}
		all = append(all, pts...)
		if len(pts) == 1 {
			lone = append(lone, pts[0])
			return
		}
		area.StrokeLines(l.line(2), area.ClipLinesXY(thin(pts))...)
	})
	// Series that coincide would cover each other's markers: each starts at
	// another phase of the stride.
	marks := lone
	if stride := float64(len(all)-1) / marksPerLine; stride <= 1 {
		marks = all
	} else if n > 1 {
		for at := stride * (float64(k) + 0.5) / float64(n); at < float64(len(all)); at += stride {
			marks = append(marks, all[int(math.Round(min(at, float64(len(all)-1))))])
		}
	}
	for _, p := range marks {
		if area.Contains(p) {
			drawMark(area, l, p, 3.5)
		}
	}
	return len(all) > 0
}

// lower returns the place of v, the foot of the axis where v has none because
// an error reaches below zero on a logarithmic axis.
func (s *scale) lower(v float64) vg.Length {
	if !s.axis.draws(v) {
		return s.from
	}
	return s.at(v)
}

// thin drops points that no eye can tell apart: of consecutive points within
// half a unit of x it keeps the first, the lowest, the highest and the last, in
// their order. A line of a million steps stays a file of a few kilobytes.
func thin(pts []vg.Point) []vg.Point {
	var out []vg.Point
	for i := 0; i < len(pts); {
		j, lo, hi := i, i, i
		for ; j < len(pts) && math.Abs(float64(pts[j].X-pts[i].X)) < 0.5; j++ {
			if pts[j].Y < pts[lo].Y {
				lo = j
			}
			if pts[j].Y > pts[hi].Y {
				hi = j
			}
		}
		keep := []int{i, min(lo, hi), max(lo, hi), j - 1}
		for _, k := range slices.Compact(keep) {
			out = append(out, pts[k])
		}
		i = j
	}
	return out
}

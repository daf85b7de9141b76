package plot

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is one labelled point.
type Point struct {
	Label      string // "" writes none
	Group      string // points of one group share their look; "": the point's own
	X, Y       float64
	XErr, YErr float64 // half-widths ≥ 0 of error bars; 0 or NaN draws none
}

// Scatter is a chart of labelled points, such as quality against cost. Labels
// stand beside their points and overlap neither each other, nor points, nor
// error bars; one that finds no room moves into the legend. Named groups are in
// the legend too.
type Scatter struct {
	Title  string
	X, Y   Axis
	Points []Point // at least one

	// Frontier joins the points that no other beats, where less of X and more
	// of Y is better.
	Frontier bool

	Width, Height int // units; 0: 400 and 320. Title, labels and legend add to Height.
}

func (s Scatter) compose() (*sheet, error) {
	f := &faults{kind: "scatter", title: s.Title}
	w, h := f.side("Width", s.Width, defaultWidth, minWidth), f.side("Height", s.Height, 320, minHeight)
	s.X.check(f, "x")
	s.Y.check(f, "y")
	if len(s.Points) == 0 {
		f.addf("no points")
	}
	for i, p := range s.Points {
		if p.XErr < 0 || p.YErr < 0 {
			f.addf("point %d %q: errors %v and %v, want ≥ 0", i, p.Label, p.XErr, p.YErr)
		}
	}
	if len(f.list) > 0 {
		return nil, f.err()
	}

	ex, ey := newExtent(s.X), newExtent(s.Y)
	ex.whole, ey.whole = false, false
	for _, p := range s.Points {
		if !s.X.draws(p.X) || !s.Y.draws(p.Y) {
			continue
		}
		ex.add(p.X)
		ey.add(p.Y)
		if p.XErr > 0 { // not NaN, which must not take the point with it
			ex.add(p.X - p.XErr)
			ex.add(p.X + p.XErr)
		}
		if p.YErr > 0 {
			ey.add(p.Y - p.YErr)
			ey.add(p.Y + p.YErr)
		}
	}
	if !ex.any {
		f.addf("no point that can be drawn")
		return nil, f.err()
	}
	inner := w - 2*margin
	hd := newHead(s.Title, s.Y.text(), inner)
	// Placed as if the bottom of the area were 0; moved when the height is known.
	box := vg.Rectangle{Max: vg.Point{X: w - margin, Y: h}, Min: vg.Point{X: margin}}
	fr := newFrame(box, ex.scale(), ey.scale())
	looks := s.looks()
	tags, homeless := s.place(fr)
	ft := newFoot(s.legend(fr, looks, homeless), s.notes(fr), inner)
	label := wrap(face(labelSize, false), s.X.text(), inner)
	below := vg.Length(len(label))*rowHeight + gap + ft.height() + margin
	total := margin + hd.height() + h + below

	return f.sheet(w, total, func(c draw.Canvas) {
		hd.draw(c, margin, total-margin)
		fr := newFrame(box.Add(vg.Point{Y: below}), ex.scale(), ey.scale())
		fr.draw(c)
		s.draw(c, fr, looks)
		for _, t := range tags {
			t.draw(c, below)
		}
		y := below - gap
		for _, l := range label {
			write(c, face(labelSize, false), w/2, y-labelSize, 0.5, l)
			y -= rowHeight
		}
		ft.draw(c, margin, y)
	})
}

// looks gives each group, and each point without one, the next look.
func (s Scatter) looks() []look {
	groups, next := map[string]int{}, 0
	looks := make([]look, len(s.Points))
	for i, p := range s.Points {
		slot, ok := groups[p.Group]
		if !ok || p.Group == "" {
			slot = next
			next++
			groups[p.Group] = slot
		}
		looks[i] = lookAt(slot)
	}
	return looks
}

// shows reports whether point p falls on the area.
func (s Scatter) shows(fr *frame, p Point) bool { return fr.x.inside(p.X) && fr.y.inside(p.Y) }

// legend names the groups, then the points whose labels found no room.
func (s Scatter) legend(fr *frame, looks []look, homeless []int) []entry {
	var entries []entry
	add := func(i int, name string) {
		entries = append(entries, entry{name, func(c draw.Canvas, p vg.Point) { drawMark(c, looks[i], p, markRadius) }})
	}
	seen := map[string]bool{"": true}
	for i, p := range s.Points {
		if s.shows(fr, p) && !seen[p.Group] {
			seen[p.Group] = true
			add(i, p.Group)
		}
	}
	for _, i := range homeless {
		add(i, s.Points[i].Label)
	}
	return entries
}

// notes names the points that the axes cannot show.
func (s Scatter) notes(fr *frame) []string {
	var names []string
	for _, p := range s.Points {
		if !s.shows(fr, p) {
			names = append(names, cmp.Or(p.Label, p.Group, "a point without a name"))
		}
	}
	if names == nil {
		return nil
	}
	return []string{"Not on the axes: " + strings.Join(names, ", ") + "."}
}

const markRadius = 4.5

func (s Scatter) draw(c draw.Canvas, fr *frame, looks []look) {
	area := fr.area(c)
	if best := s.frontier(fr); len(best) > 1 {
		area.StrokeLines(draw.LineStyle{Color: ink.faded(0.4), Width: 1.2, Dashes: []vg.Length{3, 3}}, area.ClipLinesXY(best)...)
	}
	for i, p := range s.Points {
		if !s.shows(fr, p) {
			continue
		}
		h, v := p.bars(fr)
		style := draw.LineStyle{Color: looks[i].color, Width: 1.4}
		area.StrokeLines(style, area.ClipLinesXY([]vg.Point{h.Min, h.Max}, []vg.Point{v.Min, v.Max})...)
		drawMark(area, looks[i], vg.Point{X: fr.x.at(p.X), Y: fr.y.at(p.Y)}, markRadius)
	}
}

// bars returns the two error bars as boxes without thickness.
func (p Point) bars(fr *frame) (h, v vg.Rectangle) {
	x, y := fr.x.at(p.X), fr.y.at(p.Y)
	h = vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x, Y: y}}
	v = h
	if p.XErr > 0 && p.XErr <= limit {
		h.Min.X, h.Max.X = fr.x.lower(p.X-p.XErr), fr.x.at(p.X+p.XErr)
	}
	if p.YErr > 0 && p.YErr <= limit {
		v.Min.Y, v.Max.Y = fr.y.lower(p.Y-p.YErr), fr.y.at(p.Y+p.YErr)
	}
	return h, v
}

// frontier returns the places of the points to join, by rising X.
func (s Scatter) frontier(fr *frame) []vg.Point {
	if !s.Frontier {
		return nil
	}
	var line []vg.Point
	for _, p := range s.unbeaten() {
		line = append(line, vg.Point{X: fr.x.at(p.X), Y: fr.y.at(p.Y)})
	}
	return line
}

// unbeaten returns the points that no other equals or beats in both, by rising X.
func (s Scatter) unbeaten() []Point {
	var all []Point
	for _, p := range s.Points {
		if s.X.draws(p.X) && s.Y.draws(p.Y) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y))
	})
	var best []Point
	for _, p := range all {
		if len(best) == 0 || p.Y > best[len(best)-1].Y {
			best = append(best, p)
		}
	}
	return best
}

// tag is a placed label; leader is drawn where it stands away from its point.
type tag struct {
	text   string
	at     vg.Point // start of the baseline
	leader []vg.Point
}

func (t tag) draw(c draw.Canvas, up vg.Length) {
	move := vg.Point{Y: up}
	if len(t.leader) == 2 {
		c.StrokeLine2(draw.LineStyle{Color: ink.faded(0.5), Width: 0.8},
			t.leader[0].X, t.leader[0].Y+up, t.leader[1].X, t.leader[1].Y+up)
	}
	at := t.at.Add(move)
	write(c, face(tickSize, false), at.X, at.Y, 0, t.text)
}

// placer holds what a label must not meet.
type placer struct {
	area   vg.Rectangle
	bars   []vg.Rectangle // error bars
	marks  []vg.Rectangle
	labels []vg.Rectangle // placed so far
	lines  [][2]vg.Point  // the frontier, and the leaders so far
}

// place finds room for the labels, greedily and in the order of the points. It
// also returns the points whose label found none.
func (s Scatter) place(fr *frame) (tags []tag, homeless []int) {
	pl := placer{area: vg.Rectangle{Min: vg.Point{X: fr.x.from, Y: fr.y.from}, Max: vg.Point{X: fr.x.to, Y: fr.y.to}}}
	for _, p := range s.Points {
		if !s.shows(fr, p) {
			continue
		}
		h, v := p.bars(fr)
		at := vg.Point{X: fr.x.at(p.X), Y: fr.y.at(p.Y)}
		pl.bars = append(pl.bars, grow(h, 2), grow(v, 2))
		pl.marks = append(pl.marks, grow(vg.Rectangle{Min: at, Max: at}, markRadius+1))
	}
	front := s.frontier(fr)
	for i := 1; i < len(front); i++ {
		pl.lines = append(pl.lines, [2]vg.Point{front[i-1], front[i]})
	}
	for i, p := range s.Points {
		if p.Label == "" || !s.shows(fr, p) {
			continue
		}
		if t, ok := pl.put(p.Label, vg.Point{X: fr.x.at(p.X), Y: fr.y.at(p.Y)}); ok {
			tags = append(tags, t)
		} else {
			homeless = append(homeless, i)
		}
	}
	return tags, homeless
}

// put places one label about the point at: the nearest of growing distances,
// the first of 16 directions, where it meets nothing.
func (pl *placer) put(text string, at vg.Point) (tag, bool) {
	f := face(tickSize, false)
	w := f.Width(text)
	for _, far := range []vg.Length{0, 10, 22, 36, 52} {
		for _, dir := range directions {
			// Sideways the label's end is at the distance, above and below its middle.
			r := markRadius + 3 + far
			mid := vg.Point{X: at.X + dir.X*(r+w/2), Y: at.Y + dir.Y*(r+tickSize/2)}
			box := vg.Rectangle{
				Min: vg.Point{X: mid.X - w/2, Y: mid.Y - tickSize/2},
				Max: vg.Point{X: mid.X + w/2, Y: mid.Y + tickSize/2},
			}
			t := tag{text: text, at: vg.Point{X: box.Min.X, Y: mid.Y - 0.36*tickSize}}
			if far > 0 {
				t.leader = []vg.Point{at, {X: max(box.Min.X, min(box.Max.X, at.X)), Y: max(box.Min.Y, min(box.Max.Y, at.Y))}}
			}
			if !pl.free(box, t.leader) {
				continue
			}
			pl.labels = append(pl.labels, grow(box, 1))
			if far > 0 {
				pl.lines = append(pl.lines, [2]vg.Point{t.leader[0], t.leader[1]})
			}
			return t, true
		}
	}
	return tag{}, false
}

// free reports whether a label may stand in box, and its leader, if any, run.
func (pl *placer) free(box vg.Rectangle, leader []vg.Point) bool {
	hit := func(r vg.Rectangle) bool { return meet(r, box) }
	if !within(pl.area, box) || slices.ContainsFunc(pl.bars, hit) || slices.ContainsFunc(pl.marks, hit) ||
		slices.ContainsFunc(pl.labels, hit) ||
		slices.ContainsFunc(pl.lines, func(l [2]vg.Point) bool { return crosses(l[0], l[1], box) }) {
		return false
	}
	if leader == nil {
		return true
	}
	// A leader may start under its own marker, but strike no other and no label.
	struck := func(r vg.Rectangle) bool { return crosses(leader[0], leader[1], r) }
	own := vg.Rectangle{Min: leader[0], Max: leader[0]}
	return !slices.ContainsFunc(pl.labels, struck) &&
		!slices.ContainsFunc(pl.marks, func(r vg.Rectangle) bool { return !within(r, own) && struck(r) })
}

// directions are tried in this order: right, left, above, below, then between.
var directions = func() []vg.Point {
	var d []vg.Point
	for _, sixteenth := range []float64{0, 8, 4, 12, 2, 6, 14, 10, 1, 15, 7, 9, 3, 13, 5, 11} {
		sin, cos := math.Sincos(sixteenth * math.Pi / 8)
		d = append(d, vg.Point{X: vg.Length(cos), Y: vg.Length(sin)})
	}
	return d
}()

func grow(r vg.Rectangle, by vg.Length) vg.Rectangle {
	d := vg.Point{X: by, Y: by}
	return vg.Rectangle{Min: r.Min.Sub(d), Max: r.Max.Add(d)}
}

func meet(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

func within(outer, r vg.Rectangle) bool {
	return outer.Min.X <= r.Min.X && r.Max.X <= outer.Max.X && outer.Min.Y <= r.Min.Y && r.Max.Y <= outer.Max.Y
}

// crosses reports whether the segment from p to q enters the box (Liang–Barsky).
func crosses(p, q vg.Point, box vg.Rectangle) bool {
	t0, t1 := vg.Length(0), vg.Length(1)
	for _, side := range [][2]vg.Length{
		{p.X - q.X, p.X - box.Min.X}, {q.X - p.X, box.Max.X - p.X},
		{p.Y - q.Y, p.Y - box.Min.Y}, {q.Y - p.Y, box.Max.Y - p.Y},
	} {
		d, room := side[0], side[1]
		switch {
		case d == 0 && room <= 0:
			return false
		case d < 0:
			t0 = max(t0, room/d)
		case d > 0:
			t1 = min(t1, room/d)
		}
	}
	return t0 < t1
}

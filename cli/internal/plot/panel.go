package plot

import (
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// frame is one plotting area: its two scales, placed, and their ticks.
type frame struct {
	x, y           *scale
	xticks, yticks []tick
}

// axisHeight is the room below a plotting area for its tick labels.
const axisHeight = gap + tickSize

// newFrame places the scales in the box, leaving room for tick labels: left of
// the area for the widest y label, below it one line, and at the right for the
// half of the last x label. The scales are copied: panels share them. Without
// y the upright axis has no values, only its two ends.
func newFrame(box vg.Rectangle, x, y *scale) *frame {
	f := face(tickSize, false)
	xs, ys := *x, scale{}
	r := &frame{x: &xs, y: &ys}
	if y != nil {
		ys = *y
	}
	// The top y label stands half above the end of its axis.
	ys.from, ys.to = box.Min.Y+axisHeight, box.Max.Y-tickSize/2
	var left vg.Length
	if y != nil {
		r.yticks = ys.ticks(max(2, min(6, int((ys.to-ys.from)/32))))
		// Nine digits on a panel of a hundred units must leave some of it to data.
		for i := range r.yticks {
			r.yticks[i].label = shorten(f, r.yticks[i].label, 0.6*box.Size().X)
		}
		left = widest(f, r.yticks) + gap
	}
	// Labels that would touch are thinned: fewer ticks until all fit.
	for n := 7; n >= 2; n-- {
		r.xticks = xs.ticks(n)
		w := widest(f, r.xticks)
		xs.from, xs.to = box.Min.X+max(left, w/2), box.Max.X-max(w/2, gap)
		if len(r.xticks) < 2 || clear(&xs, r.xticks, w+tickSize) {
			break
		}
	}
	return r
}

func widest(f font.Face, ticks []tick) (w vg.Length) {
	for _, t := range ticks {
		w = max(w, f.Width(t.label))
	}
	return w
}

// clear reports whether neighbours among the ticks are at least apart.
func clear(s *scale, ticks []tick, apart vg.Length) bool {
	for i := 1; i < len(ticks); i++ {
		if s.at(ticks[i].value)-s.at(ticks[i-1].value) < apart {
			return false
		}
	}
	return true
}

// area returns the part of c that data is drawn on.
func (r *frame) area(c draw.Canvas) draw.Canvas {
	c.Rectangle = vg.Rectangle{Min: vg.Point{X: r.x.from, Y: r.y.from}, Max: vg.Point{X: r.x.to, Y: r.y.to}}
	return c
}

// draw paints grid, axes and tick labels; data goes on top.
func (r *frame) draw(c draw.Canvas) {
	f := face(tickSize, false)
	thin := draw.LineStyle{Color: grid, Width: 1}
	for _, t := range r.xticks {
		x := r.x.at(t.value)
		c.StrokeLine2(thin, x, r.y.from, x, r.y.to)
		write(c, f, x, r.y.from-axisHeight, 0.5, t.label)
	}
	for _, t := range r.yticks {
		y := r.y.at(t.value)
		c.StrokeLine2(thin, r.x.from, y, r.x.to, y)
		write(c, f, r.x.from-gap, y-0.36*tickSize, 1, t.label)
	}
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, r.x.from, r.y.from, r.x.from, r.y.to)
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, r.x.from, r.y.from, r.x.to, r.y.from)
}

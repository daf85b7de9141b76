package plot

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// entry is one line of a legend: a picture of width thumbWidth, and a name.
type entry struct {
	name  string
	thumb func(c draw.Canvas, center vg.Point)
}

const (
	thumbWidth = 30
	rowHeight  = labelSize * lineRise
)

// foot is what stands below the plotting areas: the legend and notes.
type foot struct {
	entries []entry
	spots   []spot   // of the entries
	notes   []string // wrapped
	rows    int      // of the legend
	cell    vg.Length
}

// spot is the place of an entry: its row, its first cell and how many it spans.
type spot struct{ row, column, span int }

// newFoot lays the legend out in equal columns, read row by row; a long name
// spans several. Of one to four columns it takes the fewest that need the
// fewest rows, where columns that do not line up, because of such names, count
// as a row more.
func newFoot(entries []entry, notes []string, width vg.Length) *foot {
	f := face(labelSize, false)
	l := &foot{entries: entries}
	for _, n := range notes {
		l.notes = append(l.notes, wrap(f, n, width)...)
	}
	if len(entries) == 0 {
		return l
	}
	least := math.MaxInt
	for columns := 1; columns <= 4; columns++ {
		cell := width / vg.Length(columns)
		var spots []spot
		row, column, ragged := 0, 0, 0
		for _, e := range entries {
			w := thumbWidth + gap + f.Width(e.name) + 2*gap
			span := min(columns, int(math.Ceil(float64(w/cell))))
			if span > 1 {
				ragged = 1
			}
			if column+span > columns {
				row, column = row+1, 0
			}
			spots = append(spots, spot{row, column, span})
			column += span
		}
		if cost := row + ragged; cost < least {
			least = cost
			l.spots, l.rows, l.cell = spots, row+1, cell
		}
	}
	return l
}

// height includes the distance to what stands above; 0 for an empty foot.
func (l *foot) height() vg.Length {
	if l.rows+len(l.notes) == 0 {
		return 0
	}
	return gap + vg.Length(l.rows+len(l.notes))*rowHeight
}

// draw fills the foot downwards from top.
func (l *foot) draw(c draw.Canvas, left, top vg.Length) {
	f := face(labelSize, false)
	top -= gap
	for i, e := range l.entries {
		s := l.spots[i]
		x, y := left+vg.Length(s.column)*l.cell, top-(vg.Length(s.row)+0.5)*rowHeight
		e.thumb(c, vg.Point{X: x + thumbWidth/2, Y: y})
		name := shorten(f, e.name, vg.Length(s.span)*l.cell-thumbWidth-gap)
		write(c, f, x+thumbWidth+gap, y-0.35*labelSize, 0, name)
	}
	top -= vg.Length(l.rows) * rowHeight
	for i, n := range l.notes {
		write(c, f, left, top-(vg.Length(i)+0.5)*rowHeight-0.35*labelSize, 0, n)
	}
}

// head is what stands above the plotting areas: the title, and the label of
// the upright axis, which reads better lying than turned.
type head struct {
	title, label []string
}

func newHead(title, label string, width vg.Length) *head {
	return &head{
		title: wrap(face(titleSize, true), title, width),
		label: wrap(face(labelSize, false), label, width),
	}
}

func (h *head) height() vg.Length {
	return vg.Length(len(h.title))*titleSize*lineRise + vg.Length(len(h.label))*rowHeight + gap
}

func (h *head) draw(c draw.Canvas, left, top vg.Length) {
	for _, s := range h.title {
		write(c, face(titleSize, true), left, top-titleSize, 0, s)
		top -= titleSize * lineRise
	}
	for _, s := range h.label {
		write(c, face(labelSize, false), left, top-labelSize, 0, s)
		top -= rowHeight
	}
}

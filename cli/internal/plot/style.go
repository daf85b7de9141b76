package plot

import (
	"image/color"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of text, and the distances between things, in units.
const (
	titleSize = 16
	labelSize = 13
	tickSize  = 12.5

	margin   = 10 // around the figure
	gap      = 6  // between a thing and its label
	lineRise = 1.3
)

// paint is a colour with the CSS value that stands for it in SVG: a page may
// give it another colour there, a PNG has rgb.
type paint struct {
	css   string // "currentColor", or the name of a CSS variable
	rgb   [3]uint8
	alpha uint8
}

// RGBA implements color.Color: alpha-premultiplied, 16 bits.
func (p paint) RGBA() (r, g, b, a uint32) {
	return color.NRGBA{R: p.rgb[0], G: p.rgb[1], B: p.rgb[2], A: p.alpha}.RGBA()
}

// faded returns the paint at opacity a in [0, 1].
func (p paint) faded(a float64) paint {
	p.alpha = uint8(math.Round(a * 255))
	return p
}

var (
	ink  = paint{css: "currentColor", rgb: [3]uint8{0x1A, 0x1A, 0x1A}, alpha: 255}
	grid = ink.faded(0.13)
)

// palette is Okabe and Ito's without yellow, its black replaced by the ink so
// that it turns light on dark; ordered so that the first few differ most.
var palette = []paint{
	{"--fenchel-plot-1", [3]uint8{0x00, 0x72, 0xB2}, 255}, // blue
	{"--fenchel-plot-2", [3]uint8{0xD5, 0x5E, 0x00}, 255}, // vermilion
	{"--fenchel-plot-3", [3]uint8{0x00, 0x9E, 0x73}, 255}, // bluish green
	{"--fenchel-plot-4", [3]uint8{0xCC, 0x79, 0xA7}, 255}, // reddish purple
	{"--fenchel-plot-5", [3]uint8{0xE6, 0x9F, 0x00}, 255}, // orange
	{"--fenchel-plot-6", [3]uint8{0x56, 0xB4, 0xE9}, 255}, // sky blue
	ink,
}

var dashes = [][]vg.Length{nil, {7, 3}, {2, 2.5}, {9, 3, 2, 3}, {13, 4}}

// look is how one series is drawn everywhere in a figure.
type look struct {
	color  paint
	dashes []vg.Length
	mark   int // index into the shapes of drawMark
	slot   int
}

// lookAt returns the look of the i-th series. The three periods 7, 8 and 5 are
// coprime, so that looks repeat after 280 series and no sooner.
func lookAt(i int) look {
	return look{color: palette[i%len(palette)], dashes: dashes[i%len(dashes)], mark: i % markCount, slot: i}
}

func (l look) line(width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: l.color, Width: width, Dashes: l.dashes}
}

const markCount = 8

// drawMark draws the look's marker about p with radius r: filled disc, square,
// triangle, diamond; cross; ring, hollow square; plus.
func drawMark(c draw.Canvas, l look, p vg.Point, r vg.Length) {
	poly := func(xy ...vg.Length) vg.Path {
		var path vg.Path
		for i := 0; i < len(xy); i += 2 {
			q := vg.Point{X: p.X + xy[i]*r, Y: p.Y + xy[i+1]*r}
			if i == 0 {
				path.Move(q)
			} else {
				path.Line(q)
			}
		}
		path.Close()
		return path
	}
	strokes := func(ends ...vg.Length) {
		for i := 0; i < len(ends); i += 4 {
			c.StrokeLine2(draw.LineStyle{Color: l.color, Width: 1.8},
				p.X+ends[i]*r, p.Y+ends[i+1]*r, p.X+ends[i+2]*r, p.Y+ends[i+3]*r)
		}
	}
	circle := func() vg.Path {
		var path vg.Path
		path.Move(vg.Point{X: p.X + r, Y: p.Y})
		path.Arc(p, r, 0, 2*math.Pi)
		path.Close()
		return path
	}
	c.SetLineStyle(draw.LineStyle{Color: l.color, Width: 1.6})
	// 0.886 = √π/2 gives the square the area of the disc.
	switch l.mark {
	case 0:
		c.Fill(circle())
	case 1:
		c.Fill(poly(-.886, -.886, .886, -.886, .886, .886, -.886, .886))
	case 2:
		c.Fill(poly(-1.1, -.8, 1.1, -.8, 0, 1.2))
	case 3:
		c.Fill(poly(-1.25, 0, 0, -1.25, 1.25, 0, 0, 1.25))
	case 4:
		strokes(-.9, -.9, .9, .9, -.9, .9, .9, -.9)
	case 5:
		c.Stroke(circle())
	case 6:
		c.Stroke(poly(-.886, -.886, .886, -.886, .886, .886, -.886, .886))
	case 7:
		strokes(-1.1, 0, 1.1, 0, 0, -1.1, 0, 1.1)
	default:
		panic("plot: no such marker")
	}
}

// face returns the type all figures are set in: Liberation Sans, whose widths
// are those of Arial and Helvetica, which SVG falls back to.
func face(size vg.Length, bold bool) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return plot.DefaultTextHandler.Cache().Lookup(f, size)
}

// write puts s with its baseline at y; ax is 0, 0.5 or 1 for a string that
// starts, is centred or ends at x.
func write(c draw.Canvas, f font.Face, x, y, ax vg.Length, s string) {
	if s = clean(s); s == "" {
		return
	}
	c.SetColor(ink)
	c.FillString(f, vg.Point{X: x - ax*f.Width(s), Y: y}, s)
}

// clean replaces what has no glyph and what XML cannot hold even escaped: one
// bad byte in a name must not spoil the whole document.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// shorten cuts the middle out of s until it fits into width: specs of losses
// tell their differences at both ends.
func shorten(f font.Face, s string, width vg.Length) string {
	if f.Width(s) <= width {
		return s
	}
	r := []rune(s)
	for n := len(r) - 1; n > 0; n-- {
		t := string(r[:(n+1)/2]) + "…" + string(r[len(r)-n/2:])
		if f.Width(t) <= width {
			return t
		}
	}
	return "…"
}

// wrap breaks s at spaces into lines of at most width; a longer word is shortened.
func wrap(f font.Face, s string, width vg.Length) []string {
	var lines []string
	for word := range strings.FieldsSeq(s) {
		if n := len(lines) - 1; n >= 0 && f.Width(lines[n]+" "+word) <= width {
			lines[n] += " " + word
		} else {
			lines = append(lines, shorten(f, word, width))
		}
	}
	return lines
}

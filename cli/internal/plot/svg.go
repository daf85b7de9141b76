package plot

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// svgCanvas is a vg.Canvas that writes SVG a page can restyle. It stands in for
// gonum's vgsvg, which knows neither currentColor nor CSS variables, fixes one
// font family and does not say how long a text is. Figures neither transform
// nor nest, so the methods for that panic.
type svgCanvas struct {
	body  bytes.Buffer
	w, h  vg.Length
	color paint
	width vg.Length
	dash  []vg.Length
}

var _ vg.Canvas = (*svgCanvas)(nil)

// document returns the whole SVG. The :root rule reaches a figure only where it
// is the document itself, not where it is part of a page.
func (c *svgCanvas) document(title string) []byte {
	var b bytes.Buffer
	name := html.EscapeString(clean(title))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="fenchel-plot" role="img" aria-label="%s" `+
		`width="%s" height="%s" viewBox="0 0 %s %s" style="max-width:100%%;height:auto" `+
		`font-family="Liberation Sans,Arimo,Helvetica,Arial,sans-serif">`+"\n",
		name, num(c.w), num(c.h), num(c.w), num(c.h))
	b.WriteString("<style>.fenchel-plot:root{color-scheme:light dark;color:CanvasText;background:Canvas}</style>\n")
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (c *svgCanvas) SetLineWidth(w vg.Length)               { c.width = w }
func (c *svgCanvas) SetLineDash(d []vg.Length, _ vg.Length) { c.dash = d }

// SetColor takes a paint; the black that draw.NewCanvas sets at the start is the ink.
func (c *svgCanvas) SetColor(k color.Color) {
	if p, ok := k.(paint); ok {
		c.color = p
	} else {
		c.color = ink
	}
}

// attr writes the colour as attribute key (fill or stroke) and, where it is a
// variable, as a style that wins over the attribute wherever CSS is understood.
func (c *svgCanvas) attr(key string) string {
	p := c.color
	var s string
	if p.css == "currentColor" {
		s = fmt.Sprintf(` %s="currentColor"`, key)
	} else {
		hex := fmt.Sprintf("#%02X%02X%02X", p.rgb[0], p.rgb[1], p.rgb[2])
		s = fmt.Sprintf(` %s="%s" style="%s:var(%s,%s)"`, key, hex, key, p.css, hex)
	}
	if p.alpha != 255 {
		s += fmt.Sprintf(` %s-opacity="%s"`, key, num(vg.Length(p.alpha)/255))
	}
	return s
}

func (c *svgCanvas) Stroke(p vg.Path) {
	var dash string
	for i, d := range c.dash {
		if i > 0 {
			dash += " "
		}
		dash += num(d)
	}
	if dash != "" {
		dash = ` stroke-dasharray="` + dash + `"`
	}
	fmt.Fprintf(&c.body, `<path d="%s" fill="none"%s stroke-width="%s"%s stroke-linejoin="round"/>`+"\n",
		c.path(p), c.attr("stroke"), num(c.width), dash)
}

func (c *svgCanvas) Fill(p vg.Path) {
	fmt.Fprintf(&c.body, `<path d="%s"%s/>`+"\n", c.path(p), c.attr("fill"))
}

// path writes p with y downwards. The only arcs are full circles from angle 0,
// written as two halves because SVG draws nothing between equal points.
func (c *svgCanvas) path(p vg.Path) string {
	var b strings.Builder
	for _, k := range p {
		x, y := num(k.Pos.X), num(c.h-k.Pos.Y)
		switch k.Type {
		case vg.MoveComp:
			b.WriteString("M" + x + " " + y)
		case vg.LineComp:
			b.WriteString("L" + x + " " + y)
		case vg.CloseComp:
			b.WriteString("Z")
		case vg.ArcComp:
			if k.Start != 0 || k.Angle != 2*math.Pi {
				panic("plot: an arc that is no circle")
			}
			r := num(k.Radius)
			fmt.Fprintf(&b, "A%s %s 0 1 0 %s %sA%s %s 0 1 0 %s %s", r, r, num(k.Pos.X-k.Radius), y, r, r, num(k.Pos.X+k.Radius), y)
		default:
			panic("plot: a path with curves")
		}
	}
	return b.String()
}

// FillString writes text with its length, so that a viewer with another font
// squeezes the glyphs instead of running into the neighbour.
func (c *svgCanvas) FillString(f font.Face, at vg.Point, s string) {
	var weight string
	if f.Font.Weight == xfont.WeightBold {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(&c.body, `<text x="%s" y="%s" font-size="%s"%s textLength="%s" lengthAdjust="spacingAndGlyphs"%s>%s</text>`+"\n",
		num(at.X), num(c.h-at.Y), num(f.Font.Size), weight, num(f.Width(s)), c.attr("fill"), html.EscapeString(s))
}

func (c *svgCanvas) Rotate(float64)                      { panic("plot: figures do not rotate") }
func (c *svgCanvas) Translate(vg.Point)                  { panic("plot: figures do not translate") }
func (c *svgCanvas) Scale(_, _ float64)                  { panic("plot: figures do not scale") }
func (c *svgCanvas) Push()                               { panic("plot: figures do not nest") }
func (c *svgCanvas) Pop()                                { panic("plot: figures do not nest") }
func (c *svgCanvas) DrawImage(vg.Rectangle, image.Image) { panic("plot: figures hold no images") }

// num writes v to a hundredth of a unit: beyond sight, and coarse enough that
// the last bit of a platform's arithmetic does not show.
func num(v vg.Length) string {
	s := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(float64(v), 'f', 2, 64), "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

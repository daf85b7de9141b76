package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
)

// textBox is a text of an SVG with the box it was measured to take.
type textBox struct {
	s    string
	size float64
	vg.Rectangle
}

// texts parses an SVG, which must be well-formed, and returns its size and texts.
func texts(t *testing.T, svg []byte) (w, h float64, boxes []textBox) {
	t.Helper()
	num := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return v
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return w, h, boxes
		}
		require.NoError(t, err)
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		a := map[string]string{}
		for _, k := range e.Attr {
			a[k.Name.Local] = k.Value
		}
		switch e.Name.Local {
		case "svg":
			w, h = num(a["width"]), num(a["height"])
		case "text":
			var s string
			require.NoError(t, d.DecodeElement(&s, &e))
			x, y, size := num(a["x"]), num(a["y"]), num(a["font-size"])
			// From the height of capitals to the foot of descenders.
			boxes = append(boxes, textBox{s, size, vg.Rectangle{
				Min: vg.Point{X: vg.Length(x), Y: vg.Length(y - 0.72*size)},
				Max: vg.Point{X: vg.Length(x + num(a["textLength"])), Y: vg.Length(y + 0.2*size)},
			}})
		}
	}
}

// legible holds every text to the page, apart from the others, and large enough
// on a phone.
func legible(t *testing.T, svg []byte) {
	t.Helper()
	w, h, boxes := texts(t, svg)
	require.NotEmpty(t, boxes)
	page := vg.Rectangle{Max: vg.Point{X: vg.Length(w), Y: vg.Length(h)}}
	for i, a := range boxes {
		require.True(t, within(page, a.Rectangle), "%q is cut: %v", a.s, a.Rectangle)
		require.GreaterOrEqual(t, a.size*360/max(w, 400), 10.0, "%q is too small on a phone", a.s)
		for _, b := range boxes[:i] {
			require.False(t, meet(a.Rectangle, b.Rectangle), "%q overlaps %q", a.s, b.s)
		}
	}
}

// TestNoTextOverlapsOrIsCut measures every text of every golden figure, and of
// each at the narrowest width.
func TestNoTextOverlapsOrIsCut(t *testing.T) {
	check := func(t *testing.T, f Figure) {
		svg, err := SVG(f)
		require.NoError(t, err)
		legible(t, svg)
	}
	for name, f := range figures() {
		t.Run(name, func(t *testing.T) { check(t, f) })
		t.Run(name+"/narrow", func(t *testing.T) {
			switch f := f.(type) {
			case Lines:
				f.Width = minWidth
				check(t, f)
			case Scatter:
				f.Width = minWidth
				check(t, f)
			case Bars:
				f.Width = minWidth
				check(t, f)
			case Multiples:
				f.Width, f.Columns = minWidth, 1
				check(t, f)
			default:
				t.Fatalf("%T is not tested narrow", f)
			}
		})
	}
}

// TestScatterLabels puts many points into one spot: each label is beside its
// point or in the legend, exactly once.
func TestScatterLabels(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := Scatter{Title: "crowd"}
	for i := range 60 {
		s.Points = append(s.Points, Point{Label: "crowded-loss-" + strconv.Itoa(100+i), X: 1 + 0.1*rng.NormFloat64(), Y: 2 + 0.1*rng.NormFloat64()})
	}
	svg, err := SVG(s)
	require.NoError(t, err)
	legible(t, svg)
	for _, p := range s.Points {
		require.Equal(t, 1, strings.Count(string(svg), p.Label), p.Label)
	}
}

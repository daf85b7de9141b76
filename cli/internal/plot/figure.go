package plot

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/fenchel-ml/fenchel/internal/fs"
)

// Figure is one of this package's structs: Lines, Multiples, Scatter, Bars.
// Drawing a figure neither changes nor keeps its slices.
type Figure interface {
	// compose checks the figure and lays it out; its error names the figure.
	compose() (*sheet, error)

	// numbers returns what the figure draws.
	numbers() Numbers
}

// sheet is a figure laid out: its size and how to paint it. Painting cannot fail.
type sheet struct {
	title string
	w, h  vg.Length
	paint func(c draw.Canvas)
}

const (
	defaultWidth   = 400
	minWidth       = 240
	minHeight      = 100
	minCell        = 100   // the least width of one panel
	maxSide        = 4096  // of Width and Height
	maxTotalHeight = 16384 // of a figure with all its rows: 63 Mpixel of PNG at the default width
	pixelsPerUnit  = 2     // of PNG
)

// SVG returns the figure as an SVG document without an XML declaration, ready
// to be a file or to be placed in HTML.
func SVG(f Figure) ([]byte, error) {
	s, err := f.compose()
	if err != nil {
		return nil, err
	}
	c := &svgCanvas{w: s.w, h: s.h}
	s.paint(draw.NewCanvas(c, s.w, s.h))
	return c.document(s.title), nil
}

// encodePNG returns the figure on white, at two pixels to the unit.
func encodePNG(f Figure) ([]byte, error) {
	s, err := f.compose()
	if err != nil {
		return nil, err
	}
	// vg counts 72 units to the inch.
	c := vgimg.NewWith(vgimg.UseWH(s.w, s.h), vgimg.UseDPI(72*pixelsPerUnit), vgimg.UseBackgroundColor(color.White))
	s.paint(draw.NewCanvas(c, s.w, s.h))
	var buf bytes.Buffer
	if err := png.Encode(&buf, c.Image()); err != nil {
		return nil, fmt.Errorf("plot: encode PNG of %q: %w", s.title, err)
	}
	return buf.Bytes(), nil
}

// Save writes the figure to path in the format of its extension, .png or .svg
// in any case. The file appears whole or, on an error, is left as it was.
func Save(path string, f Figure) error {
	var encode func(Figure) ([]byte, error)
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".svg":
		encode = SVG
	case ".png":
		encode = encodePNG
	default:
		return fmt.Errorf("plot: save %q: unknown format %q (choices: .png, .svg)", path, ext)
	}
	data, err := encode(f)
	if err != nil {
		return err
	}
	if err := fs.WriteBytes(path, data); err != nil {
		return fmt.Errorf("plot: save %q: %w", path, err)
	}
	return nil
}

// faults collects everything wrong with one figure, so that one run shows all.
type faults struct {
	kind, title string
	list        []error
}

func (f *faults) addf(format string, args ...any) {
	f.list = append(f.list, fmt.Errorf(format, args...))
}

// err names the figure by kind and title; nil without faults.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return fmt.Errorf("plot: %s %q: %w", f.kind, f.title, errors.Join(f.list...))
}

// side returns a size in units: v, or def where v is 0.
func (f *faults) side(name string, v, def, least int) vg.Length {
	if v == 0 {
		v = def
	}
	if v < least || v > maxSide {
		f.addf("%s is %d, want %d to %d", name, v, least, maxSide)
	}
	return vg.Length(v)
}

// sheet finishes a composition, unless its rows add up to more than any viewer shows.
func (f *faults) sheet(w, h vg.Length, paint func(draw.Canvas)) (*sheet, error) {
	if h > maxTotalHeight {
		f.addf("would be %.0f high, the most is %d: split it", float64(h), maxTotalHeight)
		return nil, f.err()
	}
	return &sheet{title: f.title, w: w, h: h, paint: paint}, nil
}

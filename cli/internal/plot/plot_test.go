package plot

import (
	"bytes"
	"flag"
	"image"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
)

var update = flag.Bool("update", false, "rewrite the golden figures in testdata")

// span returns n numbers from a to b.
func span(a, b float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = a + (b-a)*float64(i)/float64(n-1)
	}
	return x
}

func apply(x []float64, f func(float64) float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

var nan, inf = math.NaN(), math.Inf(1)

// figures are the golden ones: every kind, with the shapes that reports hold.
func figures() map[string]Figure {
	rise := func(top, speed float64) []float64 {
		return apply(span(1, 20, 20), func(t float64) float64 { return top * (1 - math.Exp(-speed*t)) })
	}
	gaps := rise(0.24, 0.3)
	gaps[4], gaps[6], gaps[12] = nan, inf, nan
	band := func(w float64) []float64 {
		return apply(span(1, 20, 20), func(t float64) float64 { return w / math.Sqrt(t) })
	}

	names := []string{"softmax", "sparsemax", "entmax:alpha=1.3", "normmax", "rankmax", "spherical", "taylor", "rg2", "rgx", "bce",
		"nce", "sampled-softmax:n=512,sampler=popularity,beta=0.75", "bpr", "hsm"}
	var many []Series
	var points []Point
	rng := rand.New(rand.NewPCG(1, 2))
	for i, n := range names {
		y := rise(0.28-0.012*float64(i), 0.1+0.03*float64(i))
		many = append(many, Series{Name: n, X: apply(span(1, 20, 20), func(t float64) float64 { return t * (0.8 + 3*float64(i%4)) }), Y: y})
		points = append(points, Point{Label: n, X: math.Exp(4 * rng.Float64()), Y: 0.2 + 0.07*rng.Float64(), XErr: 0.3, YErr: 0.004})
	}
	points = append(points, Point{Label: "diverged", X: 3, Y: nan})

	margins := span(-5, 5, 101)
	loss := func(value, slope func(float64) float64) []Series {
		return []Series{{Name: "value", X: margins, Y: apply(margins, value)}, {Name: "gradient", X: margins, Y: apply(margins, slope)}}
	}
	hinge := func(m float64) float64 { return max(0, 1-m) }
	return map[string]Figure{
		"lines": Lines{
			Title: "Recall@20 on valid", X: Axis{Label: "Epoch"}, Y: Axis{Label: "Recall@20, mean ± sd of 3 seeds"},
			Series: []Series{
				{Name: "softmax", Y: rise(0.27, 0.25), Err: band(0.02)},
				{Name: "sparsemax", Y: gaps, Err: band(0.01)},
				{Name: "rg2", Y: rise(0.26, 0.8)},
				{Name: "bpr", Y: apply(rise(1, 1), func(float64) float64 { return nan })},
			},
		},
		"many": Lines{
			Title: "Recall@20 against wall time: fourteen losses of the softmax family on one chart",
			X:     Axis{Label: "Wall time", Unit: "s", Log: true}, Y: Axis{Label: "Recall@20", Log: true},
			Series: many,
		},
		"scatter": Scatter{
			Title: "Quality against cost", X: Axis{Label: "Time per epoch", Unit: "s", Log: true}, Y: Axis{Label: "Recall@20"},
			Points: points, Frontier: true,
		},
		"bars": Bars{
			Title: "Bias² and variance of the gradient", Value: Axis{Label: "Squared norm", Log: true},
			Groups: []string{"softmax", "nce", "sampled-softmax:n=512,sampler=popularity,beta=0.75,correction=importance", "neg"},
			Series: []Bar{
				{Name: "bias²", Values: []float64{0, 1.2e-3, 4e-5, 0.2}, Err: []float64{0, 4e-4, 6e-5, 0.02}},
				{Name: "variance", Values: []float64{2e-3, 6e-2, 1e-2, nan}, Err: []float64{nan, 1e-2, 1e-3, 0}},
			},
		},
		"multiples": Multiples{
			Title: "Value and gradient against the margin", X: Axis{Label: "margin z_y − max z_j", Unit: "nats"},
			Y: Axis{Label: "loss", Unit: "nats", Min: -1.5, Max: 5},
			Panels: []Panel{
				{"softmax", loss(func(m float64) float64 { return math.Log1p(math.Exp(-m)) }, func(m float64) float64 { return -1 / (1 + math.Exp(m)) })},
				{"hinge", loss(hinge, func(m float64) float64 {
					if m < 1 {
						return -1
					}
					return 0
				})},
				{"squared", loss(func(m float64) float64 { return (1 - m) * (1 - m) }, func(m float64) float64 { return -2 * (1 - m) })},
				{"diverged", loss(func(float64) float64 { return nan }, func(float64) float64 { return inf })},
				{"a panel with a name much longer than its width", loss(hinge, hinge)},
			},
		},
	}
}

// TestGolden compares SVG by bytes and PNG by pixels. A channel may differ by 8
// of 255: the rasteriser's float32 coverage depends on fused multiply-adds.
func TestGolden(t *testing.T) {
	for name, f := range figures() {
		t.Run(name, func(t *testing.T) {
			svg, err := SVG(f)
			require.NoError(t, err)
			file := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(file+".svg", svg, 0o644))
			}
			want, err := os.ReadFile(file + ".svg")
			require.NoError(t, err)
			require.Equal(t, string(want), string(svg))
			if testing.Short() {
				return // the rasteriser takes seconds under the race detector
			}
			img, err := encodePNG(f)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(file+".png", img, 0o644))
			}
			golden, err := os.ReadFile(file + ".png")
			require.NoError(t, err)
			samePixels(t, golden, img)
		})
	}
}

func samePixels(t *testing.T, want, got []byte) {
	t.Helper()
	a, b := decode(t, want), decode(t, got)
	require.Equal(t, a.Rect, b.Rect)
	for i, v := range a.Pix {
		if d := int(v) - int(b.Pix[i]); d < -8 || d > 8 {
			t.Fatalf("pixel (%d, %d) has a channel at %d, want %d", i%a.Stride/4, i/a.Stride, b.Pix[i], v)
		}
	}
}

func decode(t *testing.T, data []byte) *image.RGBA {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	out := image.NewRGBA(img.Bounds())
	draw.Draw(out, out.Rect, img, image.Point{}, draw.Src)
	return out
}

func TestEqualFiguresGiveEqualBytes(t *testing.T) {
	encoders := []func(Figure) ([]byte, error){SVG, encodePNG}
	if testing.Short() {
		encoders = encoders[:1] // the rasteriser takes seconds under the race detector
	}
	for name, f := range figures() {
		for _, encode := range encoders {
			want, err := encode(f)
			require.NoError(t, err)
			// At once, because reports draw their figures so.
			var again [2][]byte
			var errs [2]error
			var wg sync.WaitGroup
			for i := range again {
				wg.Go(func() { again[i], errs[i] = encode(figures()[name]) })
			}
			wg.Wait()
			for i := range again {
				require.NoError(t, errs[i])
				require.True(t, bytes.Equal(want, again[i]), name)
			}
		}
	}
}

func TestFrontier(t *testing.T) {
	s := Scatter{Points: []Point{{Label: "slow", X: 9, Y: 5}, {Label: "beaten", X: 3, Y: 1}, {Label: "fast", X: 1, Y: 2},
		{Label: "twin", X: 1, Y: 1}, {Label: "mid", X: 2, Y: 4}, {Label: "no", X: nan, Y: 9}}}
	var got []string
	for _, p := range s.unbeaten() {
		got = append(got, p.Label)
	}
	require.Equal(t, []string{"fast", "mid", "slow"}, got)
}

func TestErrorsNameTheFigureAndEveryFault(t *testing.T) {
	for _, c := range []struct {
		f    Figure
		want []string
	}{
		{Lines{Title: "T"}, []string{`plot: lines "T": no series`}},
		{Lines{Title: "T", Series: []Series{{Name: "a"}}}, []string{`lines "T"`, `series "a" has no values`}},
		{Lines{Title: "T", Series: []Series{{Name: "a", Y: []float64{nan, inf}}}}, []string{`lines "T": no value that can be drawn`}},
		{Lines{Title: "T", Y: Axis{Log: true}, Series: []Series{{Name: "a", Y: []float64{0, -1}}}}, []string{`no value that can be drawn`}},
		{Lines{Title: "T", Width: 3, X: Axis{Min: 2, Max: 1}, Y: Axis{Log: true, Min: -1, Max: 1}, Series: []Series{
			{Name: "a", X: []float64{1}, Y: []float64{1, 2}, Err: []float64{1}}, {Name: "a", Y: []float64{1}, Err: []float64{-1}}, {Y: []float64{1}}}},
			[]string{"Width is 3", "x axis: ends 2 and 1", "y axis: logarithmic from -1", `"a" has 1 x and 2 y`, `2 values and 1 errors`,
				`"a" appears twice`, "error 0 is -1", "series 2 has no name"}},
		{Lines{Title: "T", X: Axis{Min: nan, Max: 1}, Series: []Series{{Y: []float64{1}}}}, []string{"x axis: ends NaN and 1"}},
		{Multiples{Title: "T"}, []string{`plot: multiples "T": no panels`}},
		{Multiples{Title: "T", Columns: 9, Panels: []Panel{{Title: "p"}}}, []string{"panel p: no series"}},
		{Multiples{Title: "T", Columns: 9, Panels: make([]Panel, 9)}, []string{"Columns is 9", "of Width 400"}},
		{Multiples{Title: "T", Columns: -1, Panels: []Panel{{Title: "p"}}}, []string{"Columns is -1", "panel p: no series"}},
		{Scatter{Title: "T"}, []string{`plot: scatter "T": no points`}},
		{Scatter{Title: "T", Points: []Point{{X: nan}}}, []string{`no point that can be drawn`}},
		{Scatter{Title: "T", Points: []Point{{Label: "p", XErr: -1}}}, []string{`point 0 "p": errors -1 and 0`}},
		{Bars{Title: "T"}, []string{`plot: bars "T"`, "no groups", "no series"}},
		{Bars{Title: "T", Groups: []string{"g"}, Series: []Bar{{Name: "a", Values: []float64{1, 2}}, {Name: "a", Values: []float64{1}}}},
			[]string{`"a" has 2 values for 1 groups`, `"a" appears twice`}},
		{Bars{Title: "T", Groups: []string{"g"}, Series: []Bar{{Values: []float64{nan}}}}, []string{`no value that can be drawn`}},
		{Bars{Title: "T", Groups: make([]string, 2000), Series: []Bar{{Values: make([]float64, 2000)}}}, []string{"high, the most is 16384"}},
	} {
		for _, encode := range []func(Figure) ([]byte, error){SVG, encodePNG} {
			_, err := encode(c.f)
			require.Error(t, err)
			for _, w := range c.want {
				require.ErrorContains(t, err, w)
			}
		}
	}
}

// TestOddInputs draws what a report may hold on a bad day.
func TestOddInputs(t *testing.T) {
	bad := "<&\"'>\x00\x07\xff √²±αξ 日本"
	for _, f := range []Figure{
		Lines{Series: []Series{{Y: []float64{5}}}},
		Lines{Series: []Series{{Y: []float64{0, 0, 0}}}},
		Lines{Series: []Series{{Y: []float64{-3, -3}, Err: []float64{0, nan}}}},
		Lines{Series: []Series{{Y: []float64{1e300, -1e300, 1}, Err: []float64{1e300, 1, inf}}}},
		Lines{Series: []Series{{Y: []float64{5e-324, 1e-310}}}},
		Lines{X: Axis{Log: true}, Y: Axis{Log: true}, Series: []Series{{Y: []float64{5e-324, 1e300}, Err: []float64{1, 1}}}},
		Lines{Series: []Series{{Y: []float64{1, math.Nextafter(1, 2)}}}},
		Lines{Series: []Series{{Y: []float64{1e15, 1e15 + 1e8}}}},
		Lines{Y: Axis{Min: 100, Max: 200}, Series: []Series{{Y: []float64{1, 2}}}},
		Lines{Y: Axis{Log: true, Min: 3, Max: 3.0001}, Series: []Series{{Y: []float64{1, 2}}}},
		Lines{Title: bad, X: Axis{Label: bad}, Y: Axis{Label: bad, Unit: bad}, Series: []Series{{Name: bad, Y: []float64{1, nan, 2}}}},
		Lines{Series: []Series{{Name: strings.Repeat("long", 100), Y: []float64{1}}}, Title: strings.Repeat("wide", 100)},
		Scatter{Points: []Point{{Label: bad, X: 1, Y: 1, XErr: inf, YErr: nan}, {X: 1, Y: 1, Label: "same place"}}},
		Bars{Groups: []string{bad, ""}, Series: []Bar{{Name: bad, Values: []float64{-inf, -1}, Err: []float64{1, inf}}}},
		Bars{Groups: []string{"a"}, Series: []Bar{{Values: []float64{0}}}},
		Multiples{Columns: 3, Panels: []Panel{{Series: []Series{{Y: []float64{-1e200, -1e200 * (1 + 2e-9)}}}}, {Series: []Series{{Y: []float64{nan}}}},
			{Series: []Series{{Y: []float64{1}}}}, {Title: bad, Series: []Series{{Y: []float64{1, 2}}}}}},
	} {
		svg, err := SVG(f)
		require.NoError(t, err)
		require.NotRegexp(t, regexp.MustCompile(`="[^"]*(NaN|Inf|\d{7})`), string(svg))
		legible(t, svg)
		if !testing.Short() {
			_, err = encodePNG(f)
			require.NoError(t, err)
		}
	}
}

// TestPointWithoutError: a NaN half-width draws no bar, and leaves the point.
func TestPointWithoutError(t *testing.T) {
	plain, err := SVG(Scatter{Points: []Point{{Label: "a", X: 1, Y: 2}, {Label: "b", X: 3, Y: 4}}})
	require.NoError(t, err)
	nan, err := SVG(Scatter{Points: []Point{{Label: "a", X: 1, Y: 2, XErr: math.NaN(), YErr: math.NaN()}, {Label: "b", X: 3, Y: 4, XErr: math.NaN()}}})
	require.NoError(t, err)
	require.Equal(t, string(plain), string(nan))
}

func TestGapsInterruptTheLine(t *testing.T) {
	lines := func(y ...float64) (paths, marks int) {
		svg, err := SVG(Lines{Series: []Series{{Y: y}}})
		require.NoError(t, err)
		return strings.Count(string(svg), `stroke-width="2"`), strings.Count(string(svg), "A3.5")
	}
	paths, _ := lines(1, 2, 3, 4)
	require.Equal(t, 1, paths)
	paths, _ = lines(1, 2, nan, 3, 4)
	require.Equal(t, 2, paths)
	paths, _ = lines(nan, 1, 2, -inf, inf, 3, 4, nan)
	require.Equal(t, 2, paths)
	// A value between gaps is no line, but seen: a disc, of two half circles.
	y := append(span(1, 2, 30), nan, 3, nan)
	paths, marks := lines(y...)
	require.Equal(t, 1, paths)
	require.Equal(t, 2, marks)
}

// TestThinKeepsTheEnvelope: a long line becomes short, and its extremes stay.
func TestThinKeepsTheEnvelope(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var pts []vg.Point
	for i := range 100_000 {
		pts = append(pts, vg.Point{X: vg.Length(i) / 250, Y: vg.Length(rng.NormFloat64())})
	}
	pts[31_415].Y, pts[77_777].Y = 99, -99
	out := thin(pts)
	require.Less(t, len(out), 4*2*400+5)
	require.Contains(t, out, pts[31_415])
	require.Contains(t, out, pts[77_777])
	require.Equal(t, pts[0], out[0])
	require.Equal(t, pts[len(pts)-1], out[len(out)-1])
	apart := []vg.Point{{X: 0, Y: 1}, {X: 1, Y: 2}, {X: 2, Y: 3}, {X: 2.5, Y: 3}}
	require.Equal(t, apart, thin(apart))
}

func TestTicks(t *testing.T) {
	labels := func(a Axis, n int, data ...float64) string {
		e := newExtent(a)
		for _, v := range data {
			e.add(v)
		}
		var s []string
		for _, k := range e.scale().ticks(n) {
			s = append(s, k.label)
		}
		return strings.Join(s, " ")
	}
	require.Equal(t, "0 5 10 15 20", labels(Axis{}, 6, 0, 20))
	require.Equal(t, "1 2 3", labels(Axis{}, 6, 1, 2, 3), "epochs are whole")
	require.Equal(t, "1.0 1.5 2.0 2.5", labels(Axis{}, 6, 1, 2.5))
	require.Equal(t, "−0.2 −0.1 0 0.1", labels(Axis{}, 6, -0.2, 0.1))
	require.Equal(t, "0 5e5 1e6 1.5e6 2e6", labels(Axis{}, 6, 0, 2e6+1, 0.5))
	require.Equal(t, "1e−8 1e−6 0.0001 0.01 1 100", labels(Axis{Log: true}, 6, 1e-8, 100))
	require.Equal(t, "1 10 100", labels(Axis{Log: true}, 4, 1, 100))
	require.Equal(t, "1 2 5 10 20 50 100", labels(Axis{Log: true}, 7, 1, 100))
	require.Equal(t, "3.0 3.1 3.2", labels(Axis{Log: true, Min: 3, Max: 3.2}, 4, 1))
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	f := Lines{Title: "T", Series: []Series{{Y: []float64{1, 2}}}}
	for _, name := range []string{"a.svg", "b.PNG"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
		require.NoError(t, Save(path, f))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		want, err := map[bool]func(Figure) ([]byte, error){true: SVG, false: encodePNG}[name == "a.svg"](f)
		require.NoError(t, err)
		require.Equal(t, want, data)
	}
	old, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	require.NoError(t, err)
	require.ErrorContains(t, Save(filepath.Join(dir, "a.svg"), Lines{Title: "empty"}), `"empty"`)
	require.ErrorContains(t, Save(filepath.Join(dir, "a.gif"), f), `unknown format ".gif" (choices: .png, .svg)`)
	require.ErrorContains(t, Save(filepath.Join(dir, "a"), f), `unknown format "" (choices: .png, .svg)`)
	require.ErrorIs(t, Save(filepath.Join(dir, "no", "a.svg"), f), os.ErrNotExist)
	// A directory in the way: rename fails, and the temporary file goes.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "d.svg", "x"), 0o755))
	require.Error(t, Save(filepath.Join(dir, "d.svg"), f))
	now, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	require.NoError(t, err)
	require.Equal(t, old, now)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

// TestOwnRanges: panels with ranges of their own have labels of their own.
func TestOwnRanges(t *testing.T) {
	m := Multiples{Panels: []Panel{
		{"small", []Series{{X: []float64{0, 0.9}, Y: []float64{0, 0.9}}}}, {"large", []Series{{X: []float64{0, 3000}, Y: []float64{-5000, 0}}}},
	}}
	shared, err := SVG(m)
	require.NoError(t, err)
	require.NotContains(t, string(shared), ">0.5<")
	m.Own = true
	own, err := SVG(m)
	require.NoError(t, err)
	for _, label := range []string{">0.5<", ">3000<", ">−4000<"} {
		require.Contains(t, string(own), label)
	}
	m.X.Max = 3000
	own, err = SVG(m)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(own), ">3000<"), "a range that is given is that of all")
}

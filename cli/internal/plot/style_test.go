package plot

import (
	"math"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSVGFollowsThePage: nothing is painted in a colour that a page cannot set.
func TestSVGFollowsThePage(t *testing.T) {
	for name, f := range figures() {
		svg, err := SVG(f)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`<(path|text)[^>]*>`).FindAllString(string(svg), -1) {
			require.Regexp(t, `(fill|stroke)="currentColor"|style="(fill|stroke):var\(--fenchel-plot-[1-6],#[0-9A-F]{6}\)"`, m, name)
		}
		require.NotContains(t, string(svg), "<?xml")
		require.NotContains(t, string(svg), "gonum")
		require.NotContains(t, string(svg), "<rect")
	}
}

// linear undoes the sRGB transfer (IEC 61966-2-1).
func linear(v uint8) float64 {
	c := float64(v) / 255
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}

// TestPaletteForColourBlindEyes sees the palette as protanopes, deuteranopes
// and tritanopes do (G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE
// TVCG 15(6), 2009, severity 1): any two colours stay apart in Oklab
// (B. Ottosson, 2020), and all stand out on white and on #121212 (WCAG 2
// contrast; 2.2 on white is that of the published orange).
func TestPaletteForColourBlindEyes(t *testing.T) {
	views := map[string][3][3]float64{
		"normal": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"protan": {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
		"deutan": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
		"tritan": {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	}
	oklab := func(v [3]float64) [3]float64 {
		r, g, b := max(0, v[0]), max(0, v[1]), max(0, v[2])
		l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
		m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
		s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
		return [3]float64{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, 1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
			0.0259040371*l + 0.7827717662*m - 0.8086757660*s}
	}
	for name, m := range views {
		var seen [][3]float64
		for _, p := range palette {
			rgb := [3]float64{linear(p.rgb[0]), linear(p.rgb[1]), linear(p.rgb[2])}
			var v [3]float64
			for i := range 3 {
				for j := range 3 {
					v[i] += m[i][j] * rgb[j]
				}
			}
			lab := oklab(v)
			for k, o := range seen {
				d := math.Sqrt(math.Pow(lab[0]-o[0], 2) + math.Pow(lab[1]-o[1], 2) + math.Pow(lab[2]-o[2], 2))
				require.Greater(t, d, 0.07, "%s: %v and %v", name, palette[k], p)
			}
			seen = append(seen, lab)
		}
	}
	for _, p := range palette[:6] {
		y := 0.2126*linear(p.rgb[0]) + 0.7152*linear(p.rgb[1]) + 0.0722*linear(p.rgb[2])
		require.GreaterOrEqual(t, 1.05/(y+0.05), 2.2, "%v on white", p)
		require.GreaterOrEqual(t, (y+0.05)/(linear(0x12)+0.05), 3.0, "%v on dark", p)
	}
}

func TestLooksDiffer(t *testing.T) {
	type face struct {
		css  string
		mark int
	}
	seen := map[face]int{}
	for i := range 56 {
		l := lookAt(i)
		other, dup := seen[face{l.color.css, l.mark}]
		require.False(t, dup, "series %d and %d look the same", i, other)
		seen[face{l.color.css, l.mark}] = i
	}
}

package report_test

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/report/reporttest"
	"github.com/fenchel-ml/fenchel/internal/needs"
)

// full is a report with every block, and texts that break what can be broken.
func full() report.Report {
	long := "sampled-softmax:n=512,sampler=popularity,beta=0.75,correction=importance,hits=keep"
	var wide report.Table
	wide.Title = "A wide table"
	for j := range 14 {
		wide.Head = append(wide.Head, fmt.Sprintf("column %d", j))
	}
	for i := range 4 {
		row := []report.Cell{report.Words(long)}
		for j := 1; j < 14; j++ {
			mean, sd := float64(i)+float64(j)/100, float64(j)/1000
			row = append(row, report.Spread(fmt.Sprintf("%.2f ± %.3f", mean, sd), report.Number(mean), report.Number(sd)))
		}
		wide.Rows = append(wide.Rows, row)
	}
	wide.Mark = []int{2}
	lines := plot.Lines{Title: "Metric against epoch", X: plot.Axis{Label: "epoch"}, Series: []plot.Series{
		{Name: long, Y: []float64{1, 2, 3}}, {Name: "softmax", Y: []float64{2, math.NaN(), 1}},
	}}
	return report.Report{
		Title: "A report <script>console.error('not escaped')</script> & more",
		Lead:  strings.Repeat("Words that wrap. ", 12),
		Facts: []report.Fact{{"data", strings.Repeat("/a/long/path", 12)}, {"machine", "two cores"}},
		Sections: []report.Section{
			{Title: "First", Blocks: []report.Block{
				report.Text("One paragraph.\n\nAnother with " + strings.Repeat("unbreakable", 20) + "."),
				wide,
				report.Figure{Figure: lines, Caption: "A caption."},
				report.Figure{Figure: lines, Caption: "Another."},
			}, Data: map[string]any{"nan": report.Number(math.NaN()), "x": report.Number(1.5)}},
			{Title: "Second", Blocks: []report.Block{
				report.Verdicts{{report.Disagrees, long + ": order: declared strict, observed none", "t = (0.4, 0.35, 0.25)"}, {report.Agrees, "a", ""}, {report.Open, "o", ""}},
				report.Cards{{Title: long, Lead: "A loss.", Facts: []report.Fact{{"smoothness", "1/2"}, {"support", strings.Repeat("dense", 30)}}}},
			}},
		},
	}
}

func TestSaveWritesBothFormsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	require.NoError(t, full().Save(dir))
	page, err := os.ReadFile(filepath.Join(dir, report.HTMLFile))
	require.NoError(t, err)
	require.NotContains(t, string(page), "<script", "texts are escaped and the page has no script of its own")
	require.Empty(t, regexp.MustCompile(`(src|href)="(https?:)?//`).FindAllString(string(page), -1), "the page needs no network")
	require.Equal(t, 2, strings.Count(string(page), "<figure id="))
	require.Equal(t, 1, strings.Count(string(page), `<div class="figures">`), "neighbours share a grid")

	text, err := os.ReadFile(filepath.Join(dir, report.JSONFile))
	require.NoError(t, err)
	var back struct {
		Title    string
		Sections []struct {
			Title string
			Data  map[string]report.Number
		}
	}
	require.NoError(t, json.Unmarshal(text, &back))
	require.Len(t, back.Sections, 2)
	require.True(t, math.IsNaN(float64(back.Sections[0].Data["nan"])))
	require.Equal(t, report.Number(1.5), back.Sections[0].Data["x"])
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "no temporary file stays")
}

func TestBlocksThatAreWrong(t *testing.T) {
	for name, b := range map[string]report.Block{
		`table "t": row 1 has 1 cells in 2 columns`: report.Table{Title: "t", Head: []string{"a", "b"}, Rows: [][]report.Cell{{report.Whole(1), report.Whole(2)}, {report.Whole(3)}}},
		"verdict of unknown kind":                   report.Verdicts{{Kind: "maybe", Text: "x"}},
		"no series":                                 report.Figure{Figure: plot.Lines{Title: "empty"}},
	} {
		_, err := report.Report{Title: "x", Sections: []report.Section{{Title: "s", Blocks: []report.Block{b}}}}.HTML()
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, `section "s"`)
	}
}

func TestColumnsOfNumbersStandRight(t *testing.T) {
	table := report.Table{Head: []string{"name", "value", "share"}, Rows: [][]report.Cell{{report.Words("a"), report.Spread("1.5 ± 0.1", 1.5, 0.1), report.Shown("12%", 0.12)}, {report.Words("b"), report.Absent, report.Whole(3)}}}
	page, err := report.Report{Title: "x", Sections: []report.Section{{Title: "s", Blocks: []report.Block{table}}}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), `<th>name</th><th class="r">value</th><th class="r">share</th>`)
}

// TestEveryFigureIsInTheJSON: each figure of the page has its numbers in the JSON under the
// same id, none of its series is empty, and drawn again they are the page's figure to the byte.
func TestEveryFigureIsInTheJSON(t *testing.T) {
	r := full()
	inf := math.Inf(1)
	r.Sections[1].Blocks = append(r.Sections[1].Blocks,
		report.Figure{Figure: plot.Bars{Title: "Bars", Groups: []string{"a", "b"}, Series: []plot.Bar{{Values: []float64{-inf, 2}, Err: []float64{math.NaN(), inf}}}}},
		report.Figure{Figure: plot.Scatter{Title: "Points <&>", Frontier: true, Points: []plot.Point{{Label: "p", X: 1, Y: 2, XErr: math.NaN()}, {Label: "q", X: 2, Y: 3}, {Label: "r", X: 1, Y: inf}}}})
	page, err := r.HTML()
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	count, err := reporttest.Figures(page, text)
	require.NoError(t, err)
	require.Equal(t, 4, count)

	// The check finds what is missing, another number, and a series without any.
	for from, to := range map[string]string{`"figure-2"`: `"figure-9"`, `"y":[1,2,3]`: `"y":[1,2,4]`, `"x":[1,2,3],"y":[1,2,3]`: `"x":[],"y":[]`, `"is":"-Inf"`: `"is":"NaN"`} {
		require.Contains(t, string(text), from)
		_, err := reporttest.Figures(page, []byte(strings.Replace(string(text), from, to, 1)))
		require.Error(t, err, from)
	}
}

// measure is put into a copy of the page. It lists what sticks out of the page
// sideways and is not inside a frame that scrolls, and texts cut by their own
// element, and reports the width that the page was laid out for.
const measure = `<script>addEventListener('load', () => {
  const bad = [], wide = document.documentElement.clientWidth;
  document.querySelectorAll('details').forEach(d => d.open = true);
  if (document.documentElement.scrollWidth > wide) bad.push('page scrolls sideways: ' + document.documentElement.scrollWidth);
  document.querySelectorAll('body *').forEach(e => {
    if (e.closest('.scroll') && !e.classList.contains('scroll') || e.closest('svg') && e.tagName !== 'svg') return;
    const r = e.getBoundingClientRect();
    if (r.right > wide + 0.5 || r.left < -0.5) bad.push(e.tagName + '.' + e.className + ' reaches ' + r.left + '..' + r.right);
    if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'hidden') bad.push(e.tagName + ' is cut');
  });
  parent.document.documentElement.setAttribute('data-wide', wide);
  parent.document.documentElement.setAttribute('data-bad', JSON.stringify(bad));
})</script>`

// TestBrowser lays the page out in headless Chromium at a phone's width and at a
// desk's.
func TestBrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		needs.System(t, "chromium, chromium-browser or google-chrome in PATH")
	}
	page, err := full().HTML()
	require.NoError(t, err)
	for _, width := range []int{360, 1280} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			dir := t.TempDir()
			// A frame has the width asked for, whatever the least window is. srcdoc
			// shares the outer page's origin, so measure may write there.
			framed := fmt.Sprintf(`<!DOCTYPE html><body style="margin:0"><iframe style="border:0;width:%dpx;height:3000px" srcdoc="%s"></iframe>`,
				width, html.EscapeString(strings.Replace(string(page), "</body>", measure+"</body>", 1)))
			file := filepath.Join(dir, "page.html")
			require.NoError(t, os.WriteFile(file, []byte(framed), 0o644))
			cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
				"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=1400,900", "--hide-scrollbars", "--enable-logging=stderr",
				"--virtual-time-budget=5000", "--dump-dom", "file://"+file)
			var errs strings.Builder
			cmd.Stderr = &errs
			dom, err := cmd.Output()
			require.NoError(t, err, errs.String())
			require.NotContains(t, errs.String(), "CONSOLE", "the page wrote to the console")
			found := regexp.MustCompile(`^[^>]*>\s*<html data-wide="(\d+)" data-bad="([^"]*)">`).FindStringSubmatch(string(dom))
			require.NotNil(t, found, "the page was not measured")
			require.Equal(t, fmt.Sprint(width), found[1], "the page was measured at another width")
			require.Equal(t, "[]", found[2])
		})
	}
}

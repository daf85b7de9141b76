package reporttest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
)

// drawings finds the id and the drawing of each figure of a page.
var drawings = regexp.MustCompile(`(?s)<figure id="([^"]+)">(<svg.*?</svg>\n?)`)

// Figures returns how many figures a page has. The error is of one without its numbers under
// its id in text, the report's JSON, or the other way round, of a series that is empty, and of
// numbers of which another figure is drawn than the page's, to the byte.
func Figures(page, text []byte) (int, error) {
	drawn := map[string]string{}
	for _, m := range drawings.FindAllStringSubmatch(string(page), -1) {
		drawn[m[1]] = m[2]
	}
	count := strings.Count(string(page), "<figure")
	if len(drawn) != count {
		return 0, fmt.Errorf("%d figures have %d ids", count, len(drawn))
	}
	var r struct {
		Sections []struct{ Blocks []json.RawMessage }
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return 0, err
	}
	found := map[string]bool{}
	for _, s := range r.Sections {
		for _, raw := range s.Blocks {
			var block struct {
				ID     string
				Figure *plot.Numbers
			}
			if raw[0] != '{' || json.Unmarshal(raw, &block) != nil || block.Figure == nil {
				continue
			}
			found[block.ID] = true
			if err := check(*block.Figure, drawn[block.ID]); err != nil {
				return 0, fmt.Errorf("%s: %w", block.ID, err)
			}
		}
	}
	if len(found) != count {
		return 0, fmt.Errorf("%d figures, and %d in the JSON", count, len(found))
	}
	return count, nil
}

// check returns an error unless the numbers have series, none of which is empty, and draw
// what is drawn.
func check(n plot.Numbers, drawn string) error {
	count := len(n.Points)
	for _, p := range n.Panels {
		for _, s := range p.Series {
			if count++; len(s.Y) == 0 || len(s.X) != len(s.Y) {
				return fmt.Errorf("series %q has %d x and %d y", s.Name, len(s.X), len(s.Y))
			}
		}
	}
	for _, s := range n.Bars {
		if count++; len(s.Values) == 0 || len(s.Values) != len(n.Groups) {
			return fmt.Errorf("bars %q are %d of %d groups", s.Name, len(s.Values), len(n.Groups))
		}
	}
	if count == 0 {
		return fmt.Errorf("no series")
	}
	f, err := n.Figure()
	if err != nil {
		return err
	}
	svg, err := plot.SVG(f)
	if err != nil {
		return err
	}
	if string(svg) != drawn {
		return fmt.Errorf("its numbers draw another figure than the page has")
	}
	return nil
}

package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/internal/fs"
)

// A Report is one page.
type Report struct {
	Title string `json:"title"`
	Lead  string `json:"lead,omitempty"` // one paragraph under the title
	Facts []Fact `json:"facts"`          // what was run on what

	// Interrupted says of a report that was cut off what it lacks; "" of a whole one.
	Interrupted string `json:"interrupted,omitempty"`

	Sections []Section `json:"sections"`
}

// A Fact is a name and a value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Section is one part of the page, with an entry in its contents.
type Section struct {
	Title  string  `json:"title"`
	Blocks []Block `json:"blocks"`

	// Data is what the section shows, whole, for programs: in the JSON alone.
	Data any `json:"data,omitempty"`
}

// A Block is one of Text, Table, Figure, Verdicts and Cards.
type Block interface {
	block() (html template.HTML, err error)
}

// Text is paragraphs, separated by blank lines.
type Text string

// A Figure is a figure with a caption. Its id, such as figure-3, is its place in the report:
// that of its element in the page, and of its numbers in the JSON.
type Figure struct {
	Figure  plot.Figure
	Caption string

	id string
}

// MarshalJSON writes the numbers that the figure draws, as package plot has them.
func (f Figure) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID      string       `json:"id"`
		Caption string       `json:"caption,omitempty"`
		Figure  plot.Numbers `json:"figure"`
	}{f.id, f.Caption, plot.NumbersOf(f.Figure)})
}

// numbered returns r with an id to each figure.
func (r Report) numbered() Report {
	r.Sections = slices.Clone(r.Sections)
	n := 0
	for i, s := range r.Sections {
		s.Blocks = slices.Clone(s.Blocks)
		for j, b := range s.Blocks {
			if f, ok := b.(Figure); ok {
				n++
				f.id = fmt.Sprintf("figure-%d", n)
				s.Blocks[j] = f
			}
		}
		r.Sections[i] = s
	}
	return r
}

// MarshalJSON writes the report, with a number to each figure.
func (r Report) MarshalJSON() ([]byte, error) {
	type fields Report
	return json.Marshal(fields(r.numbered()))
}

// A Verdict is a statement of theory held against a measurement.
type Verdict struct {
	Kind   Kind   `json:"kind"`
	Text   string `json:"text"`
	Detail string `json:"detail,omitempty"`
}

// A Kind is how a verdict came out.
type Kind string

// The kinds.
const (
	Agrees    Kind = "agrees"
	Disagrees Kind = "disagrees"
	Open      Kind = "open" // the measurement decides nothing
)

// Verdicts is a list of verdicts; disagreements stand first, agreements fold.
type Verdicts []Verdict

// A Card is what is known of one thing.
type Card struct {
	Title string `json:"title"`
	Lead  string `json:"lead"`
	Facts []Fact `json:"facts"`
}

// Cards is a grid of cards.
type Cards []Card

//go:embed page.html
var pageText string

//go:embed blocks.html
var blocksText string

var (
	page   = template.Must(template.New("page").Parse(pageText))
	blocks = template.Must(template.New("blocks").Funcs(template.FuncMap{
		"paragraphs": func(t Text) []string { return strings.Split(strings.TrimSpace(string(t)), "\n\n") },
		"pieces":     pieces,
	}).Parse(blocksText))
)

// pieces cuts a text where a line may end: after the punctuation of specs.
func pieces(s string) []string {
	var all []string
	start := 0
	for i, r := range s {
		if strings.ContainsRune(":,=@", r) {
			all = append(all, s[start:i+1])
			start = i + 1
		}
	}
	return append(all, s[start:])
}

func render(name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := blocks.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("report: %s: %w", name, err)
	}
	return template.HTML(b.String()), nil
}

func (t Text) block() (template.HTML, error) { return render("text", t) }

func (f Figure) block() (template.HTML, error) {
	svg, err := plot.SVG(f.Figure)
	if err != nil {
		return "", err
	}
	// Package plot escapes every text that it writes.
	return render("figure", struct {
		ID      string
		SVG     template.HTML
		Caption string
	}{f.id, template.HTML(svg), f.Caption})
}

func (v Verdicts) block() (template.HTML, error) {
	of := func(k Kind) (list []Verdict) {
		for _, x := range v {
			if x.Kind == k {
				list = append(list, x)
			}
		}
		return list
	}
	agree, disagree, open := of(Agrees), of(Disagrees), of(Open)
	if len(agree)+len(disagree)+len(open) != len(v) {
		return "", errors.New("report: a verdict of unknown kind")
	}
	return render("verdicts", map[string][]Verdict{"Agree": agree, "Disagree": disagree, "Open": open})
}

func (c Cards) block() (template.HTML, error) { return render("cards", c) }

// HTML returns the page.
func (r Report) HTML() ([]byte, error) {
	r = r.numbered()
	type section struct {
		ID, Title string
		Blocks    []template.HTML
	}
	view := struct {
		Report
		Parts []section
		Steps []int
	}{Report: r, Steps: steps}
	for i, s := range r.Sections {
		part := section{ID: fmt.Sprintf("s%d", i+1), Title: s.Title}
		for j, b := range s.Blocks {
			html, err := b.block()
			if err != nil {
				return nil, fmt.Errorf("section %q: %w", s.Title, err)
			}
			// Figures in a row share a grid.
			if isFigure(s.Blocks, j) && !isFigure(s.Blocks, j-1) {
				html = `<div class="figures">` + html
			}
			if isFigure(s.Blocks, j) && !isFigure(s.Blocks, j+1) {
				html += `</div>`
			}
			part.Blocks = append(part.Blocks, html)
		}
		view.Parts = append(view.Parts, part)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("report: page: %w", err)
	}
	return b.Bytes(), nil
}

func isFigure(blocks []Block, i int) bool {
	if i < 0 || i >= len(blocks) {
		return false
	}
	_, ok := blocks[i].(Figure)
	return ok
}

// File names of a report in its folder. The partial ones are of an interrupted report beside
// a whole one.
const (
	HTMLFile        = "report.html"
	JSONFile        = "report.json"
	partialHTMLFile = "partial.html"
	partialJSONFile = "partial.json"
)

// Files returns the files of dir that Save writes: a report that was interrupted does not
// take the place of a whole one.
func (r Report) Files(dir string) (html, text string) {
	html, text = filepath.Join(dir, HTMLFile), filepath.Join(dir, JSONFile)
	if r.Interrupted == "" {
		return html, text
	}
	var there struct{ Interrupted string }
	old, err := os.ReadFile(text)
	if err == nil && json.Unmarshal(old, &there) == nil && there.Interrupted == "" {
		return filepath.Join(dir, partialHTMLFile), filepath.Join(dir, partialJSONFile)
	}
	return html, text
}

// Save writes the page and the JSON into dir, which it makes, under the names of Files. Each
// appears whole or, on an error, is left as it was. With a whole report the partial one of
// an earlier attempt goes.
func (r Report) Save(dir string) error {
	html, err := r.HTML()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: JSON: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	htmlFile, textFile := r.Files(dir)
	if err := errors.Join(fs.WriteBytes(htmlFile, html), fs.WriteBytes(textFile, append(text, '\n'))); err != nil || r.Interrupted != "" {
		return err
	}
	for _, name := range []string{partialHTMLFile, partialJSONFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

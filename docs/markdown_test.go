package docs

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// A block is a fenced or an indented block of code of a document.
type block struct {
	line  int    // of its first line of code, from 1
	lang  string // such as go; "" where none is said
	text  string
	about []string // the comments right before it, without their signs
}

// directive returns what follows name in one of the comments before the block, as the path
// of "from examples/newloss/poly.go".
func (b block) directive(name string) (string, bool) {
	for _, c := range b.about {
		if rest, ok := strings.CutPrefix(c+" ", name+" "); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

// A span is code within a sentence.
type span struct {
	line int
	text string
}

// A document is what the tests look at of a Markdown file.
type document struct {
	blocks []block
	spans  []span
}

var (
	comment  = regexp.MustCompile(`(?s)<!--(.*?)-->`)
	markdown = goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
)

// readDocument parses Markdown as GitHub does. A block that is indented, without a fence, is
// one of shell.
func readDocument(source []byte) (document, error) {
	var d document
	lineOf := func(at int) int { return bytes.Count(source[:at], []byte("\n")) + 1 }
	err := ast.Walk(markdown.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			if n.Lines().Len() == 0 {
				return ast.WalkContinue, nil
			}
			d.blocks = append(d.blocks, block{
				line: lineOf(n.Lines().At(0).Start), lang: string(n.Language(source)),
				text: string(n.Lines().Value(source)), about: commentsBefore(n, source),
			})
		case *ast.CodeBlock:
			d.blocks = append(d.blocks, block{
				line: lineOf(n.Lines().At(0).Start), lang: "sh", text: string(n.Lines().Value(source)), about: commentsBefore(n, source),
			})
		case *ast.CodeSpan:
			var s strings.Builder
			at := -1
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if t, ok := c.(*ast.Text); ok {
					if at < 0 {
						at = t.Segment.Start
					}
					s.Write(t.Value(source))
					if t.SoftLineBreak() {
						s.WriteByte(' ')
					}
				}
			}
			if at >= 0 {
				d.spans = append(d.spans, span{lineOf(at), strings.ReplaceAll(s.String(), "\n", " ")})
			}
		}
		return ast.WalkContinue, nil
	})
	return d, err
}

// commentsBefore returns the comments that stand directly before n.
func commentsBefore(n ast.Node, source []byte) (about []string) {
	for p := n.PreviousSibling(); p != nil; p = p.PreviousSibling() {
		html, ok := p.(*ast.HTMLBlock)
		if !ok {
			break
		}
		whole := string(html.Lines().Value(source))
		if html.HasClosure() {
			whole += string(html.ClosureLine.Value(source))
		}
		for _, m := range comment.FindAllStringSubmatch(whole, -1) {
			about = append(about, strings.TrimSpace(m[1]))
		}
	}
	return about
}

// standsIn says where the lines of part are not lines of file that follow each other, and
// nothing where they are. The indentation of the whole part may differ; a line of part that
// is "// …" stands for any lines of file.
func standsIn(part, file string) (fault string) {
	lines := strings.Split(file, "\n")
	from := 0
	for piece := range strings.SplitSeq(strings.Trim(part, "\n")+"\n", "// …\n") {
		piece = strings.TrimRight(piece, " \t\n")
		if strings.TrimSpace(piece) == "" {
			continue
		}
		want := strings.Split(strings.TrimLeft(piece, "\n"), "\n")
		at := -1
		for i := from; i+len(want) <= len(lines) && at < 0; i++ {
			if sameBut(want, lines[i:i+len(want)]) {
				at = i
			}
		}
		if at < 0 {
			return fmt.Sprintf("no lines of it are %q and those below", strings.TrimSpace(want[0]))
		}
		from = at + len(want)
	}
	return ""
}

// sameBut reports whether a and b are the same lines but for one indentation of all of b.
func sameBut(a, b []string) bool {
	indent := strings.TrimSuffix(b[0], strings.TrimLeft(b[0], "\t "))
	own := strings.TrimSuffix(a[0], strings.TrimLeft(a[0], "\t "))
	for i := range a {
		if strings.TrimSpace(a[i]) == "" && strings.TrimSpace(b[i]) == "" {
			continue
		}
		x, ok := strings.CutPrefix(a[i], own)
		y, also := strings.CutPrefix(b[i], indent)
		if !ok || !also || x != y {
			return false
		}
	}
	return true
}

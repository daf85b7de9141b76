package main

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a number of a document.
type token struct {
	numeral
	start, end int  // in the text of the document; a sign counts, a unit does not
	unit       int  // where its unit ends; end where it has none
	figure     bool // whether it is measured by the rule of figures
}

var (
	number = regexp.MustCompile(`(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?`)

	// unit stands behind a figure. A cross before another number is a product.
	unit = regexp.MustCompile(`^[*_]{0,3}[ \n\x{a0}\x{202f}]?(?:×|%|GB/s|(?:x|percent|ns|µs|μs|ms|s|seconds|min|minutes?|hours?|times|KiB|MiB|GiB|KB|MB|GB)\b)`)

	product = regexp.MustCompile(`^(?:[ \n]×[ \n]|×)\.?\d`)

	// between stands between two numbers that have one unit.
	between = regexp.MustCompile(`^(?:\s+(?:to|and|or)\s+|,\s+|\s*[–/]\s*|\s*±\s*|-)$`)

	// identifier ends before a number that is part of the name of a publication, or of a place in one.
	identifier = regexp.MustCompile(`(?i)(?:(?:arxiv|doi):|§|\b(?:eq|thm|theorem|lemma|section)\.?)\s*$`)
)

// tokens returns the numbers between two bytes of a document. A number is a figure when it
// has a decimal point or a unit behind it, its own or that of a number that follows, as in
// "2 to 3 ms". A number behind a letter, as in v0.9, and one of two points, as in 1.2.3,
// is a name; so is what follows arXiv:, doi:, § and the like.
func (d *document) tokens(start, end int) []token {
	var all []token
	text := string(d.masked[start:end])
	for at := 0; at < len(text); {
		loc := number.FindStringIndex(text[at:])
		if loc == nil {
			break
		}
		from, to := at+loc[0], at+loc[1]
		at = to
		before, size := utf8.DecodeLastRuneInString(text[:from])
		if to+1 < len(text) && text[to] == '.' && isDigit(text[to+1]) || before == '.' || identifier.MatchString(text[:from]) {
			for at < len(text) && (isDigit(text[at]) || text[at] == '.') { // a name with points
				at++
			}
			continue
		}
		if unicode.IsLetter(before) || strings.ContainsRune("_@^", before) {
			continue
		}
		t := token{start: start + from, end: start + to}
		if strings.ContainsRune("+-−", before) && from > 0 {
			prior, _ := utf8.DecodeLastRuneInString(text[:from-size])
			if from == size || !unicode.IsLetter(prior) && !unicode.IsDigit(prior) && prior != ')' {
				t.start -= size
			} else if unicode.IsLetter(prior) { // as in AVX-512
				continue
			}
		}
		t.text = d.text[t.start:t.end]
		t.unit = t.end
		if u := unit.FindStringIndex(text[to:]); u != nil && !product.MatchString(text[to:]) {
			t.unit += u[1]
		}
		t.figure = t.unit > t.end || strings.ContainsAny(t.text, ".eE")
		all = append(all, t)
	}
	shared := false // whether the number behind has a unit
	for i := len(all) - 1; i >= 0; i-- {
		t := &all[i]
		joined := i+1 < len(all) && between.MatchString(text[t.unit-start:all[i+1].start-start])
		shared = t.unit > t.end || joined && shared
		if shared && !strings.HasSuffix(strings.TrimSpace(text[:t.start-start]), "=") {
			t.figure = true
		}
	}
	return all
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// onlyFigures returns the tokens that are figures.
func onlyFigures(all []token) (figures []token) {
	for _, t := range all {
		if t.figure {
			figures = append(figures, t)
		}
	}
	return figures
}

// A figure is a number of a document with where it is from.
type figure struct {
	token
	document *document
	line     int
	from     reference
	value    float64 // by the record, where err is nil
	err      error
}

// shown is the figure with its unit.
func (f figure) shown() string {
	return strings.Join(strings.Fields(f.document.text[f.start:f.unit]), " ")
}

// figures returns all figures of a document, and what is wrong with its references: the
// values of the figures, right or wrong, are the caller's to compare.
func (d *document) figures(b *book) []figure {
	var all []figure
	for i := range d.blocks {
		k := &d.blocks[i]
		switch {
		case k.kind == prose || k.kind == grid && k.output == nil && (k.figures == nil || len(splitColumns(k.figures.text)) == 1):
			all = append(all, d.inOrder(k, b)...)
		case k.kind == grid && k.output == nil:
			all = append(all, d.byColumn(k, b)...)
		}
	}
	return all
}

// inOrder pairs the figures of a block with the references in their order.
func (d *document) inOrder(k *block, b *book) (all []figure) {
	tokens := onlyFigures(d.tokens(k.start, k.end))
	if k.figures == nil {
		d.without(tokens)
		return nil
	}
	refs, err := parseReferences(k.figures.text)
	if err != nil {
		d.fault(k.figures.line, "%v", err)
		return nil
	}
	if len(refs) != len(tokens) {
		var texts []string
		for _, t := range tokens {
			texts = append(texts, strings.Join(strings.Fields(d.text[t.start:t.unit]), " "))
		}
		d.fault(k.figures.line, "%d references for %d figures: %s", len(refs), len(tokens), strings.Join(texts, " · "))
		return nil
	}
	for i, t := range tokens {
		all = append(all, d.figure(t, refs[i], b))
	}
	return all
}

// without reports figures that have no reference.
func (d *document) without(tokens []token) {
	for _, t := range tokens {
		d.fault(d.line(t.start), "the figure %s has no reference (one that is no measurement stands in a code span)",
			strings.Join(strings.Fields(d.text[t.start:t.unit]), " "))
	}
}

func (d *document) figure(t token, r reference, b *book) figure {
	f := figure{token: t, document: d, line: d.line(t.start), from: r}
	f.value, f.err = r.value(b)
	return f
}

// byColumn pairs the figures of a table with references by its columns. In a column with
// references whole numbers are figures, too, in a cell that has no other. A cell may leave
// out the last figures where the record has none.
func (d *document) byColumn(k *block, b *book) (all []figure) {
	var columns [][]reference
	for _, part := range splitColumns(k.figures.text) {
		part = strings.TrimSpace(part)
		if part == "-" {
			columns = append(columns, nil)
			continue
		}
		refs, err := parseReferences(part)
		if err == nil && len(refs) == 0 {
			d.fault(k.figures.line, "nothing stands between two bars: want references, or - for a column without figures")
			return nil
		}
		if err != nil {
			d.fault(k.figures.line, "%v", err)
			return nil
		}
		columns = append(columns, refs)
	}
	at := k.start
	for n, line := range strings.Split(d.text[k.start:k.end], "\n") {
		start := at
		at += len(line) + 1
		cells := cellSpans(line)
		if n == 0 && len(cells) != len(columns) {
			d.fault(k.figures.line, "the comment is of %d columns, and the table has %d", len(columns), len(cells))
			return nil
		}
		if n == 0 {
			d.without(onlyFigures(d.tokens(start, start+len(line))))
		}
		if n < 2 {
			continue
		}
		first := ""
		if len(cells) > 0 {
			first = withoutMarkup(line[cells[0][0]:cells[0][1]])
		}
		for i, c := range cells {
			if i < len(columns) {
				all = append(all, d.cell(start+c[0], start+c[1], first, columns[i], b)...)
			}
		}
	}
	return all
}

// cell pairs the figures of a cell with the references of its column.
func (d *document) cell(start, end int, first string, refs []reference, b *book) (all []figure) {
	numbers := d.tokens(start, end)
	tokens := onlyFigures(numbers)
	if refs == nil {
		d.without(tokens)
		return nil
	}
	if len(tokens) == 0 {
		tokens = numbers
	}
	if len(tokens) == 0 {
		return nil
	}
	if len(tokens) > len(refs) {
		d.fault(d.line(start), "the cell %q has %d figures, and its column %d references", strings.TrimSpace(d.text[start:end]), len(tokens), len(refs))
		return nil
	}
	for i, r := range refs {
		r = r.of(first)
		if i < len(tokens) {
			all = append(all, d.figure(tokens[i], r, b))
		} else if v, err := r.value(b); err == nil {
			d.fault(d.line(start), "the cell %q has %d figures, and its column %d references: %s is %g", strings.TrimSpace(d.text[start:end]), len(tokens), len(refs), r.text, v)
		}
	}
	return all
}

// cellSpans returns where the cells of a line of a table begin and end.
func cellSpans(line string) (spans [][2]int) {
	start := strings.IndexByte(line, '|') + 1
	end := len(strings.TrimRight(line, " \t"))
	if end > start && line[end-1] == '|' && line[end-2] != '\\' {
		end--
	}
	from := start
	for i := start; i < end; i++ {
		if line[i] == '|' && line[i-1] != '\\' {
			spans = append(spans, [2]int{from, i})
			from = i + 1
		}
	}
	return append(spans, [2]int{from, end})
}

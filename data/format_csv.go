package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// CSV and TSV with a header: columns are found by their usual names, other columns
// are ignored. Between commas and semicolons texts are quoted as in RFC 4180; between
// tabs a quote is a character like others, as in the text/tab-separated-values of
// IANA.
func init() {
	Register(Format{
		Name:    "csv",
		Doc:     "header `user_id,item_id[,rating][,timestamp]` in any order, between commas, tabs or semicolons",
		Example: "user_id,item_id,rating,timestamp\n7,\"a \"\"b\"\"\",4.5,1400000000\n7,c,3,1400000001\nx,c,1,1400000002\n",
		Ext:     ".csv",
		Sniff: func(lines [][]byte) bool {
			// A header is names, and no name is a number; RecBole's names have types.
			line := lines[0]
			comma := delimiter(line)
			if comma == 0 || isInterHeader(line) {
				return false
			}
			for name := range strings.SplitSeq(string(line), string(comma)) {
				if _, err := strconv.ParseFloat(strings.TrimSpace(name), 64); err == nil {
					return false
				}
			}
			return !bytes.Contains(line, []byte("::"))
		},
		Read:  readCSV,
		Least: len("u,i\n"),
		Write: writeCSV,
	})
}

// columnNames are the spellings by which a column is known, without case and
// punctuation, the preferred first.
var columnNames = [numColumns][]string{
	columnUser:  {"userid", "user", "uid", "reviewerid", "customerid", "visitorid", "u"},
	columnItem:  {"itemid", "item", "iid", "movieid", "productid", "parentasin", "asin", "businessid", "bookid", "artistid", "trackid", "songid", "i"},
	columnValue: {"rating", "value", "score", "overall", "stars", "ratings"},
	columnTime:  {"timestamp", "time", "unixreviewtime", "datetime", "date", "ts"},
}

const (
	columnUser = iota
	columnItem
	columnValue
	columnTime
	numColumns
)

var columnWords = [numColumns]string{columnUser: "user", columnItem: "item", columnValue: "rating", columnTime: "time"}

// columns returns the position of each known column in a header, -1 for one that is
// absent. A column that is there twice is an error; one that is there under several
// names is the one of the preferred name, and out notes the others.
func columns(header []string, out *Collector) (at [numColumns]int, err error) {
	plain := make([]string, len(header))
	for i, h := range header {
		plain[i] = strings.Map(func(r rune) rune {
			if strings.ContainsRune("_- .\t\"", r) {
				return -1
			}
			return r
		}, strings.ToLower(h))
	}
	var faults []string
	for c, names := range columnNames {
		at[c] = -1
		for _, name := range names {
			i := slices.Index(plain, name)
			switch {
			case i < 0:
				continue
			case at[c] >= 0:
				out.Note("%q and %q both name the %s; %q is read", header[at[c]], header[i], columnWords[c], header[at[c]])
				continue
			}
			at[c] = i
			if again := slices.Index(plain[i+1:], name); again >= 0 {
				faults = append(faults, fmt.Sprintf("columns %d and %d are both %q", i+1, i+again+2, header[i]))
			}
		}
	}
	for c, what := range columnWords[:columnItem+1] {
		if at[c] < 0 {
			faults = append(faults, fmt.Sprintf("no %s column among %q; it is known by the names %s (case and punctuation aside)",
				what, header, strings.Join(columnNames[c], ", ")))
		}
	}
	if faults != nil {
		return at, fmt.Errorf("%s; rename them in the header", strings.Join(faults, "; and "))
	}
	return at, nil
}

// delimiter returns the separator of a header line, 0 where there is none.
func delimiter(line []byte) rune {
	best, most := rune(0), 0
	for _, d := range "\t,;" {
		if n := bytes.Count(line, []byte(string(d))); n > most {
			best, most = d, n
		}
	}
	return best
}

func readCSV(_ Values, in *Input, out *Collector) error {
	lines, err := in.sample()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return nil
	}
	comma := delimiter(lines[0])
	if comma == 0 {
		return in.ErrorAt(1, fmt.Errorf("no comma, tab or semicolon in the header %q", shorten(lines[0])))
	}
	if comma == '\t' {
		return readTabs(in, out, func(header []byte) ([]string, error) { return strings.Split(string(header), "\t"), nil })
	}
	var add func(fields [][]byte) error
	return readRecords(in, comma, out.Note, func(header []string) error {
		at, err := columns(header, out)
		if err == nil {
			add = adder(out, at)
		}
		return err
	}, func(line int, fields [][]byte) error {
		if err := add(fields); err != nil {
			return in.ErrorAt(line, err)
		}
		return nil
	})
}

// readRecords reads a header and records between commas, with quotes, and notes those of several
// lines. header has its line in what it says is wrong, and add puts it there.
func readRecords(in *Input, comma rune, note func(format string, args ...any), header func(cells []string) error, add func(line int, fields [][]byte) error) error {
	guard := &quoteGuard{in: in, line: 1}
	r := csv.NewReader(guard)
	r.Comma, r.ReuseRecord, r.TrimLeadingSpace = comma, true, true
	rec, err := r.Read()
	if err != nil {
		return guard.explain(0, err)
	}
	line, _ := r.FieldPos(0)
	if err := header(slices.Clone(rec)); err != nil {
		return in.ErrorAt(line, err)
	}
	fields := make([][]byte, len(rec))
	for {
		rec, err := r.Read()
		if err == io.EOF {
			if guard.count > 0 {
				note("%s of several lines, the first of lines %d to %d (a quote that is not closed takes in the lines after it)",
					plural(guard.count, "quoted text"), guard.from, guard.to)
			}
			return nil
		}
		if err != nil {
			return guard.explain(line, err)
		}
		line, _ = r.FieldPos(0)
		for k, text := range rec {
			fields[k] = append(fields[k][:0], text...)
		}
		if err := add(line, fields); err != nil {
			return err
		}
	}
}

// adder returns a function that adds a record whose columns lie at these places.
func adder(out *Collector, at [numColumns]int) func(fields [][]byte) error {
	hasValue, hasTime := at[columnValue] >= 0, at[columnTime] >= 0
	out.Has(hasValue, hasTime)
	return func(fields [][]byte) (err error) {
		var value float32
		var when Moment
		if hasValue {
			value, err = parseValue(fields[at[columnValue]])
		}
		if err == nil && hasTime {
			when, err = out.moment(fields[at[columnTime]])
		}
		if err != nil {
			return err
		}
		return out.Add(bytes.TrimSpace(fields[at[columnUser]]), bytes.TrimSpace(fields[at[columnItem]]), value, when)
	}
}

// readTabs reads a header, of which names makes the columns' names, and records,
// both between tabs and without quoting.
func readTabs(in *Input, out *Collector, names func(header []byte) ([]string, error)) error {
	if !in.Next() {
		return in.Err()
	}
	header, err := names(in.Line())
	if err != nil {
		return in.Errorf("%w", err)
	}
	at, err := columns(header, out)
	if err != nil {
		return in.Errorf("%w", err)
	}
	add := adder(out, at)
	fields := make([][]byte, len(header))
	for in.Next() {
		rest, n, more := in.Line(), 0, true
		for more && n < len(fields) {
			fields[n], rest, more = bytes.Cut(rest, []byte("\t"))
			n++
		}
		if n < len(fields) || more {
			return in.Errorf("%d columns where the header has %d", bytes.Count(in.Line(), []byte("\t"))+1, len(fields))
		}
		if err := add(fields); err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

// The bounds of a quoted text. Reviews are the longest that files of interactions
// hold; a quote that was never meant to open one takes in all of a file.
const (
	maxQuoted      = 1 << 20 // bytes
	maxQuotedLines = 1000
)

// A quoteGuard passes a CSV file on and watches its quotes: it ends in an error where
// a quoted text exceeds its bounds, and counts those of several lines. It takes every
// quote for the begin or the end of a quoted text, or half of a pair within one; a
// quote elsewhere is an error of the CSV reader, which comes first.
type quoteGuard struct {
	in    *Input
	line  int  // of the next byte, from 1
	open  int  // line where the quoted text under way began, 0 where there is none
	bytes int  // since then
	shut  bool // the last byte was a quote that ends it, unless another follows

	count    int // quoted texts of several lines
	from, to int // lines of the first of them
}

func (g *quoteGuard) Read(p []byte) (n int, err error) {
	n, err = g.in.Read(p)
	for k, c := range p[:n] {
		g.bytes++
		if g.shut && c != '"' {
			g.end()
		}
		switch {
		case c == '\n':
			g.line++
		case c == '"' && g.open == 0:
			g.open, g.bytes = g.line, 0
		case c == '"':
			g.shut = !g.shut
		}
		if g.open > 0 && (g.bytes > maxQuoted || g.line-g.open > maxQuotedLines) {
			return k, g.in.ErrorAt(g.open, fmt.Errorf("the quote that opens here is not closed within %d lines and %d bytes", maxQuotedLines, maxQuoted))
		}
	}
	if err == io.EOF && g.shut {
		g.end()
	}
	return n, err
}

// end notes that the quoted text under way is over.
func (g *quoteGuard) end() {
	if g.line > g.open {
		if g.count++; g.count == 1 {
			g.from, g.to = g.open, g.line
		}
	}
	g.open, g.shut = 0, false
}

// explain puts an error of the csv package in the form file:line; line is where it
// came after, if the package does not say.
func (g *quoteGuard) explain(line int, err error) error {
	var parse *csv.ParseError
	var mine *LineError
	switch {
	case errors.As(err, &mine):
		return err
	case !errors.As(err, &parse):
		return g.in.ErrorAt(line+1, err)
	case parse.Err == csv.ErrQuote && g.open > 0:
		return g.in.ErrorAt(g.open, fmt.Errorf("%w: the quote that opens here is not closed", parse.Err))
	}
	return g.in.ErrorAt(parse.Line, parse.Err)
}

// parseValue reads a rating: a finite number in decimal notation, as all numbers are.
func parseValue(field []byte) (float32, error) {
	text := string(bytes.TrimSpace(field))
	x, err := strconv.ParseFloat(text, 32)
	if errors.Is(err, strconv.ErrRange) && !strings.ContainsAny(text, "xX_") {
		return 0, fmt.Errorf("rating %q is too large: ratings are at most %.4g", shorten(field), math.MaxFloat32)
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || strings.ContainsAny(text, "xX_") { // 0x1p4, 1_000
		return 0, fmt.Errorf("rating %q is not a finite number", shorten(field))
	}
	return float32(x), nil
}

func writeCSV(w *bufio.Writer, d *Dataset, x *Interactions) error {
	c := csv.NewWriter(w)
	rec := []string{"user_id", "item_id"}
	if x.Value() != nil {
		rec = append(rec, "rating")
	}
	if x.Time() != nil {
		rec = append(rec, "timestamp")
	}
	if err := c.Write(rec); err != nil {
		return err
	}
	for u := range x.Users() {
		for p := x.Ptr()[u]; p < x.Ptr()[u+1]; p++ {
			rec = append(rec[:0], d.UserName(u), d.ItemName(int(x.Item()[p])))
			if x.Value() != nil {
				rec = append(rec, strconv.FormatFloat(float64(x.Value()[p]), 'g', -1, 32))
			}
			if x.Time() != nil {
				rec = append(rec, Moment{x.Time()[p], d.TimeDecimals}.String())
			}
			if err := c.Write(rec); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

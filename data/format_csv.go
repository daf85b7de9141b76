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
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// CSV and TSV with a header: columns are found by their usual names, other columns
// are ignored. Between commas and semicolons texts are quoted as in RFC 4180; between
// tabs a quote is a character like others, as in the text/tab-separated-values of
// IANA.
func init() {
	Register(Format{
		Name:    "csv",
		Doc:     "header `user_id,item_id[,rating][,timestamp]` in any order, between commas, tabs or semicolons; other names and separators, or no header, by the settings columns, sep, quote and header",
		Example: "user_id,item_id,rating,timestamp\n7,\"a \"\"b\"\"\",4.5,1400000000\n7,c,3,1400000001\nx,c,1,1400000002\n",
		Ext:     ".csv",
		Sniff: func(lines [][]byte) bool {
			// A header is names, and no name is a number; RecBole's names have types.
			line := lines[0]
			comma := delimiter(line)
			if comma == 0 || isInterHeader(line) || isJSON(line) {
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
		takes: takesLayout,
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

// readCSV reads a table by its layout.
func readCSV(_ Values, in *Input, out *Collector) error {
	lines, err := in.sample()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return nil
	}
	sep := in.layout.separatorOf(lines[0])
	if sep == "" {
		return in.ErrorAt(1, fmt.Errorf("no comma, tab or semicolon in the header %q; say what is between columns, as by --sep '|'", shorten(lines[0])))
	}
	quote, err := in.layout.quoteOf(sep)
	if err != nil {
		return in.ErrorAt(1, err)
	}
	if quote == "" {
		return readCells(in, out, sep, nil)
	}
	comma, _ := utf8.DecodeRuneInString(sep)
	var t *table
	return readRecords(in, comma, quote == "'", out.Note, func(header []string) (bool, error) {
		t, err = newTable(in, out, header)
		return t.names, err
	}, func(line int, fields [][]byte) error {
		if err := t.add(fields); err != nil {
			return in.ErrorAt(line, err)
		}
		return nil
	})
}

// readRecords reads records between commas, with quotes, single ones or double, and notes those
// of several lines. header takes the first, says whether it was one, and what is wrong without its
// line, which add puts there.
func readRecords(in *Input, comma rune, single bool, note func(format string, args ...any), header func(cells []string) (bool, error), add func(line int, fields [][]byte) error) error {
	guard := &quoteGuard{in: in, line: 1, single: single}
	r := csv.NewReader(guard)
	r.Comma, r.ReuseRecord, r.TrimLeadingSpace = comma, true, comma != '\t' && comma != ' '
	cells := func(rec []string) []string {
		if single {
			for k, text := range rec {
				rec[k] = strings.Map(swapQuote, text)
			}
		}
		return rec
	}
	rec, err := r.Read()
	if err != nil {
		return guard.explain(0, err)
	}
	line, _ := r.FieldPos(0)
	wasHeader, err := header(slices.Clone(cells(rec)))
	if err != nil {
		return in.ErrorAt(line, err)
	}
	fields := make([][]byte, len(rec))
	for first := !wasHeader; ; first = false {
		if !first {
			rec, err = r.Read()
		}
		if err == io.EOF {
			if guard.count > 0 {
				note("%s of several lines, the first of lines %d to %d (a quote that is not closed takes in the lines after it)",
					words.Count(guard.count, "quoted text"), guard.from, guard.to)
			}
			return nil
		}
		if err != nil {
			return guard.explain(line, err)
		}
		if !first {
			line, _ = r.FieldPos(0)
			cells(rec)
		}
		in.line = line
		for k, text := range rec {
			fields[k] = append(fields[k][:0], text...)
		}
		if err := add(line, fields); err != nil {
			return err
		}
	}
}

// A table is what records are read by.
type table struct {
	names bool // the first record is names
	add   func(fields [][]byte) error
}

// newTable returns the table whose first record is cells.
func newTable(in *Input, out *Collector, cells []string) (*table, error) {
	t := &table{}
	names, sure, err := in.layout.headed(cells)
	if err != nil {
		return t, err
	}
	at, err := in.layout.find(cells, names, out)
	if err != nil {
		return t, err
	}
	if !sure {
		out.Note("the first line holds a number and is read as an interaction (--header yes takes it for names)")
	}
	t.names, t.add = names, adder(out, at)
	return t, nil
}

// adder returns a function that adds a record whose columns lie at these places.
func adder(out *Collector, at [numColumns]int) func(fields [][]byte) error {
	hasValue, hasTime := at[columnValue] >= 0, at[columnTime] >= 0
	out.Has(hasValue, hasTime)
	return func(fields [][]byte) (err error) {
		var value float32
		var when Moment
		if hasValue {
			if value, err = parseValue(fields[at[columnValue]]); err != nil {
				return err
			}
		}
		if hasTime {
			when = out.moment(fields[at[columnTime]])
		}
		return out.Add(bytes.TrimSpace(fields[at[columnUser]]), bytes.TrimSpace(fields[at[columnItem]]), value, when)
	}
}

// readCells reads records between sep without quoting. names makes the columns' names of a
// first line that is one of them; nil leaves them as they are.
func readCells(in *Input, out *Collector, sep string, names func(header []byte) ([]string, error)) error {
	if !in.Next() {
		return in.Err()
	}
	var header []string
	var err error
	if names != nil {
		if header, err = names(in.Line()); err != nil {
			return in.Errorf("%w", err)
		}
	} else if sep == blanks {
		header = strings.Fields(string(in.Line()))
	} else {
		header = strings.Split(string(in.Line()), sep)
	}
	t, err := newTable(in, out, header)
	if err != nil {
		return in.Errorf("%w", err)
	}
	fields := make([][]byte, len(header))
	for first := !t.names; first || in.Next(); first = false {
		if n, ok := cutCells(fields, in.Line(), sep); !ok {
			what := "header"
			if !t.names {
				what = "first line"
			}
			return in.Errorf("%s where the %s has %d", words.Count(n, "column"), what, len(fields))
		}
		if err := t.add(fields); err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

// cutCells fills fields with what is between sep in line, and returns how many there are and
// whether they are as many.
func cutCells(fields [][]byte, line []byte, sep string) (n int, ok bool) {
	if sep == blanks {
		for rest := line; ; n++ {
			var field []byte
			if field, rest = cutField(rest); len(field) == 0 {
				return n, n == len(fields)
			}
			if n < len(fields) {
				fields[n] = field
			}
		}
	}
	rest, more := line, true
	for more && n < len(fields) {
		fields[n], rest, more = bytes.Cut(rest, []byte(sep))
		n++
	}
	return bytes.Count(line, []byte(sep)) + 1, n == len(fields) && !more
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

	single bool // quotes are single ones, which change places with double ones here

	count    int // quoted texts of several lines
	from, to int // lines of the first of them
}

func (g *quoteGuard) Read(p []byte) (n int, err error) {
	n, err = g.in.Read(p)
	if g.single {
		for k, c := range p[:n] {
			p[k] = byte(swapQuote(rune(c)))
		}
	}
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

// swapQuote returns a double quote for a single one, and the other way round: the reader of CSV
// knows double ones.
func swapQuote(r rune) rune {
	switch r {
	case '"':
		return '\''
	case '\'':
		return '"'
	}
	return r
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
	if g.single {
		return g.in.ErrorAt(parse.Line, errors.New(strings.ReplaceAll(parse.Err.Error(), `"`, "'")))
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
		if strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
			return 0, fmt.Errorf("rating %q is not a finite number: decimals follow a point, and --columns rating=none leaves ratings out", shorten(field))
		}
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

package data

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A layout is what a user says of the columns of a table; its zero value leaves all to the
// file.
type layout struct {
	columns [numColumns]columnRef
	sep     string // between columns; "blanks" of any run of spaces and tabs, "" by the first line
	quote   string // one of quotes, "" as is usual of sep
	header  string // "yes", "no" or "", by the first line
}

// A columnRef says where a column is: by its name, or by its number from 1.
type columnRef struct {
	name string // "" where nothing is said
	none bool   // the column is left out
}

// number returns the place that the text is the number of, from 0, and whether it is one.
func (c columnRef) number() (int, bool) {
	n, err := strconv.Atoi(c.name)
	return n - 1, err == nil && n > 0 && strconv.Itoa(n) == c.name
}

// layoutTaken says which parts of a layout a format heeds.
type layoutTaken int

const (
	takesNothing layoutTaken = iota
	takesColumns             // names of columns
	takesLayout              // and what is between them
)

// noColumn leaves a column out.
const noColumn = "none"

// blanks, as what is between columns, are any run of spaces and tabs.
const blanks = "blanks"

// separators are the names of what may be between columns.
var separators = []struct{ name, text string }{
	{"comma", ","}, {"semicolon", ";"}, {"tab", "\t"}, {"space", " "}, {"pipe", "|"}, {blanks, blanks},
}

// quotes are the names of what may be around a text.
var quotes = []struct{ name, text string }{{"double", `"`}, {"single", "'"}, {"none", ""}}

// maxSep bounds what is between two columns, in bytes.
const maxSep = 8

// given reports whether anything is said.
func (l layout) given() bool { return l != layout{} }

// parseLayout reads the settings columns, sep, quote and header, "" where one is not given.
// It returns their canonical texts; fault is called for what is wrong with each.
func parseLayout(c *Config, fault func(setting string, err error)) (l layout) {
	var err error
	if c.Columns != "" {
		if l.columns, err = parseColumns(c.Columns); err != nil {
			fault("columns", err)
		} else {
			c.Columns = l.columnsText()
		}
	}
	if c.Sep != "" {
		if l.sep, err = parseSep(c.Sep); err != nil {
			fault("sep", err)
		} else {
			c.Sep = sepName(l.sep)
		}
	}
	if c.Quote != "" {
		at := slices.IndexFunc(quotes, func(q struct{ name, text string }) bool { return q.name == c.Quote || q.text == c.Quote })
		if at < 0 {
			fault("quote", fmt.Errorf(`quote %q is none of double ("), single (') and none`, c.Quote))
		} else {
			l.quote, c.Quote = quotes[at].name, quotes[at].name
		}
	}
	switch c.Header {
	case "", "yes", "no":
		l.header = c.Header
	default:
		fault("header", fmt.Errorf("header %q is neither yes nor no", c.Header))
	}
	if l.sep != "" && !quotable(l.sep) && l.quote != "" && l.quote != "none" {
		fault("quote", fmt.Errorf("between %s a quote is a character like others; leave it out", sepName(l.sep)))
	}
	return l
}

// quotable reports whether texts may have quotes between such separators: those of one
// character.
func quotable(sep string) bool { return len([]rune(sep)) == 1 }

// parseColumns reads "user=name,item=2,time=none": a record as CSV has it, a cell a role.
func parseColumns(text string) (columns [numColumns]columnRef, err error) {
	const form = `want role=name with commas between, as in user=Nutzer,item=3,time=none; what holds a comma or begins with a quote goes between double quotes with its role, as in "user=name, first",item=3`
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	cells, err := r.Read()
	var fault *csv.ParseError
	if errors.As(err, &fault) {
		err = fault.Err
	}
	if err != nil {
		return columns, fmt.Errorf("%q: %w; %s", text, err, form)
	}
	if _, err := r.Read(); err != io.EOF {
		return columns, fmt.Errorf("%q: more than one line; %s", text, form)
	}
	for _, cell := range cells {
		role, name, ok := strings.Cut(cell, "=")
		role, name = strings.TrimSpace(role), strings.TrimSpace(name)
		c := slices.Index(columnWords[:], role)
		switch {
		case !ok || name == "":
			return columns, fmt.Errorf("%q is no column; %s", cell, form)
		case c < 0:
			return columns, fmt.Errorf("unknown role %q%s", role, registry.Offer(role, columnWords[:]))
		case columns[c] != columnRef{}:
			return columns, fmt.Errorf("the %s is there twice", role)
		case name == noColumn && c <= columnItem:
			return columns, fmt.Errorf("an interaction has a user and an item; the %s cannot be left out", role)
		}
		columns[c] = columnRef{name, name == noColumn}
	}
	return columns, nil
}

// columnsText returns the text that parseColumns reads.
func (l layout) columnsText() string {
	var cells []string
	for c, ref := range l.columns {
		if ref.name != "" {
			cells = append(cells, columnWords[c]+"="+ref.name)
		}
	}
	if cells == nil {
		return ""
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(cells) // a Builder takes all
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// parseSep reads what is between columns: a name or the characters themselves.
func parseSep(text string) (string, error) {
	for _, s := range separators {
		if text == s.name || text == s.text {
			return s.text, nil
		}
	}
	var names []string
	for _, s := range separators {
		names = append(names, s.name)
	}
	odd := strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\'' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	})
	if odd || len(text) > maxSep {
		return "", fmt.Errorf("separator %q is neither a name (%s) nor up to %d characters that are no letters, digits, quotes or blanks, as :: is", text, strings.Join(names, ", "), maxSep)
	}
	return text, nil
}

func sepName(sep string) string {
	for _, s := range separators {
		if sep == s.text {
			return s.name
		}
	}
	return sep
}

// separatorOf returns what is between the columns of a line: what the user says, or what the
// line has of tab, comma and semicolon the most, else "::", else blanks; "" where it has none.
func (l layout) separatorOf(line []byte) string {
	if l.sep != "" {
		return l.sep
	}
	switch d := delimiter(line); {
	case d != 0:
		return string(d)
	case !l.given():
		return ""
	case bytes.Contains(line, []byte("::")):
		return "::"
	case bytes.ContainsAny(bytes.TrimSpace(line), " \t"):
		return blanks
	}
	return ""
}

// quoteOf returns the quote between such separators, "" where there is none.
func (l layout) quoteOf(sep string) (string, error) {
	switch {
	case l.quote == "" && (sep == "\t" || !quotable(sep)):
		return "", nil
	case l.quote == "":
		return `"`, nil
	case l.quote != "none" && !quotable(sep):
		return "", fmt.Errorf("between %s a quote is a character like others; leave out --quote", sepName(sep))
	}
	for _, q := range quotes {
		if q.name == l.quote {
			return q.text, nil
		}
	}
	return "", nil
}

// headed reports whether the cells of a first line are names. sure is false where that was
// decided by what is in them.
func (l layout) headed(cells []string) (names, sure bool, err error) {
	_, userNumber := l.columns[columnUser].number()
	_, itemNumber := l.columns[columnItem].number()
	switch {
	case l.header != "":
		return l.header == "yes", true, nil
	case !userNumber || !itemNumber:
		return true, true, nil
	}
	for c, ref := range l.columns {
		n, number := ref.number()
		if c > columnItem && ref.name != "" && !ref.none && !number || number && n >= len(cells) { // which find refuses
			return true, true, nil
		}
	}
	for _, cell := range cells {
		if _, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
			return false, false, nil
		}
	}
	return false, false, fmt.Errorf("the first line is %s: say by --header whether that are names (yes) or an interaction (no)", listColumns(cells))
}

// listColumns lists columns with their numbers.
func listColumns(cells []string) string {
	var parts []string
	for i, cell := range cells {
		if i == 30 {
			parts = append(parts, fmt.Sprintf("and %d more", len(cells)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%d %q", i+1, shorten([]byte(cell))))
	}
	return strings.Join(parts, ", ")
}

// find returns the place of each column among cells, -1 for one that is absent: names, or
// the first record of a file without. What is said decides, and then, of names, the usual
// ones.
func (l layout) find(cells []string, names bool, out *Collector) (at [numColumns]int, err error) {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	trimmed := make([]string, len(cells))
	for i, cell := range cells {
		trimmed[i] = strings.TrimSpace(cell)
	}
	taken := map[int]int{} // the column of each place, by what is said
	for c, ref := range l.columns {
		at[c] = -1
		if ref.name == "" || ref.none {
			continue
		}
		i := -1
		if names {
			i = slices.Index(trimmed, ref.name)
		}
		n, isNumber := ref.number()
		switch {
		case i >= 0 && slices.Contains(trimmed[i+1:], ref.name):
			fault("columns %d and %d are both %q; give the number of the %s", i+1, i+slices.Index(trimmed[i+1:], ref.name)+2, ref.name, columnWords[c])
			continue
		case i < 0 && isNumber && n < len(cells):
			i = n
		case i < 0 && isNumber:
			fault("there is no column %s, the %s", ref.name, columnWords[c])
			continue
		case i < 0 && !names:
			fault("the %s is %q, and a file without a header has no names; give its number", columnWords[c], ref.name)
			continue
		case i < 0:
			similar := ""
			if best := registry.Closest(ref.name, trimmed); best != "" {
				similar = fmt.Sprintf(" (did you mean %q?)", best)
			}
			fault("there is no column %q, the %s%s", ref.name, columnWords[c], similar)
			continue
		}
		if other, twice := taken[i]; twice {
			fault("column %d is both the %s and the %s", i+1, columnWords[other], columnWords[c])
		}
		at[c], taken[i] = i, c
	}
	if faults != nil {
		return at, fmt.Errorf("%s; the columns are %s", strings.Join(faults, "; and "), listColumns(cells))
	}
	if names {
		faults = l.usual(cells, taken, &at, out)
	}
	for c, what := range columnWords[:columnItem+1] {
		if at[c] < 0 && faults == nil && !names {
			faults = append(faults, fmt.Sprintf("which column is the %s is not said", what))
		}
	}
	if faults != nil {
		return at, fmt.Errorf("%s; the columns are %s; say which is which, as by --columns user=1,item=2", strings.Join(faults, "; and "), listColumns(cells))
	}
	return at, nil
}

// usual finds columns of which nothing is said by their usual names, and returns what is
// wrong.
func (l layout) usual(header []string, taken map[int]int, at *[numColumns]int, out *Collector) (faults []string) {
	plain := make([]string, len(header))
	for i, h := range header {
		if _, said := taken[i]; !said {
			plain[i] = plainColumn(h)
		}
	}
	for c, names := range columnNames {
		if l.columns[c].name != "" {
			continue
		}
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
			faults = append(faults, fmt.Sprintf("no %s column: it is known by the names %s (case and punctuation aside)",
				what, strings.Join(columnNames[c], ", ")))
		}
	}
	return faults
}

// plainColumn returns a column's name without case and punctuation.
func plainColumn(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("_- .\t\"", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// wants returns an error of a format that does not heed what is said.
func (l layout) wants(f *Format) error {
	delimited := ""
	switch {
	case l.sep != "":
		delimited = "sep"
	case l.quote != "":
		delimited = "quote"
	case l.header != "":
		delimited = "header"
	}
	choices := func(least layoutTaken) string {
		var names []string
		for _, f := range Formats() {
			if f.takes >= least {
				names = append(names, f.Name)
			}
		}
		return strings.Join(names, ", ")
	}
	switch {
	case delimited != "" && f.takes < takesLayout:
		return &SettingError{delimited, fmt.Errorf("format %s says itself what is between its columns; the setting is of %s", f.Name, choices(takesLayout))}
	case l.given() && f.takes < takesColumns:
		return &SettingError{"columns", fmt.Errorf("format %s has no columns to name; the formats that have are %s", f.Name, choices(takesColumns))}
	}
	return nil
}

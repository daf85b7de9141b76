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
	"time"
)

// CSV and TSV with a header (RFC 4180 quoting; comma, tab or semicolon): columns
// are found by their usual names, other columns are ignored.
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

// columns returns the position of each known column in a header, -1 for one
// that is absent.
func columns(header []string) (at [numColumns]int, err error) {
	plain := make([]string, len(header))
	for i, h := range header {
		plain[i] = strings.Map(func(r rune) rune {
			if strings.ContainsRune("_- .\t\"", r) {
				return -1
			}
			return r
		}, strings.ToLower(h))
	}
	for c, names := range columnNames {
		at[c] = -1
		for _, name := range names {
			if i := slices.Index(plain, name); i >= 0 {
				at[c] = i
				break
			}
		}
	}
	var faults []string
	for c, what := range []string{columnUser: "user", columnItem: "item"} {
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

func readCSV(in *Input, out *Collector) error {
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
	r := csv.NewReader(in)
	r.Comma, r.ReuseRecord, r.TrimLeadingSpace = comma, true, comma != '\t'
	header, err := r.Read()
	if err != nil {
		return csvError(in, 0, err)
	}
	line, _ := r.FieldPos(0)
	at, err := columns(slices.Clone(header))
	if err != nil {
		return in.ErrorAt(line, err)
	}
	hasValue, hasTime := at[columnValue] >= 0, at[columnTime] >= 0
	out.Has(hasValue, hasTime)
	var user, item []byte
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return csvError(in, line, err)
		}
		line, _ = r.FieldPos(0)
		var value float32
		var when int64
		if hasValue {
			value, err = parseValue([]byte(rec[at[columnValue]]))
		}
		if err == nil && hasTime {
			when, err = parseTime([]byte(rec[at[columnTime]]))
		}
		if err == nil {
			user = append(user[:0], strings.TrimSpace(rec[at[columnUser]])...)
			item = append(item[:0], strings.TrimSpace(rec[at[columnItem]])...)
			err = out.Add(user, item, value, when)
		}
		if err != nil {
			return in.ErrorAt(line, err)
		}
	}
}

// csvError puts an error of the csv package in the form file:line; line is where
// it came after, if the package does not say.
func csvError(in *Input, line int, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return in.ErrorAt(parse.Line, parse.Err)
	}
	return in.ErrorAt(line+1, err)
}

// parseValue reads a rating.
func parseValue(field []byte) (float32, error) {
	x, err := strconv.ParseFloat(string(bytes.TrimSpace(field)), 32)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("rating %q is not a finite number", shorten(field))
	}
	return float32(x), nil
}

// timeLayouts are the dates that parseTime reads, taken as UTC without a zone.
var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly}

// parseTime reads a time: a number in any unit, cut to a whole one, or a date,
// which becomes seconds since 1970.
func parseTime(field []byte) (int64, error) {
	text := string(bytes.TrimSpace(field))
	if t, err := strconv.ParseInt(text, 10, 64); err == nil {
		return t, nil
	}
	// RecBole writes times as floats; beyond 2⁵³ they would not be whole.
	if t, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(t) <= 1<<53 {
		return int64(math.Floor(t)), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("time %q is neither a number nor a date such as 2006-01-02 15:04:05; "+
		"write it so, or rename the column to read the set without times", shorten(field))
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
				rec = append(rec, strconv.FormatInt(x.Time()[p], 10))
			}
			if err := c.Write(rec); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

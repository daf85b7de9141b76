package data

import (
	"bytes"
	"slices"
	"strings"
)

// RecBole's atomic interaction file, .inter: tabs, a header of typed names such
// as "user_id:token".
func init() {
	Register(Format{
		Name:    "recbole",
		Doc:     "RecBole's .inter: header `user_id:token item_id:token …` between tabs",
		Example: "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t3\t891717742\n186\t242\t1\t891717743\n",
		Sniff:   func(lines [][]byte) bool { return isInterHeader(lines[0]) },
		Read:    readRecBole,
	})
}

var interTypes = []string{"token", "token_seq", "float", "float_seq"}

// isInterHeader reports whether every column of a header is name:type.
func isInterHeader(line []byte) bool {
	for col := range strings.SplitSeq(string(line), "\t") {
		if _, kind, ok := strings.Cut(col, ":"); !ok || !slices.Contains(interTypes, kind) {
			return false
		}
	}
	return true
}

func readRecBole(in *Input, out *Collector) error {
	if !in.Next() {
		return in.Err()
	}
	if !isInterHeader(in.Line()) {
		return in.Errorf("header %q: every column must be name:type with a type among %s",
			shorten(in.Line()), strings.Join(interTypes, ", "))
	}
	var names []string
	for col := range strings.SplitSeq(string(in.Line()), "\t") {
		name, _, _ := strings.Cut(col, ":")
		names = append(names, name)
	}
	at, err := columns(names)
	if err != nil {
		return in.Errorf("%w", err)
	}
	hasValue, hasTime := at[columnValue] >= 0, at[columnTime] >= 0
	out.Has(hasValue, hasTime)
	fields := make([][]byte, len(names))
	for in.Next() {
		rest, n, more := in.Line(), 0, true
		for more && n < len(fields) {
			fields[n], rest, more = bytes.Cut(rest, []byte("\t"))
			n++
		}
		if n < len(fields) || more {
			return in.Errorf("%d columns where the header has %d", bytes.Count(in.Line(), []byte("\t"))+1, len(fields))
		}
		var value float32
		var time int64
		if hasValue {
			value, err = parseValue(fields[at[columnValue]])
		}
		if err == nil && hasTime {
			time, err = parseTime(fields[at[columnTime]])
		}
		if err == nil {
			err = out.Add(bytes.TrimSpace(fields[at[columnUser]]), bytes.TrimSpace(fields[at[columnItem]]), value, time)
		}
		if err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

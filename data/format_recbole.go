package data

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
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
		takes:   takesColumns,
		Least:   len("u\ti\n"),
	})
}

var interTypes = []string{"token", "token_seq", "float", "float_seq"}

// isInterHeader reports whether a header is of columns between tabs, every one name:type.
func isInterHeader(line []byte) bool {
	if bytes.IndexByte(line, '\t') < 0 { // "a,b:float" is one between commas
		return false
	}
	for col := range strings.SplitSeq(string(line), "\t") {
		if _, kind, ok := strings.Cut(col, ":"); !ok || !slices.Contains(interTypes, kind) {
			return false
		}
	}
	return true
}

func readRecBole(_ Values, in *Input, out *Collector) error {
	return readCells(in, out, "\t", func(header []byte) (names []string, err error) {
		if !isInterHeader(header) {
			return nil, fmt.Errorf("header %q: every column must be name:type with a type among %s",
				shorten(header), strings.Join(interTypes, ", "))
		}
		for col := range strings.SplitSeq(string(header), "\t") {
			name, _, _ := strings.Cut(col, ":")
			names = append(names, name)
		}
		if at, err := in.layout.find(names, true, &Collector{}); err == nil { // else that is the error
			var others []string
			for i, name := range names {
				if !slices.Contains(at[:], i) {
					others = append(others, strconv.Quote(name))
				}
			}
			if len(others) > 0 {
				out.Note("what an interaction has beside user, item, rating and time is not read: %s", strings.Join(others, ", "))
			}
		}
		return names, nil
	})
}

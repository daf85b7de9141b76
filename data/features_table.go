package data

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Tables of features with a header: RecBole's .user and .item, whose columns all have
// types, and any CSV or TSV, whose columns may.
func init() {
	RegisterFeatures(FeatureFormat{
		Name:    "recbole",
		Doc:     "RecBole's .user and .item: header `user_id:token age:float …` between tabs, every column name:type; lists between blanks",
		Example: "movie_id:token\tyear:float\tgenre:token_seq\tpoint:float_seq\n1\t1995\tAnimation Comedy\t0.5 -1\n3\t\tThriller\t2 1e3\n2\t1994\t\t\n",
		Users:   "*.user", Items: "*.item",
		Sniff: func(lines [][]byte) bool { return isInterHeader(lines[0]) },
		Read: func(in *Input, out *FeatureTable) error {
			return readFeatureTabs(in, func(header []string) error {
				if !isInterHeader([]byte(strings.Join(header, "\t"))) {
					return fmt.Errorf("header %q: every column must be name:type with a type among %s", shorten([]byte(strings.Join(header, " "))), strings.Join(interTypes, ", "))
				}
				return out.header(header)
			}, out.Add)
		},
	})
	RegisterFeatures(FeatureFormat{
		Name: "csv",
		Doc:  "header `id,name,name:type,…`, the first column the ids, between commas, tabs or semicolons; types are token, token_seq (between blanks, or as in token_seq| between a character), float and float_seq; a column without one is float where each cell is a number or empty, else token",
		Example: "id,age,town,likes:token_seq|,zip:token\n7,31,\"Ulm, \"\"Donau\"\"\",jazz|free jazz,01234\n" +
			"x,,Bonn,,53111\n9,40.5,,rock,\n",
		Sniff: func(lines [][]byte) bool {
			return delimiter(lines[0]) != 0 && !isInterHeader(lines[0]) && !isMoviesHeader(lines[0]) &&
				!bytes.Contains(lines[0], []byte("::")) && !bytes.Contains(lines[0], []byte("|")) || isListHeader(lines[0])
		},
		Read: func(in *Input, out *FeatureTable) error {
			return readFeatureCSV(in, out, func(header []string) error {
				for i, name := range header {
					if _, err := strconv.ParseFloat(strings.TrimSpace(name), 64); err == nil {
						return fmt.Errorf("column %d of the header is the number %s; put a header of names before the rows", i+1, name)
					}
				}
				return out.header(header)
			}, out.Add)
		},
	})
}

// isListHeader reports a header with a list between bars.
func isListHeader(line []byte) bool {
	return delimiter(line) != 0 && (bytes.Contains(line, []byte(":"+TokenSeq+"|")) || bytes.Contains(line, []byte(":"+FloatSeq+"|")))
}

// header declares columns "name" or "name:type".
func (t *FeatureTable) header(cells []string) error {
	all := make([]FeatureColumn, len(cells))
	for i, cell := range cells {
		all[i] = typedColumn(cell)
	}
	return t.Columns(all)
}

// readFeatureTabs reads a header and rows, both between tabs and without quoting.
func readFeatureTabs(in *Input, header func([]string) error, add func(line int, cells [][]byte) error) error {
	if !in.Next() {
		return in.Err()
	}
	if err := header(strings.Split(string(in.Line()), "\t")); err != nil {
		return in.Errorf("%w", err)
	}
	for in.Next() {
		if err := add(in.line, bytes.Split(in.Line(), []byte("\t"))); err != nil {
			return err
		}
	}
	return in.Err()
}

// readFeatureCSV reads a header and rows between its separator: of tabs without quoting.
func readFeatureCSV(in *Input, out *FeatureTable, header func([]string) error, add func(line int, cells [][]byte) error) error {
	lines, err := in.sample()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return nil
	}
	comma := delimiter(lines[0])
	switch comma {
	case 0:
		return in.ErrorAt(1, fmt.Errorf("no comma, tab or semicolon in the header %q", shorten(lines[0])))
	case '\t':
		return readFeatureTabs(in, header, add)
	}
	return readRecords(in, comma, false, out.Note, func(cells []string) (bool, error) { return true, header(cells) }, add)
}

package data

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sets returns the items of each user by name, with the value and time of each
// where there are any: "1: 10=5@7".
func sets(x *Interactions, d *Dataset) (lines []string) {
	for u := range d.Users {
		var b strings.Builder
		fmt.Fprintf(&b, "%s:", d.UserName(u))
		for p := x.Ptr()[u]; p < x.Ptr()[u+1]; p++ {
			fmt.Fprintf(&b, " %s", d.ItemName(int(x.Item()[p])))
			if x.Value() != nil {
				fmt.Fprintf(&b, "=%g", x.Value()[p])
			}
			if x.Time() != nil {
				fmt.Fprintf(&b, "@%d", x.Time()[p])
			}
		}
		lines = append(lines, b.String())
	}
	return lines
}

// Lines that two formats read, each as something else, are refused: the error names
// every reading and how to choose it, and by its name each of them is read.
func TestTwoReadingsAreRefused(t *testing.T) {
	for text, want := range map[string]map[string][]string{
		"1 10 5\n1 11 3\n2 10 4\n": {
			"lightgcn":     {"1: 3 5 10 11", "2: 4 10"},
			"triples":      {"1: 10=5 11=3", "2: 10=4"},
			"triples-time": {"1: 10@5 11@3", "2: 10@4"},
		},
		"1\t10\t5\n1\t11\t3\n2\t10\t4\n": {
			"lightgcn":     {"1: 3 5 10 11", "2: 4 10"},
			"triples":      {"1: 10=5 11=3", "2: 10=4"},
			"triples-time": {"1: 10@5 11@3", "2: 10@4"},
		},
		"1 10 5 7\n1 11 3 8\n2 10 4 9\n": {
			"lightgcn": {"1: 3 5 7 8 10 11", "2: 4 9 10"},
			"triples":  {"1: 10=5@7 11=3@8", "2: 10=4@9"},
		},
		"0\t4\t3\t9\n1\t5\t6\t2\n": {
			"lightgcn":        {"0: 3 4 9", "1: 2 5 6"},
			"movielens-udata": {"0: 4=3@9", "1: 5=6@2"},
		},
		"2 10 11\n3 10 12 13\n2 11 13\n": {
			"lightgcn":    {"2: 10 11 13", "3: 10 12 13"},
			"count-first": {"0: 10 11", "1: 10 12 13", "2: 11 13"},
		},
		// One line is too few to tell.
		"2 10 11\n": {
			"count-first":  {"0: 10 11"},
			"lightgcn":     {"2: 10 11"},
			"triples":      {"2: 10=11"},
			"triples-time": {"2: 10@11"},
		},
	} {
		_, err := openText(t, text)
		require.ErrorContains(t, err, "set.txt:1: ", "%q", text)
		var named []string
		for _, f := range Formats() {
			if strings.Contains(err.Error(), fmt.Sprintf("--format %s (%s)", f.Name, f.Doc)) {
				named = append(named, f.Name)
			}
		}
		for name, lines := range want {
			require.Contains(t, named, name, "%q: %v", text, err)
			d, err := Open(filepath.Join(write(t, map[string]string{"set.txt": text}), "set.txt"), name)
			require.NoError(t, err, "%q as %s", text, name)
			got := slices.DeleteFunc(sets(d.Train, d), func(line string) bool { return strings.HasSuffix(line, ":") })
			require.Equal(t, lines, got, "%q as %s", text, name)
		}
		require.Len(t, named, len(want), "%q: %v", text, err)
	}
}

// Where one reading fits, it is taken.
func TestOneReadingIsTaken(t *testing.T) {
	lists := strings.Repeat("1 10 5\n", 999)
	for text, want := range map[string]struct {
		format string
		sets   []string
	}{
		"1 28\n1 13\n3 5\n":                            {"lightgcn", []string{"1: 13 28", "3: 5"}}, // a pair is a pair
		"1 28 4 5\n1 13 2\n":                           {"lightgcn", []string{"1: 2 4 5 13 28"}},
		"1 2 3 4 5\n6 7 8 9 10\n":                      {"lightgcn", []string{"1: 2 3 4 5", "6: 7 8 9 10"}},
		lists + "1 12 4 2\n":                           {"lightgcn", []string{"1: 2 4 5 10 12"}},
		"1 10 4.5\n2 11 3\n":                           {"triples", []string{"1: 10=4.5", "2: 11=3"}},
		"1 10 4\n2 11 3.5\n":                           {"triples", []string{"1: 10=4", "2: 11=3.5"}},
		"1 10 4 881250949\n2 11 3 881250950\n":         {"triples", []string{"1: 10=4@881250949", "2: 11=3@881250950"}},
		"1 10 881250949\n2 11 881250950\n":             {"triples-time", []string{"1: 10@881250949", "2: 11@881250950"}},
		"1\t10\t4\t881250949\t\n2\t11\t3\t881250950\t": {"movielens-udata", []string{"1: 10=4@881250949", "2: 11=3@881250950"}},
	} {
		d, err := openText(t, text)
		require.NoError(t, err, "%q", text)
		require.Equal(t, want.format, d.Format, "%q", text)
		got := slices.DeleteFunc(sets(d.Train, d), func(line string) bool { return strings.HasSuffix(line, ":") })
		require.Equal(t, want.sets, got, "%q", text)
	}
}

// TestLongFirstLines: a first line that goes on beyond what is looked at, be it under a header,
// ends there in a half number, which does not hide what it is.
func TestLongFirstLines(t *testing.T) {
	var long strings.Builder
	for f := range 20000 {
		fmt.Fprintf(&long, " %d:0.5", f)
	}
	for _, text := range []string{"0" + long.String() + "\n1 3:1\n", "2 20000 2\n0" + long.String() + "\n1 3:1\n"} {
		d, err := openText(t, text)
		require.NoError(t, err)
		require.Equal(t, "xmc", d.Format)
		require.Equal(t, 20000, d.UserFields[0].Size)
	}
}

// The files of a set are of one format: what one of them leaves open another
// decides, unless it says no more.
func TestFilesDecideTogether(t *testing.T) {
	d, err := Open(write(t, map[string]string{"train.txt": "0 1 2\n1 3 4\n", "test.txt": "0 3 4 5\n1 0\n"}), "")
	require.NoError(t, err)
	require.Equal(t, "lightgcn", d.Format)
	for _, files := range []map[string]string{
		{"train.txt": "1 10 5\n1 11 3\n", "test.txt": "2 10 4\n"},
		{"train.txt": "1 10 5\n1 11 3\n", "test.txt": "2 10\n"},
	} {
		_, err = Open(write(t, files), "")
		require.ErrorContains(t, err, "train.txt:1: ")
		require.ErrorContains(t, err, "--format lightgcn")
		require.ErrorContains(t, err, "--format triples")
	}
}

// What is no list of interactions is called by its name.
func TestForeignFiles(t *testing.T) {
	for text, want := range map[string]string{
		"\x28\xb5\x2f\xfd and so on":                     "compressed with zstd: ",
		"BZh91AY&SY\x00\x01\x02\x03\x04\x05\x06\x07\x08": "compressed with bzip2: ",
		"BZh91AY&SY":       "the compressed file is cut short",
		"\xfd7zXZ\x00":     "compressed with xz: unpack it first",
		"\x04\x22\x4d\x18": "compressed with lz4: unpack it first",
		"PK\x03\x04":       "the file is a zip archive",
		"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x13\x00\x00\x00[Content_Types].xml": "an Excel workbook (.xlsx)",
		"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x09\x00\x00\x00train.csv and":       `whose first member is "train.csv"`,
		"PAR1\x15\x04":                         "longer",
		"PAR1\x15\x04\x15\x04PAR2":             "the Parquet file has no footer: it is cut short",
		"%PDF-1.7\n":                           "a PDF document",
		"\n <!DOCTYPE HTML>\n<p>":              "an HTML page, as a server sends one",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":     "Excel workbook (.xls)",
		"u\x00,\x00i\x00\n\x00":                "UTF-16 without a byte order mark: convert it to UTF-8, as by iconv -f UTF-16LE",
		"\x00u\x00,\x00i\x00\n":                "iconv -f UTF-16BE",
		"[{\"user_id\": 1, \"item_id\": 2}]\n": "it is JSON, of which a line must be an object",
		"SQLite format 3\x00":                  "SQLite",
		"\x93NUMPY\x01\x00":                    "NumPy",
		"\x89HDF\r\n\x1a\n":                    "HDF5",
		"\xff\xfe1\x00 \x002\x00":              "UTF-16",
		gz(t, gz(t, "0 1\n")):                  "compressed twice, within with gzip: unpack it first",
		"1 3:0.5 7:1\n-1 2:1\n":                `:2: label: id "-1" is negative; the format is that of XMC and multi-label libsvm`,
		"A2SUAM1,0000013714,5.0\n":             "put a header line such as user_id,item_id",
		"Nutzer;Artikel\n1;10\n":               `the columns are 1 "Nutzer", 2 "Artikel"; say which is which`,
	} {
		_, err := openText(t, text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

// A carriage return ends a line before a line feed, and stands nowhere else.
func TestCarriageReturns(t *testing.T) {
	for _, f := range Formats() {
		if strings.HasPrefix(f.Example, parquetMagic) { // which has no lines
			continue
		}
		_, err := openText(t, strings.ReplaceAll(f.Example, "\n", "\r"))
		require.ErrorContains(t, err, "set.txt:1: the lines end in CR alone", f.Name)
		// Within a line that comes after the first.
		first, rest, _ := strings.Cut(f.Example, "\n")
		path := filepath.Join(write(t, map[string]string{"set.txt": first + "\n" + strings.Replace(rest, "\n", "\r", 1)}), "set.txt")
		_, err = Open(path, f.Name)
		require.ErrorContains(t, err, "set.txt:2: ", f.Name)
	}
	_, err := openText(t, "0 1 2\r1 0\r2 3")
	require.ErrorContains(t, err, "the lines end in CR alone")
}

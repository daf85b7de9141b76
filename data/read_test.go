package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

func gz(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// write makes files in a fresh directory and returns it.
func write(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func zst(t *testing.T, text string) string {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

func openText(t *testing.T, text string) (*Dataset, error) {
	return Open(filepath.Join(write(t, map[string]string{"set.txt": text}), "set.txt"), "")
}

// Every registered format: its example is recognised as itself, alone or, where that
// is refused, among the choices; and it reads the same with CRLF, with a byte order
// mark, with blank lines and compressed.
func TestFormatsOnTheirExamples(t *testing.T) {
	require.NotEmpty(t, Formats())
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			name := ""
			if _, err := openText(t, f.Example); err != nil {
				if !strings.Contains(f.Doc, "never recognised") {
					require.ErrorContains(t, err, "choose one: --format ")
				}
				require.ErrorContains(t, err, f.Name+" (")
				name = f.Name
			}
			binary := strings.HasPrefix(f.Example, parquetMagic)
			open := func(t *testing.T, text string) (*Dataset, error) {
				return Open(filepath.Join(write(t, map[string]string{"set.txt": text}), "set.txt"), name)
			}
			want, err := open(t, f.Example)
			require.NoError(t, err)
			require.Equal(t, f.Name, want.Format)
			require.Empty(t, want.Notes)
			require.Equal(t, 3, want.Train.Len(), "an example holds three pairs")
			if binary { // what follows is of texts
				_, err := open(t, gz(t, f.Example))
				require.ErrorContains(t, err, "not compressed as a whole")
				return
			}
			for name, text := range map[string]string{
				"CRLF":        strings.ReplaceAll(f.Example, "\n", "\r\n"),
				"BOM":         "\xef\xbb\xbf" + f.Example,
				"blank lines": "\n\n" + strings.ReplaceAll(f.Example, "\n", "\n\n"),
				"no last LF":  strings.TrimSuffix(f.Example, "\n"),
				"gzip":        gz(t, f.Example),
				"zstd":        zst(t, f.Example),
				"zstd twice":  zst(t, f.Example[:9]) + zst(t, f.Example[9:]),
				"gzip twice":  gz(t, f.Example[:9]) + gz(t, f.Example[9:]), // RFC 1952 §2.2: members concatenate
			} {
				got, err := open(t, text)
				require.NoError(t, err, name)
				if f.Name == "text" && name == "blank lines" { // are lines
					require.Equal(t, want.Histories.Len()+5, got.Histories.Len())
					continue
				}
				require.Equal(t, want, got, name)
			}
			named, err := Open(filepath.Join(write(t, map[string]string{"x": f.Example}), "x"), f.Name)
			require.NoError(t, err)
			require.Equal(t, want.Hash(), named.Hash())
			// Cut in the trailer, where all text is there, and in the first line.
			whole := gz(t, f.Example)
			for _, cut := range []int{len(whole) - 3, 16} {
				_, err = open(t, whole[:cut])
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, f.Name)
				require.ErrorContains(t, err, "the compressed file is cut short")
			}
			whole = zst(t, f.Example)
			_, err = open(t, whole[:len(whole)-3])
			require.ErrorContains(t, err, "the compressed file is cut short")
		})
	}
}

// The faults of lines name the file, the line and the reason.
func TestLineErrors(t *testing.T) {
	for text, want := range map[string]string{
		"0 1\n1 -2\n":                             `:2: item: id "-2" is negative`,
		"0 1\n\n-1 2\n":                           `:3: user: id "-1" is negative`,
		"0 2147483647\n":                          `:1: item: id "2147483647" is over the range`,
		"0 99999999999999999999\n":                `:1: no known format begins with`,
		"0 1\n0 99999999999999999999\n":           `:2: item: id "99999999999999999999" is not a whole number in range`,
		"0 1\n0 1.5\n":                            `:2: item: id "1.5" is not`,
		"0 1\n2000000000 1\n":                     `user ids reach 2000000000 in a file of 4 interactions`,
		"1::2::3::4\n1::2::3\n":                   `:2: 3 columns between "::" where the first line has 4`,
		"1::2::3::4::5\n":                         `:1: 5 columns between "::"`,
		"1::2::x::4\n":                            `:1: rating "x" is not a finite number`,
		"1::2::1_0::4\n":                          `:1: rating "1_0" is not a finite number`,
		"1::2::0x1p4::4\n":                        `:1: rating "0x1p4" is not a finite number`,
		"user_id,item_id,User ID\n1,2,3\n":        `:1: columns 1 and 3 are both "user_id"; the columns are 1 "user_id", 2 "item_id", 3 "User ID"; say which is which`,
		"user\titem\tts\tts\n1\t2\t3\t4\n":        `:1: columns 3 and 4 are both "ts"; the columns are`,
		"1::2::1e300::4\n":                        `:1: rating "1e300" is too large: ratings are at most 3.403e+38`,
		"1::2::-1e400::4\n":                       `:1: rating "-1e400" is too large`,
		"1::2::NaN::4\n":                          `:1: rating "NaN" is not a finite number`,
		"1::::3::4\n":                             `:1: empty item id`,
		"1\t2\t3\t4\n1\t2\t3\t4\t5\n":             `:2: 5 columns between "\t" where the first line has 4`,
		"user_id,item_id\n1,2\n3\n":               `:3: wrong number of fields`,
		"user_id,item_id\n1,\"2\n":                `:2: extraneous or missing " in quoted-field`,
		"user_id,item_id\n,2\n":                   `:2: empty user id`,
		"user_id,item_id\n1,\"a\nb\"\n":           `:2: item id "a\nb" holds a line break`,
		"user_id,item_id,rating\n\n\n1,2,inf\n":   `:4: rating "inf" is not a finite number`,
		"who,what\n1,2\n":                         `:1: no user column: it is known by the names userid`,
		"user;thing\n1;2\n":                       `:1: no item column: it is known by the names itemid`,
		"user_id:token\titem_id:token\n1\t2\n1\n": `:3: 1 column where the header has 2`,
		"user_id:token\titem_id:token\n1\t2\t3\n": `:2: 3 columns where the header has 2`,
		"user_id:token\trating:float\n1\t2\n":     `:1: no item column: it is known`,
		"<html>\n":                                `:1: no known format: the file is an HTML page`,
		"1,2,3\n":                                 `:1: no known format begins with "1,2,3"`,
		"PK\x03\x04":                              `:1: no known format`,
		"\x1f\x8b":                                "gzip header",
		strings.Repeat("\n", 1<<17) + "0 1":       ":1: the first 65536 bytes are blank",
		"":                                        "holds no interactions",
		" \n\r\n\t\n":                             "holds no interactions",
		"0\n1\n":                                  "holds no interactions",
		"user_id,item_id\n":                       "holds no interactions",
	} {
		_, err := openText(t, text)
		require.ErrorContains(t, err, want, "%q", text)
		if strings.HasPrefix(want, ":") {
			require.ErrorContains(t, err, "set.txt"+want[:2])
			var line *LineError
			require.True(t, errors.As(err, &line), "%q", text)
		}
	}
}

// TestColumnsOfOneMeaning: where a header names a column in several ways, it is said
// which is read.
func TestColumnsOfOneMeaning(t *testing.T) {
	for _, comma := range []string{",", "\t"} {
		d, err := openText(t, strings.ReplaceAll("asin,user,parent_asin,score,rating\na,1,b,4,5\n", ",", comma))
		require.NoError(t, err)
		require.Equal(t, []string{"b"}, d.ItemIDs)
		require.Equal(t, []string{
			`train: "parent_asin" and "asin" both name the item; "parent_asin" is read`,
			`train: "rating" and "score" both name the rating; "rating" is read`,
		}, d.Notes)
	}
}

func TestSmallestSet(t *testing.T) {
	d, err := openText(t, "0 0")
	require.NoError(t, err)
	require.Equal(t, [3]int{1, 1, 1}, [3]int{d.Users, d.Items, d.Train.Len()})
	s, err := Load(Config{Source: filepath.Join(write(t, map[string]string{"one.csv": "user,item\na,b\n"}), "one.csv")})
	require.NoError(t, err)
	require.Equal(t, "one", s.Name)
	require.Equal(t, DefaultSplit, s.Split)
	require.Equal(t, "a", s.UserName(0))
	require.Equal(t, "b", s.ItemName(0))
}

// A line far beyond any buffer is one user with many items.
func TestHugeLine(t *testing.T) {
	var b strings.Builder
	b.WriteString("0")
	for i := range 300_000 {
		b.WriteString(" ")
		b.WriteString(nameOf(nil, i))
	}
	d, err := openText(t, b.String()+"\n1 5\n")
	require.NoError(t, err)
	require.Equal(t, 300_001, d.Train.Len())
}

func TestDuplicatesAreCountedAndDropped(t *testing.T) {
	d, err := openText(t, "user_id,item_id,rating,timestamp\n1,9,2,100\n1,9,5,300\n1,9,4,200\n2,9,1,1\n")
	require.NoError(t, err)
	require.Equal(t, []string{"dropped 2 duplicates in train; histories keep them"}, d.Notes)
	require.Equal(t, []float32{5, 1}, d.Train.Value())
	require.Equal(t, []int64{300, 1}, d.Train.Time())
}

// Ids are numbered in an order of their own, not of the file: numeric where all
// are numbers, else bytewise.
func TestIDOrder(t *testing.T) {
	d, err := openText(t, "user,item\n10,b\n9,a\n100,B\n")
	require.NoError(t, err)
	require.Equal(t, []string{"9", "10", "100"}, d.UserIDs)
	require.Equal(t, []string{"B", "a", "b"}, d.ItemIDs)
	e, err := openText(t, "user,item\n100,B\n10,b\n9,a\n")
	require.NoError(t, err)
	require.Equal(t, d, e)
	// 01 is a name, not the number 1.
	f, err := openText(t, "user,item\n10,b\n01,a\n1,B\n")
	require.NoError(t, err)
	require.Equal(t, []string{"01", "1", "10"}, f.UserIDs)
	// Ids that are row numbers already need no table.
	g, err := openText(t, "user,item\n1,0\n0,1\n")
	require.NoError(t, err)
	require.Nil(t, g.UserIDs)
	require.Nil(t, g.ItemIDs)
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]Moment{
		"881250949": {N: 881250949}, "8.8125e8": {N: 881250000}, "12.7": {127, 1}, "-3": {N: -3}, " 5 ": {N: 5}, "1400000000123": {N: 1400000000123},
		"1970-01-02": {N: 86400}, "1970-01-01 00:01:00": {N: 60}, "1970-01-01T01:00:00+01:00": {}, "1970-01-01 01:00:00.250+00:00": {360025, 2},
		"1396867869.2771231": {13968678692771231, 7}, "1396867869.500": {13968678695, 1}, "881250949.0": {N: 881250949}, "-0.25": {-25, 2},
		"1396867869123456789": {N: 1396867869123456789}, "1.396867869123456789e18": {N: 1396867869123456789}, "12e-2": {12, 2}, "0e300": {}, "+5.5": {55, 1},
		"2014-04-07T10:51:09.900Z": {13968678699, 1}, "2014-04-07 10:51:09.000000001": {1396867869000000001, 9}, "1969-12-31T23:59:59.9Z": {-1, 1},
	} {
		got, cut, err := parseTime([]byte(text))
		require.NoError(t, err, text)
		require.False(t, cut, text)
		require.Equal(t, want, got, text)
		again, _, err := parseTime([]byte(got.String()))
		require.NoError(t, err, text)
		require.Equal(t, want, again, text)
	}
	for text, want := range map[string]Moment{"1.0000000019": {1000000001, 9}, "-1.0000000011": {-1000000002, 9}, "1e-12": {}, "-1e-12": {-1, 9}, "0.5000000000001": {5, 1}} {
		got, cut, err := parseTime([]byte(text))
		require.NoError(t, err, text)
		require.True(t, cut, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "NaN", "Inf", "1e300", "1970-13-01", "99999999999999999999", "1.5e", "-", ".", "1.2.3", "-+1.5", "0x1p3", "1_0.5", "9999-01-01 00:00:00.000000001"} {
		_, _, err := parseTime([]byte(text))
		require.Error(t, err, text)
	}
}

// Times keep their order within a second, in the finest unit of the files of a set,
// and are written as they were.
func TestFineTimes(t *testing.T) {
	const header = "user_id,item_id,timestamp\n"
	d, err := openText(t, header+"1,10,2014-04-07T10:51:09.900Z\n1,11,2014-04-07T10:51:09.100Z\n1,12,2014-04-07T10:51:09.277Z\n1,13,2014-04-07T10:51:10Z\n")
	require.NoError(t, err)
	require.Equal(t, 3, d.TimeDecimals)
	require.Equal(t, []int64{1396867869900, 1396867869100, 1396867869277, 1396867870000}, d.Train.Time())
	require.Empty(t, d.Notes)
	file := filepath.Join(t.TempDir(), "back.csv")
	require.NoError(t, SaveFile(file, "csv", d))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "user_id,item_id,timestamp\n1,10,1396867869.9\n1,11,1396867869.1\n1,12,1396867869.277\n1,13,1396867870\n", string(text))
	back, err := Open(file, "")
	require.NoError(t, err)
	require.Equal(t, d.Train, back.Train)
	require.Equal(t, d.TimeDecimals, back.TimeDecimals)

	two, err := Open(write(t, map[string]string{"train.csv": header + "1,10,5\n1,11,6\n", "test.csv": header + "1,12,5.25\n"}), "")
	require.NoError(t, err)
	require.Equal(t, []int64{500, 600}, two.Train.Time())
	require.Equal(t, []int64{525}, two.Test.Time())

	for text, want := range map[string]string{ // without times
		"1,10,9223372036854775807\n1,11,0.5\n": `:3: time 0.5 has 1 decimals, with which times before it are out of range`,
		"1,10,0.5\n1,11,9223372036854775807\n": `:3: time 9223372036854775807 is out of range with the 1 decimals of times before it`,
	} {
		d, err := openText(t, header+text)
		require.NoError(t, err)
		require.Contains(t, d.Notes[0], want)
		require.Nil(t, d.Train.Time())
		require.Nil(t, d.Histories)
	}
	far, err := Open(write(t, map[string]string{"train.csv": header + "1,10,9223372036854775807\n", "test.csv": header + "1,11,0.5\n"}), "")
	require.NoError(t, err)
	require.Contains(t, far.Notes[0], "times of train are out of range with the 1 decimals of another file; the set is read without times")
	require.Nil(t, far.Train.Time())
	require.Nil(t, far.Test.Time())

	for text, want := range map[string]string{
		"1,10,1.0000000001\n1,11,2\n":              "train: times are cut to 9 decimals",
		"1,10,1396867869\n1,11,1396867869123\n":    "times run from 1396867869 to 1396867869123: they seem to be of several units",
		"1,10,2014-04-07\n1,11,1396867869123456\n": "times run from 1396828800 to 1396867869123456: they seem to be of several units",
	} {
		d, err := openText(t, header+text)
		require.NoError(t, err)
		require.Len(t, d.Notes, 1)
		require.Contains(t, d.Notes[0], want)
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	err := Config{Source: "demo:users=0,colour=2", Format: "xml", Split: "thirds", Core: -1}.Validate()
	for _, want := range []string{"users=0", "colour", `unknown format "xml"`, `unknown split "thirds"`, "core -1", "takes no format"} {
		require.ErrorContains(t, err, want)
	}
	_, err = Load(Config{Source: filepath.Join(t.TempDir(), "absent")})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(Config{Source: "demo:users=20,items=60,per-user=5", Core: 2})
	require.ErrorContains(t, err, "a generated set is not filtered")
}

// The sets that the project is measured on, counted by their publishers; see
// the README beside each. Skipped where they are not at hand.
func TestRealSets(t *testing.T) {
	for name, want := range map[string]struct{ users, items, train, valid, test int }{
		"gowalla-lightgcn":      {29858, 40981, 719081, 91047, 217242},
		"ml-1m":                 {6022, 3043, 796244, 99455, 99455},
		"irb-amazon2014-health": {1974, 1200, 37784, 0, 10405},
		"ml-100k":               {943, 1682, 100000, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "..", "shared", "data", name)
			needs.Data(t, dir)
			d, err := Open(dir, "")
			require.NoError(t, err)
			require.Equal(t, name, d.Name)
			require.Equal(t, want.users, d.Users)
			require.Equal(t, want.items, d.Items)
			require.Equal(t, [3]int{want.train, want.valid, want.test}, [3]int{d.Train.Len(), d.Valid.Len(), d.Test.Len()})
			for _, part := range d.Parts() {
				requireCSR(t, part.Interactions)
			}
		})
	}
}

// A quote means nothing between tabs, and between commas it closes within a bound.
func TestQuotes(t *testing.T) {
	tabs, err := openText(t, "user_id\titem_id\ttitle\n1\t10\t\"Heroes\n1\t11\tLow\n2\t10\tLodger\n2\t12\t\"\n3\t\"11\"\tLow\n3\t12\tLodger\n")
	require.NoError(t, err)
	require.Equal(t, []string{"1: 10 11", "2: 10 12", `3: "11" 12`}, sets(tabs.Train, tabs))
	require.Empty(t, tabs.Notes)
	_, err = openText(t, "user_id\titem_id\ttitle\n1\t10\tLow\n1\t11\n")
	require.ErrorContains(t, err, ":3: 2 columns where the header has 3")

	// What a quote takes in beyond a line is said.
	commas, err := openText(t, "user_id,item_id,title\n1,10,\"Heroes\n1,11,Low\n2,10,Lodger\n2,12 \"\"7\"\"\"\n3,11,\"Lo\nw\"\n3,12,Lodger\n")
	require.NoError(t, err)
	require.Equal(t, 3, commas.Train.Len())
	require.Equal(t, []string{"train: 2 quoted texts of several lines, the first of lines 2 to 5 (a quote that is not closed takes in the lines after it)"}, commas.Notes)

	for name, text := range map[string]string{
		"lines":      "user_id;item_id;title\n1;10;Low\n1;11;\"Heroes\n" + strings.Repeat("2;10;Lodger\n", 2000) + "2;11;\"\n",
		"characters": "user_id,item_id,title\n1,10,Low\n1,11,\"Heroes" + strings.Repeat("x", 2<<20) + "\"\n2,11,Low\n",
		"end":        "user_id,item_id,title\n1,10,Low\n1,11,\"Heroes\n2,10,Lodger \"\"7\"\"\n2,11,Low\n",
	} {
		_, err = openText(t, text)
		require.ErrorContains(t, err, "set.txt:3: ", name)
		require.ErrorContains(t, err, "quote", name)
	}
	// A bare quote is the fault of its line, however far the next one is.
	_, err = openText(t, "user_id,item_id,title\n1,10,7\" single\n"+strings.Repeat("2,10,Lodger\n", 5000))
	require.ErrorContains(t, err, `set.txt:2: bare " in non-quoted-field`)
}

// Row numbers that no line holds are no users and no items: those that occur keep
// their numbers as names, and are numbered densely in order.
func TestRowsThatOccurNowhere(t *testing.T) {
	d, err := openText(t, "1 3\n1 1\n3 7\n3 3\n5\n")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "3", "5"}, d.UserIDs)
	require.Equal(t, []string{"1", "3", "7"}, d.ItemIDs)
	require.Equal(t, [2]int{3, 3}, [2]int{d.Users, d.Items})
	require.Equal(t, []string{"1: 1 3", "3: 3 7", "5:"}, sets(d.Train, d))
	_, err = d.UserIndex("0")
	require.ErrorContains(t, err, `no user "0"; ids run from "1" to "5"`)
	_, err = d.ItemIndex("2")
	require.ErrorContains(t, err, `no item "2"`)

	// What occurs in one file occurs, in whichever.
	e, err := Open(write(t, map[string]string{"train.txt": "0 0 2\n3 2 4\n", "valid.txt": "1\n", "test.txt": "2 1 3\n"}), "")
	require.NoError(t, err)
	require.Nil(t, e.UserIDs)
	require.Nil(t, e.ItemIDs)
	require.Equal(t, [2]int{4, 5}, [2]int{e.Users, e.Items})

	// Saved and read again it is the same set, by ids and by rows.
	for format, ids := range map[string][]string{"csv": {"1", "3"}, "lightgcn": nil} {
		f, err := openText(t, "1 3\n1 1\n3 7\n3 3\n")
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "set")
		require.NoError(t, SaveFile(file, format, f))
		back, err := Open(file, format)
		require.NoError(t, err)
		require.Equal(t, f.Hash(), back.Hash(), format)
		require.Equal(t, ids, back.UserIDs, format)
	}
}

// Ids that are one number in two spellings are two, and told of: a table that a
// program wrote with decimals does not meet the one that it wrote without.
func TestIDsOfOneNumber(t *testing.T) {
	const header = "user_id,item_id\n"
	dir := write(t, map[string]string{"train.csv": header + "1.0,10\n2.0,10\n3,010\n", "valid.csv": header + "1,10\n", "test.csv": header + "2,10.50\n7.00,10.5\n07,1e1\n"})
	d, err := Open(dir, "")
	require.NoError(t, err)
	at := func(file string) string { return filepath.ToSlash(filepath.Join(dir, file)) }
	require.Len(t, d.Notes, 2)
	require.Contains(t, d.Notes[0], fmt.Sprintf(`user ids that are the number of another: 3; "07" (%s:4) and "7.00" (%s:3) are two users; where they are one`, at("test.csv"), at("test.csv")))
	require.Contains(t, d.Notes[1], fmt.Sprintf(`item ids that are the number of another: 2; "10" (%s:2) and "010" (%s:4) are two items`, at("train.csv"), at("train.csv")))
	e, err := openText(t, header+"0001,A1\n0002,1A\n.5,-\n")
	require.NoError(t, err)
	require.Empty(t, e.Notes)
}

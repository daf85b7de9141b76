package data

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// table opens a text with these settings.
func openTable(t *testing.T, text string, c Config) (*Dataset, error) {
	c.Source = filepath.Join(write(t, map[string]string{"set": text}), "set")
	p, err := c.Plan()
	if err != nil {
		return nil, err
	}
	return p.Open()
}

// The same five interactions, of which two have a comma or a quote in an id, by all that says
// where columns are.
func TestColumns(t *testing.T) {
	const plain = "user,item,rating,time\na,x,5,10\na,y,4,20\nb,x,3,30\n"
	want, err := openText(t, plain)
	require.NoError(t, err)
	for _, c := range []struct {
		text string
		Config
	}{
		{"Nutzer;Artikel;Note;Zeit\na;x;5;10\na;y;4;20\nb;x;3;30\n", Config{Columns: "user=Nutzer,item=Artikel,rating=Note,time=Zeit"}},
		{"Nutzer;Artikel;Note;Zeit\na;x;5;10\na;y;4;20\nb;x;3;30\n", Config{Columns: " item = 2, user=Nutzer, rating=3,time=4"}},
		{"\"Note, alt\";time;item;user\n5;10;x;a\n4;20;y;a\n3;30;x;b\n", Config{Columns: `"rating=Note, alt"`}},
		{"a,x,5,10\na,y,4,20\nb,x,3,30\n", Config{Columns: "user=1,item=2,rating=3,time=4"}},
		{"5|x|a|10\n4|y|a|20\n3|x|b|30\n", Config{Columns: "user=3,item=2,rating=1,time=4", Sep: "|"}},
		{"a  x\t5 10\n a y 4 20\nb x 3 30 \n", Config{Columns: "user=1,item=2,rating=3,time=4", Header: "no", Sep: "blanks"}},
		{"a::x::5::10\na::y::4::20\nb::x::3::30\n", Config{Columns: "user=1,item=2,rating=3,time=4"}},
		{"a->x->5->10\na->y->4->20\nb->x->3->30\n", Config{Columns: "user=1,item=2,rating=3,time=4", Sep: "->", Quote: "none"}},
		{"1 2 3 4\na x 5 10\na y 4 20\nb x 3 30\n", Config{Columns: "user=1,item=2,rating=3,time=4", Sep: "space", Header: "yes"}},
		{"item\tuser\trating\ttime\n'x'\ta\t5\t10\ny\ta\t4\t20\nx\tb\t3\t30\n", Config{Sep: "tab", Quote: "single"}},
		{"user:token\titem:token\tstars:float\ttime:float\na\tx\t5\t10\na\ty\t4\t20\nb\tx\t3\t30\n", Config{Columns: "rating=stars"}},
		{"{\"u\": {\"id\": \"a\"}, \"i.d\": \"x\", \"r\": 5, \"t\": 10}\n{\"t\": \"20\", \"i.d\": \"y\", \"r\": 4.0, \"u\": {\"id\": \"a\"}}\n\n{\"u\":{\"id\":\"b\"},\"i.d\":\"\\u0078\",\"r\":3,\"t\":30}\n",
			Config{Columns: "user=u.id,item=i.d,rating=r,time=t"}},
	} {
		got, err := openTable(t, c.text, c.Config)
		require.NoError(t, err, "%+v", c)
		got.Name, got.Format, got.Notes = want.Name, want.Format, nil
		require.Equal(t, want, got, "%+v", c)
	}
	none, err := openTable(t, plain, Config{Columns: "rating=none,time=none"})
	require.NoError(t, err)
	require.Nil(t, none.Train.Value())
	require.Nil(t, none.Train.Time())

	for text, cases := range map[string]map[Config]string{
		plain: {
			{Columns: "user=who,item=2"}:                `set:1: there is no column "who", the user; the columns are 1 "user", 2 "item", 3 "rating", 4 "time"`,
			{Columns: "user=User,item=2"}:               `did you mean "user"?`,
			{Columns: "user=1,item=5"}:                  `set:1: there is no column 5, the item`,
			{Columns: "item=user,user=1"}:               `column 1 is both the user and the item`,
			{Columns: "user=1,item=2"}:                  `say by --header whether that are names (yes) or an interaction (no)`,
			{Columns: "user=user,item=2", Header: "no"}: `a file without a header has no names; give its number`,
			{Header: "no"}:                              `which column is the user is not said`,
			{Sep: ";"}:                                  `no user column: it is known by`,
			{Columns: "user=1,time=rating,rating=time"}: "",
			{Columns: "user=1,user=2"}:                  `the user is there twice`,
			{Columns: "user=none"}:                      `cannot be left out`,
			{Columns: "who=1"}:                          `unknown role "who"`,
			{Columns: "1,2"}:                            `"1" is no column; want role=name`,
			{Columns: `user="a,b"`}:                     `bare " in non-quoted`,
			{Sep: "x"}:                                  `separator "x" is neither a name`,
			{Sep: "::", Quote: "double"}:                `between :: a quote is a character like others`,
			{Quote: "'\""}:                              "is none of double",
			{Header: "maybe"}:                           "neither yes nor no",
			{Format: "lightgcn", Sep: ","}:              "format lightgcn says itself what is between its columns; the setting is of csv",
			{Format: "triples", Columns: "user=2"}:      "format triples has no columns to name; the formats that have are csv, jsonl, parquet, recbole",
		},
		"{\"user\": 1, \"item\": 2}\n": {
			{Sep: ","}:                      "format jsonl says itself",
			{Columns: "user=1"}:             "has keys and no order of columns",
			{Columns: "user=who,item=item"}: `there is no column "who", the user; the columns are 1 "item", 2 "user"`,
			{Format: "parquet"}:             "is no Parquet file, and format parquet was asked for",
		},
		exampleParquet: {
			{Format: "csv"}:          "is a Parquet file, and format csv was asked for",
			{Columns: "user=rating"}: `:1: user: id 4.5 is not a whole number`,
			{Columns: "user=nosuch"}: `set:1: there is no column "nosuch", the user; the columns are 1 "user_id", 2 "item_id", 3 "rating", 4 "timestamp"`,
		},
	} {
		for c, want := range cases {
			_, err := openTable(t, text, c)
			if want == "" {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, want, "%+v", c)
		}
	}
	require.ErrorContains(t, Config{Columns: "user=1"}.Validate(), "demo is generated and has no columns to name")
}

// The canonical text of columns is read as they are.
func TestColumnsText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var l layout
		for c := range l.columns {
			if c <= columnItem || rapid.Bool().Draw(rt, "given") {
				l.columns[c].name = rapid.StringMatching(`[a-c,;"'=äx 1-3]*[a-c"=,]`).Draw(rt, "name")
				l.columns[c].name = strings.TrimSpace(l.columns[c].name)
			}
		}
		text := l.columnsText()
		back, err := parseColumns(text)
		require.NoError(rt, err, text)
		require.Equal(rt, l.columns, back, text)
	})
}

// Lines of JSON that say no interaction.
func TestJSONLineErrors(t *testing.T) {
	const first = "{\"user\": 1, \"item\": 2, \"rating\": 1}\n"
	for line, want := range map[string]string{
		"[1, 2]":        ":2: no object of JSON",
		"null":          ":2: no object of JSON",
		"{\"user\": 1}": `:2: no key "item", the item; the keys are ["user"]`,
		"{\"user\": 1, \"item\": null, \"rating\": 1}":        ":2: empty item id",
		"{\"user\": 1, \"item\": [3], \"rating\": 1}":         `:2: the item, "item": [3] is neither a text nor a number`,
		"{\"user\": true, \"item\": 3, \"rating\": 1}":        `true is neither`,
		"{\"user\": 1, \"item\": 3}":                          `:2: no rating "rating" (--columns rating=none`,
		"{\"user\": 1, \"item\": 3, \"rating\": \"x\"}":       `rating "x" is not a finite number`,
		"{\"user\": \"\\ud800\", \"item\": 3, \"rating\": 1}": "half of a surrogate pair",
		"{\"user\": \"\xff\", \"item\": 3, \"rating\": 1}":    "not UTF-8",
		"{\"user\": 1, \"item\": 3, \"rating\": 1} x":         ":2: no object of JSON",
	} {
		_, err := openText(t, first+line+"\n")
		require.ErrorContains(t, err, want, line)
	}
	d, err := openText(t, "{\"user\": 1, \"item\": \"\\ufffd\"}\n{\"user\": 1.0, \"item\": 9007199254740993}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "1.0"}, d.UserIDs)
	require.Equal(t, []string{"9007199254740993", "\ufffd"}, d.ItemIDs)
	require.Len(t, d.Notes, 1, "1 and 1.0 are one number")
}

// A time that is not understood is in the way of nothing but what needs times.
func TestTimesNotUnderstood(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"set.csv": "user,item,date\n1,10,2013-10-24\n1,11,10/25/2013\n1,12,\n2,10,10/26/2013\n"}), "set.csv")
	d, err := Load(Config{Source: path, Split: "ratio:1,0,0"})
	require.NoError(t, err)
	require.Nil(t, d.Histories)
	at := filepath.ToSlash(path)
	require.Equal(t, []string{"times in train that are not understood: 3 of 4, the first at " + at + `:3: time "10/25/2013" is neither a number nor a date such as 2006-01-02 15:04:05; the set is read without times (--columns time=none leaves the column out)`}, d.Notes)
	for _, split := range []string{"leave-one-out", "time:0.8,0.1,0.1", "cold-items:0.5,0,0.5,by=time"} {
		_, err = Load(Config{Source: path, Split: split})
		require.ErrorContains(t, err, at+":3: time", split)
	}
	require.ErrorContains(t, d.wantHistories(), at+":3: time")
	d, err = Load(Config{Source: path, Split: "ratio:1,0,0", Columns: "time=none"})
	require.NoError(t, err)
	require.Empty(t, d.Notes)

	// One file of a set decides for all.
	d, err = Open(write(t, map[string]string{"train.csv": "user,item,time\n1,10,1\n", "test.csv": "user,item,time\n1,11,soon\n"}), "")
	require.NoError(t, err)
	require.Nil(t, d.Train.Time())
	require.Contains(t, d.Notes[0], "times in test that are not understood: 1 of 1")

	// A file without a line is told of.
	d, err = Open(write(t, map[string]string{"train.txt": "0 1\n", "test.txt": ""}), "")
	require.NoError(t, err)
	require.Contains(t, strings.Join(d.Notes, "\n"), "test.txt holds nothing: there is no test set")
}

// Points whose lines have labels alone are known by their header, and a blank line between
// points is an error without one.
func TestPointsWithoutFeatures(t *testing.T) {
	d, err := openText(t, "3 4 3\n0,2 0:1\n1\n\n0,1\n")
	require.NoError(t, err)
	require.Equal(t, "xmc", d.Format)
	require.Equal(t, 3, d.Users)
	d, err = openText(t, "0,2 0:1\n1\n0,1\n\n\n")
	require.NoError(t, err)
	require.Equal(t, "xmc", d.Format)
	_, err = openText(t, "0,2 0:1\n\n1\n0,1\n")
	require.ErrorContains(t, err, "set.txt:2: a blank line before a point")
	for _, text := range []string{"3 5 2\n0\n1\n0\n", "5 5 2\n0\n1\n0\n"} {
		_, err = openText(t, text)
		require.ErrorContains(t, err, "--format xmc")
		require.ErrorContains(t, err, "--format lightgcn")
	}
}

// Files that grow out of all proportion are refused before they fill the memory.
func TestGrowth(t *testing.T) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	require.NoError(t, err)
	small := w.EncodeAll(bytes.Repeat([]byte("0 1\n"), 4<<20), nil)
	require.Less(t, len(small), 4000)
	dir := write(t, map[string]string{"set.txt": string(small)})
	_, err = Open(filepath.Join(dir, "set.txt"), "")
	require.ErrorIs(t, err, errGrowth)
	p, err := Config{Source: filepath.Join(dir, "set.txt")}.Plan()
	require.NoError(t, err)
	_, err = p.Need()
	require.ErrorIs(t, err, errGrowth)
}

// The order of events is what a file of sequences keeps.
func TestSequencesRoundTrip(t *testing.T) {
	d, err := openText(t, "user,item,time\na,x,1\na,y,2\na,x,3\nb,\"z,\"\"\",5\nb,x,4\n")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "set.txt.gz")
	require.NoError(t, SaveFile(file, "sequence", d))
	back, err := Open(file, "sequence")
	require.NoError(t, err)
	require.Equal(t, d.Histories.item, back.Histories.item)
	require.Equal(t, d.ItemIDs, back.ItemIDs)
	split, err := Load(Config{Source: file, Format: "sequence", Split: "leave-one-out"})
	require.NoError(t, err)
	require.ErrorContains(t, SaveDir(filepath.Join(t.TempDir(), "no"), "sequence", false, split), "in another part")

	d, err = openText(t, "user,item,time\na,x,1\na,y,2\na,z,3\nb,x,4\nb,y,5\n")
	require.NoError(t, err)
	loo, err := ParseSplit("leave-one-out")
	require.NoError(t, err)
	d, err = ApplySplit(d, loo)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "parts")
	require.NoError(t, SaveDir(dir, "sequence", false, d))
	text, err := os.ReadFile(filepath.Join(dir, "test.txt"))
	require.NoError(t, err)
	require.Equal(t, "a z\nb y\n", string(text))
	back, err = Load(Config{Source: dir, Format: "sequence"})
	require.NoError(t, err)
	require.Equal(t, d.Test.Item(), back.Test.Item())

	for text, want := range map[string]string{
		"user,item\na,x\n":               "no times: no file has a column of them",
		"user,item,time\na,x,soon\n":     `no times: times in train that are not understood: 1 of 1`,
		"user,item,time\na b,x,1\n":      `the user "a b" holds a blank`,
		"user,item,time\na,\"x\ty\",1\n": `the item "x\ty" holds a blank`,
	} {
		d, err := openText(t, text)
		require.NoError(t, err)
		require.ErrorContains(t, SaveFile(filepath.Join(t.TempDir(), "x.txt"), "sequence", d), want)
	}
}

type parquetRow struct {
	User   string  `parquet:"user_id,dict"`
	Item   int64   `parquet:"item_id"`
	Rating float64 `parquet:"rating"`
}

// Columns of every kind that Parquet has ids, ratings and times in, by another writer.
func TestParquetTypes(t *testing.T) {
	type row struct {
		User  int32               `parquet:"user"`
		Item  *string             `parquet:"item,optional,dict,snappy"`
		Other []int64             `parquet:"other,list"`
		Value *float32            `parquet:"rating,optional,zstd"`
		When  time.Time           `parquet:"time,timestamp(microsecond),gzip"`
		Day   int32               `parquet:"day,date"`
		Deep  struct{ ID uint64 } `parquet:"deep"`
		Float float64             `parquet:"float"`
	}
	x, y, four := "x,\"", "y", float32(4)
	rows := []row{
		{User: -1, Item: &x, Value: &four, When: time.Unix(1400000000, 500_000_000), Day: 16000, Float: 7},
		{User: 2, Item: &y, Value: &four, When: time.Unix(1400000001, 0), Day: 16001, Float: 8},
	}
	rows[0].Deep.ID, rows[1].Deep.ID = 1<<63, 5
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, rows))
	d, err := openTable(t, file.String(), Config{})
	require.NoError(t, err)
	require.Equal(t, []string{"-1", "2"}, d.UserIDs)
	require.Equal(t, []string{x, y}, d.ItemIDs)
	require.Equal(t, []float32{4, 4}, d.Train.Value())
	require.Equal(t, []int64{14000000005, 14000000010}, d.Train.Time())
	d, err = openTable(t, file.String(), Config{Columns: "user=float,item=deep.ID,time=day"})
	require.NoError(t, err)
	require.Equal(t, []string{"7", "8"}, d.UserIDs)
	require.Equal(t, []string{"5", "9223372036854775808"}, d.ItemIDs)
	require.Equal(t, []int64{16001 * 86400, 16000 * 86400}, []int64{d.Train.Time()[1], d.Train.Time()[0]})
	for columns, want := range map[string]string{
		"user=other.list.element": `column "other.list.element", the user: it has lists`,
		"item=time":               "it has times",
	} {
		_, err = openTable(t, file.String(), Config{Columns: columns})
		require.ErrorContains(t, err, want)
	}
	rows[1].Item, rows[1].Value = nil, nil
	file.Reset()
	require.NoError(t, parquet.Write(&file, rows))
	_, err = openTable(t, file.String(), Config{})
	require.ErrorContains(t, err, "set:2: item: the row has none")
	_, err = openTable(t, file.String(), Config{Columns: "item=float"})
	require.ErrorContains(t, err, "set:2: the row has no rating (--columns rating=none")
}

package data

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// recognise returns the format of the files of one set: named, or, where that is of nothing,
// the only one that the first lines of every file may be of. Where columns are said, that is one
// that heeds them. Blank files may be of any; of nothing where all are blank. It consumes nothing.
func recognise(files []*Input, named readAs, columns layout) (readAs, error) {
	var first, doubtful *Input
	var common []*Format // claimed by every file so far
	pairs := true
	for _, in := range files {
		lines, err := in.sample()
		if err != nil {
			return readAs{}, err
		}
		if len(lines) == 0 {
			continue
		}
		if named.Spec != nil {
			if isParquet := string(lines[0]) == parquetMagic; isParquet != (named.Spec.Name == "parquet") {
				is := "is no Parquet file"
				if isParquet {
					is = "is a Parquet file"
				}
				return readAs{}, fmt.Errorf("data: %s %s, and format %s was asked for", in.file, is, named.Spec.Name)
			}
			return named, nil
		}
		if columns.given() {
			f, err := tableOf(lines, columns)
			if err != nil {
				return readAs{}, err
			}
			if first != nil && f != common[0] {
				return readAs{}, fmt.Errorf("data: %s is %s and %s is %s; the files of a set must be of one format", first.file, common[0].Name, in.file, f.Name)
			}
			first, common = in, []*Format{f}
			continue
		}
		claims, err := claims(in, lines)
		if err != nil {
			return readAs{}, err
		}
		pairs = pairs && pairsAlone(lines)
		if len(claims) > 1 && doubtful == nil {
			doubtful = in
		}
		if first == nil {
			first, common = in, claims
			continue
		}
		both := slices.DeleteFunc(slices.Clone(common), func(f *Format) bool { return !slices.Contains(claims, f) })
		if len(both) == 0 {
			return readAs{}, fmt.Errorf("data: %s is %s and %s is %s; the files of a set must be of one format",
				first.file, common[0].Name, in.file, claims[0].Name)
		}
		common = both
	}
	switch {
	case len(common) == 0:
		return readAs{}, nil
	case len(common) == 1 || pairs: // a line of two ids is one user and one item to all who claim it
		return plainly(common[0]), nil
	}
	var ways []string
	for _, f := range common {
		ways = append(ways, fmt.Sprintf("--format %s (%s)", f.Name, f.Doc))
	}
	lines, err := doubtful.sample()
	if err != nil {
		return readAs{}, err
	}
	last := len(ways) - 1
	return readAs{}, doubtful.fault(1, fmt.Errorf("%q and the lines after it can be read in %d ways; choose one: %s or %s; data convert and data split call the flag --from",
		shorten(lines[0]), len(ways), strings.Join(ways[:last], ", "), ways[last]))
}

// tableOf returns the format of a file whose columns are said: Parquet, JSON lines and RecBole's
// begin as no other does, and the rest is what csv reads.
func tableOf(lines [][]byte, columns layout) (*Format, error) {
	name := "csv"
	for _, f := range Formats() {
		if f.takes == takesColumns && f.Sniff(lines) {
			name = f.Name
		}
	}
	f, err := LookupFormat(name)
	if err == nil {
		err = columns.wants(f)
	}
	return f, err
}

// claims returns the formats that the first lines of a file may be of, at least
// one, sorted by name.
func claims(in *Input, lines [][]byte) (all []*Format, err error) {
	for _, f := range Formats() {
		if f.Sniff(lines) {
			all = append(all, f)
		}
	}
	// The header of a file of points is a line of whole numbers, as those of other formats
	// are, and what follows it is no other's.
	if at := slices.IndexFunc(all, func(f *Format) bool { return f.Name == "xmc" }); at >= 0 {
		if _, features := looksLikeLibSVM(lines); features {
			return all[at : at+1], nil
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	why := ""
	comma := delimiter(lines[0])
	switch {
	case isJSON(lines[0]):
		why = "it is JSON, of which a line must be an object, with keys such as user_id and item_id (jq -c '.[]' makes such lines of an array)"
	case comma == ',' || comma == ';':
		why = fmt.Sprintf("numbers between %q are no header; put a header line such as user_id,item_id,rating,timestamp before them, or say which columns these are, as by --columns user=1,item=2,rating=3,time=4", comma)
	default:
		var kinds []string
		for _, f := range Formats() {
			kinds = append(kinds, fmt.Sprintf("%s (%s)", f.Name, f.Doc))
		}
		why = "the choices are " + strings.Join(kinds, "; ")
	}
	return nil, in.fault(1, fmt.Errorf("no known format begins with %q; %s", shorten(lines[0]), why))
}

// magics are the first bytes of files that are no text, as their formats define
// them, and what to say of such a file.
var magics = []struct {
	at          int // offset
	magic, what string
}{
	{0, "\xfd7zXZ\x00", "the file is compressed with xz: unpack it first"},
	{0, "\x04\x22\x4d\x18", "the file is compressed with lz4: unpack it first"},
	{0, "\x1f\x9d", "the file is compressed with compress: unpack it first"},
	{0, "7z\xbc\xaf\x27\x1c", "the file is a 7z archive: unpack it first"},
	{0, "Rar!\x1a\x07", "the file is a RAR archive: unpack it first"},
	{0, "PK\x05\x06", "the file is an empty zip archive"},
	{257, "ustar\x00", "the file is a tar archive: unpack it first"},
	{257, "ustar  \x00", "the file is a tar archive: unpack it first"},
	{0, "ARROW1", "the file is Arrow or Feather: export it as Parquet or CSV first"},
	{0, "ORC", "the file is ORC: export it as Parquet or CSV first"},
	{0, "Obj\x01", "the file is Avro: export it as Parquet or CSV first"},
	{0, "PARE", "the file is an encrypted Parquet file: export it as CSV first"},
	{0, "SQLite format 3\x00", "the file is an SQLite database: export the table as CSV first"},
	{0, "\x93NUMPY", "the file is a NumPy array: export it as CSV first"},
	{0, "\x89HDF\r\n\x1a\n", "the file is HDF5: export it as CSV first"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is of an old Microsoft program, such as an Excel workbook (.xls): save the sheet as CSV first"},
	{0, "%PDF-", "the file is a PDF document: it holds pages and no table"},
	{0, "<?xml", "the file is XML: export it as CSV first"},
	{0, "\xff\xfe", "the text is UTF-16: convert it to UTF-8, as by iconv -f UTF-16 -t UTF-8"},
	{0, "\xfe\xff", "the text is UTF-16: convert it to UTF-8, as by iconv -f UTF-16 -t UTF-8"},
}

// foreign says what the file that begins with head is, if it is no UTF-8 text of a
// kind that is known.
func foreign(head []byte) string {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			return m.what
		}
	}
	if c := compressionOf(head); c != nil { // once is undone already
		return fmt.Sprintf("the file is compressed twice, within with %s: unpack it first", c.name)
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return zipped(head)
	}
	begin := bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 1024)], " \t\r\n"))
	if bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html")) {
		return "the file is an HTML page, as a server sends one in place of a file that it has not or that needs a login: download it again"
	}
	if len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0 {
		return "the text seems to be UTF-16 without a byte order mark: convert it to UTF-8, as by iconv -f UTF-16LE -t UTF-8"
	}
	if len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0 {
		return "the text seems to be UTF-16 without a byte order mark: convert it to UTF-8, as by iconv -f UTF-16BE -t UTF-8"
	}
	return ""
}

// zipped says what a zip archive is, by the name of its first member.
func zipped(head []byte) string {
	name := []byte{}
	if len(head) > 30 { // APPNOTE §4.3.7: the length of the name at 26, the name at 30
		name = head[30:min(len(head), 30+int(head[26])+int(head[27])<<8)]
	}
	switch {
	case bytes.Equal(name, []byte("[Content_Types].xml")) || bytes.HasPrefix(name, []byte("xl/")):
		return "the file is an Excel workbook (.xlsx) or another document of Office: save the sheet as CSV first"
	case bytes.Equal(name, []byte("mimetype")):
		return "the file is a document such as an OpenDocument sheet (.ods): save the sheet as CSV first"
	case bytes.HasSuffix(name, []byte(".npy")):
		return "the file is a NumPy archive (.npz): export it as CSV first"
	}
	return fmt.Sprintf("the file is a zip archive, whose first member is %q: unpack it first", shorten(name))
}

// isJSON reports whether a line begins an object or an array of JSON.
func isJSON(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.HasPrefix(line, []byte("{")) || string(line) == "[" || bytes.HasPrefix(line, []byte("[{"))
}

// looksLikeLibSVM reports whether every line is labels, perhaps none, and then
// feature:value between spaces, after a header of three counts or without one. features says that
// some line has such a pair: where none has, other formats have the same lines.
func looksLikeLibSVM(lines [][]byte) (is, features bool) {
	points := -1
	if s := columnsOf(lines[:1]); s.width == 3 && s.whole {
		head, _ := cutField(lines[0])
		points, _ = strconv.Atoi(string(head))
		lines = lines[1:]
	}
	for _, line := range lines {
		fields := bytes.Fields(line)
		if bytes.IndexByte(fields[0], ':') < 0 { // the labels
			for label := range bytes.SplitSeq(fields[0], []byte(",")) {
				if _, err := strconv.ParseInt(string(label), 10, 64); err != nil {
					return false, false
				}
			}
			fields = fields[1:]
		}
		for _, f := range fields {
			feature, value, _ := bytes.Cut(f, []byte(":"))
			_, notWhole := strconv.ParseUint(string(feature), 10, 64)
			_, notNumber := strconv.ParseFloat(string(value), 64)
			if notWhole != nil || notNumber != nil {
				return false, false
			}
			features = true
		}
	}
	// Labels alone are points where a header counts them.
	return features || len(lines) > 0 && points >= len(lines), features
}

// leastTime is a number that can be a time, in seconds since 1970 or finer, and
// hardly a row or a rating: 3 March 1973.
const leastTime = 1e8

// A shape is what lines of fields between spaces and tabs have in common.
type shape struct {
	width    int  // fields of every line; 0 where lines differ
	numbers  bool // every field is a number
	ids      bool // the first two fields of every line are whole numbers
	whole    bool // every field is a whole number
	times    bool // the last field of every line is at least leastTime
	distinct bool // no two lines begin alike
}

func columnsOf(lines [][]byte) shape {
	s := shape{numbers: true, ids: true, whole: true, times: true, distinct: true}
	begins := map[string]bool{}
	for n, line := range lines {
		fields := bytes.Fields(line)
		if n == 0 {
			s.width = len(fields)
		} else if len(fields) != s.width {
			s.width = 0
		}
		last := 0.0
		for k, f := range fields {
			_, notWhole := strconv.ParseInt(string(f), 10, 64)
			x, notNumber := strconv.ParseFloat(string(f), 64)
			s.whole = s.whole && notWhole == nil
			s.ids = s.ids && (notWhole == nil || k >= 2)
			s.numbers = s.numbers && notNumber == nil
			last = x
		}
		s.times = s.times && last >= leastTime
		s.distinct = s.distinct && !begins[string(fields[0])]
		begins[string(fields[0])] = true
	}
	return s
}

// pairsAlone reports whether every line is two fields.
func pairsAlone(lines [][]byte) bool { return columnsOf(lines).width == 2 }

package data

import (
	"bytes"
	"strconv"
)

// The headerless formats, whose columns are known by their place: ratings.dat of
// MovieLens-1M and -10M between "::", u.data of MovieLens-100k between tabs, and
// columns between any blanks.
func init() {
	Register(Format{
		Name:    "movielens-dat",
		Doc:     "`user::item::rating::timestamp`, no header",
		Example: "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n",
		Sniff:   func(lines [][]byte) bool { return bytes.Contains(lines[0], []byte("::")) },
		Read:    func(_ Values, in *Input, out *Collector) error { return readColumns(in, out, "::", columnValue) },
		Least:   len("u::i\n"),
	})
	Register(Format{
		Name:    "movielens-udata",
		Doc:     "`user item rating timestamp` between tabs, no header",
		Example: "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t377\t1\t878887116\n",
		Sniff:   func(lines [][]byte) bool { return isUData(lines[0]) },
		Read:    func(_ Values, in *Input, out *Collector) error { return readColumns(in, out, "\t", columnValue) },
		Least:   len("u\ti\n"),
	})
	Register(Format{
		Name:    "triples",
		Doc:     "`user item [rating [timestamp]]` between spaces or tabs, no header",
		Example: "7 12 4.5\n7 15 3\n9 12 1\n",
		Sniff: func(lines [][]byte) bool {
			s := columnsOf(lines)
			return s.ids && s.numbers && s.width >= 2 && s.width <= 4 && !(s.width == 3 && s.times) && !isUData(lines[0])
		},
		Read:  func(_ Values, in *Input, out *Collector) error { return readColumns(in, out, "", columnValue) },
		Least: len("u i\n"),
	})
	Register(Format{
		Name:    "triples-time",
		Doc:     "`user item timestamp` between spaces or tabs, no header",
		Example: "7 12 881250949\n7 15 891717742\n9 12 878887116\n",
		Sniff: func(lines [][]byte) bool {
			s := columnsOf(lines)
			return s.whole && s.width == 3
		},
		Read:  func(_ Values, in *Input, out *Collector) error { return readColumns(in, out, "", columnTime) },
		Least: len("u i t\n"),
	})
}

// isUData reports four numbers between tabs.
func isUData(line []byte) bool {
	fields := bytes.Split(bytes.TrimRight(line, " \t"), []byte("\t"))
	for _, f := range fields {
		if _, err := strconv.ParseFloat(string(f), 64); err != nil {
			return false
		}
	}
	return len(fields) == 4
}

// readColumns reads lines of as many columns as the first, between sep or, where
// that is "", between blanks: user, item, and perhaps a third, which is columnValue
// or columnTime, and after a value a time. Blanks at the end of a line are no column.
func readColumns(in *Input, out *Collector, sep string, third int) error {
	between, want := strconv.Quote(sep), 0
	if sep == "" {
		between = "blanks"
	}
	fields := make([][]byte, 0, 5)
	for in.Next() {
		// Split by hand: at most five fields, no allocation.
		fields = fields[:0]
		for rest := bytes.TrimRight(in.Line(), " \t"); rest != nil && len(fields) < 5; {
			var f []byte
			if sep == "" {
				f, rest = cutField(rest)
			} else {
				f, rest, _ = bytes.Cut(rest, []byte(sep)) // rest is nil after the last
			}
			fields = append(fields, bytes.TrimSpace(f))
		}
		if want == 0 {
			want = len(fields)
			switch {
			case third == columnTime && want != 3:
				return in.Errorf("%d columns between %s, want user, item and timestamp", want, between)
			case want < 2 || want > 4:
				return in.Errorf("%d columns between %s, want user, item and perhaps rating and timestamp", want, between)
			}
			out.Has(want >= 3 && third == columnValue, want == 4 || third == columnTime)
		}
		if len(fields) != want {
			return in.Errorf("%d columns between %s where the first line has %d", len(fields), between, want)
		}
		var value float32
		var time Moment
		var err error
		if want >= 3 && third == columnValue {
			value, err = parseValue(fields[2])
		}
		if err == nil && (want == 4 || third == columnTime) {
			time = out.moment(fields[want-1])
		}
		if err == nil {
			err = out.Add(fields[0], fields[1], value, time)
		}
		if err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

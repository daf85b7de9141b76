package data

import (
	"bytes"
	"strconv"
	"strings"
)

// The two headerless formats of GroupLens: ratings.dat of MovieLens-1M and -10M,
// "user::item::rating::timestamp", and u.data of MovieLens-100k, the same four
// columns between tabs.
func init() {
	Register(Format{
		Name:    "movielens-dat",
		Doc:     "`user::item::rating::timestamp`, no header",
		Example: "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n",
		Sniff:   func(line []byte) bool { return bytes.Count(line, []byte("::")) >= 1 },
		Read:    func(in *Input, out *Collector) error { return readColumns(in, out, "::") },
	})
	Register(Format{
		Name:    "movielens-udata",
		Doc:     "`user item rating timestamp` between tabs, no header",
		Example: "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t377\t1\t878887116\n",
		Sniff:   isUData,
		Read:    func(in *Input, out *Collector) error { return readColumns(in, out, "\t") },
	})
}

// isUData reports four numbers between tabs.
func isUData(line []byte) bool {
	fields := strings.Split(string(line), "\t")
	for _, f := range fields {
		if _, err := strconv.ParseFloat(f, 64); err != nil {
			return false
		}
	}
	return len(fields) == 4
}

// readColumns reads lines of user, item and, on every line or on none, rating
// and timestamp.
func readColumns(in *Input, out *Collector, sep string) error {
	want := 0
	fields := make([][]byte, 0, 5)
	for in.Next() {
		// Split by hand: at most five fields, no allocation.
		fields = fields[:0]
		rest, more := in.Line(), true
		for more && len(fields) < 5 {
			var f []byte
			f, rest, more = bytes.Cut(rest, []byte(sep))
			fields = append(fields, bytes.TrimSpace(f))
		}
		if want == 0 {
			want = len(fields)
			if want < 2 || want > 4 {
				return in.Errorf("%d columns between %q, want user, item and perhaps rating and timestamp", want, sep)
			}
			out.Has(want >= 3, want == 4)
		}
		if len(fields) != want {
			return in.Errorf("%d columns between %q where the first line has %d", len(fields), sep, want)
		}
		var value float32
		var time int64
		var err error
		if want >= 3 {
			if value, err = parseValue(fields[2]); err != nil {
				return in.Errorf("%w", err)
			}
		}
		if want == 4 {
			if time, err = parseTime(fields[3]); err != nil {
				return in.Errorf("%w", err)
			}
		}
		if err := out.Add(fields[0], fields[1], value, time); err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

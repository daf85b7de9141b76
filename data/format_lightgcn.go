package data

import (
	"bufio"
	"bytes"
	"math"
	"strconv"
)

// The format of the LightGCN and NGCF repositories: one line per user, "user
// item item …", ids are row numbers. Numbers that no line holds, such as 0 where a
// publisher counts from 1, are neither users nor items. A line of a user alone is a
// user without items; a user may have several lines. The files of CiteULike have the
// same lines but for their first number, which is how many follow: there the place
// of a line is its user.
func init() {
	Register(Format{
		Name:    "lightgcn",
		Doc:     "one line per user, `user item item …`, row numbers",
		Example: "0 1 2\n1 0\n2\n",
		Ext:     ".txt",
		Sniff: func(lines [][]byte) bool {
			// The first line decides, so that a fault of a later one is named when it is
			// read; of lines of three or four fields all have a say, for they may be columns.
			if !columnsOf(lines[:1]).whole {
				return false
			}
			s := columnsOf(lines)
			switch {
			case isUData(lines[0]): // columns, unless every line is another user and no time is seen
				return len(lines) > 1 && s.whole && s.width == 4 && s.distinct && !s.times
			case s.width == 3 || s.width == 4:
				return s.whole && !s.times
			}
			return true
		},
		Read:  func(_ Values, in *Input, out *Collector) error { return readLists(in, out, false) },
		Least: len(" i"),
		Write: writeLightGCN,
	})
	Register(Format{
		Name:    "count-first",
		Doc:     "one line per user in order, `count item item …` (CiteULike), row numbers",
		Example: "2 1 2\n1 0\n0\n",
		Sniff: func(lines [][]byte) bool {
			most := 0
			for _, line := range lines {
				s := columnsOf([][]byte{line})
				begin, _ := cutField(line)
				if count, err := rowNumber(begin); !s.whole || err != nil || int(count) != s.width-1 {
					return false
				}
				most = max(most, s.width-1)
			}
			return most > 1 // lines of at most one item are another format's pairs
		},
		Read:  func(_ Values, in *Input, out *Collector) error { return readLists(in, out, true) },
		Least: len(" i"),
	})
}

// readLists reads lines of a row number, which is the user or, where counted, how
// many items follow, and of items.
func readLists(in *Input, out *Collector, counted bool) error {
	for line := int32(0); in.Next(); line++ {
		head, rest := cutField(in.Line())
		u, err := rowNumber(head)
		want := u
		if err == nil {
			if counted {
				u = line
			}
			err = out.AddUser(u)
		}
		if err != nil {
			return in.Errorf("user: %w", err)
		}
		found, last, falls := int32(0), int32(0), false
		for ; ; found++ {
			var item []byte
			if item, rest = cutField(rest); len(item) == 0 {
				break
			}
			i, err := rowNumber(item)
			if err == nil {
				err = out.AddIndex(u, i)
			}
			if err != nil {
				return in.Errorf("item: %w", err)
			}
			falls, last = falls || i < last, i
		}
		if falls {
			out.unordered++
		}
		if counted && found != want {
			return in.Errorf("%d items follow the count %d", found, want)
		}
	}
	return in.Err()
}

// cutField returns the first field of line, empty where there is none, and what
// follows it. (bytes.Fields would allocate a slice a line.)
func cutField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	if end := bytes.IndexAny(line, " \t"); end >= 0 {
		return line[:end], line[end:]
	}
	return line, nil
}

// rowNumber reads an id that is a row number.
func rowNumber(field []byte) (int32, error) {
	x, err := strconv.ParseInt(string(field), 10, 64)
	switch {
	case err != nil:
		return 0, &idError{shorten(field), "is not a whole number in range"}
	case x < 0:
		return 0, &idError{shorten(field), "is negative"}
	case x >= math.MaxInt32: // its count must fit too
		return 0, &idError{shorten(field), "is over the range of 32-bit ids"}
	}
	return int32(x), nil
}

// idError is a malformed id.
type idError struct{ id, fault string }

func (e *idError) Error() string { return "id " + strconv.Quote(e.id) + " " + e.fault }

func writeLightGCN(w *bufio.Writer, _ *Dataset, x *Interactions) error {
	var buf []byte
	for u := range x.Users() {
		buf = strconv.AppendInt(buf[:0], int64(u), 10)
		for _, i := range x.ItemsOf(u) {
			buf = append(buf, ' ')
			buf = strconv.AppendInt(buf, int64(i), 10)
		}
		if _, err := w.Write(append(buf, '\n')); err != nil {
			return err
		}
	}
	return nil
}

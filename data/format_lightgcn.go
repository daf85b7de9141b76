package data

import (
	"bufio"
	"bytes"
	"math"
	"strconv"
)

// The format of the LightGCN and NGCF repositories: one line per user, "user
// item item …", ids are row numbers from 0. A line of a user alone is a user
// without items; a user may have several lines.
func init() {
	Register(Format{
		Name:    "lightgcn",
		Doc:     "one line per user, `user item item …`, row numbers from 0",
		Example: "0 1 2\n1 0\n2\n",
		Ext:     ".txt",
		Sniff: func(line []byte) bool {
			fields := bytes.Fields(line)
			for _, f := range fields {
				if _, err := strconv.ParseInt(string(f), 10, 64); err != nil {
					return false
				}
			}
			return len(fields) > 0 && !isUData(line)
		},
		Read:  readLightGCN,
		Write: writeLightGCN,
	})
}

func readLightGCN(in *Input, out *Collector) error {
	for in.Next() {
		line := in.Line()
		user, rest := cutField(line)
		u, err := rowNumber(user)
		if err == nil {
			err = out.AddUser(u)
		}
		if err != nil {
			return in.Errorf("user: %w", err)
		}
		for {
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
		}
	}
	return in.Err()
}

// cutField returns the first field of line, empty where there is none, and what
// follows it. (bytes.Fields would allocate a slice a line.)
func cutField(line []byte) (field, rest []byte) {
	line = bytes.TrimLeft(line, " \t\r")
	if end := bytes.IndexAny(line, " \t\r"); end >= 0 {
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
		for _, i := range x.Of(u) {
			buf = append(buf, ' ')
			buf = strconv.AppendInt(buf, int64(i), 10)
		}
		if _, err := w.Write(append(buf, '\n')); err != nil {
			return err
		}
	}
	return nil
}

package data

import (
	"bytes"
	_ "embed" // the example
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"github.com/fenchel-ml/fenchel/internal/flatparquet"
)

// Parquet, as pandas, Polars, DuckDB and Spark write it: columns are found by their names, as
// those of a header are; where errors name a line, it is the row, from 1. Ids are integers or
// texts; one of floating point is the whole number that it is, which pandas makes of a column
// of whole numbers with an empty cell. Times are numbers, texts, dates or timestamps.
func init() {
	Register(Format{
		Name:    "parquet",
		Doc:     "Parquet with columns `user_id`, `item_id` and perhaps `rating` and `timestamp`; other names by the setting columns, a.b being b within a",
		Example: exampleParquet,
		Sniff:   func(lines [][]byte) bool { return string(lines[0]) == parquetMagic },
		Read:    readParquet,
		takes:   takesColumns,
		extent:  parquetExtent,
		Least:   1,
	})
}

const parquetMagic = flatparquet.Magic

// exampleParquet was written by pyarrow 26.0.1: table({user_id: int64 [7, 7, 8], item_id: string
// ['a "b"', 'c', 'c'], rating: float [4.5, 3, 1], timestamp: int64 [1400000000, 1400000001,
// 1400000002]}), without compression and statistics.
//
//go:embed format_parquet_example.parquet
var exampleParquet string

// maxRows and moreRows bound the rows of a file: moreRows, and maxRows for each byte of it. Those
// that people had differ from each other, and take a byte or so.
const (
	maxRows  = 100
	moreRows = 1 << 20
)

// openParquet reads the metadata of a file.
func openParquet(in *Input) (*flatparquet.File, error) {
	if in.raw == nil {
		return nil, in.ErrorAt(1, errors.New("a Parquet file is read in place, not from a pipe and not compressed as a whole: save it, or unpack it, first"))
	}
	at, err := in.raw.Seek(0, io.SeekCurrent)
	if err == nil {
		defer in.raw.Seek(at, io.SeekStart) // as what was read of it so far goes on there
	}
	size, sizeErr := in.raw.Seek(0, io.SeekEnd)
	if err := errors.Join(err, sizeErr); err != nil {
		return nil, in.ErrorAt(1, err)
	}
	f, err := flatparquet.Open(in.raw, size)
	if err != nil {
		return nil, in.ErrorAt(1, err)
	}
	if f.Rows-moreRows > maxRows*size {
		return nil, in.ErrorAt(1, fmt.Errorf("%d rows in %d bytes: they hold no interactions that anybody had", f.Rows, size))
	}
	return f, nil
}

// parquetColumns returns the places of the columns.
func parquetColumns(in *Input, f *flatparquet.File, out *Collector) (at [numColumns]int, err error) {
	var names []string
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	if at, err = in.layout.find(names, true, out); err != nil {
		return at, in.ErrorAt(1, err)
	}
	return at, nil
}

// parquetExtent is what the metadata say, of numbers as many digits as there may be.
func parquetExtent(in *Input) (pairs, text int64, err error) {
	f, err := openParquet(in)
	if err != nil {
		return 0, 0, err
	}
	at, err := parquetColumns(in, f, &Collector{})
	if err != nil {
		return 0, 0, err
	}
	for _, c := range at[:columnItem+1] {
		if f.Columns[c].Type == format.ByteArray {
			text += f.Bytes(c)
		} else {
			text += int64(len(strconv.FormatInt(math.MinInt64, 10))) * f.Rows
		}
	}
	return f.Rows, text, nil
}

func readParquet(_ Values, in *Input, out *Collector) error {
	f, err := openParquet(in)
	if err != nil {
		return err
	}
	at, err := parquetColumns(in, f, out)
	if err != nil {
		return err
	}
	var read []int // columns
	place := [numColumns]int{-1, -1, -1, -1}
	for c, i := range at {
		if i < 0 {
			continue
		}
		if err := fitsRole(&f.Columns[i], c); err != nil {
			return in.ErrorAt(1, fmt.Errorf("column %q, the %s: %w", f.Columns[i].Name, columnWords[c], err))
		}
		place[c] = len(read)
		read = append(read, i)
	}
	column := func(c int) *flatparquet.Column { return &f.Columns[at[c]] }
	out.Has(at[columnValue] >= 0, at[columnTime] >= 0)
	var ids [2][]byte
	err = f.Read(read, func(row int64, values [][]byte) (err error) {
		in.line = int(row) + 1
		for c := range ids {
			if ids[c], err = appendParquetID(ids[c][:0], column(c), values[place[c]]); err != nil {
				return in.Errorf("%s: %w", columnWords[c], err)
			}
		}
		var value float32
		var when Moment
		if k := place[columnValue]; k >= 0 {
			if value, err = parquetValue(column(columnValue), values[k]); err != nil {
				return in.Errorf("%w", err)
			}
		}
		if k := place[columnTime]; k >= 0 {
			when = out.understood(parquetTime(column(columnTime), values[k]))
		}
		if err := out.Add(bytes.TrimSpace(ids[columnUser]), bytes.TrimSpace(ids[columnItem]), value, when); err != nil {
			return in.Errorf("%w", err)
		}
		return nil
	})
	if _, mine := errors.AsType[*LineError](err); err != nil && !mine {
		return in.ErrorAt(in.line+1, err)
	}
	return err
}

// fitsRole returns an error of a column whose type is none of what it is to be.
func fitsRole(c *flatparquet.Column, role int) error {
	dated := c.Type == format.Int96 || c.Logical == flatparquet.Timestamp || c.Logical == flatparquet.Date
	switch {
	case c.Repeated:
		return errors.New("it has lists, and an interaction has one of it")
	case dated && role == columnTime:
		return nil
	case dated:
		return errors.New("it has times")
	case c.Logical == flatparquet.Other || c.Type == format.FixedLenByteArray || c.Type == format.Boolean:
		return errors.New("it is neither of numbers nor of texts (decimals, UUIDs, times of a day, true and false are neither)")
	}
	return nil
}

// parquetInt returns an integer.
func parquetInt(c *flatparquet.Column, value []byte) (n int64, unsigned uint64) {
	if c.Type == format.Int32 {
		u := binary.LittleEndian.Uint32(value)
		return int64(int32(u)), uint64(u)
	}
	u := binary.LittleEndian.Uint64(value)
	return int64(u), u
}

// parquetFloat returns a number of floating point.
func parquetFloat(c *flatparquet.Column, value []byte) (x float64, bits int) {
	if c.Type == format.Float {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(value))), 32
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(value)), 64
}

// appendParquetID appends the text of an id to dst.
func appendParquetID(dst []byte, c *flatparquet.Column, value []byte) ([]byte, error) {
	switch {
	case value == nil:
		return dst, errors.New("the row has none")
	case c.Type == format.ByteArray:
		return append(dst, value...), nil
	case c.Type == format.Int32 || c.Type == format.Int64:
		n, unsigned := parquetInt(c, value)
		if c.Logical == flatparquet.Unsigned {
			return strconv.AppendUint(dst, unsigned, 10), nil
		}
		return strconv.AppendInt(dst, n, 10), nil
	}
	x, bits := parquetFloat(c, value)
	whole := 1<<53 - 1.0 // up to which all whole numbers are there
	if bits == 32 {
		whole = 1<<24 - 1
	}
	switch {
	case math.IsNaN(x):
		return dst, errors.New("the row has none, but NaN")
	case x != math.Trunc(x):
		return dst, fmt.Errorf("id %g is not a whole number", x)
	case math.Abs(x) > whole:
		return dst, fmt.Errorf("id %g is a number of %d bits of floating point, which has lost digits; write ids as integers or texts", x, bits)
	}
	return strconv.AppendInt(dst, int64(x), 10), nil
}

// parquetValue returns a rating.
func parquetValue(c *flatparquet.Column, value []byte) (float32, error) {
	x := 0.0
	switch {
	case value == nil:
		return 0, errors.New("the row has no rating (--columns rating=none leaves the ratings out)")
	case c.Type == format.ByteArray:
		return parseValue(value)
	case c.Type == format.Float || c.Type == format.Double:
		x, _ = parquetFloat(c, value)
	default:
		n, unsigned := parquetInt(c, value)
		if x = float64(n); c.Logical == flatparquet.Unsigned {
			x = float64(unsigned)
		}
	}
	if v := float32(x); !math.IsNaN(x) && !math.IsInf(float64(v), 0) {
		return v, nil
	}
	return 0, fmt.Errorf("rating %g is not a finite number of 32 bits", x)
}

// unixDay is the Julian day of 1 January 1970.
const unixDay = 2440588

// parquetTime returns a time, as parseTime does.
func parquetTime(c *flatparquet.Column, value []byte) (m Moment, cut bool, err error) {
	switch {
	case value == nil:
		return m, false, errors.New("the row has no time")
	case c.Type == format.ByteArray:
		return parseTime(value)
	case c.Type == format.Float || c.Type == format.Double:
		x, bits := parquetFloat(c, value)
		return parseTime(strconv.AppendFloat(nil, x, 'g', -1, bits))
	case c.Type == format.Int96: // nanoseconds of a Julian day
		nanos, day := int64(binary.LittleEndian.Uint64(value)), int64(binary.LittleEndian.Uint32(value[8:]))
		if nanos < 0 || nanos >= 24*int64(time.Hour) {
			return m, false, fmt.Errorf("a day with %d nanoseconds", nanos)
		}
		m, err = momentOf(time.Unix((day-unixDay)*86400, nanos))
		return m, false, err
	}
	n, unsigned := parquetInt(c, value)
	switch {
	case c.Logical == flatparquet.Unsigned && unsigned > math.MaxInt64:
		return m, false, fmt.Errorf("time %d is out of range", unsigned)
	case c.Logical == flatparquet.Date:
		return Moment{N: n * 86400}, false, nil
	}
	m = Moment{n, c.Unit}
	for m.Decimals > 0 && m.N%10 == 0 {
		m.N, m.Decimals = m.N/10, m.Decimals-1
	}
	return m, false, nil
}

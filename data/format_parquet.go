package data

import (
	"bytes"
	_ "embed" // the example
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
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
func openParquet(in *Input) (*parquetFile, error) {
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
	f, err := newParquetFile(in.raw, size)
	if err != nil {
		return nil, in.ErrorAt(1, err)
	}
	if f.NumRows()-moreRows > maxRows*size {
		return nil, in.ErrorAt(1, fmt.Errorf("%d rows in %d bytes: they hold no interactions that anybody had", f.NumRows(), size))
	}
	return f, nil
}

// parquetColumns returns the places of the columns.
func parquetColumns(in *Input, f *parquetFile, out *Collector) (at [numColumns]int, err error) {
	var names []string
	for _, c := range f.columns {
		names = append(names, c.name)
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
		if f.columns[c].Type().Kind() == parquet.ByteArray {
			text += f.textBytes(c)
		} else {
			text += int64(len(strconv.FormatInt(math.MinInt64, 10))) * f.NumRows()
		}
	}
	return f.NumRows(), text, nil
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
		if err := fitsRole(f.columns[i].Column, c); err != nil {
			return in.ErrorAt(1, fmt.Errorf("column %q, the %s: %w", f.columns[i].name, columnWords[c], err))
		}
		place[c] = len(read)
		read = append(read, i)
	}
	column := func(c int) parquet.Type { return f.columns[at[c]].Type() }
	out.Has(at[columnValue] >= 0, at[columnTime] >= 0)
	var ids [2][]byte
	err = f.readRows(read, func(row int64, values []parquet.Value) (err error) {
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
func fitsRole(c *parquet.Column, role int) error {
	if c.MaxRepetitionLevel() > 0 {
		return errors.New("it has lists, and an interaction has one of it")
	}
	kind, dated, other := c.Type().Kind(), false, false
	switch logical := c.Type().LogicalType(); {
	case logical != nil:
		switch logical.Value.(type) {
		case *format.DateType, *format.TimestampType:
			dated = true
		case nil, *format.IntType, *format.StringType, *format.EnumType, *format.JsonType:
		default:
			other = true
		}
	default:
		other = c.Type().ConvertedType() != nil
	}
	switch kind {
	case parquet.Int96:
		dated = true
	case parquet.Int32, parquet.Int64, parquet.Float, parquet.Double, parquet.ByteArray:
	default:
		other = true
	}
	switch {
	case other:
		return errors.New("it is neither of numbers nor of texts (decimals, UUIDs, times of a day, true and false are neither)")
	case dated && role != columnTime:
		return errors.New("it has times")
	}
	return nil
}

// isUnsigned reports whether integers of the type have no sign.
func isUnsigned(t parquet.Type) bool {
	if logical := t.LogicalType(); logical != nil {
		i, is := logical.Value.(*format.IntType)
		return is && !i.IsSigned
	}
	return false
}

// parquetInt returns an integer.
func parquetInt(value parquet.Value) (n int64, unsigned uint64) {
	if value.Kind() == parquet.Int32 {
		return int64(value.Int32()), uint64(value.Uint32())
	}
	return value.Int64(), value.Uint64()
}

// parquetFloat returns a number of floating point.
func parquetFloat(value parquet.Value) (x float64, bits int) {
	if value.Kind() == parquet.Float {
		return float64(value.Float()), 32
	}
	return value.Double(), 64
}

// appendParquetID appends the text of an id to dst.
func appendParquetID(dst []byte, t parquet.Type, value parquet.Value) ([]byte, error) {
	switch {
	case value.IsNull():
		return dst, errors.New("the row has none")
	case value.Kind() == parquet.ByteArray:
		return append(dst, value.ByteArray()...), nil
	case value.Kind() == parquet.Int32 || value.Kind() == parquet.Int64:
		n, unsigned := parquetInt(value)
		if isUnsigned(t) {
			return strconv.AppendUint(dst, unsigned, 10), nil
		}
		return strconv.AppendInt(dst, n, 10), nil
	}
	x, bits := parquetFloat(value)
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
func parquetValue(t parquet.Type, value parquet.Value) (float32, error) {
	x := 0.0
	switch {
	case value.IsNull():
		return 0, errors.New("the row has no rating (--columns rating=none leaves the ratings out)")
	case value.Kind() == parquet.ByteArray:
		return parseValue(value.ByteArray())
	case value.Kind() == parquet.Float || value.Kind() == parquet.Double:
		x, _ = parquetFloat(value)
	default:
		n, unsigned := parquetInt(value)
		if x = float64(n); isUnsigned(t) {
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
func parquetTime(t parquet.Type, value parquet.Value) (m Moment, cut bool, err error) {
	switch {
	case value.IsNull():
		return m, false, errors.New("the row has no time")
	case value.Kind() == parquet.ByteArray:
		return parseTime(value.ByteArray())
	case value.Kind() == parquet.Float || value.Kind() == parquet.Double:
		x, bits := parquetFloat(value)
		return parseTime(strconv.AppendFloat(nil, x, 'g', -1, bits))
	case value.Kind() == parquet.Int96: // nanoseconds of a Julian day
		raw := value.Int96()
		nanos, day := int64(uint64(raw[1])<<32|uint64(raw[0])), int64(raw[2])
		if nanos < 0 || nanos >= 24*int64(time.Hour) {
			return m, false, fmt.Errorf("a day with %d nanoseconds", nanos)
		}
		m, err = momentOf(time.Unix((day-unixDay)*86400, nanos))
		return m, false, err
	}
	n, unsigned := parquetInt(value)
	switch {
	case isUnsigned(t) && unsigned > math.MaxInt64:
		return m, false, fmt.Errorf("time %d is out of range", unsigned)
	}
	m = Moment{N: n}
	if logical := t.LogicalType(); logical != nil {
		switch of := logical.Value.(type) {
		case *format.DateType:
			m.N *= 86400
		case *format.TimestampType:
			switch of.Unit.Value.(type) {
			case *format.MilliSeconds:
				m.Decimals = 3
			case *format.MicroSeconds:
				m.Decimals = 6
			case *format.NanoSeconds:
				m.Decimals = 9
			}
		}
	}
	for m.Decimals > 0 && m.N%10 == 0 {
		m.N, m.Decimals = m.N/10, m.Decimals-1
	}
	return m, false, nil
}

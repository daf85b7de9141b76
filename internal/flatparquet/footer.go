// Package flatparquet reads columns of Parquet files that hold one value, or none, a row.
//
// The metadata are parsed by parquet-go. Its readers of pages allocate what a header says,
// which a hostile file chooses; here nothing is allocated that the bytes of the file do not
// bear out: every list of the metadata is walked before it is parsed, a page is at most as
// large as [MaxPage] and [MaxGrowth] allow, and runs are counted, never laid out.
//
// Pages are those that pandas, Polars, DuckDB and Spark write unless told otherwise: plain or
// by a dictionary, uncompressed or compressed with snappy, gzip or zstd. Others are errors that
// name what they are.
//
// Source: https://github.com/apache/parquet-format (Encodings.md, Compression.md).
package flatparquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Magic is what a file begins and ends with.
const Magic = "PAR1"

// MaxPage and MaxGrowth bound a page: it has at most MaxPage bytes and MaxGrowth more for each
// byte of its compressed form.
const (
	MaxPage   = 64 << 20
	MaxGrowth = 2000
)

// A File is an open file. It is safe for concurrent use if its reader is.
type File struct {
	Rows    int64    // that it says it holds
	Columns []Column // that hold values, in the order of the file

	r    io.ReaderAt
	end  int64 // of what is no footer
	meta format.FileMetaData
}

// A Column is a column of a file.
type Column struct {
	Name     string // its path, with dots
	Repeated bool   // it is of lists, or within them: Read refuses it
	Type     format.Type
	Logical  Logical
	Unit     int // decimals of a second: 3, 6 or 9, of Timestamp
	Width    int // bytes of a value of FixedLenByteArray

	index  int // among the chunks of a row group
	levels int // how many on the path are optional
}

// Logical is what the numbers or bytes of a column mean, as far as it matters here.
type Logical int

// The meanings.
const (
	Plain     Logical = iota // numbers are numbers and bytes are text
	Unsigned                 // integers without a sign
	Timestamp                // units since 1970
	Date                     // days since 1970
	Other                    // decimals, times of day, UUIDs, BSON and such
)

// Open reads the metadata of a file of size bytes.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	f = &File{r: r}
	tail := make([]byte, 8)
	if size < int64(len(Magic))+8 {
		return nil, errors.New("a Parquet file is longer")
	}
	if _, err := r.ReadAt(tail, size-8); err != nil && err != io.EOF {
		return nil, err
	}
	switch string(tail[4:]) {
	case Magic:
	case "PARE":
		return nil, errors.New("the Parquet file is encrypted")
	default:
		return nil, errors.New("the Parquet file has no footer: it is cut short")
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > size-8-int64(len(Magic)) {
		return nil, fmt.Errorf("a footer of %d bytes in a Parquet file of %d", n, size)
	}
	f.end = size - 8 - n
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, f.end); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := parse(footer, &f.meta); err != nil {
		return nil, fmt.Errorf("the footer of the Parquet file: %w", err)
	}
	f.Rows = f.meta.NumRows
	if err := f.schema(); err != nil {
		return nil, err
	}
	return f, f.rowGroups()
}

// maxDepth bounds how deep groups are in groups.
const maxDepth = 64

// schema makes the columns of the tree.
func (f *File) schema() error {
	all := f.meta.Schema
	at := 0
	var walk func(path []string, levels int, repeated bool) error
	walk = func(path []string, levels int, repeated bool) error {
		if at >= len(all) || len(path) > maxDepth {
			return errors.New("the schema of the Parquet file is no tree")
		}
		e := &all[at]
		at++
		if at > 1 { // the root has no name
			path = append(path[:len(path):len(path)], e.Name)
			if e.RepetitionType.Valid && e.RepetitionType.V == format.Optional {
				levels++
			}
			repeated = repeated || e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated
		}
		if e.NumChildren.Valid && (e.NumChildren.V > 0 || at == 1) {
			for range e.NumChildren.V {
				if err := walk(path, levels, repeated); err != nil {
					return err
				}
			}
			return nil
		}
		if !e.Type.Valid {
			return nil // a group of nothing
		}
		c := Column{Name: strings.Join(path, "."), Repeated: repeated, Type: e.Type.V, index: len(f.Columns), levels: levels}
		if e.TypeLength.Valid {
			c.Width = int(e.TypeLength.V)
		}
		c.Logical, c.Unit = meaning(e)
		f.Columns = append(f.Columns, c)
		return nil
	}
	if err := walk(nil, 0, false); err != nil {
		return err
	}
	if at != len(all) {
		return errors.New("the schema of the Parquet file is no tree")
	}
	return nil
}

// rowGroups checks what the metadata say of rows.
func (f *File) rowGroups() error {
	rows := int64(0)
	for g := range f.meta.RowGroups {
		group := &f.meta.RowGroups[g]
		if group.NumRows < 0 || len(group.Columns) != len(f.Columns) {
			return fmt.Errorf("row group %d of the Parquet file has %d rows and %d columns, where the schema has %d", g, group.NumRows, len(group.Columns), len(f.Columns))
		}
		if rows += group.NumRows; rows < 0 {
			return errors.New("the rows of the Parquet file are too many to count")
		}
	}
	if rows != f.Rows {
		return fmt.Errorf("the Parquet file says %d rows, and its row groups have %d", f.Rows, rows)
	}
	return nil
}

// meaning returns what a leaf of the schema holds.
func meaning(e *format.SchemaElement) (l Logical, unit int) {
	switch t := e.LogicalType.Value.(type) {
	case nil:
	case *format.StringType, *format.EnumType, *format.JsonType:
		return Plain, 0
	case *format.IntType:
		if t.IsSigned {
			return Plain, 0
		}
		return Unsigned, 0
	case *format.DateType:
		return Date, 0
	case *format.TimestampType:
		switch t.Unit.Value.(type) {
		case *format.MilliSeconds:
			return Timestamp, 3
		case *format.MicroSeconds:
			return Timestamp, 6
		case *format.NanoSeconds:
			return Timestamp, 9
		}
		return Other, 0
	default:
		return Other, 0
	}
	if !e.ConvertedType.Valid {
		return Plain, 0
	}
	switch e.ConvertedType.V { // ConvertedType of parquet.thrift
	case 0, 4, 15, 16, 17, 18, 19: // UTF8, ENUM, INT_8 to INT_64, JSON
		return Plain, 0
	case 6:
		return Date, 0
	case 9:
		return Timestamp, 3
	case 10:
		return Timestamp, 6
	case 11, 12, 13, 14: // UINT_8 to UINT_64
		return Unsigned, 0
	}
	return Other, 0
}

// parse reads one struct that data begin with into v, and returns how long it is. Nothing is
// parsed whose lists are not there.
func parse(data []byte, v any) (n int, err error) {
	w := walker{data: data}
	if err := w.structure(0); err != nil {
		return 0, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return w.at, thrift.Unmarshal(new(thrift.CompactProtocol), data[:w.at], v)
}

// errShort is the error of data that end within a struct.
var errShort = errors.New("it is cut short")

// maxStructs bounds the structs in lists: a thousand columns of 250 row groups.
const maxStructs = 1 << 18

// A walker walks over a struct of Thrift's compact protocol.
//
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
type walker struct {
	data    []byte
	at      int
	structs int
}

func (w *walker) byte() (byte, error) {
	if w.at >= len(w.data) {
		return 0, errShort
	}
	w.at++
	return w.data[w.at-1], nil
}

func (w *walker) varint() (uint64, error) {
	x, n := binary.Uvarint(w.data[w.at:])
	if n == 0 {
		return 0, errShort
	}
	if n < 0 {
		return 0, errors.New("a number of more than 64 bits")
	}
	w.at += n
	return x, nil
}

func (w *walker) skip(n uint64) error {
	if n > uint64(len(w.data)-w.at) {
		return errShort
	}
	w.at += int(n)
	return nil
}

// The types of the compact protocol.
const (
	stop = iota
	yes
	no
	int8Type
	int16Type
	int32Type
	int64Type
	doubleType
	binaryType
	listType
	setType
	mapType
	structType
)

func (w *walker) structure(depth int) error {
	if depth > maxDepth {
		return errors.New("structs that are too deep")
	}
	for {
		head, err := w.byte()
		if err != nil || head == stop {
			return err
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != yes && kind != no { // which are their value
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (w *walker) value(kind byte, depth int) error {
	switch kind {
	case yes, no, int8Type:
		return w.skip(1)
	case int16Type, int32Type, int64Type:
		_, err := w.varint()
		return err
	case doubleType:
		return w.skip(8)
	case binaryType:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case listType, setType:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = w.varint(); err != nil {
				return err
			}
		}
		return w.values(n, depth, head&15)
	case mapType:
		n, err := w.varint()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := w.byte()
		if err != nil {
			return err
		}
		return w.values(n, depth, kinds>>4, kinds&15)
	case structType:
		return w.structure(depth + 1)
	}
	return fmt.Errorf("a field of type %d, which there is not", kind)
}

// values walks over n elements of these kinds, each of a byte at the least.
func (w *walker) values(n uint64, depth int, kinds ...byte) error {
	if n > uint64(len(w.data)-w.at) {
		return errShort
	}
	for _, kind := range kinds {
		if kind == structType {
			if w.structs += int(n); w.structs > maxStructs {
				return fmt.Errorf("lists of more than %d structs", maxStructs)
			}
		}
	}
	for range n {
		for _, kind := range kinds {
			if err := w.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

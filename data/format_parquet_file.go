package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// parquetMagic is what a file begins and ends with.
const parquetMagic = "PAR1"

// A parquetFile is an open file, which parquet-go reads. The library allocates what a file
// says, and panics where parts of it contradict each other: so the footer is checked before it
// is parsed, plainPages hands out the pages of a column checked and expanded, and panics are
// errors.
type parquetFile struct {
	*parquet.File                      // of the footer alone, which says that pages are as plainPages has them
	columns       []parquetColumn      // that hold values, in the order of the file
	r             io.ReaderAt          // the file
	end           int64                // of what is no footer
	meta          *format.FileMetaData // as it is in the file
}

// A parquetColumn is a column that holds values.
type parquetColumn struct {
	*parquet.Column
	name string // its path, with dots
}

// newParquetFile reads the metadata of a file of size bytes.
func newParquetFile(r io.ReaderAt, size int64) (f *parquetFile, err error) {
	defer recovered(&err)
	if size < int64(len(parquetMagic))+8 {
		return nil, errors.New("a Parquet file is longer")
	}
	tail := make([]byte, 8)
	if _, err := r.ReadAt(tail, size-8); err != nil && err != io.EOF {
		return nil, err
	}
	switch string(tail[4:]) {
	case parquetMagic:
	case "PARE":
		return nil, errors.New("the Parquet file is encrypted")
	default:
		return nil, errors.New("the Parquet file has no footer: it is cut short")
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > size-8-int64(len(parquetMagic)) {
		return nil, fmt.Errorf("a footer of %d bytes in a Parquet file of %d", n, size)
	}
	f = &parquetFile{r: r, end: size - 8 - n}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, f.end); err != nil && err != io.EOF {
		return nil, err
	}
	if f.meta, err = checkedFooter(footer); err == nil {
		f.File, err = openPlain(footer)
	}
	if err != nil {
		return nil, fmt.Errorf("the footer of the Parquet file: %w", err)
	}
	f.leaves(f.Root())
	return f, nil
}

// recovered makes a panic of the library an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the Parquet file contradicts itself: %v", r)
	}
}

// openPlain opens the file that a footer would have if the chunks of its columns were what
// plainPages makes of them.
func openPlain(footer []byte) (*parquet.File, error) {
	var meta format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), footer, &meta); err != nil {
		return nil, err
	}
	for _, group := range meta.RowGroups {
		for c := range group.Columns {
			of := &group.Columns[c].MetaData
			of.Codec, of.DictionaryPageOffset, of.DataPageOffset, of.TotalCompressedSize = format.Uncompressed, 0, plainStart, math.MaxInt64-plainStart
		}
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return nil, err
	}
	file := append([]byte(parquetMagic), footer...)
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), parquetMagic...)
	return parquet.OpenFile(bytes.NewReader(file), int64(len(file)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// checkedFooter returns what a footer says, and an error where that cannot be: of some that
// can not, the library would make large trees.
func checkedFooter(footer []byte) (*format.FileMetaData, error) {
	if _, err := thriftSize(footer); err != nil {
		return nil, err
	}
	meta := new(format.FileMetaData)
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), footer, meta); err != nil {
		return nil, err
	}
	var open []int32 // how many children the groups on the path still await
	for i, e := range meta.Schema {
		if i > 0 && len(open) == 0 || len(open) > thriftDepth {
			return nil, errors.New("its schema is no tree")
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		open = append(open, e.NumChildren.V)
		for len(open) > 0 && open[len(open)-1] <= 0 {
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return nil, errors.New("its schema is no tree")
	}
	rows := int64(0)
	for g, group := range meta.RowGroups {
		if group.NumRows < 0 || rows+group.NumRows < rows {
			return nil, fmt.Errorf("row group %d has %d rows", g, group.NumRows)
		}
		rows += group.NumRows
	}
	if rows != meta.NumRows {
		return nil, fmt.Errorf("it says %d rows, and its row groups have %d", meta.NumRows, rows)
	}
	return meta, nil
}

func (f *parquetFile) leaves(c *parquet.Column) {
	if c.Leaf() {
		f.columns = append(f.columns, parquetColumn{c, strings.Join(c.Path(), ".")})
	}
	for _, child := range c.Columns() {
		f.leaves(child)
	}
}

// prefixGrowth is how much longer texts are than what DELTA_BYTE_ARRAY keeps of them, which is
// not the beginning that a text shares with the one before, unless the file says.
const prefixGrowth = 16

// textBytes returns how many bytes the texts of a column have, as the metadata say, which may
// lie.
func (f *parquetFile) textBytes(column int) (n int64) {
	for _, group := range f.meta.RowGroups {
		meta := &group.Columns[column].MetaData
		size := meta.TotalUncompressedSize
		if slices.Contains(meta.Encoding, format.DeltaByteArray) {
			if size *= prefixGrowth; meta.SizeStatistics.UnencodedByteArrayDataBytes > 0 {
				size = meta.SizeStatistics.UnencodedByteArrayDataBytes
			}
		}
		n += max(0, size)
	}
	return n
}

// readRows calls add with each row of the columns at these places, in order. The values are
// valid until add returns. row counts from 0.
func (f *parquetFile) readRows(columns []int, add func(row int64, values []parquet.Value) error) error {
	row := int64(0)
	values := make([]parquet.Value, len(columns))
	for g, group := range f.RowGroups() {
		if err := f.readGroup(g, columns, func(chunks []*chunkReader) error {
			for range group.NumRows() {
				for k, c := range chunks {
					var err error
					if values[k], err = c.next(); err != nil {
						return f.inColumn(g, columns[k], err)
					}
				}
				if err := add(row, values); err != nil {
					return err
				}
				row++
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (f *parquetFile) inColumn(g, column int, err error) error {
	return fmt.Errorf("column %q of row group %d: %w", f.columns[column].name, g, err)
}

// readGroup calls read with the columns of a row group.
func (f *parquetFile) readGroup(g int, columns []int, read func([]*chunkReader) error) error {
	chunks := make([]*chunkReader, len(columns))
	for k, c := range columns {
		plain, err := f.plainPages(g, c)
		if err != nil {
			return f.inColumn(g, c, err)
		}
		chunks[k] = &chunkReader{plain: plain, pages: f.RowGroups()[g].ColumnChunks()[c].(*parquet.FileColumnChunk).PagesFrom(plain)}
		defer chunks[k].close()
	}
	return read(chunks)
}

// A chunkReader reads the values of a column in a row group.
type chunkReader struct {
	plain  *plainPages
	pages  parquet.Pages       // read from plain
	page   parquet.Page        // nil before the first
	values parquet.ValueReader // of the page, nil after its last
	buffer [256]parquet.Value
	left   []parquet.Value // of buffer
}

func (c *chunkReader) close() {
	parquet.Release(c.page)
	c.pages.Close()
	c.plain.close()
}

// next returns the next value.
func (c *chunkReader) next() (v parquet.Value, err error) {
	for len(c.left) == 0 {
		if err := c.fill(); err != nil {
			return v, err
		}
	}
	v, c.left = c.left[0], c.left[1:]
	return v, nil
}

// fill reads values, of the next page where this one has no more.
func (c *chunkReader) fill() (err error) {
	defer recovered(&err)
	if c.values == nil {
		parquet.Release(c.page)
		c.page = nil
		c.page, err = c.pages.ReadPage()
		switch {
		case c.plain.err != nil && c.plain.err != io.EOF:
			return c.plain.err
		case err == io.EOF:
			return errors.New("there are fewer values than rows")
		case err != nil:
			return err
		}
		c.values = c.page.Values()
	}
	n, err := c.values.ReadValues(c.buffer[:])
	c.left = c.buffer[:n]
	switch {
	case err == io.EOF:
		c.values = nil
		return nil
	case err == nil && n == 0:
		return io.ErrNoProgress
	}
	return err
}

package flatparquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// Bytes returns how many bytes the values of a column have, as the metadata say, which may lie.
func (f *File) Bytes(column int) (n int64) {
	for g := range f.meta.RowGroups {
		n += max(0, f.meta.RowGroups[g].Columns[column].MetaData.TotalUncompressedSize)
	}
	return n
}

// Read calls add with each row of the columns at these places of f.Columns, in order: the
// values are the bytes of the file, little-endian numbers or texts, and nil where a row has
// none. They are valid until add returns. row counts from 0.
func (f *File) Read(columns []int, add func(row int64, values [][]byte) error) error {
	row := int64(0)
	for g := range f.meta.RowGroups {
		if err := f.readGroup(g, columns, func(values [][]byte) error {
			row++
			return add(row-1, values)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) readGroup(g int, columns []int, add func(values [][]byte) error) error {
	group := &f.meta.RowGroups[g]
	chunks, values := make([]*chunk, len(columns)), make([][]byte, len(columns))
	at := func(k int, err error) error {
		return fmt.Errorf("column %q of row group %d: %w", f.Columns[columns[k]].Name, g, err)
	}
	for k, c := range columns {
		var err error
		if chunks[k], err = f.open(group, &f.Columns[c]); err != nil {
			return at(k, err)
		}
		defer chunks[k].close()
	}
	for range group.NumRows {
		for k := range columns {
			var err error
			if values[k], err = chunks[k].next(); err != nil {
				return at(k, err)
			}
		}
		if err := add(values); err != nil {
			return err
		}
	}
	return nil
}

// A chunk is a column of a row group, which is read value by value.
type chunk struct {
	r       io.ReaderAt
	column  *Column
	codec   format.CompressionCodec
	at, end int64 // of what is still to be read
	left    int64 // values of pages still to be read

	zstd *zstd.Decoder // nil before the first page of its kind

	dict [][]byte // nil before there is one
	page page
}

// A page is what is left of a data page.
type page struct {
	left   int
	levels hybrid // where the column is optional
	byDict bool
	index  hybrid
	plain  []byte
}

func (f *File) open(group *format.RowGroup, c *Column) (*chunk, error) {
	of := &group.Columns[c.index]
	meta := &of.MetaData
	switch {
	case c.Repeated:
		return nil, errors.New("it has lists, and a row needs one value")
	case of.FilePath != "":
		return nil, errors.New("it is in another file")
	case of.CryptoMetadata.Value != nil || len(of.EncryptedColumnMetadata) > 0:
		return nil, errors.New("it is encrypted")
	case meta.Type != c.Type:
		return nil, fmt.Errorf("it is of type %v, and the schema says %v", meta.Type, c.Type)
	case meta.NumValues != group.NumRows:
		return nil, fmt.Errorf("%d values of %d rows", meta.NumValues, group.NumRows)
	case meta.Codec != format.Uncompressed && meta.Codec != format.Snappy && meta.Codec != format.Gzip && meta.Codec != format.Zstd:
		return nil, fmt.Errorf("it is compressed with %v; write the file uncompressed, or with snappy, gzip or zstd", meta.Codec)
	case c.Type == format.Boolean:
		return nil, errors.New("its values are true or false, and numbers or texts are read")
	case c.Type == format.FixedLenByteArray && c.Width < 1:
		return nil, fmt.Errorf("values of %d bytes", c.Width)
	}
	start := meta.DataPageOffset
	if d := meta.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	if start < int64(len(Magic)) || meta.TotalCompressedSize < 0 || meta.TotalCompressedSize > f.end-start {
		return nil, fmt.Errorf("%d bytes from %d on, in a file whose data end at %d", meta.TotalCompressedSize, start, f.end)
	}
	return &chunk{r: f.r, column: c, codec: meta.Codec, at: start, end: start + meta.TotalCompressedSize, left: meta.NumValues}, nil
}

func (c *chunk) close() {
	if c.zstd != nil {
		c.zstd.Close()
	}
}

// next returns the next value, nil of a row without one.
func (c *chunk) next() ([]byte, error) {
	for c.page.left == 0 {
		if err := c.nextPage(); err != nil {
			return nil, err
		}
	}
	p := &c.page
	p.left--
	if c.column.levels > 0 {
		level, err := p.levels.next()
		if err != nil {
			return nil, err
		}
		if level > uint32(c.column.levels) {
			return nil, fmt.Errorf("a definition level of %d where there are %d", level, c.column.levels)
		}
		if level < uint32(c.column.levels) {
			return nil, nil
		}
	}
	if !p.byDict {
		value, rest, err := c.cut(p.plain)
		p.plain = rest
		return value, err
	}
	i, err := p.index.next()
	if err != nil {
		return nil, err
	}
	if int64(i) >= int64(len(c.dict)) {
		return nil, fmt.Errorf("value %d of a dictionary of %d", i, len(c.dict))
	}
	return c.dict[i], nil
}

// cut returns the first of plain values, never nil, and the rest.
func (c *chunk) cut(data []byte) (value, rest []byte, err error) {
	n := 0
	switch c.column.Type {
	case format.Int32, format.Float:
		n = 4
	case format.Int64, format.Double:
		n = 8
	case format.Int96:
		n = 12
	case format.FixedLenByteArray:
		n = c.column.Width
	case format.ByteArray:
		if len(data) < 4 {
			return nil, nil, errShort
		}
		size := binary.LittleEndian.Uint32(data)
		if data = data[4:]; int64(size) > int64(len(data)) {
			return nil, nil, errShort
		}
		n = int(size)
	}
	if len(data) < n {
		return nil, nil, errShort
	}
	return data[:n:n], data[n:], nil
}

// plainDictionary is PLAIN_DICTIONARY, which older writers have in place of RLE_DICTIONARY.
const plainDictionary format.Encoding = 2

// maxHeader bounds the header of a page, statistics included.
const maxHeader = 16 << 20

// header reads the header of the page at c.at, and moves behind it.
func (c *chunk) header() (*format.PageHeader, error) {
	for n := int64(1 << 12); ; n *= 8 {
		n = min(n, c.end-c.at)
		data := make([]byte, n)
		if _, err := c.r.ReadAt(data, c.at); err != nil && err != io.EOF {
			return nil, err
		}
		h := new(format.PageHeader)
		size, err := parse(data, h)
		if err == errShort && n < c.end-c.at && n < maxHeader {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the header of a page: %w", err)
		}
		c.at += int64(size)
		return h, nil
	}
}

// nextPage reads up to the next data page, and a dictionary before it.
func (c *chunk) nextPage() error {
	if c.left == 0 || c.at >= c.end {
		return errors.New("there are fewer values than rows")
	}
	h, err := c.header()
	if err != nil {
		return err
	}
	stored, size := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	switch {
	case stored < 0 || stored > c.end-c.at:
		return fmt.Errorf("a page of %d bytes where %d are left", stored, c.end-c.at)
	case size < 0 || size > MaxPage+MaxGrowth*stored:
		return fmt.Errorf("a page of %d bytes becomes %d", stored, size)
	}
	if h.Type != format.DataPage && h.Type != format.DataPageV2 && h.Type != format.DictionaryPage {
		c.at += stored // an index
		return nil
	}
	body := make([]byte, stored)
	if n, err := c.r.ReadAt(body, c.at); int64(n) < stored {
		return err
	}
	c.at += stored
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(body) {
		return errors.New("a page whose checksum is another: the file is damaged")
	}
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		if body, err = c.decompress(body, size); err != nil {
			return err
		}
		return c.dictionary(body, int64(h.DictionaryPageHeader.V.NumValues))
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		if body, err = c.decompress(body, size); err != nil {
			return err
		}
		v := &h.DataPageHeader.V
		return c.data(body, -1, v.NumValues, v.Encoding)
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		v := &h.DataPageHeaderV2.V
		levels := int64(v.DefinitionLevelsByteLength)
		if v.RepetitionLevelsByteLength != 0 || levels < 0 || levels > stored || levels > size {
			return fmt.Errorf("levels of %d and %d bytes in a page of %d", v.RepetitionLevelsByteLength, levels, stored)
		}
		values := body[levels:]
		if !v.IsCompressed.Valid || v.IsCompressed.V {
			if values, err = c.decompress(values, size-levels); err != nil {
				return err
			}
		}
		return c.data(append(body[:levels:levels], values...), int(levels), v.NumValues, v.Encoding)
	}
	return errors.New("a page whose header is of another kind")
}

// dictionary takes a dictionary of n plain values.
func (c *chunk) dictionary(body []byte, n int64) error {
	if c.dict != nil {
		return errors.New("it has two dictionaries")
	}
	if n < 0 || n > int64(len(body)) && n > 0 { // a value takes a byte at the least
		return fmt.Errorf("a dictionary of %d values in %d bytes", n, len(body))
	}
	c.dict = make([][]byte, n)
	for i := range c.dict {
		var err error
		if c.dict[i], body, err = c.cut(body); err != nil {
			return fmt.Errorf("the dictionary: %w", err)
		}
	}
	return nil
}

// data takes a data page: levels, of so many bytes, or of as many as they say before them where
// that is -1, and values.
func (c *chunk) data(body []byte, levels int, n int32, encoding format.Encoding) error {
	if n < 0 || int64(n) > c.left {
		return fmt.Errorf("a page of %d values where %d are left", n, c.left)
	}
	c.left -= int64(n)
	c.page = page{left: int(n)}
	if c.column.levels > 0 {
		if levels < 0 {
			if len(body) < 4 {
				return errShort
			}
			size := binary.LittleEndian.Uint32(body)
			if body = body[4:]; int64(size) > int64(len(body)) {
				return errShort
			}
			levels = int(size)
		}
		c.page.levels = hybrid{data: body[:levels], width: bits.Len(uint(c.column.levels))}
		body = body[levels:]
	} else if levels > 0 {
		body = body[levels:]
	}
	switch encoding {
	case format.Plain:
		c.page.plain = body
	case plainDictionary, format.RLEDictionary:
		if c.dict == nil {
			return errors.New("values by a dictionary, and there is none")
		}
		c.page.byDict = true
		if len(body) == 0 { // every row is without a value
			return nil
		}
		if body[0] > 32 {
			return fmt.Errorf("a dictionary by numbers of %d bits", body[0])
		}
		c.page.index = hybrid{data: body[1:], width: int(body[0])}
	default:
		return fmt.Errorf("values by the encoding %v; write the file with plain values or a dictionary, as by version 1 of pages", encoding)
	}
	return nil
}

// decompress returns what body, as it is stored, holds: size bytes.
func (c *chunk) decompress(body []byte, size int64) ([]byte, error) {
	switch c.codec {
	case format.Uncompressed:
		if int64(len(body)) != size {
			return nil, fmt.Errorf("an uncompressed page of %d bytes says %d", len(body), size)
		}
		return body, nil
	case format.Snappy:
		n, err := snappy.DecodedLen(body)
		if err != nil || int64(n) != size {
			return nil, fmt.Errorf("a page becomes %d bytes and says %d", n, size)
		}
		return snappy.Decode(nil, body)
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return exactly(r, size)
	}
	if size == 0 && len(body) == 0 {
		return nil, nil
	}
	var err error
	if c.zstd == nil {
		c.zstd, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(2*MaxPage))
	} else {
		err = c.zstd.Reset(bytes.NewReader(body))
	}
	if err != nil {
		return nil, err
	}
	return exactly(c.zstd, size)
}

// exactly reads size bytes, after which r must end.
func exactly(r io.Reader, size int64) ([]byte, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("a page that says %d bytes: %w", size, err)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, fmt.Errorf("a page has more than the %d bytes that it says", size)
	}
	return data, nil
}

// A hybrid reads numbers of width bits, in runs of one value or packed, eight at a time.
type hybrid struct {
	data  []byte
	width int

	run   uint64 // how often value comes yet
	value uint32

	packed []byte // what is left of packed numbers
	bit    int    // of its first byte
	count  int    // numbers that are left of them
}

func (h *hybrid) next() (uint32, error) {
	for h.run == 0 && h.count == 0 {
		head, n := binary.Uvarint(h.data)
		if n <= 0 {
			return 0, errors.New("there are fewer numbers than values")
		}
		h.data = h.data[n:]
		if head&1 == 1 {
			groups := head >> 1
			size := groups * uint64(h.width)
			if groups > 1<<28 || size > uint64(len(h.data)) {
				return 0, errShort
			}
			h.packed, h.data = h.data[:size], h.data[size:]
			h.bit, h.count = 0, int(8*groups)
			continue
		}
		size := (h.width + 7) / 8
		if len(h.data) < size {
			return 0, errShort
		}
		h.run, h.value = head>>1, 0
		for i := range size {
			h.value |= uint32(h.data[i]) << (8 * i)
		}
		h.data = h.data[size:]
	}
	if h.run > 0 {
		h.run--
		return h.value, nil
	}
	h.count--
	x := uint64(0)
	for i := 0; i < (h.bit+h.width+7)/8; i++ {
		x |= uint64(h.packed[i]) << (8 * i)
	}
	x = x >> h.bit & (1<<h.width - 1)
	h.packed = h.packed[(h.bit+h.width)/8:]
	h.bit = (h.bit + h.width) % 8
	return uint32(x), nil
}

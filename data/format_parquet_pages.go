package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// parquetPage and parquetGrowth bound a page: it has at most parquetPage bytes and
// parquetGrowth more for each byte of its compressed form.
const (
	parquetPage   = 64 << 20
	parquetGrowth = 2000
)

// plainPages is the column of a row group as parquet-go reads it, from plainStart on: its pages,
// checked and expanded one after the other. Each holds the bytes and the values that it says, so
// the library allocates nothing that the file does not bear out. Pages are expanded here since
// the library has no bounds for them, and takes wrong bytes for those of LZ4.
//
// Source: https://github.com/apache/parquet-format (Encodings.md, Compression.md).
type plainPages struct {
	f       *parquetFile
	column  *parquet.Column
	codec   format.CompressionCodec
	at, end int64 // of what is still to be read of the file
	left    int64 // values of pages still to be read
	dict    bool  // there was a dictionary

	zstd *zstd.Decoder // nil before the first page of its kind

	from int64  // where page is
	page []byte // what is left of it
	err  error  // why there is no more
}

// plainStart is where the pages of plainPages begin.
const plainStart = int64(len(parquetMagic))

// plainPages returns a column of row group g.
func (f *parquetFile) plainPages(g, column int) (*plainPages, error) {
	group, c := &f.meta.RowGroups[g], f.columns[column].Column
	of := &group.Columns[column]
	meta := &of.MetaData
	start := meta.DataPageOffset
	if d := meta.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	switch {
	case of.FilePath != "":
		return nil, errors.New("it is in another file")
	case of.CryptoMetadata.Value != nil || len(of.EncryptedColumnMetadata) > 0:
		return nil, errors.New("it is encrypted")
	case parquet.Kind(meta.Type) != c.Type().Kind():
		return nil, fmt.Errorf("it is of type %v, and the schema says %v", meta.Type, c.Type())
	case meta.NumValues != group.NumRows:
		return nil, fmt.Errorf("%d values of %d rows", meta.NumValues, group.NumRows)
	case start < int64(len(parquetMagic)) || meta.TotalCompressedSize < 0 || meta.TotalCompressedSize > f.end-start:
		return nil, fmt.Errorf("%d bytes from %d on, in a file whose data end at %d", meta.TotalCompressedSize, start, f.end)
	}
	return &plainPages{f: f, column: c, codec: meta.Codec, at: start, end: start + meta.TotalCompressedSize, left: meta.NumValues, from: plainStart}, nil
}

func (c *plainPages) close() {
	if c.zstd != nil {
		c.zstd.Close()
	}
}

// ReadAt reads what follows: parquet-go goes through the pages from the first to the last.
func (c *plainPages) ReadAt(p []byte, at int64) (n int, err error) {
	if at != c.from {
		return 0, errors.New("pages are read one after the other")
	}
	for n < len(p) {
		for len(c.page) == 0 && c.err == nil {
			if c.page, c.err = nil, io.EOF; c.left > 0 {
				c.page, c.err = c.next()
			}
		}
		if len(c.page) == 0 {
			return n, c.err
		}
		k := copy(p[n:], c.page)
		n, c.page, c.from = n+k, c.page[k:], c.from+int64(k)
	}
	return n, nil
}

// maxPageHeader bounds the header of a page, statistics included.
const maxPageHeader = 16 << 20

// header reads the header of the page at c.at, and moves behind it.
func (c *plainPages) header() (*format.PageHeader, error) {
	for n := int64(1 << 10); ; n *= 8 {
		n = min(n, c.end-c.at)
		data := make([]byte, n)
		if _, err := c.f.r.ReadAt(data, c.at); err != nil && err != io.EOF {
			return nil, err
		}
		h := new(format.PageHeader)
		size, err := thriftSize(data)
		if err == errCutShort && n < c.end-c.at && n < maxPageHeader {
			continue
		}
		if err == nil {
			err = thrift.Unmarshal(new(thrift.CompactProtocol), data[:size], h)
		}
		if err != nil {
			return nil, fmt.Errorf("the header of a page: %w", err)
		}
		c.at += int64(size)
		return h, nil
	}
}

// next returns the next page, expanded.
func (c *plainPages) next() ([]byte, error) {
	if c.at >= c.end {
		return nil, errors.New("there are fewer values than rows")
	}
	h, err := c.header()
	if err != nil {
		return nil, err
	}
	stored, size := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	switch {
	case stored < 0 || stored > c.end-c.at:
		return nil, fmt.Errorf("a page of %d bytes where %d are left", stored, c.end-c.at)
	case size < 0 || size > parquetPage+parquetGrowth*stored:
		return nil, fmt.Errorf("a page of %d bytes becomes %d", stored, size)
	}
	body := make([]byte, stored)
	if n, err := c.f.r.ReadAt(body, c.at); int64(n) < stored {
		return nil, err
	}
	c.at += stored
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(body) {
		return nil, errors.New("a page whose checksum is another: the file is damaged")
	}
	levels := int64(0) // bytes that are not compressed
	v2 := &h.DataPageHeaderV2.V
	if h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid {
		levels = int64(v2.DefinitionLevelsByteLength)
		if v2.RepetitionLevelsByteLength != 0 || levels < 0 || levels > stored || levels > size || levels > 0 != (c.column.MaxDefinitionLevel() > 0) {
			return nil, fmt.Errorf("levels of %d and %d bytes in a page of %d", v2.RepetitionLevelsByteLength, levels, stored)
		}
	}
	if !v2.IsCompressed.Valid || v2.IsCompressed.V { // which other pages do not say
		values, err := c.expand(body[levels:], size-levels)
		if err != nil {
			return nil, err
		}
		body = append(body[:levels:levels], values...)
	}
	if err := c.check(h, body, stored, levels); err != nil {
		return nil, err
	}
	h.CompressedPageSize, h.UncompressedPageSize, h.CRC = int32(len(body)), int32(len(body)), 0
	header, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	return append(header, body...), err
}

// check checks an expanded page, of levels of so many bytes where that is said apart.
func (c *plainPages) check(h *format.PageHeader, body []byte, stored, levels int64) error {
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		return c.dictionary(body, &h.DictionaryPageHeader.V)
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		v := &h.DataPageHeader.V
		var levels []byte
		if c.column.MaxDefinitionLevel() > 0 {
			if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
				return errCutShort
			}
			n := 4 + int(binary.LittleEndian.Uint32(body))
			levels, body = body[4:n], body[n:]
		}
		_, err := c.data(levels, body, stored, v.NumValues, v.Encoding, v.DefinitionLevelEncoding)
		return err
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		v := &h.DataPageHeaderV2.V
		there, err := c.data(body[:levels], body[levels:], stored, v.NumValues, v.Encoding, format.RLE)
		if err == nil && int(v.NumValues-v.NumNulls) != there {
			err = fmt.Errorf("a page of %d rows, %d of them without a value, has %d values", v.NumValues, v.NumNulls, there)
		}
		return err
	}
	return fmt.Errorf("a page of the kind %v, or whose header is of another", h.Type)
}

// plainDictionary is PLAIN_DICTIONARY, which older writers have in place of RLE_DICTIONARY.
const plainDictionary format.Encoding = 2

// dictionary checks a dictionary.
func (c *plainPages) dictionary(body []byte, h *format.DictionaryPageHeader) error {
	switch {
	case c.dict:
		return errors.New("it has two dictionaries")
	case h.Encoding != format.Plain && h.Encoding != plainDictionary:
		return fmt.Errorf("a dictionary by the encoding %v", h.Encoding)
	case h.NumValues < 0:
		return fmt.Errorf("a dictionary of %d values", h.NumValues)
	}
	c.dict = true
	return c.plain(body, int(h.NumValues))
}

// data checks a data page of n rows, and returns how many have a value.
func (c *plainPages) data(levels, body []byte, stored int64, n int32, encoding, levelEncoding format.Encoding) (there int, err error) {
	if n < 0 || int64(n) > c.left {
		return 0, fmt.Errorf("a page of %d values where %d are left", n, c.left)
	}
	c.left -= int64(n)
	there = int(n)
	if top := c.column.MaxDefinitionLevel(); top > 0 {
		if levelEncoding != format.RLE {
			return 0, fmt.Errorf("definition levels by the encoding %v", levelEncoding)
		}
		width := bits.Len(uint(top))
		if err := checkRuns(levels, width, int(n)); err != nil {
			return 0, err
		}
		all, err := (&rle.Encoding{BitWidth: width}).DecodeLevels(nil, levels)
		if err != nil {
			return 0, err
		}
		all = all[:n]
		for _, level := range all {
			if int(level) > top {
				return 0, fmt.Errorf("a definition level of %d where there are %d", level, top)
			}
		}
		there = bytes.Count(all, []byte{byte(top)})
	}
	switch encoding {
	case format.Plain:
		return there, c.plain(body, there)
	case plainDictionary, format.RLEDictionary:
		switch {
		case !c.dict:
			return 0, errors.New("values by a dictionary, and there is none")
		case there == 0 && len(body) == 0:
			return there, nil
		case len(body) == 0:
			return 0, errCutShort
		case body[0] > 32:
			return 0, fmt.Errorf("a dictionary by numbers of %d bits", body[0])
		}
		return there, checkRuns(body[1:], int(body[0]), there)
	case format.DeltaBinaryPacked:
		_, err := checkDeltas(body, there)
		return there, err
	case format.DeltaLengthByteArray:
		rest, err := checkDeltas(body, there)
		if err == nil {
			err = checkLengths(body, int64(len(rest)))
		}
		return there, err
	case format.DeltaByteArray: // the lengths of what is shared with the text before, and of the rest
		suffixes, err := checkDeltas(body, there)
		if err != nil {
			return 0, err
		}
		if _, err := checkDeltas(suffixes, there); err != nil {
			return 0, err
		}
		return there, checkLengths(body, min(parquetPage+parquetGrowth*stored, math.MaxInt32))
	case format.ByteStreamSplit:
		if w := plainWidth(c.column); w == 0 || len(body) != w*there {
			return 0, fmt.Errorf("%d values in %d bytes", there, len(body))
		}
		return there, nil
	}
	return 0, fmt.Errorf("values by the encoding %v", encoding)
}

// plainWidth returns how many bytes a value has, and 0 of texts.
func plainWidth(c *parquet.Column) int {
	switch c.Type().Kind() {
	case parquet.Int32, parquet.Float:
		return 4
	case parquet.Int64, parquet.Double:
		return 8
	case parquet.Int96:
		return 12
	}
	return 0
}

// plain checks n plain values.
func (c *plainPages) plain(body []byte, n int) error {
	if w := plainWidth(c.column); w > 0 {
		if len(body) != w*n {
			return fmt.Errorf("%d values in %d bytes", n, len(body))
		}
		return nil
	}
	for range n {
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return errCutShort
		}
		body = body[4+binary.LittleEndian.Uint32(body):]
	}
	if len(body) > 0 {
		return fmt.Errorf("%d bytes after the values of a page", len(body))
	}
	return nil
}

// spareNumbers is how many numbers runs may have more than a page has values: they are packed
// in groups, of which the last is filled up.
const spareNumbers = 512

// checkRuns returns an error unless data have n numbers of width bits, in runs of one value or
// packed, eight at a time.
func checkRuns(data []byte, width, n int) error {
	total := uint64(0)
	for len(data) > 0 && total < uint64(n) {
		head, k := binary.Uvarint(data)
		if k <= 0 {
			return errCutShort
		}
		data = data[k:]
		count, size := head>>1, uint64(width+7)/8
		if head&1 == 1 {
			if count > math.MaxInt32 {
				return errCutShort
			}
			count, size = 8*count, count*uint64(width)
		}
		if size > uint64(len(data)) {
			return errCutShort
		}
		data = data[size:]
		if total += count; count > math.MaxInt32 || total > uint64(n)+spareNumbers {
			return fmt.Errorf("more numbers than the %d values of a page", n)
		}
	}
	switch {
	case total < uint64(n):
		return errors.New("there are fewer numbers than values")
	case len(data) > 0:
		return fmt.Errorf("%d bytes after the numbers of a page", len(data))
	}
	return nil
}

// checkDeltas returns what follows n numbers by DELTA_BINARY_PACKED, and an error unless there
// are as many.
func checkDeltas(data []byte, n int) (rest []byte, err error) {
	number := func() (x uint64) {
		k := 0
		if x, k = binary.Uvarint(data); k <= 0 {
			err, data = errCutShort, nil
			return 0
		}
		data = data[k:]
		return x
	}
	block, minis, total := number(), number(), number()
	number() // the first
	switch {
	case err != nil:
		return nil, err
	case total != uint64(n):
		return nil, fmt.Errorf("%d numbers of %d values", total, n)
	case minis == 0 || block > 1<<16 || minis > block || block%minis != 0:
		return nil, fmt.Errorf("blocks of %d numbers in %d parts", block, minis)
	}
	for left := n - 1; left > 0; {
		number() // the least of the block
		if err != nil || uint64(len(data)) < minis {
			return nil, errCutShort
		}
		widths := data[:minis]
		data = data[minis:]
		for _, w := range widths {
			if left <= 0 {
				break
			}
			size := int(block/minis) * int(w) / 8
			if w > 64 || size > len(data) {
				return nil, errCutShort
			}
			data = data[size:]
			left -= int(block / minis)
		}
	}
	return data, nil
}

// checkLengths returns an error of lengths that data begin with, as checkDeltas has seen them,
// which are negative or more than most together.
func checkLengths(data []byte, most int64) error {
	lengths, err := parquet.DeltaBinaryPacked.DecodeInt32(nil, data)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, n := range lengths {
		if total += int64(n); n < 0 || total > most {
			return fmt.Errorf("texts of more than %d bytes in a page", most)
		}
	}
	return nil
}

// expand returns what body, as it is stored, holds: size bytes.
func (c *plainPages) expand(body []byte, size int64) ([]byte, error) {
	if size == 0 && len(body) == 0 { // of a page whose rows have no values
		return nil, nil
	}
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
	case format.Lz4Raw:
		data := make([]byte, size)
		n, err := lz4.UncompressBlock(body, data)
		if err != nil || int64(n) != size {
			return nil, fmt.Errorf("a page that says %d bytes is damaged", size)
		}
		return data, nil
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return exactly(r, size)
	case format.Brotli:
		return exactly(brotli.NewReader(bytes.NewReader(body)), size)
	case format.Zstd:
		var err error
		if c.zstd == nil {
			c.zstd, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(2*parquetPage))
		} else {
			err = c.zstd.Reset(bytes.NewReader(body))
		}
		if err != nil {
			return nil, err
		}
		return exactly(c.zstd, size)
	}
	return nil, fmt.Errorf("it is compressed with %v; write the file uncompressed, or with snappy, gzip, zstd, brotli or lz4", c.codec)
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

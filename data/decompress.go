package data

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A compression is one that is undone while a file is read.
type compression struct {
	name string
	ext  string // of a file so compressed
	is   func(head []byte) bool
	open func(io.Reader) (io.Reader, error)
}

// compressions are known by the first bytes, whatever the file is called.
var compressions = []compression{
	{
		name: "gzip", ext: ".gz", // RFC 1952
		is:   func(head []byte) bool { return bytes.HasPrefix(head, []byte("\x1f\x8b")) },
		open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	},
	{
		name: "zstd", ext: ".zst", // RFC 8878 §3.1: a frame, or one to skip
		is: func(head []byte) bool {
			return bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")) || len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
		},
		// Of one thread: it starts none that would have to be ended.
		open: func(r io.Reader) (io.Reader, error) {
			return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		},
	},
	{
		name: "bzip2", ext: ".bz2",
		is: func(head []byte) bool {
			return len(head) >= 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
				(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90") // a block, or the end
		},
		open: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	},
}

// The bounds of what a compressed file may ask for. The window is that of zstd's --ultra and
// --long; texts of interactions shrink to a third or a tenth, gzip's format to a thousandth at
// the most, and what grows more has been made to fill the memory of who opens it.
const (
	maxZstdWindow = 128 << 20
	maxGrowth     = 2000    // bytes that one may become
	spareGrowth   = 1 << 20 // and so many beside
)

// compressionOf returns what a file that begins with head is compressed with, nil of none.
func compressionOf(head []byte) *compression {
	for i := range compressions {
		if compressions[i].is(head) {
			return &compressions[i]
		}
	}
	return nil
}

// decompress returns what r holds, decompressed where it is compressed, and whether it is.
func decompress(file string, r io.Reader) (b *bufio.Reader, packed bool, err error) {
	b = bufio.NewReaderSize(r, 1<<16)
	head, _ := b.Peek(10)
	c := compressionOf(head)
	if c == nil {
		return b, false, nil
	}
	from := &counted{r: b}
	out, err := c.open(from)
	if err != nil {
		return nil, true, fmt.Errorf("%s: %s header: %w", file, c.name, err)
	}
	return bufio.NewReaderSize(&bounded{name: c.name, in: from, out: out}, 1<<16), true, nil
}

// trimCompression returns a file's name without the extension of a compression.
func trimCompression(name string) string {
	for _, c := range compressions {
		if plain, ok := strings.CutSuffix(name, c.ext); ok {
			return plain
		}
	}
	return name
}

// counted counts the bytes that are read of r.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// errGrowth is the error of a file that grows beyond the bounds.
var errGrowth = fmt.Errorf("the compressed file grows to more than %d times its size: it holds no interactions that anybody had", maxGrowth)

// bounded is what comes of in, as long as it keeps to the bounds.
type bounded struct {
	name string // of the compression
	in   *counted
	out  io.Reader
	n    int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.out.Read(p)
	if b.n += int64(n); b.n > spareGrowth+maxGrowth*b.in.n {
		return 0, errGrowth
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		err = fmt.Errorf("compressed with %s: %w", b.name, err)
	}
	return n, err
}

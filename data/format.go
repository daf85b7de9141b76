package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Format reads, and perhaps writes, one kind of file.
type Format struct {
	Name    string  // registry key, lower case, e.g. "lightgcn"
	Doc     string  // one line: what a line of the file looks like
	Example string  // a small valid file; tests and fuzzing start from it
	Params  []Param // in the order of the text form, as in "sequence:ids=from1"

	// Sniff reports whether lines may be of this format: the first lines of a file
	// that are not blank, at least one and at most a thousand, without their ends. A
	// file is of the format that alone says yes, and refused where several do. A
	// format that never says yes is chosen by its name alone.
	Sniff func(lines [][]byte) bool

	// Read passes every interaction of in to out, as the settings v of Params say. Its
	// errors come from in or carry the line by in.Errorf.
	Read func(v Values, in *Input, out *Collector) error

	// takes says which of the settings of columns Read heeds.
	takes layoutTaken

	// extent returns how many interactions a file has at the most, and how many bytes of ids;
	// nil where Least says it.
	extent func(in *Input) (pairs, text int64, err error)

	// Least is how many bytes of text an interaction, or a user alone, takes at the least:
	// what bounds the memory that reading a file may take.
	Least int

	// Write writes the pairs of x, with the ids of d, such that Read returns
	// them. Nil where the format is read only.
	Write func(w *bufio.Writer, d *Dataset, x *Interactions) error

	// Ext is the extension of files that Write makes, e.g. ".txt".
	Ext string
}

var formats = registry.NewRegistry[Format]("data", "format")

// Register adds f to the formats. It panics if f is incomplete, its name is malformed
// or the name is taken: mistakes of the program that its first run shows.
func Register(f Format) {
	var fault error
	switch {
	case f.Doc == "" || f.Example == "" || f.Sniff == nil || f.Read == nil || f.Least < 1:
		fault = errors.New("lacks one of Doc, Example, Sniff, Read and Least")
	case f.Write != nil && f.Ext == "":
		fault = errors.New("writes but has no Ext")
	}
	formats.Add(f.Name, f.Params, f, fault)
}

// Formats returns the registered formats, sorted by name.
func Formats() []*Format { return formats.All() }

// LookupFormat returns the format of that name; the error of an unknown name
// lists the choices.
func LookupFormat(name string) (*Format, error) { return formats.Lookup(name) }

// readAs is a format with its settings: what a text such as "sequence:ids=from1" denotes.
type readAs = registry.Choice[Format]

// plainly returns f at its default settings.
func plainly(f *Format) readAs { return registry.NewChoice(f.Name, f, f.Params) }

// A LineError is a fault of one line of a file.
type LineError struct {
	File string // its path
	Line int    // from 1
	Err  error  // what is wrong
}

// Error returns "file:line: reason".
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

// maxLine bounds one line: the longest honest one, a user with every item of a
// very large catalogue, is far below it, and a file that is no text cannot eat
// the memory.
const maxLine = 256 << 20

// Input is the text of one file, decompressed and without a byte order mark. It
// is read either by lines (Next, Line) or, for formats with a quoting of their
// own, as an io.Reader; not both.
type Input struct {
	file string
	r    *bufio.Reader
	scan *bufio.Scanner
	line int
	text []byte // of the current line
	most int    // bytes of the longest line so far
	err  error  // of a line that Next refused

	layout layout  // what the user says of columns
	raw    rawFile // nil where it is compressed, or no file
}

// newInput wraps r, which may be compressed.
func newInput(file string, r io.Reader) (*Input, error) {
	b, packed, err := decompress(file, r)
	if err != nil {
		return nil, err
	}
	if bom, _ := b.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		b.Discard(3) // cannot fail: peeked
	}
	in := &Input{file: file, r: b}
	if !packed {
		in.raw, _ = r.(rawFile)
	}
	return in, nil
}

// A rawFile is a file that can be read at any place: what Parquet needs.
type rawFile interface {
	io.ReaderAt
	io.Seeker
}

// sampleLines is how many lines recognition looks at, as far as they fit into the
// buffer: lines that could be mistaken for another format are short.
const sampleLines = 1000

// sample returns the first lines that are not blank, without consuming anything;
// none where the file is blank, and of Parquet its magic alone. The last one is the beginning of a line, up to a blank
// where it has one, only where it is the first or the second too: what follows a header
// tells what that is of. They are valid until the input is read. Files that are no text,
// and lines that no format has, are errors.
func (in *Input) sample() (lines [][]byte, err error) {
	head, err := in.r.Peek(in.r.Size())
	if bytes.HasPrefix(head, []byte(parquetMagic)) {
		return [][]byte{[]byte(parquetMagic)}, nil // which has no lines
	}
	if what := foreign(head); what != "" {
		return nil, in.fault(1, fmt.Errorf("no known format: %s", what))
	}
	// Before LF came to be the one end of lines, CR was that of some systems.
	if text := bytes.TrimRight(head, "\r\t "); bytes.IndexByte(text, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		return nil, in.fault(1, errors.New(`the lines end in CR alone; end them in LF, as by tr '\r' '\n'`))
	}
	for rest := head; len(rest) > 0 && len(lines) < sampleLines; {
		var line []byte
		var ended bool
		line, rest, ended = bytes.Cut(rest, []byte("\n"))
		if !ended && err != io.EOF { // the line goes on beyond what was read
			if err != nil || len(lines) > 1 {
				break
			}
			if at := bytes.LastIndexAny(line, " \t"); at > 0 {
				line = line[:at] // no number is half of one
			}
		}
		if line = bytes.TrimRight(line, "\r "); len(bytes.TrimSpace(line)) > 0 {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) > 0 || err == io.EOF:
		return lines, nil
	case err != nil:
		return nil, in.fault(1, err)
	}
	return nil, in.fault(1, fmt.Errorf("the first %d bytes are blank", len(head)))
}

// Read implements io.Reader.
func (in *Input) Read(p []byte) (int, error) { return in.r.Read(p) }

// Next moves to the next line that is not blank and reports whether there is
// one. After false, Err says whether the file ended well.
func (in *Input) Next() bool {
	for in.nextLine() {
		if len(bytes.TrimSpace(in.text)) > 0 {
			return true
		}
	}
	return false
}

// nextLine is Next to the next line, be it blank.
func (in *Input) nextLine() bool {
	if in.scan == nil {
		in.scan = bufio.NewScanner(in.r)
		in.scan.Buffer(make([]byte, 0, 1<<16), maxLine)
	}
	if in.err == nil && in.scan.Scan() {
		in.line++
		in.most = max(in.most, len(in.scan.Bytes()))
		in.text = bytes.TrimRight(in.scan.Bytes(), "\r")
		if bytes.IndexByte(in.text, '\r') >= 0 {
			in.err = in.Errorf("%q holds a CR, which ends a line only before LF", shorten(in.text))
			return false
		}
		return true
	}
	return false
}

// Line returns the current line without its end (LF or CRLF). It is valid until
// Next.
func (in *Input) Line() []byte { return in.text }

// Err returns why Next ended, nil at the end of the file.
func (in *Input) Err() error {
	if in.err != nil {
		return in.err
	}
	if err := in.scan.Err(); err != nil {
		return in.fault(in.line+1, err)
	}
	return nil
}

// Errorf returns an error that names the file and the current line.
func (in *Input) Errorf(format string, args ...any) error {
	return &LineError{in.file, in.line, fmt.Errorf(format, args...)}
}

// ErrorAt returns err with the file and a line, for formats that count their own
// lines.
func (in *Input) ErrorAt(line int, err error) error { return in.fault(line, err) }

func (in *Input) fault(line int, err error) error {
	switch err {
	case io.ErrUnexpectedEOF:
		err = fmt.Errorf("the compressed file is cut short: %w", err)
	case bufio.ErrTooLong:
		err = fmt.Errorf("a line of more than %d bytes: %w", maxLine, err)
	}
	return &LineError{in.file, line, err}
}

// shorten cuts what an error quotes of a file.
func shorten(b []byte) string {
	if len(b) > 60 {
		return string(b[:60]) + "…"
	}
	return string(b)
}

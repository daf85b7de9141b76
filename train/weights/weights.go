package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/fs"
)

// raw returns the little-endian bytes of data: its memory where the machine is
// little-endian, else a converted copy.
func raw(data any) (b []byte, dtype string, err error) {
	switch x := data.(type) {
	case []float32:
		return little(x, 4), "F32", nil
	case []float64:
		return little(x, 8), "F64", nil
	case []int32:
		return little(x, 4), "I32", nil
	case []int64:
		return little(x, 8), "I64", nil
	case []uint8:
		return x, "U8", nil
	}
	return nil, "", fmt.Errorf("weights: cannot write %T; the choices are []float32, []float64, []int32, []int64, []uint8", data)
}

// blank returns n zeros of a dtype, nil of one that no graph.Array has.
func blank(dtype string, n int64) any {
	switch dtype {
	case "F32":
		return make([]float32, n)
	case "F64":
		return make([]float64, n)
	case "I32":
		return make([]int32, n)
	case "I64":
		return make([]int64, n)
	case "U8":
		return make([]uint8, n)
	}
	return nil
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func little[T float32 | float64 | int32 | int64](x []T, size int) []byte {
	if len(x) == 0 {
		return nil
	}
	if littleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(x)*size)
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, x); err != nil { // a Buffer never fails
		panic("weights: " + err.Error())
	}
	return b.Bytes()
}

// Write stores arrays and meta (anything that encoding/json can write) at path.
// The file appears whole or not at all; its arrays are the widest first, those of
// one width in the order given.
func Write(path string, meta any, arrays []graph.Array) error {
	text, err := json.Marshal(meta)
	if err != nil {
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	h := header{}
	all := map[string][]byte{}
	sums := map[string]string{}
	for _, a := range arrays {
		b, dtype, err := raw(a.Data)
		if err != nil {
			return fmt.Errorf("%w (array %q)", err, a.Name)
		}
		if n, ok := byteLen(dtype, a.Shape); !ok || n != int64(len(b)) {
			return fmt.Errorf("weights: array %q has %d bytes, its shape %v says otherwise", a.Name, len(b), a.Shape)
		}
		if a.Name == metadataKey || !utf8.ValidString(a.Name) {
			return fmt.Errorf("weights: %q cannot name an array", a.Name)
		}
		if _, dup := all[a.Name]; dup {
			return fmt.Errorf("weights: two arrays are named %q", a.Name)
		}
		all[a.Name], sums[a.Name] = b, sum(b)
		h.entries = append(h.entries, entry{Name: a.Name, DType: dtype, Shape: a.Shape})
	}
	slices.SortStableFunc(h.entries, func(a, b entry) int { return cmp.Compare(dtypeBytes[b.DType], dtypeBytes[a.DType]) })
	at := int64(0)
	for i := range h.entries {
		e := &h.entries[i]
		e.Begin, e.End = at, at+int64(len(all[e.Name]))
		at = e.End
	}
	checks, err := json.Marshal(sums)
	if err != nil {
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	h.metadata = map[string]string{metaKey: string(text), sumsKey: string(checks), headerSumKey: noSum}
	head, err := h.encode()
	if err != nil {
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	h.metadata[headerSumKey] = sum(head)
	if head, err = h.encode(); err != nil { // of the same length
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	return fs.WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, e := range h.entries {
			if _, err := w.Write(all[e.Name]); err != nil {
				return err
			}
		}
		return nil
	})
}

// A File is an open container.
type File struct {
	path  string
	f     *os.File
	h     *header
	start int64             // of the data
	sums  map[string]string // nil: the file has none
}

// Open reads the header at path and checks that the file is complete. The arrays are
// checked when they are read.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &File{path: path, f: f}
	if err := c.open(); err != nil {
		f.Close()
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	return c, nil
}

// former began the files of versions before safetensors.
const former = "FENCHEL1"

func (c *File) open() error {
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	pre := make([]byte, 8)
	if _, err := io.ReadFull(c.f, pre); err != nil {
		return errors.New("not a safetensors file: it has less than 8 bytes")
	}
	if string(pre) == former {
		return errors.New("written by an earlier version, whose files this one does not read: train again")
	}
	n := binary.LittleEndian.Uint64(pre)
	switch {
	case n > maxHeader:
		return fmt.Errorf("not a safetensors file: it begins with %q, which is no length of a header", pre)
	case int64(n)+8 > info.Size():
		return fmt.Errorf("truncated or corrupt: a header of %d bytes in a file of %d", n, info.Size())
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(c.f, text); err != nil {
		return err
	}
	c.start = 8 + int64(n)
	if c.h, err = parseHeader(text, info.Size()-c.start); err != nil {
		return err
	}
	return c.check(append(pre, text...))
}

// The keys of the metadata that Write writes, all or none.
const (
	metaKey      = "fenchel.meta"
	sumsKey      = "fenchel.crc32c"
	headerSumKey = "fenchel.header_crc32c"
)

// check holds what stands before the data, whose header is c.h, against its checksum,
// and reads those of the arrays.
func (c *File) check(head []byte) error {
	own := 0
	for _, key := range []string{metaKey, sumsKey, headerSumKey} {
		if _, ok := c.h.metadata[key]; ok {
			own++
		}
	}
	if own == 0 {
		return nil // another program's
	}
	want := c.h.metadata[headerSumKey]
	place := []byte(`"` + headerSumKey + `":"` + want + `"`)
	i := bytes.Index(head, place)
	if own < 3 || i < 0 || len(want) != len(noSum) {
		return errors.New("corrupt: the header's checksum is none")
	}
	copy(head[i+len(place)-1-len(noSum):], noSum)
	if sum(head) != want {
		return errors.New("corrupt: the header's checksum does not match")
	}
	if err := json.Unmarshal([]byte(c.h.metadata[sumsKey]), &c.sums); err != nil {
		return fmt.Errorf("corrupt: the checksums: %w", err)
	}
	return nil
}

// Meta decodes what Write was given as meta into v.
func (c *File) Meta(v any) error {
	text, ok := c.h.metadata[metaKey]
	if !ok {
		return fmt.Errorf("weights: %s is no file of this program: its metadata lack %q", c.path, metaKey)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("weights: %s: meta: %w", c.path, err)
	}
	return nil
}

// Names returns the names of the arrays in the order of the file.
func (c *File) Names() []string {
	names := make([]string, len(c.h.entries))
	for i, e := range c.h.entries {
		names[i] = e.Name
	}
	return names
}

// Load returns the array of that name, of whatever shape it has.
func (c *File) Load(name string) (graph.Array, error) {
	e, err := c.entry(name)
	if err != nil {
		return graph.Array{}, err
	}
	a := graph.Array{Name: name, Shape: slices.Clone(e.Shape), Data: blank(e.DType, (e.End-e.Begin)/int64(dtypeBytes[e.DType]))}
	if a.Data == nil {
		return graph.Array{}, fmt.Errorf("weights: %s: array %q is %s; the choices are F32, F64, I32, I64, U8", c.path, name, e.DType)
	}
	return a, c.Read(a)
}

func (c *File) entry(name string) (entry, error) {
	i := slices.IndexFunc(c.h.entries, func(e entry) bool { return e.Name == name })
	if i < 0 {
		return entry{}, fmt.Errorf("weights: %s: no array %q; it has %s", c.path, name, strings.Join(c.Names(), ", "))
	}
	return c.h.entries[i], nil
}

// Read fills a.Data with the array named a.Name, which must have a's type and
// shape, and checks its checksum. On an error the content of a.Data is
// undefined.
func (c *File) Read(a graph.Array) error {
	e, err := c.entry(a.Name)
	if err != nil {
		return err
	}
	b, dtype, err := raw(a.Data)
	if err != nil {
		return err
	}
	if dtype != e.DType || !slices.Equal(a.Shape, e.Shape) || int64(len(b)) != e.End-e.Begin {
		return fmt.Errorf("weights: %s: array %q is %s%v, want %s%v", c.path, a.Name, e.DType, e.Shape, dtype, a.Shape)
	}
	r := io.NewSectionReader(c.f, c.start+e.Begin, e.End-e.Begin)
	if _, err := io.ReadFull(r, b); err != nil { // of a big-endian machine b is a copy
		return fmt.Errorf("weights: %s: array %q: %w", c.path, a.Name, err)
	}
	if c.sums != nil && sum(b) != c.sums[a.Name] {
		return fmt.Errorf("weights: %s: array %q is corrupt: its checksum does not match", c.path, a.Name)
	}
	if !littleEndian {
		return binary.Read(bytes.NewReader(b), binary.LittleEndian, a.Data)
	}
	return nil
}

// Close closes the file.
func (c *File) Close() error { return c.f.Close() }

// Package weights reads and writes arrays in one file: a JSON manifest and raw
// little-endian data.
//
// Layout: the 8 bytes "FENCHEL1"; the length of the manifest and its CRC-32C,
// as two little-endian uint32; the manifest; zeros up to a multiple of 64; the
// arrays, each at a multiple of 64 from the start of the file, so that a mapped
// file is aligned. The manifest is
//
//	{"meta": …, "size": bytes of the file,
//	 "arrays": [{"name", "dtype", "shape", "offset", "bytes", "crc32c"}, …]}
//
// with dtype "float32", "float64", "int32" or "int64". CRC-32C is the checksum of RFC 3720.
package weights

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

const (
	magic = "FENCHEL1"
	align = 64

	// maxManifest bounds what a damaged length can make a reader allocate.
	maxManifest = 1 << 26
)

// An Array is a named array. Data is []float32, []float64, []int32 or []int64; its
// length is the product of Shape.
type Array struct {
	Name  string
	Shape []int
	Data  any
}

// Vector returns the array of all of data, of the types of [Array].
func Vector(name string, data any) Array {
	a := Array{Name: name, Data: data}
	if v := reflect.ValueOf(data); v.Kind() == reflect.Slice { // else Write says so
		a.Shape = []int{v.Len()}
	}
	return a
}

type entry struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	CRC    uint32 `json:"crc32c"`
}

type manifest struct {
	Meta   json.RawMessage `json:"meta"`
	Size   int64           `json:"size"`
	Arrays []entry         `json:"arrays"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// raw returns the little-endian bytes of data: its memory where the machine is
// little-endian, else a converted copy.
func raw(data any) (b []byte, dtype string, n int, err error) {
	switch x := data.(type) {
	case []float32:
		return little(x, 4), "float32", len(x), nil
	case []float64:
		return little(x, 8), "float64", len(x), nil
	case []int32:
		return little(x, 4), "int32", len(x), nil
	case []int64:
		return little(x, 8), "int64", len(x), nil
	}
	return nil, "", 0, fmt.Errorf("weights: cannot write %T; the choices are []float32, []float64, []int32, []int64", data)
}

// blank returns n zeros of a dtype, nil of one that there is not, and the bytes of
// one of them.
func blank(dtype string, n int) (data any, size int) {
	switch dtype {
	case "float32":
		return make([]float32, n), 4
	case "float64":
		return make([]float64, n), 8
	case "int32":
		return make([]int32, n), 4
	case "int64":
		return make([]int64, n), 8
	}
	return nil, 0
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
// The file appears whole or not at all: it is written beside path, synced and
// renamed.
func Write(path string, meta any, arrays []Array) error {
	m := manifest{Arrays: make([]entry, 0, len(arrays))}
	var err error
	if m.Meta, err = json.Marshal(meta); err != nil {
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	all := make([][]byte, len(arrays))
	for i, a := range arrays {
		b, dtype, n, err := raw(a.Data)
		if err != nil {
			return fmt.Errorf("%w (array %q)", err, a.Name)
		}
		if n != product(a.Shape) {
			return fmt.Errorf("weights: array %q has %d entries, its shape %v says otherwise", a.Name, n, a.Shape)
		}
		if slices.ContainsFunc(m.Arrays, func(e entry) bool { return e.Name == a.Name }) {
			return fmt.Errorf("weights: two arrays are named %q", a.Name)
		}
		all[i] = b
		m.Arrays = append(m.Arrays, entry{Name: a.Name, DType: dtype, Shape: a.Shape, Bytes: int64(len(b)), CRC: crc32.Checksum(b, castagnoli)})
	}
	// Offsets are part of the manifest whose length moves them: give it a few
	// rounds until nothing changes. The length only grows, so it settles.
	var head []byte
	for {
		off := roundUp(16 + int64(len(head)))
		for i := range m.Arrays {
			m.Arrays[i].Offset = off
			off = roundUp(off + m.Arrays[i].Bytes)
		}
		m.Size = off
		next, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("weights: %s: %w", path, err)
		}
		if roundUp(16+int64(len(next))) == roundUp(16+int64(len(head))) {
			head = next
			break
		}
		head = next
	}
	if len(head) > maxManifest {
		return fmt.Errorf("weights: %s: the manifest would take %d bytes, more than %d", path, len(head), maxManifest)
	}
	return WriteFile(path, func(w io.Writer) error {
		pre := append([]byte(magic), make([]byte, 8)...)
		binary.LittleEndian.PutUint32(pre[8:], uint32(len(head)))
		binary.LittleEndian.PutUint32(pre[12:], crc32.Checksum(head, castagnoli))
		at := int64(0)
		put := func(b []byte) error {
			n, err := w.Write(b)
			at += int64(n)
			return err
		}
		if err := put(append(pre, head...)); err != nil {
			return err
		}
		for i, b := range all {
			if err := put(make([]byte, m.Arrays[i].Offset-at)); err != nil {
				return err
			}
			if err := put(b); err != nil {
				return err
			}
		}
		return put(make([]byte, m.Size-at))
	})
}

// WriteFile makes the file at path from what write writes, whole or not at all:
// into a temporary file beside it, synced, renamed over path, and the folder
// synced so that the rename lasts.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil { // CreateTemp's 0600 is for secrets
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a folder; the rename has happened all the same.
	_ = d.Sync()
	return d.Close()
}

// Clean removes what writes to path left beside it that a crash or a kill cut short.
// No write to path may be under way.
func Clean(path string) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// WriteFile's names: os.CreateTemp puts digits behind the point.
		if tail, ok := strings.CutPrefix(e.Name(), "."+base+"."); ok && strings.Trim(tail, "0123456789") == "" && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func roundUp(n int64) int64 { return (n + align - 1) / align * align }

// product returns the number of entries of a shape, or −1 if it is no shape.
func product(shape []int) int {
	n := 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt/s {
			return -1
		}
		n *= s
	}
	return n
}

// A File is an open container.
type File struct {
	path string
	f    *os.File
	m    manifest
}

// Open reads the manifest at path and checks that the file is complete. The
// arrays are checked when they are read.
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

func (c *File) open() error {
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	pre := make([]byte, 16)
	if _, err := io.ReadFull(c.f, pre); err != nil || string(pre[:8]) != magic {
		return fmt.Errorf("not a file of weights: it does not start with %q", magic)
	}
	n := binary.LittleEndian.Uint32(pre[8:])
	if n > maxManifest || int64(n)+16 > info.Size() {
		return fmt.Errorf("truncated or corrupt: a manifest of %d bytes in a file of %d", n, info.Size())
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(c.f, head); err != nil {
		return err
	}
	if crc32.Checksum(head, castagnoli) != binary.LittleEndian.Uint32(pre[12:]) {
		return fmt.Errorf("corrupt: the manifest's checksum does not match")
	}
	if err := json.Unmarshal(head, &c.m); err != nil {
		return fmt.Errorf("corrupt manifest: %w", err)
	}
	if c.m.Size != info.Size() {
		return fmt.Errorf("truncated or corrupt: %d bytes, the manifest says %d", info.Size(), c.m.Size)
	}
	for _, e := range c.m.Arrays {
		_, size := blank(e.DType, 0)
		n := product(e.Shape)
		if size == 0 || n < 0 || int64(n)*int64(size) != e.Bytes || e.Offset < 16 || e.Offset > c.m.Size-e.Bytes {
			return fmt.Errorf("corrupt manifest: array %q of %s%v at %d, %d bytes", e.Name, e.DType, e.Shape, e.Offset, e.Bytes)
		}
	}
	return nil
}

// Meta decodes what Write was given as meta into v.
func (c *File) Meta(v any) error {
	if err := json.Unmarshal(c.m.Meta, v); err != nil {
		return fmt.Errorf("weights: %s: meta: %w", c.path, err)
	}
	return nil
}

// Names returns the names of the arrays in the order of the file.
func (c *File) Names() []string {
	names := make([]string, len(c.m.Arrays))
	for i, e := range c.m.Arrays {
		names[i] = e.Name
	}
	return names
}

// Load returns the array of that name, of whatever type and shape it has.
func (c *File) Load(name string) (Array, error) {
	e, err := c.entry(name)
	if err != nil {
		return Array{}, err
	}
	a := Array{Name: name, Shape: slices.Clone(e.Shape)}
	a.Data, _ = blank(e.DType, product(e.Shape))
	return a, c.Read(a)
}

func (c *File) entry(name string) (entry, error) {
	i := slices.IndexFunc(c.m.Arrays, func(e entry) bool { return e.Name == name })
	if i < 0 {
		return entry{}, fmt.Errorf("weights: %s: no array %q; it has %s", c.path, name, strings.Join(c.Names(), ", "))
	}
	return c.m.Arrays[i], nil
}

// Read fills a.Data with the array named a.Name, which must have a's type and
// shape, and checks its checksum. On an error the content of a.Data is
// undefined.
func (c *File) Read(a Array) error {
	e, err := c.entry(a.Name)
	if err != nil {
		return err
	}
	b, dtype, n, err := raw(a.Data)
	if err != nil {
		return err
	}
	if dtype != e.DType || !slices.Equal(a.Shape, e.Shape) || n != product(e.Shape) {
		return fmt.Errorf("weights: %s: array %q is %s%v, want %s%v", c.path, a.Name, e.DType, e.Shape, dtype, a.Shape)
	}
	r := io.NewSectionReader(c.f, e.Offset, e.Bytes)
	if !littleEndian {
		b = make([]byte, e.Bytes)
	}
	if _, err := io.ReadFull(r, b); err != nil {
		return fmt.Errorf("weights: %s: array %q: %w", c.path, a.Name, err)
	}
	if crc32.Checksum(b, castagnoli) != e.CRC {
		return fmt.Errorf("weights: %s: array %q is corrupt: its checksum does not match", c.path, a.Name)
	}
	if !littleEndian {
		return binary.Read(bytes.NewReader(b), binary.LittleEndian, a.Data)
	}
	return nil
}

// Close closes the file.
func (c *File) Close() error { return c.f.Close() }

package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader is the format's own bound, so that a damaged length cannot make a
// reader allocate.
const maxHeader = 100_000_000

// align is what the data start at a multiple of: their widest type needs 8, a
// cache line is 64.
const align = 64

// metadataKey is the one name that is no tensor.
const metadataKey = "__metadata__"

// dtypeBytes are the format's types. Those that Array has no slice of can be in a
// file and cannot be loaded.
var dtypeBytes = map[string]uint64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8, "C64": 8,
}

// An entry is a tensor of the header.
type entry struct {
	Name       string
	DType      string
	Shape      []int
	Begin, End int64 // from the start of the data
}

// A header is the JSON in front of the data: metadata, and the tensors in the order
// of their data.
type header struct {
	metadata map[string]string
	entries  []entry
}

// encode returns the bytes of the file before its data: the length of the header and
// the header, filled up with spaces.
func (h *header) encode() ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	put := func(v any) error {
		text, err := json.Marshal(v)
		b.Write(text)
		return err
	}
	b.WriteString(`{"` + metadataKey + `":`)
	if err := put(h.metadata); err != nil { // keys in order
		return nil, err
	}
	for _, e := range h.entries {
		b.WriteByte(',')
		if err := put(e.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		shape := append([]int{}, e.Shape...) // nil is null in JSON
		err := put(struct {
			DType   string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{e.DType, shape, [2]int64{e.Begin, e.End}})
		if err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	b.Write(bytes.Repeat([]byte{' '}, (align-b.Len()%align)%align))
	if b.Len()-8 > maxHeader {
		return nil, fmt.Errorf("the header would take %d bytes, more than %d", b.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// parseHeader reads the header of a file whose data have so many bytes. It is as
// strict as the format asks for: one JSON object, no name twice, known types, data
// that lie end to end from the first byte to the last.
func parseHeader(text []byte, data int64) (*header, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the header is no UTF-8")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("the header does not begin with {")
	}
	h := &header{metadata: map[string]string{}}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	seen := map[string]bool{}
	err := object(d, func(name string) error {
		if seen[name] {
			return fmt.Errorf("%q stands there twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			return object(d, func(key string) error {
				if _, dup := h.metadata[key]; dup {
					return fmt.Errorf("metadata %q stands there twice", key)
				}
				t, err := d.Token()
				s, ok := t.(string)
				if err == nil && !ok {
					err = fmt.Errorf("metadata %q is no text", key)
				}
				h.metadata[key] = s
				return err
			})
		}
		e, err := parseEntry(d, name)
		h.entries = append(h.entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if rest := bytes.TrimRight(text[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("%.20q follows the header's object", rest)
	}
	return h, h.layOut(data)
}

// object reads a JSON object, of which member reads each value.
func object(d *json.Decoder, member func(key string) error) error {
	if err := delim(d, '{'); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if err := member(t.(string)); err != nil { // the decoder takes no other key
			return err
		}
	}
	return delim(d, '}')
}

func delim(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v in place of %v", t, want)
	}
	return err
}

func parseEntry(d *json.Decoder, name string) (e entry, err error) {
	e.Name, e.Shape = name, []int{}
	seen := map[string]bool{}
	err = object(d, func(key string) error {
		if seen[key] {
			return fmt.Errorf("%s stands there twice", key)
		}
		seen[key] = true
		switch key {
		case "dtype":
			t, err := d.Token()
			if err != nil {
				return err
			}
			e.DType, _ = t.(string) // what is no text is no type either
			if dtypeBytes[e.DType] == 0 {
				return fmt.Errorf("unknown type %v", t)
			}
		case "shape":
			all, err := numbers(d)
			for _, n := range all {
				e.Shape = append(e.Shape, int(n))
			}
			return err
		case "data_offsets":
			all, err := numbers(d)
			if err == nil && len(all) != 2 {
				err = fmt.Errorf("%d data_offsets, want begin and end", len(all))
			}
			if err != nil {
				return err
			}
			e.Begin, e.End = all[0], all[1]
		default:
			return fmt.Errorf("unknown key %q", key)
		}
		return nil
	})
	if err == nil && len(seen) < 3 {
		err = errors.New("lacks one of dtype, shape and data_offsets")
	}
	if err != nil {
		return e, fmt.Errorf("tensor %q: %w", name, err)
	}
	return e, nil
}

// numbers reads a JSON array of whole numbers that are not negative.
func numbers(d *json.Decoder) (all []int64, err error) {
	if err := delim(d, '['); err != nil {
		return nil, err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, _ := t.(json.Number)
		n, err := strconv.ParseInt(string(text), 10, strconv.IntSize)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%v is no whole number from 0", t)
		}
		all = append(all, n)
	}
	return all, delim(d, ']')
}

// layOut holds the tensors against data bytes: each as long as its shape says, end to
// end, without a hole and without an overlap.
func (h *header) layOut(data int64) error {
	slices.SortStableFunc(h.entries, func(a, b entry) int {
		if a.Begin != b.Begin {
			return int(min(max(a.Begin-b.Begin, -1), 1))
		}
		return int(min(max(a.End-b.End, -1), 1)) // empty ones first
	})
	at := int64(0)
	for _, e := range h.entries {
		n, ok := byteLen(e.DType, e.Shape)
		switch {
		case !ok:
			return fmt.Errorf("tensor %q: %s%v has more bytes than can be counted", e.Name, e.DType, e.Shape)
		case e.Begin < at:
			return fmt.Errorf("tensor %q begins at %d, inside of another that ends at %d", e.Name, e.Begin, at)
		case e.Begin > at:
			return fmt.Errorf("bytes %d to %d, before tensor %q, are of no tensor", at, e.Begin, e.Name)
		case e.End < e.Begin || e.End-e.Begin != n:
			return fmt.Errorf("tensor %q: bytes %d to %d for %s%v, which takes %d", e.Name, e.Begin, e.End, e.DType, e.Shape, n)
		}
		at = e.End
	}
	if at != data {
		return fmt.Errorf("truncated or corrupt: %d bytes of data, the header says %d", data, at)
	}
	return nil
}

// byteLen returns the bytes of a tensor, and whether they can be counted.
func byteLen(dtype string, shape []int) (int64, bool) {
	n := dtypeBytes[dtype]
	for _, s := range shape {
		if s < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(s))
		if n = lo; hi > 0 || n > math.MaxInt64 {
			return 0, false
		}
	}
	return int64(n), true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }

// noSum stands in the place of a header's own checksum while it is summed.
const noSum = "00000000"

package weights

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// file returns the bytes of a file of that header and so many bytes of data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func openBytes(t *testing.T, b []byte) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := Open(path)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, f.Close()) })
	}
	return f, err
}

// TestForeign reads a file as other programs write them: no checksums, types that
// cannot be loaded beside others, data in another order than names.
func TestForeign(t *testing.T) {
	b := file(`{"half":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},`+
		`"none":{"dtype":"I64","shape":[3,0],"data_offsets":[8,8]},"one":{"dtype":"F32","shape":[],"data_offsets":[12,16]}}   `, 16)
	copy(b[len(b)-16:], []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40})
	f, err := openBytes(t, b)
	require.NoError(t, err)
	require.Equal(t, []string{"w", "none", "half", "one"}, f.Names())
	a, err := f.Load("w")
	require.NoError(t, err)
	require.Equal(t, graph.Array{Name: "w", Shape: []int{2, 1}, Data: []float32{1, 2}}, a)
	a, err = f.Load("none")
	require.NoError(t, err)
	require.Equal(t, graph.Array{Name: "none", Shape: []int{3, 0}, Data: []int64{}}, a)
	_, err = f.Load("half")
	require.ErrorContains(t, err, `array "half" is BF16; the choices are F32, F64, I32, I64, U8`)
	require.ErrorContains(t, f.Meta(new(int)), `lack "fenchel.meta"`)
	_, err = openBytes(t, file(`{}`, 0))
	require.NoError(t, err, "a file may hold nothing")
}

// TestReference reads what the format's reference wrote: safetensors 0.8.0 of the
// Python package index, save_file of float32 (0 … 5)/3 as [2,3], int64 [1,2], float16
// [1,1,1] and float64 [0,4], with metadata x=y.
func TestReference(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "reference.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, []string{"b", "e", "a", "h"}, f.Names())
	for _, want := range []graph.Array{
		{Name: "a", Shape: []int{2, 3}, Data: []float32{0, 1. / 3, 2. / 3, 1, 4. / 3, 5. / 3}},
		{Name: "b", Shape: []int{2}, Data: []int64{1, 2}},
		{Name: "e", Shape: []int{0, 4}, Data: []float64{}},
	} {
		a, err := f.Load(want.Name)
		require.NoError(t, err)
		require.Equal(t, want, a)
	}
	require.Equal(t, map[string]string{"x": "y"}, f.h.metadata)
}

// TestStrict: what the format forbids is an error, each by its own words.
func TestStrict(t *testing.T) {
	one := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		header string
		data   int
		want   string
	}{
		{` {}`, 0, "does not begin with {"},
		{``, 0, "does not begin with {"},
		{"{\"a\xff\":1}", 0, "no UTF-8"},
		{`{"a":1}`, 0, "1 in place of {"},
		{one, 8, "EOF"},
		{one + `}x`, 8, `"x" follows`},
		{one + `}{}`, 8, `"{}" follows`},
		{one + `,"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 16, `"a" stands there twice`},
		{`{"__metadata__":{},"__metadata__":{}}`, 0, `"__metadata__" stands there twice`},
		{`{"__metadata__":{"k":"1","k":"2"}}`, 0, `metadata "k" stands there twice`},
		{`{"__metadata__":{"k":1}}`, 0, `metadata "k" is no text`},
		{`{"__metadata__":["k"]}`, 0, "[ in place of {"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}`, 8, `unknown key "more"`},
		{`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, "dtype stands there twice"},
		{`{"a":{"dtype":"F32","shape":[2]}}`, 8, "lacks one of"},
		{`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8, "unknown type F33"},
		{`{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}`, 8, "unknown type 7"},
		{`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, "-2 is no whole number"},
		{`{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "2.0 is no whole number"},
		{`{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8, "2 is no whole number"},
		{`{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}`, 8, "is no whole number"},
		{`{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}`, 4, "more bytes than can be counted"},
		{`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "more bytes than can be counted"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8, "1 data_offsets"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8, "bytes 0 to 8"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4, "which takes 8"},
		{`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, "bytes 0 to 4, before tensor"},
		{one + `,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, "inside of another"},
		{one + `,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16, "bytes 8 to 12"},
		{one + `}`, 9, "9 bytes of data, the header says 8"},
		{one + `}`, 7, "7 bytes of data, the header says 8"},
		{`{"__metadata__":{"fenchel.header_crc32c":"01234567"}}`, 0, "checksum is none"},
		{`{"__metadata__":{"fenchel.header_crc32c":"1","fenchel.meta":"","fenchel.crc32c":""}}`, 0, "checksum is none"},
		{`{"__metadata__":{"fenchel.header_crc32c":"01234567","fenchel.meta":"","fenchel.crc32c":"{}"}}`, 0, "checksum does not match"},
	} {
		_, err := openBytes(t, file(c.header, c.data))
		require.ErrorContains(t, err, c.want, "%s", c.header)
	}
	// Lengths of the header that no file has.
	for _, n := range []uint64{1 << 20, 1 << 40, 1 << 63, 1<<64 - 1} {
		_, err := openBytes(t, append(binary.LittleEndian.AppendUint64(nil, n), '{', '}'))
		require.Error(t, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"__metadata__":{"fenchel.meta":"{}","fenchel.crc32c":"{}"}}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := openBytes(t, b)
		if err != nil {
			return
		}
		for _, name := range c.Names() {
			a, err := c.Load(name)
			if err == nil {
				_, ok := byteLen(c.h.entries[0].DType, a.Shape)
				require.True(t, ok)
			}
		}
	})
}

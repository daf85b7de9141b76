package flatparquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/stretchr/testify/require"
)

type row struct {
	A int32   `parquet:"a"`
	B *string `parquet:"b,optional,dict"`
	C struct {
		D *float64 `parquet:"d,optional"`
	} `parquet:"c,optional"`
	E int64   `parquet:"e,dict"`
	L []int32 `parquet:"l,list"`
}

// rows returns n rows, some values of which are absent.
func rows(n int) []row {
	all := make([]row, n)
	for i := range all {
		all[i].A, all[i].E = int32(i), int64(i%3)
		if i%5 != 1 {
			text := fmt.Sprint("t", i%7)
			all[i].B = &text
		}
		if i%4 != 2 {
			x := float64(i) / 2
			all[i].C.D = &x
		}
	}
	return all
}

func written(t *testing.T, all []row, options ...parquet.WriterOption) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, append(options, parquet.PageBufferSize(256), parquet.MaxRowsPerRowGroup(40))...)
	_, err := w.Write(all)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// text is what Read finds in the columns a, b, c.d and e.
func text(data []byte) (out string, err error) {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var columns []int
	for i, c := range f.Columns {
		if !c.Repeated {
			columns = append(columns, i)
		}
	}
	var b bytes.Buffer
	err = f.Read(columns, func(row int64, values [][]byte) error {
		fmt.Fprintf(&b, "%d %q\n", row, values)
		if b.Len() > 1<<20 {
			return fmt.Errorf("more than there can be")
		}
		return nil
	})
	return b.String(), err
}

// Every codec, both versions of pages, values absent and by a dictionary, in several row
// groups, as another library writes them.
func TestRead(t *testing.T) {
	all := rows(100)
	var want bytes.Buffer
	for i, r := range all {
		a, e := binary.LittleEndian.AppendUint32(nil, uint32(r.A)), binary.LittleEndian.AppendUint64(nil, uint64(r.E))
		var b, d []byte
		if r.B != nil {
			b = []byte(*r.B)
		}
		if r.C.D != nil {
			d, _ = binary.Append(nil, binary.LittleEndian, *r.C.D)
		}
		fmt.Fprintf(&want, "%d %q\n", i, [][]byte{a, b, d, e})
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			data := written(t, all, parquet.Compression(codec), parquet.DataPageVersion(version))
			got, err := text(data)
			require.NoError(t, err, "%v, version %d", codec, version)
			require.Equal(t, want.String(), got, "%v, version %d", codec, version)
		}
	}
	_, err := text(written(t, all, parquet.Compression(&parquet.Brotli)))
	require.ErrorContains(t, err, `column "a" of row group 0: it is compressed with BROTLI; write the file uncompressed, or with snappy, gzip or zstd`)
	f, err := Open(bytes.NewReader(written(t, all)), int64(len(written(t, all))))
	require.NoError(t, err)
	require.Equal(t, int64(100), f.Rows)
	at := len(f.Columns) - 1
	require.Equal(t, "l.list.element", f.Columns[at].Name)
	require.True(t, f.Columns[at].Repeated)
	require.ErrorContains(t, f.Read([]int{at}, func(int64, [][]byte) error { return nil }), "it has lists")
}

// A file with one byte changed, or cut short, is read or refused: without a panic, and without
// memory that the file does not bear out.
func TestDamaged(t *testing.T) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Zstd} {
		data := written(t, rows(12), parquet.Compression(codec))
		refused, step := 0, 1
		if testing.Short() {
			step = 5
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tries := 0
		for i := 0; i < len(data); i += step {
			for _, x := range []byte{0x00, 0x7f, 0xff, data[i] ^ 1} {
				damaged := bytes.Clone(data)
				damaged[i] = x
				tries++
				if _, err := text(damaged); err != nil {
					refused++
				}
			}
			_, err := text(data[:i])
			require.Error(t, err)
		}
		runtime.ReadMemStats(&after)
		require.Positive(t, refused)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)/uint64(tries), uint64(8<<20), "bytes of a try, zstd's windows among them")
	}
}

// What a header says and the file does not hold is refused.
func TestLies(t *testing.T) {
	footer := func(data ...byte) []byte {
		file := append([]byte(Magic), data...)
		return append(binary.LittleEndian.AppendUint32(file, uint32(len(data))), Magic...)
	}
	for want, data := range map[string][]byte{
		"a footer of 4294967295 bytes":   append([]byte(Magic+"\xff\xff\xff\xff"), Magic...),
		"cut short":                      footer(0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07), // 2³¹ elements of a schema
		"structs that are too deep":      footer(bytes.Repeat([]byte{0x1c}, 200)...),
		"no tree":                        footer(0x15, 0x02, 0x19, 0x1c, 0x48, 0x01, 'r', 0x15, 0x04, 0x00, 0x16, 0x00, 0x19, 0x0c, 0x00),
		"a field of type 15":             footer(0x1f),
		"a number of more than 64 bits":  footer(append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 12)...)...),
		"the Parquet file has no footer": []byte(Magic + "0000000000000"),
		"the Parquet file is encrypted":  []byte("PARE00000000PARE"),
	} {
		_, err := Open(bytes.NewReader(data), int64(len(data)))
		require.ErrorContains(t, err, want)
	}
	runs := hybrid{data: binary.AppendUvarint(nil, 1<<62), width: 0}
	x, err := runs.next()
	require.NoError(t, err)
	require.Zero(t, x)
	packed := hybrid{data: binary.AppendUvarint(nil, 1<<40|1), width: 3}
	_, err = packed.next()
	require.ErrorIs(t, err, errShort)
}

// Numbers that are packed and in runs, by a slower way.
func TestHybrid(t *testing.T) {
	for width := range 33 {
		var want []uint32
		var data []byte
		data = binary.AppendUvarint(data, 2<<1|1) // 16 packed numbers
		bits := make([]byte, 2*width)
		for i := range 16 {
			x := uint32(uint64(i*2654435761) & (1<<width - 1))
			want = append(want, x)
			for b := range width {
				bits[(i*width+b)/8] |= byte(x>>b&1) << ((i*width + b) % 8)
			}
		}
		data = append(data, bits...)
		data = binary.AppendUvarint(data, 3<<1) // a run of three
		run := uint32(uint64(0xdeadbeef) & (1<<width - 1))
		data = append(data, binary.LittleEndian.AppendUint32(nil, run)[:(width+7)/8]...)
		want = append(want, run, run, run)
		h := hybrid{data: data, width: width}
		for k, x := range want {
			got, err := h.next()
			require.NoError(t, err)
			require.Equal(t, x, got, "number %d of %d bits", k, width)
		}
		_, err := h.next()
		require.Error(t, err)
	}
}

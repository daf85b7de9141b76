package data

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

type parquetSample struct {
	A int32   `parquet:"a"`
	B *string `parquet:"b,optional,dict"`
	C struct {
		D *float64 `parquet:"d,optional"`
	} `parquet:"c,optional"`
	E int64   `parquet:"e,dict"`
	F int32   `parquet:"f,delta"`
	G int64   `parquet:"g,delta"`
	H string  `parquet:"h,delta"`
	I float64 `parquet:"i,split"`
	L []int32 `parquet:"l,list"`
}

// parquetSamples returns n rows, some values of which are absent.
func parquetSamples(n int) []parquetSample {
	all := make([]parquetSample, n)
	for i := range all {
		all[i].A, all[i].E = int32(i), int64(i%3)
		all[i].F, all[i].G, all[i].H, all[i].I = int32(i*i), -int64(i)<<33, fmt.Sprint("text", i/2), float64(i)/4
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

func parquetWritten(t *testing.T, all []parquetSample, options ...parquet.WriterOption) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetSample](&b, append(options, parquet.PageBufferSize(256), parquet.MaxRowsPerRowGroup(40))...)
	_, err := w.Write(all)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// parquetText is what the columns without lists hold.
func parquetText(data []byte) (out string, err error) {
	f, err := newParquetFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var columns []int
	for i, c := range f.columns {
		if c.MaxRepetitionLevel() == 0 && c.Type().Kind() != parquet.FixedLenByteArray && c.Type().Kind() != parquet.Boolean {
			columns = append(columns, i)
		}
	}
	var b bytes.Buffer
	err = f.readRows(columns, func(row int64, values []parquet.Value) error {
		fmt.Fprintf(&b, "%d %q\n", row, values)
		if b.Len() > 1<<20 {
			return fmt.Errorf("more than there can be")
		}
		return nil
	})
	return b.String(), err
}

var parquetCodecs = []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw}

// Every codec and encoding, both versions of pages, values absent and by a dictionary, in several row
// groups, as another library writes them.
func TestParquetEncodings(t *testing.T) {
	all := parquetSamples(100)
	var want bytes.Buffer
	for i, r := range all {
		values := []parquet.Value{parquet.ValueOf(r.A), {}, {}, parquet.ValueOf(r.E), parquet.ValueOf(r.F), parquet.ValueOf(r.G), parquet.ValueOf(r.H), parquet.ValueOf(r.I)}
		if r.B != nil {
			values[1] = parquet.ValueOf(*r.B)
		}
		if r.C.D != nil {
			values[2] = parquet.ValueOf(*r.C.D)
		}
		fmt.Fprintf(&want, "%d %q\n", i, values)
	}
	for _, codec := range parquetCodecs {
		for version := 1; version <= 2; version++ {
			data := parquetWritten(t, all, parquet.Compression(codec), parquet.DataPageVersion(version))
			got, err := parquetText(data)
			require.NoError(t, err, "%v, version %d", codec, version)
			require.Equal(t, want.String(), got, "%v, version %d", codec, version)
		}
	}
}

// A file with one byte changed, or cut short, is read or refused: without a panic, and without
// memory that the file does not bear out.
func TestParquetDamaged(t *testing.T) {
	for _, codec := range parquetCodecs {
		data := parquetWritten(t, parquetSamples(12), parquet.Compression(codec))
		refused, step := 0, 11
		if testing.Short() {
			step = 101
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tries := 0
		for i := 0; i < len(data); i += step {
			for _, x := range []byte{0x00, 0x7f, 0xff, data[i] ^ 1} {
				damaged := bytes.Clone(data)
				damaged[i] = x
				tries++
				if _, err := parquetText(damaged); err != nil {
					refused++
				}
			}
			_, err := parquetText(data[:i])
			require.Error(t, err)
		}
		runtime.ReadMemStats(&after)
		require.Positive(t, refused)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)/uint64(tries), uint64(8<<20), "bytes of a try, zstd's windows among them")
	}
}

// What a header says and the file does not hold is refused.
func TestParquetLies(t *testing.T) {
	footer := func(data ...byte) []byte {
		file := append([]byte(parquetMagic), data...)
		return append(binary.LittleEndian.AppendUint32(file, uint32(len(data))), parquetMagic...)
	}
	for want, data := range map[string][]byte{
		"a footer of 4294967295 bytes":   append([]byte(parquetMagic+"\xff\xff\xff\xff"), parquetMagic...),
		"cut short":                      footer(0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07), // 2³¹ elements of a schema
		"structs that are too deep":      footer(bytes.Repeat([]byte{0x1c}, 200)...),
		"no tree":                        footer(0x15, 0x02, 0x19, 0x1c, 0x48, 0x01, 'r', 0x15, 0x04, 0x00, 0x16, 0x00, 0x19, 0x0c, 0x00),
		"a field of type 15":             footer(0x1f),
		"a number of more than 64 bits":  footer(append([]byte{0x15}, bytes.Repeat([]byte{0xff}, 12)...)...),
		"the Parquet file has no footer": []byte(parquetMagic + "0000000000000"),
		"the Parquet file is encrypted":  []byte("PARE00000000PARE"),
	} {
		_, err := newParquetFile(bytes.NewReader(data), int64(len(data)))
		require.ErrorContains(t, err, want)
	}
}

// Counts within a page, of which the library would make as much room as they say.
func TestParquetCounts(t *testing.T) {
	require.NoError(t, checkRuns([]byte{3 << 1, 7}, 3, 3))
	require.NoError(t, checkRuns([]byte{1<<1 | 1, 1, 2, 3}, 3, 5), "a group of eight")
	require.ErrorContains(t, checkRuns(binary.AppendUvarint(nil, 1<<62), 0, 3), "more numbers")
	require.ErrorContains(t, checkRuns(binary.AppendUvarint(nil, 1<<40|1), 0, 3), "cut short")
	require.ErrorContains(t, checkRuns([]byte{5<<1 | 1, 1, 2, 3}, 3, 40), "cut short")
	require.ErrorContains(t, checkRuns([]byte{2 << 1, 7}, 3, 3), "fewer numbers")

	header := func(block, minis, total uint64, rest ...byte) []byte {
		data := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, block), minis), total)
		return append(append(data, 0), rest...) // from 0 on
	}
	rest, err := checkDeltas(header(128, 4, 3, 2, 0, 0, 0, 0, 'x'), 3)
	require.NoError(t, err)
	require.Equal(t, "x", string(rest))
	for want, data := range map[string][]byte{
		"2147483647 numbers of 3 values":     header(128, 4, 1<<31-1),
		"cut short":                          header(128, 4, 3, 2, 64, 0, 0, 0),
		"blocks of 128 numbers in 0 parts":   header(128, 0, 3),
		"blocks of 131072 numbers in 4 part": header(1<<17, 4, 3),
	} {
		_, err := checkDeltas(data, 3)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, checkLengths(header(128, 4, 3, 2, 0, 0, 0, 0), 3), "0, 1 and 2")
	require.ErrorContains(t, checkLengths(header(128, 4, 3, 2, 0, 0, 0, 0), 2), "more than 2 bytes")
	require.ErrorContains(t, checkLengths(header(128, 4, 3, 1, 0, 0, 0, 0), 9), "more than 9 bytes", "negative")
}

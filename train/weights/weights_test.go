package weights

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

type meta struct {
	Epoch int
	Note  string
}

func sample() []Array {
	a := make([]float32, 7*3)
	for i := range a {
		a[i] = float32(i) / 3
	}
	a[4] = float32(math.Inf(-1))
	return []Array{
		{"user", []int{7, 3}, a},
		{"empty", []int{0, 5}, []float32{}},
		{"scalar", []int{}, []float64{math.Pi}},
		{"codes", []int{2}, []int32{-7, math.MaxInt32}},
		{"steps", []int{3}, []int64{math.MinInt64, 0, 1 << 62}},
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.bin")
	require.NoError(t, Write(path, meta{3, "x"}, sample()))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	var m meta
	require.NoError(t, f.Meta(&m))
	require.Equal(t, meta{3, "x"}, m)
	require.Equal(t, []string{"user", "empty", "scalar", "codes", "steps"}, f.Names())
	for _, want := range sample() {
		var got Array
		switch d := want.Data.(type) {
		case []float32:
			got = Array{want.Name, want.Shape, make([]float32, len(d))}
		case []float64:
			got = Array{want.Name, want.Shape, make([]float64, len(d))}
		case []int32:
			got = Array{want.Name, want.Shape, make([]int32, len(d))}
		case []int64:
			got = Array{want.Name, want.Shape, make([]int64, len(d))}
		}
		require.NoError(t, f.Read(got))
		require.Equal(t, want, got)
		got, err := f.Load(want.Name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = f.Load("item")
	require.ErrorContains(t, err, `no array "item"`)
	require.ErrorContains(t, f.Read(Array{"item", []int{1}, make([]float32, 1)}), `no array "item"; it has user, empty, scalar, codes, steps`)
	require.ErrorContains(t, f.Read(Array{"user", []int{3, 7}, make([]float32, 21)}), "is float32[7 3], want float32[3 7]")
	require.ErrorContains(t, f.Read(Array{"user", []int{7, 3}, make([]float64, 21)}), "want float64")
}

// TestAlignment: every array starts at a multiple of 64 as the doc says.
func TestAlignment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.bin")
	require.NoError(t, Write(path, nil, sample()))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	for _, e := range f.m.Arrays {
		require.Zero(t, e.Offset%64)
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, float32(1)/3, math.Float32frombits(binary.LittleEndian.Uint32(b[f.m.Arrays[0].Offset+4:])))
}

// TestDamage flips every byte of the file and cuts it at every length: each
// must be noticed, and none may panic. Padding carries nothing and may change.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.bin")
	require.NoError(t, Write(path, meta{}, sample()))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := Open(path)
	require.NoError(t, err)
	matters := make([]bool, len(whole))
	for i := range 16 + int(binary.LittleEndian.Uint32(whole[8:])) {
		matters[i] = true
	}
	for _, e := range f.m.Arrays {
		for i := range e.Bytes {
			matters[e.Offset+i] = true
		}
	}
	require.NoError(t, f.Close())
	load := func(b []byte) error {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		f, err := Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		errs := []error{f.Read(Array{"user", []int{7, 3}, make([]float32, 21)}), f.Read(Array{"scalar", []int{}, make([]float64, 1)})}
		for _, a := range sample() {
			got, err := f.Load(a.Name)
			if err == nil && reflect.TypeOf(got.Data) != reflect.TypeOf(a.Data) {
				err = errors.New("another type")
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	require.NoError(t, load(whole))
	for i := range whole {
		if !matters[i] {
			continue
		}
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x40
		require.Error(t, load(bad), "byte %d", i)
	}
	for n := range whole {
		require.Error(t, load(whole[:n]), "cut at %d", n)
	}
	require.ErrorContains(t, load(whole[:len(whole)-1]), "truncated")
	require.ErrorContains(t, load([]byte("PK\x03\x04 something else entirely")), "not a file of weights")
}

func TestWriteErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.bin")
	require.ErrorContains(t, Write(path, nil, []Array{{"a", []int{2}, []float32{1}}}), "its shape [2] says otherwise")
	require.ErrorContains(t, Write(path, nil, []Array{{"a", []int{1}, []int{1}}}), "cannot write []int")
	require.ErrorContains(t, Write(path, nil, []Array{Vector("a", 3)}), "cannot write int")
	require.Equal(t, Array{"a", []int{2}, []int32{1, 2}}, Vector("a", []int32{1, 2}))
	require.ErrorContains(t, Write(path, nil, []Array{{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}}), "two arrays")
	require.ErrorContains(t, Write(path, func() {}, nil), "unsupported")
	require.Error(t, Write(filepath.Join(dir, "missing", "w.bin"), nil, nil))

	// A failed write leaves what was there, and no litter.
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
	stop := errors.New("disk full")
	require.ErrorIs(t, WriteFile(path, func(w io.Writer) error { _, _ = w.Write([]byte("half")); return stop }), stop)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(b))
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, all, 1)

	// A killed one leaves litter, which Clean takes away and nothing else.
	var litter string
	require.ErrorIs(t, WriteFile(path, func(io.Writer) error {
		found, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		litter = found[0]
		return stop
	}), stop)
	others := []string{".w.bin.old", ".x.bin.123", "w.bin.123"}
	for _, name := range append(others, filepath.Base(litter)) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, Clean(path))
	require.NoFileExists(t, litter)
	for _, name := range append(others, "w.bin") {
		require.FileExists(t, filepath.Join(dir, name))
	}
	require.Error(t, Clean(filepath.Join(dir, "missing", "w.bin")))
}

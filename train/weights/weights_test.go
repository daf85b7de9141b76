package weights

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

type meta struct {
	Epoch int
	Note  string
}

func sample() []graph.Array {
	a := make([]float32, 7*3)
	for i := range a {
		a[i] = float32(i) / 3
	}
	a[4] = float32(math.Inf(-1))
	return []graph.Array{
		{Name: "user", Shape: []int{7, 3}, Data: a},
		{Name: "empty", Shape: []int{0, 5}, Data: []float32{}},
		{Name: "scalar", Shape: []int{}, Data: []float64{math.Pi}},
		{Name: "codes", Shape: []int{2}, Data: []int32{-7, math.MaxInt32}},
		{Name: "steps", Shape: []int{3}, Data: []int64{math.MinInt64, 0, 1 << 62}},
		{Name: "text", Shape: []int{5}, Data: []uint8("a\x00\xff\nz")},
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
	require.Equal(t, []string{"scalar", "steps", "user", "empty", "codes", "text"}, f.Names(), "the widest first")
	for _, want := range sample() {
		var got graph.Array
		switch d := want.Data.(type) {
		case []float32:
			got = graph.Array{Name: want.Name, Shape: want.Shape, Data: make([]float32, len(d))}
		case []float64:
			got = graph.Array{Name: want.Name, Shape: want.Shape, Data: make([]float64, len(d))}
		case []int32:
			got = graph.Array{Name: want.Name, Shape: want.Shape, Data: make([]int32, len(d))}
		case []int64:
			got = graph.Array{Name: want.Name, Shape: want.Shape, Data: make([]int64, len(d))}
		case []uint8:
			got = graph.Array{Name: want.Name, Shape: want.Shape, Data: make([]uint8, len(d))}
		}
		require.NoError(t, f.Read(got))
		require.Equal(t, want, got)
		got, err := f.Load(want.Name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = f.Load("item")
	require.ErrorContains(t, err, `no array "item"`)
	require.ErrorContains(t, f.Read(graph.Array{Name: "item", Shape: []int{1}, Data: make([]float32, 1)}), `no array "item"; it has scalar, steps, user, empty, codes, text`)
	require.ErrorContains(t, f.Read(graph.Array{Name: "user", Shape: []int{3, 7}, Data: make([]float32, 21)}), "is F32[7 3], want F32[3 7]")
	require.ErrorContains(t, f.Read(graph.Array{Name: "user", Shape: []int{7, 3}, Data: make([]float64, 21)}), "want F64")
}

// TestLayout: the data start at a multiple of 64 and every array at one of its width.
func TestLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	for n := range 70 { // names of all lengths move the start
		require.NoError(t, Write(path, nil, append(sample(), graph.Vector(strings.Repeat("x", n+1), []float32{1}))))
		f, err := Open(path)
		require.NoError(t, err)
		require.Zero(t, f.start%64)
		for _, e := range f.h.entries {
			require.Zero(t, (f.start+e.Begin)%int64(dtypeBytes[e.DType]))
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		i := slices.IndexFunc(f.h.entries, func(e entry) bool { return e.Name == "user" })
		require.Equal(t, float32(1)/3, math.Float32frombits(binary.LittleEndian.Uint32(b[f.start+f.h.entries[i].Begin+4:])))
		require.NoError(t, f.Close())
	}
}

// TestDamage flips every byte of the file and cuts it at every length: each
// must be noticed, and none may panic.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.bin")
	require.NoError(t, Write(path, meta{}, sample()))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	load := func(b []byte) error {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		f, err := Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		errs := []error{f.Read(graph.Array{Name: "user", Shape: []int{7, 3}, Data: make([]float32, 21)}), f.Read(graph.Array{Name: "scalar", Shape: []int{}, Data: make([]float64, 1)})}
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
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x40
		require.Error(t, load(bad), "byte %d", i)
	}
	for n := range whole {
		require.Error(t, load(whole[:n]), "cut at %d", n)
	}
	require.ErrorContains(t, load(whole[:len(whole)-1]), "truncated")
	require.ErrorContains(t, load([]byte("PK\x03\x04 something else entirely")), "not a safetensors file")
	require.ErrorContains(t, load([]byte("FENCHEL1 and what once followed")), "written by an earlier version")
	require.ErrorContains(t, load(nil), "less than 8 bytes")
}

func TestWriteErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.bin")
	require.ErrorContains(t, Write(path, nil, []graph.Array{{Name: "a", Shape: []int{2}, Data: []float32{1}}}), "has 4 bytes, its shape [2] says otherwise")
	require.ErrorContains(t, Write(path, nil, []graph.Array{{Name: "a", Shape: []int{1}, Data: []int{1}}}), "cannot write []int")
	require.ErrorContains(t, Write(path, nil, []graph.Array{graph.Vector("a", 3)}), "cannot write int")
	require.Equal(t, graph.Array{Name: "a", Shape: []int{2}, Data: []int32{1, 2}}, graph.Vector("a", []int32{1, 2}))
	require.ErrorContains(t, Write(path, nil, []graph.Array{{Name: "a", Shape: []int{1}, Data: []float32{1}}, {Name: "a", Shape: []int{1}, Data: []float32{1}}}), "two arrays")
	require.ErrorContains(t, Write(path, nil, []graph.Array{{Name: "__metadata__", Shape: []int{1}, Data: []float32{1}}}), "cannot name an array")
	require.ErrorContains(t, Write(path, nil, []graph.Array{{Name: "\xff", Shape: []int{1}, Data: []float32{1}}}), "cannot name an array")
	require.ErrorContains(t, Write(path, func() {}, nil), "unsupported")
	require.Error(t, Write(filepath.Join(dir, "missing", "w.bin"), nil, nil))
}

package cli

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// TestExport: in every format the vectors of users and items give the scores that predict
// prints, by their ids, commas, quotes and tabs among them; the files of the data may be gone.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "pairs.csv")
	var text strings.Builder
	text.WriteString("user,item\n")
	for u := range 12 {
		for i := range 9 {
			if (u*i+u+i)%3 != 0 {
				text.WriteString("\"u,\"\"" + strconv.Itoa(u) + "\",\"i\t" + strconv.Itoa(i) + "\"\n")
			}
		}
	}
	require.NoError(t, os.WriteFile(source, []byte(text.String()), 0o600))
	run := filepath.Join(dir, "run")
	code, _, stderr := execute(t, "train", "--data", source, "--split", "ratio:0.8,0.1,0.1", "--epochs", "2", "--dim", "5", "--bias=true", "--out", run)
	require.Zero(t, code, stderr)
	require.NoError(t, os.Remove(source))
	code, out, stderr := execute(t, "predict", run, "--all-users", "--with-seen", "--items", "all")
	require.Zero(t, code, stderr)
	want := map[[2]string]float64{}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		z, err := strconv.ParseFloat(f[3], 64)
		require.NoError(t, err)
		want[[2]string{f[0], f[2]}] = z
	}
	require.Len(t, want, 12*9)
	type sides struct {
		users, items map[string][]float32
		bias         map[string]float32
	}
	list := func(path string) (ids []string) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &ids))
		return ids
	}
	rows := func(ids []string, x []float32) map[string][]float32 {
		m := map[string][]float32{}
		for i, id := range ids {
			m[data.EscapeID(id)] = x[i*5 : (i+1)*5]
		}
		return m
	}
	readers := map[string]func(dir string) sides{
		"safetensors": func(dir string) sides {
			f, err := weights.Open(filepath.Join(dir, "vectors.safetensors"))
			require.NoError(t, err)
			defer f.Close()
			load := func(name string) []float32 {
				a, err := f.Load(name)
				require.NoError(t, err)
				return a.Data.([]float32)
			}
			items := list(filepath.Join(dir, "items.json"))
			s := sides{rows(list(filepath.Join(dir, "users.json")), load("users")), rows(items, load("items")), map[string]float32{}}
			for i, b := range load("item_bias") {
				s.bias[data.EscapeID(items[i])] = b
			}
			return s
		},
		"npy": func(dir string) sides {
			load := func(name, shape string) []float32 {
				b, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				require.Equal(t, "\x93NUMPY\x01\x00", string(b[:8]))
				n := 10 + int(b[8]) + int(b[9])<<8
				require.Zero(t, n%64)
				require.Contains(t, string(b[:n]), "'descr': '<f4', 'fortran_order': False, 'shape': "+shape)
				var x []float32
				for b = b[n:]; len(b) > 0; b = b[4:] {
					x = append(x, math.Float32frombits(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24))
				}
				return x
			}
			items := list(filepath.Join(dir, "items.json"))
			s := sides{rows(list(filepath.Join(dir, "users.json")), load("users.npy", "(12,5,)")), rows(items, load("items.npy", "(9,5,)")), map[string]float32{}}
			for i, b := range load("item_bias.npy", "(9,)") {
				s.bias[data.EscapeID(items[i])] = b
			}
			return s
		},
		"parquet": func(dir string) sides {
			type row struct {
				ID     string    `parquet:"id"`
				Vector []float32 `parquet:"vector,list"`
				Bias   float32   `parquet:"bias"`
			}
			s := sides{map[string][]float32{}, map[string][]float32{}, map[string]float32{}}
			users, err := parquet.ReadFile[row](filepath.Join(dir, "users.parquet"))
			require.NoError(t, err)
			items, err := parquet.ReadFile[row](filepath.Join(dir, "items.parquet"))
			require.NoError(t, err)
			for _, r := range users {
				s.users[data.EscapeID(r.ID)] = r.Vector
			}
			for _, r := range items {
				s.items[data.EscapeID(r.ID)], s.bias[data.EscapeID(r.ID)] = r.Vector, r.Bias
			}
			return s
		},
		"tsv": func(dir string) sides {
			s := sides{map[string][]float32{}, map[string][]float32{}, map[string]float32{}}
			load := func(name string, to map[string][]float32) {
				b, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				for line := range strings.Lines(string(b)) {
					for k, f := range strings.Split(strings.TrimSuffix(line, "\n"), "\t")[1:] {
						x, err := strconv.ParseFloat(f, 32)
						require.NoError(t, err)
						id, _, _ := strings.Cut(line, "\t")
						if k > 0 {
							to[id] = append(to[id], float32(x))
						} else if name == "items.tsv" {
							s.bias[id] = float32(x)
						}
					}
				}
			}
			load("users.tsv", s.users)
			load("items.tsv", s.items)
			return s
		},
	}
	for name, read := range readers {
		to := filepath.Join(dir, name)
		code, out, stderr := execute(t, "export", run, to, "--format", name)
		require.Zero(t, code, stderr)
		require.Contains(t, out, "12 users and 9 items of 5 numbers")
		s := read(to)
		require.Len(t, s.users, 12)
		require.Len(t, s.items, 9)
		require.Len(t, s.bias, 9)
		for pair, z := range want {
			got := float64(s.bias[pair[1]])
			for k, x := range s.users[pair[0]] {
				got += float64(x) * float64(s.items[pair[1]][k])
			}
			require.InDelta(t, z, got, 1e-4*(1+math.Abs(z)), "%s %q", name, pair)
		}
		// What is there is not written over.
		code, _, stderr = execute(t, "export", run, to, "--format", name)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, to)
	}
	for form, norm := range map[string]float64{"unit": 1, "raw": -1} {
		to := filepath.Join(dir, form)
		code, _, stderr := execute(t, "export", run, to, "--format", "tsv", "--vectors", form)
		require.Zero(t, code, stderr)
		ones := 0
		for _, x := range readers["tsv"](to).users {
			square := 0.0
			for _, v := range x {
				square += float64(v) * float64(v)
			}
			if math.Abs(square-1) < 1e-5 {
				ones++
			}
		}
		require.Equal(t, norm > 0, ones == 12, form)
	}
	for line, want := range map[string]string{
		"export":                                 "export needs an argument",
		"export RUN " + dir + " --format onnx":   `--format: unknown format "onnx"; the choices are safetensors, npy, parquet, tsv`,
		"export RUN " + dir + " --vectors cubes": `--vectors: unknown form "cubes"`,
	} {
		code, _, stderr := execute(t, strings.Fields(strings.ReplaceAll(line, "RUN", run))...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, want)
	}
}

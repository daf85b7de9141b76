package data

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// names lists a directory, hidden files included.
func names(t require.TestingT, dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// What a format writes it reads back: the pairs by id, and their values and
// times where the format has them. Ranges over every format that writes.
func TestRoundTrip(t *testing.T) {
	writers := 0
	for _, f := range Formats() {
		if f.Write == nil || f.Name == "xmc" || f.Name == "sequence" { // of which TestPointsRoundTrip and TestSequencesRoundTrip are
			continue
		}
		writers++
		t.Run(f.Name, func(t *testing.T) {
			root, n := t.TempDir(), 0
			rapid.Check(t, func(rt *rapid.T) {
				d := drawDataset(rt, true)
				if d.Train.Len() == 0 {
					return
				}
				// Ids that a careless writer breaks on: separators, quotes, spaces within.
				if f.Name != "lightgcn" && rapid.Bool().Draw(rt, "named") {
					id := rapid.StringMatching(`[a-c,;"' :1-9]*[a-c"]`)
					for u := range d.Users {
						d.UserIDs = append(d.UserIDs, nameOf(nil, u)+"-"+id.Draw(rt, "user"))
					}
					for i := range d.Items {
						d.ItemIDs = append(d.ItemIDs, nameOf(nil, i)+"-"+id.Draw(rt, "item"))
					}
				}
				n++
				dir := filepath.Join(root, nameOf(nil, n))
				compress := rapid.Bool().Draw(rt, "gz")
				require.NoError(rt, SaveDir(dir, f.Name, compress, d))
				back, err := Open(dir, f.Name) // lines that happen to be alike have two readings
				require.NoError(rt, err)
				require.True(rt, back.Given)
				for p, part := range d.Parts() {
					got := back.Parts()[p]
					require.Equal(rt, part.Len(), got.Len(), part.Name)
					for u := range d.Users {
						if len(part.ItemsOf(u)) == 0 {
							continue
						}
						v, err := back.UserIndex(d.UserName(u))
						require.NoError(rt, err)
						for k, i := range part.ItemsOf(u) {
							j, err := back.ItemIndex(d.ItemName(int(i)))
							require.NoError(rt, err)
							require.True(rt, got.Has(v, int32(j)))
							if f.Name == "lightgcn" {
								continue
							}
							q := got.Ptr()[v]
							for got.Item()[q] != int32(j) {
								q++
							}
							if part.Value() != nil {
								require.Equal(rt, part.Value()[part.Ptr()[u]+k], got.Value()[q])
							}
							require.Equal(rt, part.Time()[part.Ptr()[u]+k], got.Time()[q])
						}
					}
				}
				// One file of everything.
				file := filepath.Join(root, nameOf(nil, n)+f.Ext+".gz")
				require.NoError(rt, SaveFile(file, f.Name, d))
				whole, err := Open(file, f.Name)
				require.NoError(rt, err)
				require.Equal(rt, d.Train.Len()+d.Valid.Len()+d.Test.Len(), whole.Train.Len())
				require.NoError(rt, os.RemoveAll(dir))
				require.NoError(rt, os.Remove(file))
			})
			require.Empty(t, names(t, root), "something was left behind")
		})
	}
	require.GreaterOrEqual(t, writers, 2)
}

// The split of a converted set is the split it had.
func TestConversionKeepsTheHash(t *testing.T) {
	d, err := Load(Config{Source: "demo:users=50,items=40,per-user=10"})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "small")
	require.NoError(t, SaveDir(dir, "lightgcn", true, d))
	require.Equal(t, []string{"test.txt.gz", "train.txt.gz", "valid.txt.gz"}, names(t, dir))
	e, err := Load(Config{Source: dir})
	require.NoError(t, err)
	require.Equal(t, d.Hash(), e.Hash())
	// The same set, the same bytes.
	again := filepath.Join(t.TempDir(), "small")
	require.NoError(t, SaveDir(again, "lightgcn", true, d))
	for _, name := range names(t, dir) {
		a, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(again, name))
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}

// A writer that fails half way leaves nothing, and what was there stays.
func TestSaveIsAllOrNothing(t *testing.T) {
	d, err := Load(Config{Source: "demo:users=5,items=40,per-user=10"})
	require.NoError(t, err)
	full := errors.New("the disk is full")
	was := formats
	t.Cleanup(func() { formats = was })
	formats = registry.NewRegistry[Format]("data", "format")
	for _, f := range was.All() {
		Register(*f)
	}
	Register(Format{
		Name: "test-failing", Doc: "fails half way", Example: "x", Ext: ".x", Least: 1,
		Sniff: func([][]byte) bool { return false },
		Read:  func(_ Values, in *Input, _ *Collector) error { return in.Errorf("unreadable") },
		Write: func(w *bufio.Writer, _ *Dataset, _ *Interactions) error {
			_, err := w.WriteString("half")
			return errors.Join(err, w.Flush(), full)
		},
	})
	root := write(t, map[string]string{"old.x": "old"})
	require.ErrorIs(t, SaveFile(filepath.Join(root, "old.x"), "test-failing", d), full)
	require.ErrorIs(t, SaveDir(filepath.Join(root, "new"), "test-failing", true, d), full)
	require.Equal(t, []string{"old.x"}, names(t, root))
	old, err := os.ReadFile(filepath.Join(root, "old.x"))
	require.NoError(t, err)
	require.Equal(t, "old", string(old))

	require.ErrorContains(t, SaveDir(root, "csv", false, d), "exists; remove it")
	require.ErrorContains(t, SaveFile(filepath.Join(root, "a"), "recbole", d), "format recbole is read only; the choices are csv, lightgcn")
	require.ErrorContains(t, SaveFile(filepath.Join(root, "a"), "xml", d), "unknown format")
	require.ErrorIs(t, SaveFile(filepath.Join(root, "no", "a"), "csv", d), os.ErrNotExist)
	require.NoError(t, SaveFile(filepath.Join(root, "old.x"), "csv", d))
	info, err := os.Stat(filepath.Join(root, "old.x"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var errStop = errors.New("disk full")

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.bin")
	require.NoError(t, WriteBytes(path, []byte("before")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())

	// A failed write leaves what was there, and no litter.
	require.ErrorIs(t, WriteFile(path, func(w io.Writer) error { _, _ = w.Write([]byte("half")); return errStop }), errStop)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(b))
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, all, 1)

	missing := filepath.Join(dir, "missing", "w.bin")
	require.ErrorContains(t, WriteBytes(missing, nil), missing+": ", "the error names the file that was asked for")
	t.Chdir(dir)
	require.NoError(t, WriteBytes("here", []byte("x")), "a path without a folder is in the current one")
}

// TestClean: a killed write leaves litter, which Clean takes away and nothing else.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.bin")
	require.NoError(t, WriteBytes(path, nil))
	var litter string
	require.ErrorIs(t, WriteFile(path, func(io.Writer) error {
		found, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		litter = found[0]
		return errStop
	}), errStop)
	others := []string{".w.bin.old", ".x.bin.123", "w.bin.123", ".w.bin."}
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

func TestNewDir(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "set")
	require.ErrorIs(t, NewDir(dir, func(tmp string) error {
		require.NoError(t, os.WriteFile(filepath.Join(tmp, "half"), nil, 0o600))
		return errStop
	}), errStop)
	all, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Empty(t, all, "a failed one leaves nothing")

	require.NoError(t, NewDir(dir+"/", func(tmp string) error { return os.WriteFile(filepath.Join(tmp, "x"), nil, 0o600) }))
	require.FileExists(t, filepath.Join(dir, "x"))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	require.ErrorContains(t, NewDir(dir, func(string) error { return nil }), "exists; remove it or name another")
}

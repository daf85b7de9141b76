package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProgram runs the program on the generated set, and on a file of so few lines that
// nothing can be measured.
func TestProgram(t *testing.T) {
	require.Regexp(t, `^test: recall@20 0\.6\d+, ndcg@20 0\.5\d+ \(500 examples\)\n(0 may like \d+, score \d\.\d\d\n){3}$`, printed(t))

	file := filepath.Join(t.TempDir(), "plays.csv")
	require.NoError(t, os.WriteFile(file, []byte("user_id,item_id\nann,naima\nbob,so what\nbob,naima\n"), 0o644))
	require.Regexp(t, `^not measured\nann may like so what, score -?\d+\.\d\d\n$`, printed(t, file))
}

// printed is what main prints with these arguments.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	oldArgs, oldOut := os.Args, os.Stdout
	defer func() { os.Args, os.Stdout = oldArgs, oldOut }()
	os.Args, os.Stdout = append([]string{"firstmodel"}, args...), out
	main()
	text, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(text)
}

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestServe: each history gets ten items of which it has none, another history others, and
// a run folder serves too.
func TestServe(t *testing.T) {
	const histories = "1 2 3 4\n40 7 no-such-item 40\n\n"
	cfg := train.Config{Model: train.ModelConfig{Name: "pool", Dim: 8}, Train: train.TrainConfig{Epochs: 1}}
	set, err := data.Load(data.Config{Source: "demo:users=200,items=80,per-user=10"})
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "run")
	_, err = train.RunDir(t.Context(), folder, cfg, set, nil)
	require.NoError(t, err)
	for _, args := range [][]string{nil, {folder}} {
		var out strings.Builder
		require.NoError(t, run(t.Context(), args, strings.NewReader(histories), &out))
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		require.Len(t, lines, 3)
		for _, line := range lines {
			require.Len(t, strings.Fields(line), 10)
		}
		require.NotEqual(t, lines[0], lines[1])
		for _, id := range []string{"1", "2", "3", "4"} {
			require.NotContains(t, strings.Fields(lines[0]), id)
		}
	}
	require.Error(t, run(t.Context(), []string{t.TempDir()}, strings.NewReader(""), &strings.Builder{}))
}

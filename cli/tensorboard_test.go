package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train/tensorboard"
)

func TestTensorBoard(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, stderr := execute(t, with(small, "--out", "one", "--tensorboard", "board")...)
	require.Equal(t, exitOK, code, stderr)
	names := files(t, "board/one")
	require.Len(t, names, 1)
	f, err := os.Open(filepath.Join("board/one", names[0]))
	require.NoError(t, err)
	defer f.Close()
	tags := map[string]int{}
	for {
		e, err := tensorboard.Read(f)
		if err != nil {
			break
		}
		for _, s := range e.Scalars {
			tags[s.Tag]++
		}
	}
	require.Equal(t, map[string]int{
		"train/loss": 12, "train/grad_norm": 12, "train/learning_rate": 12,
		"epoch/loss": 3, "epoch/grad_norm": 3, "epoch/seconds": 3,
		"valid/recall@20": 3, "valid/ndcg@20": 3, "test/recall@20": 1, "test/ndcg@20": 1,
	}, tags)

	// A run that cannot start leaves no file.
	code, _, stderr = execute(t, with(small, "--out", "one", "--tensorboard", "board")...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "one holds a run that has ended")
	require.Len(t, files(t, "board/one"), 1)

	require.NoError(t, os.WriteFile("file", nil, 0o644))
	code, _, stderr = execute(t, with(small, "--out", "two", "--tensorboard", "file")...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "--tensorboard: ")
	require.NoDirExists(t, "two")
}

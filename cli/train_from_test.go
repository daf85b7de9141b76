package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// TestTrainFrom: --from trains on, in a folder of its own, to the bits of a run of so many epochs
// from the start, where the data are gone too, and takes nothing but what it says.
func TestTrainFrom(t *testing.T) {
	t.Chdir(t.TempDir())
	var pairs bytes.Buffer
	for u := range 40 {
		for k := range 8 {
			fmt.Fprintf(&pairs, "%d,%d\n", u, (u+k*k)%30)
		}
	}
	require.NoError(t, os.WriteFile("pairs.csv", append([]byte("user,item\n"), pairs.Bytes()...), 0o644))
	args := []string{"train", "--data", "pairs.csv", "--dim", "4", "--batch", "16", "--schedule", "step:every=2"}
	for out, epochs := range map[string]string{"a": "2", "whole": "5"} {
		code, _, stderr := execute(t, with(args, "--epochs", epochs, "--out", out)...)
		require.Equal(t, exitOK, code, stderr)
	}
	require.NoError(t, os.Rename("pairs.csv", "moved.csv"))
	code, out, stderr := execute(t, "train", "--from", "a", "--epochs", "+3", "--out", "b")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "resume  after epoch 2, step 0")
	require.Contains(t, stderr, "what the run kept of its data is used")
	require.Equal(t, readFile(t, "whole/"+train.WeightsFile), readFile(t, "b/"+train.WeightsFile))
	code, _, stderr = execute(t, "train", "--from", "a", "--epochs", "5", "--data", "moved.csv", "--json", "--out", "c")
	require.Equal(t, exitOK, code, stderr)
	code, out, stderr = execute(t, "train", "--from", "b", "--set", "train.epochs=6", "--json")
	require.Equal(t, exitOK, code, stderr)
	var report runReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, 6, report.Epochs)
	require.FileExists(t, filepath.Join(report.Folder, train.StateFile))

	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{exitUsage, "what may change is train.epochs, train.patience, data.source", []string{"--epochs", "+3", "--dim", "8"}},
		{exitUsage, "and train.lr is one of them", []string{"--epochs", "+3", "--lr", "0.1"}},
		{exitUsage, "say how many epochs more", nil},
		{exitUsage, `"+0" is not + and a whole number above 0`, []string{"--epochs", "+0"}},
		{exitUsage, "leave out --config and --preset", []string{"--epochs", "+1", "--config", "a/config.yaml"}},
		{exitUsage, "--patience", []string{"--epochs", "+1", "--patience", "x"}},
		{exitFailed, "a has done 2 epochs, and 2 in all are no more", []string{"--epochs", "2"}},
		{exitFailed, "holds a run of another configuration", []string{"--epochs", "3", "--out", "a"}},
	} {
		code, _, stderr := execute(t, append([]string{"train", "--from", "a"}, c.args...)...)
		require.Equal(t, c.code, code, stderr)
		require.Contains(t, stderr, c.text)
	}
	code, _, stderr = execute(t, with(args, "--epochs", "+3")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "name that by --from")

	// The rates of a schedule of another length are said.
	code, _, stderr = execute(t, "train", "--data", "moved.csv", "--epochs", "2", "--schedule", "cosine", "--out", "cosine")
	require.Equal(t, exitOK, code, stderr)
	code, out, stderr = execute(t, "train", "--from", "cosine", "--epochs", "+1")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "schedule cosine depends on the number of epochs: the first 2 were those of a run of 2")
}

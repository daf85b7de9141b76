package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoints goes the way of a user with points: described, converted, split, trained on, measured
// and asked with.
func TestPoints(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.Mkdir(at("set"), 0o755))
	for name, text := range map[string]string{
		"train.txt": "6 5 3\n0 0:1\n1 1:2 3:1\n0,2 0:1 2:0.5\n1 1:1\n0 0:2\n1 1:1 4:1\n",
		"test.txt":  "3 5 3\n0 0:1\n 3:1\n1 1:1\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(at("set"), name), []byte(text), 0o644))
	}
	run := func(want int, args ...string) string {
		code, out, stderr := execute(t, args...)
		require.Equal(t, want, code, "%v\n%s%s", args, out, stderr)
		return out + stderr
	}
	out := run(exitOK, "data", "describe", at("set"))
	require.Regexp(t, `points +9 \(train 6, valid 0, test 3\), of which without labels 1`, out)
	require.Regexp(t, `features +5, and 1\.33 of them a point`, out)
	require.NotContains(t, out, "protocols")

	require.NotContains(t, run(exitOK, "data", "convert", at("set"), at("again"), "--format", "xmc"), "note: the hash")
	require.Contains(t, run(exitOK, "data", "convert", at("set"), at("pairs"), "--format", "csv"), "note: csv does not keep features\n")
	require.Contains(t, run(exitOK, "data", "split", at("set"), at("three"), "--split", "given:points=0.34", "--format", "xmc"), "train 4, valid 3, test 2 interactions")

	require.Contains(t, run(exitFailed, "train", "--data", at("set"), "--out", at("none")), "take train.task label, and a model of features such as linear")
	require.Contains(t, run(exitUsage, "train", "--data", at("set"), "--model", "linear", "--protocol", "lightgcn", "--out", at("none")), "lightgcn is of interactions")
	require.Contains(t, run(exitOK, "train", "--data", at("set"), "--model", "linear", "--out", at("run")), "p@1       0.6667")
	require.Contains(t, run(exitOK, "eval", at("run"), "--metrics", "p@1,precision@1,psp-amazon@1"), "precision@1   1.0000")
	require.Contains(t, run(exitOK, "predict", at("run"), "--features", "features=1:3 4:0.5", "--k", "1"), "features:1\t1\t1\t")
	require.Contains(t, run(exitFailed, "predict", at("run"), "--features", "features=5:3"), "it is outside [0,5)")
	require.Contains(t, run(exitOK, "predict", at("run"), "--users", "0", "--k", "1"), "0\t1\t0\t", "what a point has is not left out")
}

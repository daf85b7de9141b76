package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuiet: with --quiet a command that tells of what it does says nothing of it, has the same
// result, and still says what failed.
func TestQuiet(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(asCommand, "1") // the children of compare are this binary
	code, loud, progress := execute(t, with(small, "--out", "loud")...)
	require.Equal(t, exitOK, code)
	require.NotEmpty(t, progress)
	require.NoError(t, os.WriteFile("held.csv", []byte("user,item\n1,2\n1,3\n2,3\n3,2\n2,1\n"), 0o644))
	for _, args := range [][]string{
		with(small, "--out", "quiet"), {"predict", "loud", "--all-users", "--out", "recs.csv"}, {"predict", "loud", "--users", "0"},
		{"compare", "--data", "demo:users=60,items=50,per-user=10", "--losses", "softmax", "--epochs", "1", "--dim", "4", "--seeds", "0"},
		{"export", "loud", "vectors"},
	} {
		name := strings.Join(args[:2], " ")
		code, out, stderr := execute(t, append(args, "--quiet")...)
		require.Equal(t, exitOK, code, "%s: %s", name, stderr)
		require.Empty(t, stderr, name)
		if args[0] == "train" {
			at := strings.Index(loud, "METRIC")
			require.Positive(t, at, "a head stands above the result")
			require.Equal(t, strings.Replace(seconds.ReplaceAllString(loud[at:], ""), "loud", "quiet", 1), seconds.ReplaceAllString(out, ""))
		} else {
			require.NotEmpty(t, out, name)
		}
	}
	require.Equal(t, readFile(t, "loud/weights.safetensors"), readFile(t, filepath.Join("quiet", "weights.safetensors")))
	code, out, stderr := execute(t, "-q", "eval", "nowhere")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "nowhere is no run folder")
}

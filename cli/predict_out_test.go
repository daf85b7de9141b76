package cli

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPredictOut: a file has the rankings that are printed, of all users and of those named,
// and appears whole or not at all.
func TestPredictOut(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	code, _, stderr := execute(t, "train", "--data", "demo:users=60,items=40,per-user=8", "--epochs", "1", "--dim", "4", "--out", run)
	require.Zero(t, code, stderr)
	for _, who := range [][]string{{"--all-users"}, {"--users", "3,17"}} {
		_, printed, _ := execute(t, append([]string{"predict", run, "--k", "5"}, who...)...)
		path := filepath.Join(dir, fmt.Sprint(len(who), ".csv"))
		code, out, stderr := execute(t, append([]string{"predict", run, "--k", "5", "--out", path}, who...)...)
		require.Zero(t, code, stderr)
		require.Contains(t, out, "users in "+path)
		f, err := os.Open(path)
		require.NoError(t, err)
		lines, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		var again []string
		for _, l := range lines[1:] {
			again = append(again, strings.Join(l[:3], "\t"))
		}
		var want []string
		for line := range strings.Lines(printed) {
			want = append(want, strings.Join(strings.Split(line, "\t")[:3], "\t"))
		}
		require.Equal(t, want, again)
	}
	for line, want := range map[string]string{
		"--all-users --out lists.txt":         `--out: "lists.txt" ends in none of .csv, .jsonl, .parquet`,
		"--all-users --out x.csv --json":      "--json: what goes to --out has the form of its ending",
		"--history 1,2 --out x.csv":           "--out: it takes users of the data set",
		"--all-users --users 1 --out a.jsonl": "--all-users: leave out",
	} {
		code, _, stderr := execute(t, append([]string{"predict", run}, strings.Fields(line)...)...)
		require.Equal(t, exitUsage, code, line)
		require.Contains(t, stderr, want)
	}
	gone := filepath.Join(dir, "none", "x.csv")
	code, _, _ = execute(t, "predict", run, "--all-users", "--out", gone)
	require.Equal(t, exitFailed, code)
	require.NoFileExists(t, gone)
	code, _, stderr = execute(t, "predict", run, "--history", "1,none")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `no item "none"`)
	require.Contains(t, stderr, "--history cuts at commas: an id that holds one goes between double quotes")

	// What the file does not show is said as it is beside rankings that are printed.
	pairs := filepath.Join(dir, "pairs.csv")
	require.NoError(t, os.WriteFile(pairs, []byte("user,item,timestamp\na,x,1\na,y,2\na,z,3\nb,x,1\nb,y,2\nb,w,3\n"), 0o644))
	code, _, stderr = execute(t, "train", "--data", pairs, "--split", "leave-one-out", "--epochs", "1", "--dim", "4", "--out", filepath.Join(dir, "small"))
	require.Zero(t, code, stderr)
	code, out, stderr := execute(t, "predict", filepath.Join(dir, "small"), "--all-users", "--out", filepath.Join(dir, "small.csv"))
	require.Zero(t, code, stderr)
	require.Contains(t, out, "0 items of 2 users")
	require.Contains(t, stderr, "3 items without a training pair are left out")
	require.Contains(t, stderr, "2 of the users have no item left to rank")
}

// TestPredictFoldsIn: somebody whom a model without histories has never seen gets items like
// those of the user with the same history, and the history is left out.
func TestPredictFoldsIn(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, "train", "--data", "demo:users=60,items=40,per-user=8", "--epochs", "3", "--dim", "4", "--out", run)
	require.Zero(t, code, stderr)
	code, out, stderr := execute(t, "predict", run, "--history", "1,5,9", "--history", "2", "--k", "4")
	require.Zero(t, code, stderr)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 8)
	for i, line := range lines {
		f := strings.Split(line, "\t")
		require.Equal(t, fmt.Sprint("history:", 1+i/4), f[0])
		require.NotContains(t, map[int][]string{0: {"1", "5", "9"}, 1: {"2"}}[i/4], f[2])
	}
	_, again, _ := execute(t, "predict", run, "--history", "1,5,9", "--history", "2", "--k", "4")
	require.Equal(t, out, again)
	code, _, stderr = execute(t, "predict", run, "--history", "")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "history:1: ")
	require.Contains(t, stderr, "nothing can be learned of somebody without one")
}

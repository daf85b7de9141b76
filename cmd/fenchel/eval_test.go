package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trained makes a run folder.
func trained(t *testing.T, args ...string) (folder, out string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "run")
	code, out, stderr := execute(t, with(args, "--out", folder)...)
	require.Equal(t, exitOK, code, stderr)
	return folder, out
}

func TestEvalAgreesWithTrain(t *testing.T) {
	folder, printed := trained(t, small...)
	code, out, stderr := execute(t, "eval", folder)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, printed, "\n"+out)

	code, out, stderr = execute(t, "eval", folder, "--split", "train,test", "--metrics", "precision@3", "--json")
	require.Equal(t, exitOK, code, stderr)
	var splits []struct {
		Split  string
		Values []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &splits))
	require.Len(t, splits, 2)
	require.Equal(t, "train", splits[0].Split)
	require.NotContains(t, splits[0].Values[0], "attainable", "the truth does not memorise")
	require.Contains(t, splits[1].Values[0], "attainable")
	require.Equal(t, "precision@3", splits[1].Values[0]["name"])
}

func TestEvalErrors(t *testing.T) {
	dir := tiny(t)
	folder, _ := trained(t, "train", "--data", dir, "--dim", "2", "--epochs", "1", "--metrics", "recall@2")
	t.Run("other data", func(t *testing.T) {
		code, _, stderr := execute(t, "eval", folder, "--data", "demo:users=60,items=50,per-user=10")
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "was trained on another split")
	})
	for line, want := range map[string]string{
		"eval":                               "fenchel eval needs an argument: fenchel eval RUN",
		"eval RUN --split nosuch":            `--split: unknown split "nosuch"; the choices are train, valid, test`,
		"eval RUN --metrics nosuch@3":        `--metrics: metric: unknown metric "nosuch"; the choices are hitrate`,
		"eval RUN --metrics=":                "--metrics: want at least one",
		"predict RUN":                        "--users: name at least one user",
		"predict RUN --users 1 --k 0":        "--k: 0 is below 1",
		"predict RUN --users 1 --nosuch":     "unknown flag: --nosuch",
		"predict RUN more --users 1 --k 100": `unexpected argument "more"`,
	} {
		t.Run(line, func(t *testing.T) {
			code, out, stderr := execute(t, strings.Fields(strings.ReplaceAll(line, "RUN", folder))...)
			require.Equal(t, exitUsage, code, stderr)
			require.Empty(t, out)
			require.Contains(t, stderr, want)
		})
	}
	t.Run("no run folder", func(t *testing.T) {
		code, _, stderr := execute(t, "eval", dir)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "tiny is no run folder")
	})
	t.Run("unknown user", func(t *testing.T) {
		code, out, stderr := execute(t, "predict", folder, "--users", "1,77")
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, stderr, `--users: data: no user "77"; ids run from 0 to 2`)
	})
	t.Run("moved data", func(t *testing.T) {
		moved := filepath.Join(filepath.Dir(dir), "moved")
		require.NoError(t, os.Rename(dir, moved))
		code, _, stderr := execute(t, "eval", folder)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "say with --data where the run's data are now")
		code, out, stderr := execute(t, "eval", folder, "--data", moved)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "recall@2 ")
	})
}

// TestPredict ranks by the ids of the source, which are no numbers here.
func TestPredict(t *testing.T) {
	file := filepath.Join(t.TempDir(), "likes.csv")
	require.NoError(t, os.WriteFile(file, []byte("user_id,item_id\nann,tea\nann,milk\nbob,tea\nbob,rum\ncid,rum\ncid,gin\n"), 0o644))
	folder, _ := trained(t, "train", "--data", file, "--split", "ratio:1,0,0", "--dim", "2", "--epochs", "2")
	code, out, stderr := execute(t, "predict", folder, "--users", "bob, ann", "--k", "5")
	require.Equal(t, exitOK, code, stderr)
	var got []string
	for line := range strings.Lines(out) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, cells, 4)
		got = append(got, strings.Join(cells[:3], " "))
	}
	require.Len(t, got, 4)
	require.ElementsMatch(t, []string{"gin", "milk"}, []string{strings.Fields(got[0])[2], strings.Fields(got[1])[2]}, "tea and rum are known of bob")
	require.Equal(t, "bob 1", got[0][:5])
	require.Equal(t, "bob 2", got[1][:5])
	require.Equal(t, "ann 1", got[2][:5])

	code, out, stderr = execute(t, "predict", folder, "--users", "bob", "--k", "3", "--with-seen", "--json")
	require.Equal(t, exitOK, code, stderr)
	var all []prediction
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Len(t, all, 1)
	require.Equal(t, "bob", all[0].User)
	require.Len(t, all[0].Items, 3)
	require.GreaterOrEqual(t, all[0].Items[0].Score, all[0].Items[1].Score)
	require.GreaterOrEqual(t, all[0].Items[1].Score, all[0].Items[2].Score)
}

// TestPredictCountsWhatOccurs: in lists that count from 1 nobody is user 0, and item 0
// is ranked for no one.
func TestPredictCountsWhatOccurs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pairs.txt")
	var text strings.Builder
	for u := 1; u <= 9; u++ {
		for k := range 3 {
			fmt.Fprintf(&text, "%d %d\n", u, (u+k)%7+1)
		}
	}
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o644))
	folder, out := trained(t, "train", "--data", file, "--split", "ratio:1,0,0", "--dim", "2", "--epochs", "1")
	require.Contains(t, out, ": 9 users, 7 items; ")
	code, out, stderr := execute(t, "predict", folder, "--users", "1,9", "--k", "20", "--with-seen")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, 14, strings.Count(out, "\n"), "all seven items for either user")
	require.NotRegexp(t, `(?m)^\d+\t\d+\t0\t`, out)
	code, _, stderr = execute(t, "predict", folder, "--users", "0")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `no user "0"; ids run from "1" to "9"`)
}

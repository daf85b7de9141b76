package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
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
		"eval":                               "fenchel: eval needs an argument: fenchel eval RUN",
		"eval RUN --split nosuch":            `--split: unknown split "nosuch"; the choices are train, valid, test`,
		"eval RUN --metrics nosuch@3":        `--metrics: metric: unknown metric "nosuch"; the choices are arp, coverage, entropy`,
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
		_, before, _ := execute(t, "eval", folder, "--json")
		_, predicted, _ := execute(t, "predict", folder, "--users", "1,2")
		require.NotEmpty(t, predicted)
		require.NoError(t, os.Rename(dir, moved))
		require.NoError(t, os.CopyFS(dir, os.DirFS(moved)))
		grown := filepath.Join(dir, "train.txt") // data that have grown since
		require.NoError(t, os.WriteFile(grown, append(readFile(t, grown), "1 3\n"...), 0o666))
		code, out, stderr := execute(t, "predict", folder, "--users", "1,2")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, predicted, out)
		require.Contains(t, stderr, "is not what the run was trained on any more")
		code, _, stderr = execute(t, "predict", folder, "--users", "1,2", "--data", dir)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "was trained on another split")
		require.NoError(t, os.RemoveAll(dir))
		code, out, stderr = execute(t, "eval", folder, "--json")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stderr, "what the run kept of its data is used")
		require.Equal(t, before, out)
		code, out, stderr = execute(t, "predict", folder, "--users", "1,2")
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, predicted, out)

		require.NoError(t, os.Remove(filepath.Join(folder, train.SetFile)))
		code, _, stderr = execute(t, "eval", folder)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "say with --data where the run's data are now")
		code, out, stderr = execute(t, "eval", folder, "--data", moved)
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

// TestPredictNamesAnyID: whatever an id holds, its line has four columns and no control
// character, and there is a way to ask for it.
func TestPredictNamesAnyID(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ids.csv")
	users := []string{"Smith, John", `O'Neil "Al"`, "日本, 語", `back\slash`, "esc\x1b[31mred", "no\xffutf8", "\u202eltr", "nul\x00", "plain"}
	items := []string{"Ünï côde", `a "b"`, "tab\there", "csi\u009b1m", `\t`}
	var text strings.Builder
	text.WriteString("user_id,item_id\n")
	for _, u := range users {
		for _, i := range items {
			fmt.Fprintf(&text, "%s,%s\n", `"`+strings.ReplaceAll(u, `"`, `""`)+`"`, `"`+strings.ReplaceAll(i, `"`, `""`)+`"`)
		}
	}
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o644))
	folder, _ := trained(t, "train", "--data", file, "--split", "ratio:1,0,0", "--dim", "2", "--epochs", "1")

	// unescape undoes what predict prints of an id.
	unescape := func(cell string) string {
		id, err := strconv.Unquote(`"` + strings.ReplaceAll(cell, `"`, `\"`) + `"`)
		require.NoError(t, err, cell)
		return id
	}
	check := func(want []string, args ...string) {
		t.Helper()
		code, out, stderr := execute(t, append([]string{"predict", folder, "--with-seen", "--k", "5"}, args...)...)
		require.Equal(t, exitOK, code, stderr)
		var gotUsers, gotItems []string
		for line := range strings.Lines(out) {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			require.Len(t, cells, 4, "%q", line)
			for _, cell := range cells {
				require.True(t, utf8.ValidString(cell))
				require.NotContains(t, cell, "\x1b")
				require.Equal(t, -1, strings.IndexFunc(cell, func(r rune) bool { return !strconv.IsPrint(r) }), "%q", cell)
			}
			if cells[1] == "1" {
				gotUsers = append(gotUsers, unescape(cells[0]))
				gotItems = nil
			}
			gotItems = append(gotItems, unescape(cells[2]))
		}
		require.Equal(t, want, gotUsers)
		require.ElementsMatch(t, items, gotItems)
	}
	var flags []string
	for _, u := range users {
		flags = append(flags, "--user", u)
	}
	check(users, flags...)
	check([]string{"plain", `back\slash`, "Smith, John"}, "--users", `plain, back\slash`, "--user", "Smith, John")
	list := filepath.Join(dir, "list.txt")
	require.NoError(t, os.WriteFile(list, []byte("\xef\xbb\xbf"+strings.Join(users, "\n")+"\r\n\n"), 0o644))
	check(users, "--users-from", list)
	_, set, err := (&runSource{}).open(streams{err: io.Discard}, folder)
	require.NoError(t, err)
	check(set.UserIDs, "--all-users")

	// JSON holds ids as they are, and nothing that a terminal obeys.
	code, out, stderr := execute(t, "predict", folder, "--user", "esc\x1b[31mred", "--user", "\u202eltr", "--with-seen", "--json")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, -1, strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }), "%q", out)
	var all []prediction
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Equal(t, "esc\x1b[31mred", all[0].User)
	require.Equal(t, "\u202eltr", all[1].User)
	var ranked []string
	for _, item := range all[0].Items {
		ranked = append(ranked, item.Item)
	}
	require.ElementsMatch(t, items, ranked)

	for _, c := range []struct {
		code int
		args []string
		want string
	}{
		{exitFailed, []string{"--users", "Smith, John"}, `--users: data: no user "Smith"; ids run from`},
		{exitFailed, []string{"--users", "Smith, John"}, "cuts at commas; name an id that holds one by --user ID, or in a file by --users-from"},
		{exitFailed, []string{"--users", `O'Neil "Al",7`}, `no user "7"`},
		{exitFailed, []string{"--user", " plain"}, `--user: data: no user " plain"`},
		{exitFailed, []string{"--user", "x\x1b[31m"}, `no user "x\x1b[31m"`},
		{exitFailed, []string{"--users-from", filepath.Join(dir, "none\x1b[31m")}, `none\x1b[31m: no such file`},
		{exitFailed, []string{"--users-from", file}, `--users-from: ` + file + `:1: data: no user "user_id,item_id"`},
		{exitFailed, []string{"--user", "no\xffutf8", "--json"}, `no JSON text can hold the id "no\xffutf8"`},
		{exitUsage, []string{"--all-users", "--user", "plain"}, "--all-users: leave out"},
		{exitUsage, []string{"--users", ""}, "--users: name at least one user"},
	} {
		code, out, stderr := execute(t, append([]string{"predict", folder}, c.args...)...)
		require.Equal(t, c.code, code, "%q: %s", c.args, stderr)
		require.Empty(t, out)
		require.Contains(t, stderr, c.want, "%q", c.args)
		require.NotContains(t, stderr, "\x1b", "%q", c.args)
	}
}

// TestNamesOfFilesAreEscaped: a file's name may hold what an id may.
func TestNamesOfFilesAreEscaped(t *testing.T) {
	t.Chdir(t.TempDir())
	const name = "red\x1b[31m\u202e.csv"
	require.NoError(t, os.WriteFile(name, []byte("user,item\na,x\na,y\nb,x\n"), 0o644))
	for _, args := range [][]string{
		{"data", "describe", name}, {"data", "describe", name, "--json"},
		{"data", "convert", name, "to\x1b[31m\u202e", "--format", "csv"},
		{"data", "split", name, "parts\x1b[31m\u202e", "--split", "ratio:1,0,0"},
		{"train", "--data", name, "--split", "ratio:1,0,0", "--dim", "2", "--epochs", "1", "--out", "run\x1b[31m\u202e"},
		{"data", "describe", name + ".none"},
		{"eval", "run\x1b[31m\u202e"},
		{"\x1b[31m\u202e"},
	} {
		_, out, stderr := execute(t, args...)
		for _, text := range []string{out, stderr} {
			require.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }), "%q: %q", args, text)
		}
		require.Contains(t, out+stderr, `\u202e`, "%q", args)
	}
}

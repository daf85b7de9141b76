package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestColumns: a file of other names trains, is kept with the run, and comes back out and in
// again with ids that hold commas, quotes and tabs; histories and features name such ids.
func TestColumns(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, stderr := execute(t, args...)
		require.Equal(t, want, code, stderr)
		return out + stderr
	}
	var text strings.Builder
	text.WriteString("\"Wer, genau\";Was;Wann\n")
	items := []string{`"a, b"`, `"say ""c"""`, "tab\there", "plain", "1.0", "x'y"}
	for u := range 12 {
		for j := range 4 {
			text.WriteString(strings.Join([]string{string(rune('a' + u)), items[(u+j)%len(items)], string(rune('1' + j))}, ";") + "\n")
		}
	}
	require.NoError(t, os.WriteFile(at("set.csv"), []byte(text.String()), 0o600))
	flags := []string{"--columns", `"user=Wer, genau"`, "--columns", "item=2", "--columns", "time=Wann", "--sep", ";"}

	out := run(exitOK, append([]string{"data", "describe", at("set.csv")}, flags...)...)
	require.Contains(t, out, "users         12\nitems         6\n")
	run(exitOK, append([]string{"data", "convert", at("set.csv"), at("back.csv"), "--format", "csv"}, flags...)...)
	require.NotContains(t, run(exitOK, "data", "convert", at("back.csv"), at("again.csv"), "--format", "csv"), "note: the hash")
	require.Equal(t, string(readFile(t, at("back.csv"))), string(readFile(t, at("again.csv"))))
	require.Contains(t, string(readFile(t, at("back.csv"))), "a,\"a, b\",1\n")
	require.Contains(t, string(readFile(t, at("back.csv"))), "a,\"say \"\"c\"\"\",2\n")
	require.Contains(t, run(exitOK, append([]string{"data", "split", at("set.csv"), at("parts"), "--split", "leave-one-out"}, flags...)...), "train 24, valid 12, test 12")
	require.Contains(t, run(exitFailed, append([]string{"data", "convert", at("set.csv"), at("no.txt"), "--format", "sequence"}, flags...)...), "holds a blank")

	train := append([]string{"train", "--data", at("set.csv"), "--split", "leave-one-out", "--model", "pool", "--dim", "4", "--epochs", "1", "--out", at("run")}, flags...)
	run(exitOK, train...)
	config := string(readFile(t, at("run/config.yaml")))
	require.Contains(t, config, "  columns: ")
	require.Contains(t, config, "  sep: semicolon\n")
	require.Contains(t, run(exitOK, "train", "--config", at("run/config.yaml"), "--out", at("run2")), "12 users, 6 items")
	for history, want := range map[string]string{
		`"a, b", plain`:          "history:1\t1\t",
		`"say ""c""","a, b",1.0`: "history:1\t1\t",
	} {
		require.Contains(t, run(exitOK, "predict", at("run"), "--history", history, "--k", "2"), want)
	}
	require.Contains(t, run(exitFailed, "predict", at("run"), "--history", `say "c"`), `bare " in non-quoted`)
	require.Contains(t, run(exitFailed, "predict", at("run"), "--history", "a, b"), "--history cuts at commas")

	require.Contains(t, run(exitFailed, "data", "describe", at("set.csv"), "--columns", "user=Wen,item=2"),
		`:1: there is no column "Wen", the user; the columns are 1 "Wer, genau", 2 "Was", 3 "Wann"`)
	require.Contains(t, run(exitUsage, "train", "--data", at("set.csv"), "--columns", "who=1"), `--columns: unknown role "who"`)
	require.Contains(t, run(exitUsage, "data", "describe", at("set.csv"), "--sep", "x"), `--sep: separator "x" is neither`)
	require.Contains(t, run(exitUsage, "data", "convert", at("set.csv"), at("z"), "--format", "csv", "--from", "lightgcn", "--quote", "none"), "--quote: format lightgcn says itself")

	got, _ := completions(t, "train", "--sep", "")
	require.Contains(t, got, "semicolon")
	got, _ = completions(t, "data", "describe", "--columns", "")
	require.Contains(t, got, "user=")
}

func TestCells(t *testing.T) {
	for text, want := range map[string][]string{
		"a, b,c ":                  {"a", "b", "c"},
		`"a, b","c ""d"""`:         {"a, b", `c "d"`},
		`town="x"`:                 nil,
		"a\nb":                     nil,
		`"a`:                       nil,
		`"town=Ulm, Donau",age=25`: {"town=Ulm, Donau", "age=25"},
	} {
		got, err := cells(text)
		if want == nil {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is a fenchel of a tree, which prints two numbers of a file.
const program = `package main

import ("fmt"; "os")

func main() {
	text, err := os.ReadFile("numbers")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("METRIC  TEST\nrecall  %s\n\n10 epochs in 3.0 s\n", text)
	if len(os.Args) > 1 {
		fmt.Println("run folder", os.Args[1])
	}
}
`

// runTree plants a module with that program and four runs.
func runTree(t *testing.T, more map[string]string) string {
	files := map[string]string{
		"go.mod":              "module example.org/tree\n\ngo 1.26\n",
		"cmd/fenchel/main.go": program,
		"numbers":             "0.5000",
		manifestName: `runs:
- {name: a, about: the first, command: fenchel $RUNS/a, tolerance: 0.003}
- {name: b, about: one of time, command: fenchel, tolerance: 20%, timing: true}
- {name: c, about: one that fails, command: 'fenchel; exit 3', tolerance: 0}
- {name: d, about: one that needs what is not here, command: fenchel --data ../shared/data/none, tolerance: 0}
- {name: e, about: one of Python, command: $PYTHON peers.py, tolerance: 0}
`,
		"README.md": "Recall is .50.\n<!-- figures: a{recall;TEST} -->\n\nA ratio of 1.0×.\n<!-- figures: a{recall;TEST}:b{recall;TEST} -->\n\n<!-- output: a -->\n```\nrecall  0.5000\n\n10 epochs in 3.0 s\n```\n",
		plain:       "", "bench/figures/recorded/study.txt": "", "bench/figures/recorded/speed.txt": "",
	}
	maps.Copy(files, more)
	return plant(t, files)
}

func TestRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs")
	}
	root := runTree(t, nil)
	do := func(args ...string) (int, string, string) {
		var out, log bytes.Buffer
		status := command(t.Context(), append(args, "-dir", root), &out, &log)
		return status, out.String(), log.String()
	}
	file := func(name string) string { return filepath.Join(root, filepath.FromSlash(recordsName), name+".txt") }
	status, _, log := do("run")
	require.Equal(t, exitFault, status)
	for _, want := range []string{"== a: recorded", "== b: recorded", "== c FAILED: exit status 3", "== d FAILED: ../shared/data/none is not there", "== e FAILED: -python is not given"} {
		require.Contains(t, log, want)
	}
	text, err := os.ReadFile(file("a"))
	require.NoError(t, err)
	require.Regexp(t, `^command: fenchel \$RUNS/a\nmachine: .+, \d+ processors, kernels \w+, go\S+\nmade: \d{4}-\d\d-\d\d at unknown in \d+ s\n\nMETRIC  TEST\nrecall  0.5000\n\n10 epochs in 3.0 s\nrun folder runs/a\n$`, string(text))
	require.NoFileExists(t, file("c"))

	// What is there is left alone, until its command changes.
	require.NoError(t, os.WriteFile(filepath.Join(root, "numbers"), []byte("0.5020"), 0o644))
	status, _, log = do("run", "a", "b", "-missing")
	require.Equal(t, exitOK, status)
	require.Empty(t, log)
	manifest, err := os.ReadFile(filepath.Join(root, manifestName))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, manifestName), bytes.Replace(manifest, []byte("command: fenchel, tol"), []byte("command: fenchel new, tol"), 1), 0o644))
	_, _, log = do("run", "a", "b", "-missing")
	require.NotContains(t, log, "== a")
	require.Contains(t, log, "== b: recorded")
	require.NoError(t, os.WriteFile(filepath.Join(root, "numbers"), []byte("0.5000"), 0o644))
	_, _, log = do("run", "-timing", "-missing=false")
	require.NotContains(t, log, "== a")

	// A figure moves by more than its tolerance, and a time is none.
	status, out, _ := do("compare", "a", "b", "d")
	require.Equal(t, exitOK, status, out)
	require.Contains(t, out, "1 runs made again: a\n4 figures: 4 within their tolerance, 0 moved\nNOT MADE HERE: d (it has no record)\nLEFT OUT, being of time (-timing compares them): b\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "numbers"), []byte("0.5031"), 0o644))
	status, out, _ = do("compare", "a")
	require.Equal(t, exitFault, status)
	require.Contains(t, out, "README.md:1: .50 was 0.5, is 0.5031, and may differ by 0.003: a{recall;TEST}\n")
	require.Contains(t, out, "README.md:9: 0.5000 was 0.5, is 0.5031, and may differ by 0.003: a\n")
	require.Contains(t, out, "4 figures: 2 within their tolerance, 2 moved\n") // the ratio may differ by 20 % more
	status, out, _ = do("compare", "a", "b", "-timing")
	require.Equal(t, exitFault, status)
	require.Contains(t, out, "2 runs made again: a, b\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "numbers"), []byte("NaN"), 0o644))
	status, out, _ = do("compare", "a")
	require.Equal(t, exitFault, status)
	require.Contains(t, out, "README.md:1: .50: a{recall;TEST}: the value is NaN\n")
	require.NoError(t, os.Remove(filepath.Join(root, "numbers")))
	status, out, _ = do("compare", "a")
	require.Equal(t, exitFault, status)
	require.Contains(t, out, "FAILED: a (exit status 1)\n")
	text2, err := os.ReadFile(file("a"))
	require.NoError(t, err)
	require.Equal(t, text, text2, "compare writes no record")
}

// TestPathsOfTheMachine: no record names a path that another machine does not have.
func TestPathsOfTheMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	root := runTree(t, map[string]string{manifestName: "runs:\n- {name: a, about: x, command: pwd, tolerance: 0}\n"})
	var log bytes.Buffer
	require.Equal(t, exitFault, command(t.Context(), []string{"run", "-dir", root}, new(bytes.Buffer), &log))
	require.Contains(t, log.String(), "== a FAILED: the output names a path of this machine: "+root)
}

// TestInterrupt: a run that is cut short leaves no record, and nothing of it goes on.
func TestInterrupt(t *testing.T) {
	root := runTree(t, map[string]string{manifestName: "runs:\n- {name: a, about: x, command: 'echo; sleep 60; touch ended', tolerance: 0}\n"})
	ctx, cancel := context.WithCancel(t.Context())
	out, in, err := os.Pipe()
	require.NoError(t, err)
	go func() {
		_, _ = out.Read(make([]byte, 1)) // the run has begun
		cancel()
	}()
	start := time.Now()
	var log bytes.Buffer
	require.Equal(t, exitFault, command(ctx, []string{"run", "-dir", root}, in, &log))
	require.Less(t, time.Since(start), 50*time.Second)
	require.Contains(t, log.String(), "figures: a: interrupted")
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(recordsName)))
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoFileExists(t, filepath.Join(root, "ended"))
}

func TestCommandLine(t *testing.T) {
	root := plant(t, nil)
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"", exitUsage, "no verb; the choices are run, compare, write, list, check"},
		{"chek", exitUsage, `unknown verb "chek" (did you mean check?)`},
		{"check x", exitUsage, `check: unexpected argument "x"`},
		{"check -timing", exitUsage, "flag provided but not defined: -timing"},
		{"run plane", exitUsage, `has no run "plane"`},
		{"run plain plain", exitUsage, "run plain is given twice"},
		{"run -timing -quality", exitUsage, "leave no run"},
		{"run plain -timing", exitFault, ""},
		{"run -python no-such-interpreter", exitUsage, "-python: "},
		{"check -manifest none.yaml", exitFault, "none.yaml"},
		{"-help", exitOK, "the verbs are run, compare"},
		{"compare -help", exitOK, "compare the runs, too, whose figures are of time"},
	} {
		var out, log bytes.Buffer
		args := strings.Fields(c.args)
		if len(args) > 0 {
			args = append(args[:1:1], append([]string{"-dir", root}, args[1:]...)...)
		}
		require.Equal(t, c.status, command(t.Context(), args, &out, &log), c.args)
		require.Contains(t, log.String(), c.want, c.args)
	}
}

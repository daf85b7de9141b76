package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report/reporttest"
	"github.com/fenchel-ml/fenchel/cli/internal/study/convergence"
)

func TestStudyCommands(t *testing.T) {
	dir := t.TempDir()
	status, out, errs := execute(t, "consistency", "--loss", "softmax", "--loss", "rankmax", "--recipe", "neg", "--draws", "2", "--out", dir)
	require.Equal(t, exitOK, status, errs)
	require.Contains(t, out, "neg, any q")
	require.Contains(t, out, filepath.Join(dir, "report.html"))
	var page struct {
		Title    string
		Sections []struct{ Title string }
	}
	requireFigures(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &page))
	require.Equal(t, "Consistency", page.Sections[0].Title)

	status, out, errs = execute(t, "convergence", "--tabular-loss", "softmax", "--classes", "20")
	require.Equal(t, exitOK, status, errs)
	require.Contains(t, out, "201")
	require.Contains(t, out, "no declared conditioning is contradicted")

	status, out, errs = execute(t, "convergence", "--tabular-loss", "rg2", "--classes", "5", "--train", "--train-loss", "softmax", "--data", "demo:users=60,items=100,per-user=8", "--epochs", "2", "--json")
	require.Equal(t, exitOK, status, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &page))
	require.Equal(t, "Convergence", page.Sections[0].Title)

	status, out, errs = execute(t, "complexity", "--loss", "softmax", "--classes", "100,200", "--dims", "4,8", "--batches", "4,8", "--steps", "1")
	require.Equal(t, exitOK, status, errs)
	require.Contains(t, out, "B C d")

	status, out, errs = execute(t, "negatives", "--data", "demo:users=60,items=50,per-user=8", "--epochs", "2", "--dim", "4", "--omegas", "1,1.25", "--at-k", "sl-at-k:tau-w=2.5", "--out", dir)
	require.Equal(t, exitOK, status, errs)
	require.Contains(t, errs, "sl:tau=0.2,negatives=1.25: recall@20 valid")
	require.Regexp(t, `(?m)^sl-at-k:tau-w=2.5 +1\.\d+ +2 `, out)
	require.Regexp(t, `(?m)^ +2( +\d\.\d+){5} +0$`, out)
	require.Contains(t, out, "test is measured by split ratio")
	requireFigures(t, dir)
	text, err = os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &page))
	require.Equal(t, "The weight of the negatives", page.Sections[0].Title)
	_, _, errs = execute(t, "negatives", "--omegas", "1,3")
	require.Contains(t, errs, "--omegas: losses: sl: negatives=3 is outside [0.5, 2]")

	for _, args := range [][]string{
		{"consistency", "--loss", "nope"},
		{"consistency", "--recipe", "hsm"},
		{"convergence", "--classes", "1"},
		{"convergence", "--train-loss", "nope"},
		{"complexity", "--steps", "-1"},
		{"negatives", "--loss", "rg2"},
		{"negatives", "--omegas", "3"},
		{"negatives", "--loss", "sl:negatives=1.1"},
		{"convergence", "--loss", "softmax"},
		{"complexity", "--loss", "sampled-softmax:n=16"},
		{"complexity", "--loss", "softmax@sampled:n=16"},
		{"study", "--seeds", "0,0"},
		{"negatives", "--at-k", "sl"},
		{"study", "--budget", "1s"},
		{"study", "--loss", "softmax"},
		{"study", "--losses", "nope"},
		{"study", "--out", ""},
	} {
		status, _, errs := execute(t, args...)
		require.Equal(t, exitUsage, status, "%v: %s", args, errs)
	}
}

// requireFigures fails unless the report in a folder has figures, each with its numbers in the
// JSON.
func requireFigures(t *testing.T, dir string) {
	t.Helper()
	count, err := reporttest.Figures(readFile(t, filepath.Join(dir, "report.html")), readFile(t, filepath.Join(dir, "report.json")))
	require.NoError(t, err)
	require.Positive(t, count)
}

// TestInterruptedReport: an interrupted study says so in its report, which takes the place of
// none that is whole; a whole one takes the place of all.
func TestInterruptedReport(t *testing.T) {
	dir := t.TempDir()
	args := []string{"negatives", "--data", "demo:users=60,items=50,per-user=8", "--dim", "4", "--omegas", "1,1.25", "--out", dir, "--epochs"}
	cut := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out bytes.Buffer
		errs := &canceller{at: "sl:tau=0.2: ", cancel: cancel}
		code := run(ctx, streams{program: "fenchel", in: strings.NewReader(""), out: &out, err: errs}, append(args, "3"))
		require.Equal(t, exitInterrupted, code, errs.String())
		require.Contains(t, out.String(), "Interrupted: not begun: sl:tau=0.2,negatives=1.25; sl-at-k.")
		return out.String()
	}
	report, partial := filepath.Join(dir, "report.json"), filepath.Join(dir, "partial.json")
	cut()
	require.Contains(t, string(readFile(t, report)), `"interrupted": "not begun: `)
	require.NoFileExists(t, partial)
	code, _, stderr := execute(t, append(args, "2")...)
	require.Equal(t, exitOK, code, stderr)
	whole := readFile(t, report)
	require.NotContains(t, string(whole), "interrupted")
	text := cut()
	require.Equal(t, whole, readFile(t, report))
	require.Contains(t, string(readFile(t, partial)), `"interrupted": "not begun: `)
	require.Contains(t, text, "report "+filepath.Join(dir, "partial.html"))
	require.Contains(t, text, "the whole report of an earlier command stays in "+filepath.Join(dir, "report.html"))
	code, _, stderr = execute(t, append(args, "2")...)
	require.Equal(t, exitOK, code, stderr)
	require.NoFileExists(t, partial)
	require.NoFileExists(t, filepath.Join(dir, "partial.html"))

	require.Equal(t, "bce was cut off after 1 of 2 epochs; not begun: rg2", interruptedTraining([]convergence.Trace{{Loss: "bce", Points: make([]convergence.Point, 1)}}, []string{"bce", "rg2"}, 2))
	require.Empty(t, interruptedTraining([]convergence.Trace{{Loss: "bce", Points: make([]convergence.Point, 2)}}, []string{"bce"}, 2))
}

// TestNegativesHelp: the help offers what the command takes.
func TestNegativesHelp(t *testing.T) {
	_, out, _ := execute(t, "negatives", "--help")
	require.Regexp(t, `--loss loss .*one of bsl, .*sl.*\(default sl:tau=0.2\)`, out)
	require.NotContains(t, out, "--candidates")
}

// TestNamesOfBigNumbers: a folder's name does not take 1e+06 for 1e-06.
func TestNamesOfBigNumbers(t *testing.T) {
	require.Equal(t, "sl-at-k-k-1e06", fileName("sl-at-k:k=1e+06"))
	require.Equal(t, "sl-at-k-k-1e-06", fileName("sl-at-k:k=1e-06"))
}

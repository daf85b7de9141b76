package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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

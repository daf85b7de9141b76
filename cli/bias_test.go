package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// biasRun trains a small model and returns its folder.
func biasRun(t *testing.T, args ...string) string {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, append([]string{"train", "--data", "demo:users=80,items=60,per-user=10", "--dim", "6", "--epochs", "2", "--out", dir}, args...)...)
	require.Equal(t, exitOK, code, stderr)
	return dir
}

func TestBias(t *testing.T) {
	dir := biasRun(t)
	figure := filepath.Join(t.TempDir(), "bias.svg")
	code, out, stderr := execute(t, "bias", dir, "--queries", "5", "--repeats", "50", "--draws", "4,8",
		"--estimator", "sampled-softmax:sampler=uniform", "--estimator", "rg2", "--estimator", "sparsemax@sampled:correction=none", "--plot", figure)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "60 classes, d = 6; medians of 5 users")
	require.Equal(t, 2, strings.Count(out, "\nsampled-softmax:sampler=uniform "))
	require.Equal(t, 1, strings.Count(out, "\nrg2 "))
	svg, err := os.ReadFile(figure)
	require.NoError(t, err)
	require.Contains(t, string(svg), "sampled-softmax:sampler=uniform, predicted")

	code, out, stderr = execute(t, "bias", dir, "--queries", "3", "--repeats", "20", "--draws", "4", "--fresh", "--json")
	require.Equal(t, exitOK, code, stderr)
	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Greater(t, len(rows), 20)
	for _, r := range rows {
		require.Contains(t, r, "bias2")
		require.Contains(t, r, "variance_predicted")
	}

	for want, args := range map[string][]string{
		"--estimator: losses: unknown loss": {"--estimator", "softmx"},
		"--draws: 0 is below 1":             {"--draws", "0"},
		"ends neither in .svg nor in .png":  {"--plot", "x.pdf"},
		"81 queries of 80 users":            {"--queries", "81"},
		"not a multiple of 10":              {"--repeats", "7"},
	} {
		code, _, stderr := execute(t, append([]string{"bias", dir}, args...)...)
		require.NotEqual(t, exitOK, code)
		require.Contains(t, stderr, want)
	}
	// What a text says of its draws is not replaced by a default, and said once.
	for _, text := range []string{"softmax@sampled:n=4", "sampled-softmax:n=4", "sampled-softmax@sampled:n=4"} {
		args := []string{"bias", dir, "--queries", "3", "--repeats", "20", "--json", "--estimator", text}
		code, out, stderr := execute(t, args...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, `"draws": 4,`, text)
		code, _, stderr = execute(t, append(args, "--draws", "5")...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "--estimator "+text+" says its draws itself: say them once")
	}
	code, _, stderr = execute(t, "bias", biasRun(t, "--loss", "hsm"))
	require.NotEqual(t, exitOK, code)
	require.Contains(t, stderr, "candidates tree")
}

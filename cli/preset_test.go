package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/train"
)

// TestPreset: a preset's settings are trained, what is given beside it wins, and the run
// records both.
func TestPreset(t *testing.T) {
	const name = "ml-1m/sparsemax"
	text, err := configs.Text(name)
	require.NoError(t, err)
	preset, err := train.Parse(text)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "run")
	demo := "demo:users=60,items=40,per-user=8"
	code, _, stderr := execute(t, "train", "--preset", name, "--data", demo, "--set", "train.batch=16", "--epochs", "1", "--lr", "0.02", "--out", out)
	require.Equal(t, exitOK, code, stderr)
	got, err := train.LoadConfig(out)
	require.NoError(t, err)
	want := preset
	want.Data.Source, want.Train.Batch, want.Train.Epochs = demo, 16, 1
	want.Train.Optimizer = "adam:lr=0.02,mode=dense"
	require.NotEqual(t, train.Config{}.WithDefaults().Model.Temperature, preset.Model.Temperature)
	require.Equal(t, want.WithDefaults(), got)

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--preset", name}, "--preset ml-1m/sparsemax: name its data with --data; its figures are of ml-1m"},
		{[]string{"--preset", "ml-1m/sparsmax", "--data", demo}, "did you mean ml-1m/sparsemax?"},
		{[]string{"--preset", "nope", "--data", demo}, "ml-1m/softmax"},
		{[]string{"--preset", name, "--config", "x.yaml", "--data", demo}, "--preset and --config exclude each other"},
		{[]string{"--preset", name, "--data", demo, "--epochs", "0"}, "--epochs"},
	} {
		code, _, stderr := execute(t, append([]string{"train"}, c.args...)...)
		require.Equal(t, exitUsage, code, "%v", c.args)
		require.Contains(t, stderr, c.want, "%v", c.args)
	}
}

func TestPresetList(t *testing.T) {
	code, out, stderr := execute(t, "train", "--preset", "list")
	require.Equal(t, exitOK, code, stderr)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 1+len(configs.Names()))
	for i, name := range configs.Names() {
		require.Regexp(t, "^"+name+` +recall@20 / ndcg@20 +(0\.\d{4}|- / -).* 0\.\d{4}`, lines[1+i])
	}
	code, out, stderr = execute(t, "train", "--preset", "list", "--json")
	require.Equal(t, exitOK, code, stderr)
	var all []presetEntry
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Len(t, all, len(configs.Names()))
	require.NotEmpty(t, all[0].Figures.Runs)

	got, _ := completions(t, "train", "--preset", "ml-1m/s")
	require.Contains(t, got, "ml-1m/softmax")
	got, _ = completions(t, "train", "--preset", "")
	require.Contains(t, got, presetList)
}

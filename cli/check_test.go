package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

func TestCheckPasses(t *testing.T) {
	code, out, stderr := execute(t, "check", "--loss", "softmax", "--k", "1,5", "--scale", "1")
	require.Equal(t, exitOK, code, stderr)
	spec, err := losses.Lookup("softmax")
	require.NoError(t, err)
	require.Equal(t, 2*len(spec.Probes()), strings.Count(out, "PASS\n"))
	require.NotContains(t, out, "FAIL")
}

func TestCheckCoversEveryLoss(t *testing.T) {
	code, out, stderr := execute(t, "check", "--k", "2", "--scale", "1", "--json")
	require.Equal(t, exitOK, code, stderr)
	var results []struct {
		Loss    string
		OK      bool
		Entries []struct{ Tolerance float64 }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &results))
	checked := map[string]int{}
	for _, r := range results {
		name, _, _ := strings.Cut(r.Loss, ":")
		checked[name]++
		require.True(t, r.OK)
		require.NotEmpty(t, r.Entries)
	}
	for _, spec := range losses.All() {
		require.Equal(t, len(spec.Probes()), checked[spec.Name], spec.Name)
	}
}

// TestCheckFails checks a loss whose graph states something else than its
// closed form.
func TestCheckFails(t *testing.T) {
	softmax, err := losses.Lookup("softmax")
	require.NoError(t, err)
	wrong := *softmax
	wrong.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		var e graph.Expr
		return e.N(graph.Scale(e.N(softmax.Node(v, z, t)), 1.01)), e.Err
	}
	sizes, err := checkConfig{ks: []int{3}, scales: []float64{1}, seed: 1}.sizes()
	require.NoError(t, err)
	results, err := checkAll(t.Context(), [][]losses.Loss{{wrong.Bind(wrong.Defaults())}}, sizes)
	require.NoError(t, err)
	var b strings.Builder
	w := &sheet{form: report.TextForm, out: &b}
	require.EqualError(t, reportCheck(w, results, false), "the check failed: 1 of 1")
	require.Contains(t, b.String(), "FAIL\n")
	require.Contains(t, b.String(), "softmax at K = 3, scale 1\n")
	require.Regexp(t, `dz\[\d,\d\] of symbolic: checked \S+, closed form \S+: error \S+ exceeds 1e-08`, b.String())
	require.Error(t, reportCheck(w, results, true))
}

func TestCheckStopsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, stderr := executeContext(ctx, "check")
	require.Equal(t, exitInterrupted, code)
	require.Empty(t, out)
	require.Equal(t, "fenchel: interrupted\n", stderr)
}

func TestCheckUsage(t *testing.T) {
	for line, want := range map[string]string{
		"check --loss nosuch":         `z-loss, or "all"`,
		"check --loss entmax:alpha=1": "alpha=1 is softmax\n",
		"check --k 0":                 "0 is below 1; want 1 to 1048576",
		"check --scale -1":            "scale = -1",
		"check --k x":                 `invalid argument "x" for "--k"`,
		"check softmax":               `unexpected argument "softmax"`,
		"check --scale=1 --k=":        "",
	} {
		code, out, stderr := execute(t, strings.Fields(line)...)
		require.Equal(t, exitUsage, code, line)
		require.Empty(t, out)
		require.Contains(t, stderr, want)
	}
}

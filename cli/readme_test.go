package cli

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// row matches a line of a table of metrics.
var row = regexp.MustCompile(`(?m)^(?:recall|ndcg)@\d+(?: +0\.\d{4})+$`)

// requireSameTable compares the numbers of two tables of metrics. Kernels of
// different machines add in different orders, which moves the last digits.
func requireSameTable(t *testing.T, want, got []string) {
	t.Helper()
	require.NotEmpty(t, want)
	require.Len(t, got, len(want))
	for i := range want {
		w, g := strings.Fields(want[i]), strings.Fields(got[i])
		require.Len(t, g, len(w))
		require.Equal(t, w[0], g[0])
		for j := range w[1:] {
			x, err := strconv.ParseFloat(w[j+1], 64)
			require.NoError(t, err)
			y, err := strconv.ParseFloat(g[j+1], 64)
			require.NoError(t, err)
			require.InDelta(t, x, y, 0.003, "%s and %s", want[i], got[i])
		}
	}
}

// TestRecordedTrainings: the first two runs of bench/figures, whose output documents show, come
// out as they are recorded. go run ./bench/figures compare does so with all.
func TestRecordedTrainings(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for many seconds")
	}
	for name, c := range map[string]struct {
		source, hash string
	}{
		"demo":  {"", "870883447245"},
		"ml-1m": {"../../shared/data/ml-1m", "2cb6933f767e"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"train", "--every", "40", "--out", filepath.Join(t.TempDir(), "run")}
			if c.source != "" {
				needs.Data(t, c.source)
				args = append(args, "--data", c.source)
			}
			recorded := string(readFile(t, "../bench/figures/recorded/"+name+".txt"))
			require.Contains(t, recorded, c.hash)
			code, out, stderr := execute(t, args...)
			require.Equal(t, exitOK, code, stderr)
			require.Contains(t, out, "hash "+c.hash)
			requireSameTable(t, row.FindAllString(recorded, -1), row.FindAllString(out, -1))
		})
	}
}

// TestDocsShowTheNewLoss: what is said and printed of a loss of one's own is what the example
// has.
func TestDocsShowTheNewLoss(t *testing.T) {
	source := string(readFile(t, "../examples/newloss/poly.go"))
	lines := strings.Count(source, "\n")
	require.LessOrEqual(t, lines, 60)
	_, rest, ok := strings.Cut(string(readFile(t, "../docs/losses.md")), "\n## Your own loss\n")
	require.True(t, ok)
	require.Contains(t, rest, "One file of "+strconv.Itoa(lines)+" lines")
	_, rest, ok = strings.Cut(rest, "```go\n")
	require.True(t, ok)
	snippet, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	dedent := strings.NewReplacer("\n\t\t", "\n")
	require.Contains(t, dedent.Replace(source), snippet)
}

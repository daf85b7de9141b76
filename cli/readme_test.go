package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

// TestReadme runs what README shows the output of.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for many seconds")
	}
	text := string(readFile(t, "../README.md"))
	start, rest, ok := strings.Cut(text, "## Real data")
	require.True(t, ok)
	t.Run("demo", func(t *testing.T) {
		code, out, stderr := execute(t, "train", "--every", "40", "--out", filepath.Join(t.TempDir(), "run"))
		require.Equal(t, exitOK, code, stderr)
		requireSameTable(t, row.FindAllString(start, -1), row.FindAllString(out, -1))
	})
	t.Run("ml-1m", func(t *testing.T) {
		const source = "../../shared/data/ml-1m"
		if _, err := os.Stat(source); err != nil {
			t.Skip("needs the MovieLens-1M splits at ../shared/data/ml-1m beside the repository")
		}
		code, out, stderr := execute(t, "train", "--data", source, "--every", "40", "--out", filepath.Join(t.TempDir(), "run"))
		require.Equal(t, exitOK, code, stderr)
		require.Regexp(t, `hash 2cb6933f767e`, out)
		requireSameTable(t, row.FindAllString(rest, -1), row.FindAllString(out, -1))
	})
	t.Run("learned temperature", func(t *testing.T) {
		const source = "../../shared/data/ml-1m"
		if _, err := os.Stat(source); err != nil {
			t.Skip("needs the MovieLens-1M splits at ../shared/data/ml-1m beside the repository")
		}
		for temperature, want := range map[string]string{"1": ".1659", "learned:start=1": ".2584"} {
			require.Contains(t, rest, want)
			code, out, stderr := execute(t, "train", "--data", source, "--temperature", temperature, "--patience", "5", "--out", filepath.Join(t.TempDir(), "run"))
			require.Equal(t, exitOK, code, stderr)
			got := strings.Fields(row.FindString(out))
			require.Len(t, got, 3)
			x, err := strconv.ParseFloat(got[2], 64)
			require.NoError(t, err)
			y, err := strconv.ParseFloat(want, 64)
			require.NoError(t, err)
			require.InDelta(t, y, x, 0.01, temperature)
		}
	})
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

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLabels: tags follow from words, which popularity does not read, by both losses; and a
// folder of files is taken too.
func TestLabels(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out))
	match := regexp.MustCompile(`^documents: 1500 points to train on and 300 to label, 400 features, 40 labels, 1\.\d of them a point
popularity  test: p@1 (0\.\d{4}), .* psp@5 0\.\d{4} \(300 examples\)
softmax     test: p@1 (0\.\d{4}), .* \(300 examples\)
 +point 1500 has the labels \[[\d ]+\], and first rank \[\d+ \d+ \d+\]
bce         test: p@1 (0\.\d{4}), .* \(300 examples\)
 +point 1500 has the labels \[[\d ]+\], and first rank \[\d+ \d+ \d+\]
$`).FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(match[i], 64)
		require.NoError(t, err)
		return x
	}
	require.Greater(t, number(2), 3*number(1), out.String())
	require.Greater(t, number(3), 3*number(1), out.String())

	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "train.txt"), []byte("4 3 2\n0 0:1\n1 1:1\n0 0:1 2:0.5\n1 1:1 2:0.5\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "test.txt"), []byte("2 3 2\n1 1:2\n 0:1\n"), 0o600))
	out.Reset()
	require.NoError(t, run(t.Context(), []string{folder}, &out))
	require.Contains(t, out.String(), "softmax     test: p@1 0.5000, p@3 0.1667, p@5 0.1000, psp@1 1.0000", "a point has no label")
	require.Contains(t, out.String(), "point 4 has the labels [1], and first rank [1 0]")
	require.Error(t, run(t.Context(), []string{filepath.Join(folder, "nowhere")}, &out))
}

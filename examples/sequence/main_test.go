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

// TestSequence: the model has learned that the next episode comes next, which popularity
// does not know, and a file of lines is taken too.
func TestSequence(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out))
	match := regexp.MustCompile(`(?m)^sasrec      test: ndcg@10 (0\.\d{4}), hr@10 (0\.\d{4}) \(800 examples\)
popularity  test: ndcg@10 (0\.\d{4}), hr@10 (0\.\d{4}) \(800 examples\)
after serial-3/5 serial-8/1 serial-8/2: serial-8/3( serial-\d+/\d+){4}
$`).FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(match[i], 64)
		require.NoError(t, err)
		return x
	}
	require.Greater(t, number(1), 4*number(3), out.String())
	require.Greater(t, number(2), 4*number(4), out.String())

	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "lines.txt"), []byte("ann a b c d e f\nbob b c d e g f a\neve c d e f a b\n"), 0o600))
	out.Reset()
	require.NoError(t, run(t.Context(), []string{folder, "b", "c"}, &out))
	require.Regexp(t, `after b c: [adefg]( [adefg]){4}\n$`, out.String())
	out.Reset()
	require.NoError(t, run(t.Context(), []string{folder}, &out))
	require.Regexp(t, `after a b c d e f: g\n$`, out.String())
	require.ErrorContains(t, run(t.Context(), []string{folder, "nothing"}, &out), `no item "nothing"`)
	require.Error(t, run(t.Context(), []string{filepath.Join(folder, "nowhere")}, &out))
}

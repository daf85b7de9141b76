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

// TestText: the model has learned what follows two words, which counts of words and of pairs of
// words do not know; words of one kind are alike; and a file is taken too.
func TestText(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out))
	match := regexp.MustCompile(`(?m)^ngram       test: perplexity (\d+\.\d{4}), nll (\d\.\d{4}) \(\d+ examples\)
words       test: perplexity (\d+\.\d{4}), nll \d\.\d{4} \(\d+ examples\)
kneserney   test: perplexity (\d+\.\d{4}), nll \d\.\d{4} \(\d+ examples\)
after the dog chases: the( \S+){4}
like chases: (?:sees|hears)( \S+){2}
$`).FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(match[i], 64)
		require.NoError(t, err)
		return x
	}
	require.Less(t, number(1), 0.9*number(4), out.String())
	require.Less(t, number(4), 0.5*number(3), out.String())

	path := filepath.Join(t.TempDir(), "rows.txt")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("row row row your boat\n", 20)), 0o600))
	out.Reset()
	require.NoError(t, run(t.Context(), []string{path, "row", "your"}, &out))
	require.Contains(t, out.String(), "rows: 120 tokens, 4 words\n")
	require.Regexp(t, `after row your: boat `, out.String())
	out.Reset()
	require.NoError(t, run(t.Context(), []string{path}, &out))
	require.ErrorContains(t, run(t.Context(), []string{path, "nothing"}, &out), `no item "nothing"`)
	require.Error(t, run(t.Context(), []string{path + "x"}, &out))
}

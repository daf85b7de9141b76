package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuickstart(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	pattern := regexp.MustCompile(`^demo:users=1000,items=500: 1000 users, 500 items, \d+ interactions to train on
valid: recall@20 (0\.\d{4}), ndcg@20 (0\.\d{4}) \(\d+ examples\)
test: recall@20 (0\.\d{4}), ndcg@20 (0\.\d{4}) \(\d+ examples\)
user 7: items( \d+){5}
$`)
	match := pattern.FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	// The last digits depend on the machine's kernels; learning does not. Ranking
	// at random gives a recall of 20/500.
	for _, m := range match[1:5] {
		x, err := strconv.ParseFloat(m, 64)
		require.NoError(t, err)
		require.Greater(t, x, 0.25, out.String())
	}

	var again strings.Builder
	require.NoError(t, run(t.Context(), &again))
	require.Equal(t, out.String(), again.String(), "the same seed gives the same bits")
}

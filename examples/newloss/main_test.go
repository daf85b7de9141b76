package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

// TestConformance holds the loss to what it declares, as the library's own are.
func TestConformance(t *testing.T) {
	spec, err := losses.Lookup("poly")
	require.NoError(t, err)
	require.NoError(t, losstest.Check(spec, testing.Short()))
}

func TestNewLoss(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	// The last digits of metrics depend on the machine's kernels.
	pattern := regexp.MustCompile(`^poly:eps=2: cross-entropy plus .*
value      float64  agrees: true
difference float64  agrees: true
symbolic   float64  agrees: true
analytic   float64  agrees: true
fused      float64  agrees: true
symbolic   float32  agrees: true
analytic   float32  agrees: true
fused      float32  agrees: true
softmax     valid: recall@20 (0\.\d{4}), ndcg@20 0\.\d{4} \(\d+ examples\)
poly:eps=2  valid: recall@20 (0\.\d{4}), ndcg@20 0\.\d{4} \(\d+ examples\)
$`)
	match := pattern.FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	require.NotEqual(t, match[1], match[2], "two losses give two models")
	for _, m := range match[1:] {
		x, err := strconv.ParseFloat(m, 64)
		require.NoError(t, err)
		require.Greater(t, x, 0.25, out.String())
	}
}

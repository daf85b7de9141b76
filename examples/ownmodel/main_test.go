package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOwnModel(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, 5, strings.Count(out.String(), "agrees with central differences: true"), out.String())
	require.NotContains(t, out.String(), "false")
	require.NotContains(t, out.String(), "random", "a frozen table has no gradient")
	require.Equal(t, 3, strings.Count(out.String(), "user-00 may like item-"), out.String())
}

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParseSeeds: each seed counts once.
func TestParseSeeds(t *testing.T) {
	seeds, err := parseSeeds("0, 2,1")
	require.NoError(t, err)
	require.Equal(t, []uint64{0, 2, 1}, seeds)
	for text, want := range map[string]string{"0,0": "-seeds: 0 is given twice", "": "is not a whole number", "-1": "is not a whole number"} {
		_, err := parseSeeds(text)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, known([]string{"amazon-health/rg2", "amazon-health/sl"}))
	require.ErrorContains(t, known([]string{"amazon-health/rg2", "amazon-health/rg2"}), "is given twice")
	require.ErrorContains(t, known([]string{"amazon-health/rg3"}), "did you mean amazon-health/rg2?")
}

// TestWriteElsewhere: outside of the repository's root nothing is trained to be written.
func TestWriteElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	require.ErrorContains(t, run(t.Context(), "none", []uint64{0}, []string{"amazon-health/rg2"}, true), "-write: run it in the root of the repository: ")
}

// TestArguments: flags may stand before names and after them.
func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-write", "a/b", "c/d"}, {"a/b", "-write", "c/d"}, {"a/b", "c/d", "-write"}} {
		a, err := parse(args)
		require.NoError(t, err)
		require.Equal(t, arguments{folder: "../shared/data", seeds: "0", write: true, names: []string{"a/b", "c/d"}}, a)
	}
	_, err := parse([]string{"a/b", "-wrote"})
	require.ErrorContains(t, err, "-wrote")
}

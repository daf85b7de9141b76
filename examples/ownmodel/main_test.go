package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOwnModel(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	require.Contains(t, out.String(), "to 1e-8: 5 tables\n", "all but the frozen one")
	require.Regexp(t, `(?m)^user-00 may like item-\d\d$`, out.String())
}

// errorLines are those that check an error, return nothing else or end the program by
// it; closing braces, comments and blank lines show nothing either.
var errorLines = regexp.MustCompile(`^\s*(if .*err != nil \{|return (nil, )?err|log\.Fatal\(err\)|\}|//.*|)$`)

// TestShort: a model of one's own takes 30 lines beside imports and error lines, its data
// included, and docs/models.md shows the one that runs.
func TestShort(t *testing.T) {
	text, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, body, ok := strings.Cut(string(text), "\n)\n")
	require.True(t, ok, "the end of the imports")
	n := 0
	for line := range strings.Lines(body) {
		if !errorLines.MatchString(strings.TrimSuffix(line, "\n")) {
			n++
		}
	}
	require.Positive(t, n)
	require.LessOrEqual(t, n, 30)

	page, err := os.ReadFile("../../docs/models.md")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```go\n(func \\(m net\\).*?)```").FindSubmatch(page)
	require.NotNil(t, shown)
	require.Contains(t, body, string(shown[1]))
}

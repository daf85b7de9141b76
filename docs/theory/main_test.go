package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestFresh: docs/theory.md is what the registry says today.
func TestFresh(t *testing.T) {
	want, err := page()
	require.NoError(t, err)
	got, err := os.ReadFile("../theory.md")
	require.NoError(t, err)
	require.True(t, string(got) == want, "docs/theory.md is old: go generate ./docs")
	for _, spec := range losses.All() {
		require.Contains(t, want, "\n### "+spec.Name+"\n")
	}
	require.NotContains(t, want, "<no value>")
}

// TestEveryPropertyIsExplained: a property that is added has a line of its own.
func TestEveryPropertyIsExplained(t *testing.T) {
	for _, p := range losses.AllProps() {
		require.NotEmpty(t, properties[p], p.String())
	}
	require.Len(t, properties, len(losses.AllProps()))
}

// TestChecksExist: every check and every test that the page names is in the code, and no
// check of the suite of losses is left out.
func TestChecksExist(t *testing.T) {
	suite := map[string]bool{}
	text, err := os.ReadFile("../../losses/losstest/losstest.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`t\.Run\("([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
		suite[m[1]] = false
	}
	require.Greater(t, len(suite), 10)
	tests := 0
	for _, c := range checks {
		for part := range strings.SplitSeq(c.Where, ";") {
			words := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(part, -1)
			require.NotEmpty(t, words, c.What)
			of := words[len(words)-1][1]
			for _, w := range words {
				switch name := w[1]; {
				case name == of, strings.HasSuffix(name, ".Check"):
				case strings.HasPrefix(name, "Test"):
					tests++
					require.Contains(t, functions(t, of), name, c.What)
				default:
					_, known := suite[name]
					require.True(t, known, "%s is no check of %s", name, of)
					suite[name] = true
				}
			}
		}
	}
	require.Greater(t, tests, 10)
	for _, name := range slices.Sorted(maps.Keys(suite)) {
		require.True(t, suite[name], "the page says nothing of the check %s", name)
	}
}

// functions are those of the tests of a package.
func functions(t *testing.T, dir string) (names []string) {
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// TestFigures: numbers of a sentence become code, those of papers and of formulas stay.
func TestFigures(t *testing.T) {
	require.Equal(t, "a `0.5` `0.7` [x 1.2](y3.4) arXiv:1901.02324 $1.5$ 3", figures("a 0.5 `0.7` [x 1.2](y3.4) arXiv:1901.02324 $1.5$ 3"))
	require.Equal(t, "see [arXiv:1901.02324](https://arxiv.org/abs/1901.02324), §3", source("see arXiv:1901.02324, §3"))
}

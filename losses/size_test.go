package losses_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestALossIsAShortFile: what the families do not say of a loss is short. The lines of a
// file that registers a loss are counted beside comments, blank lines, what is declared of
// its theory, and formulas.
func TestALossIsAShortFile(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var sizes []int
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if n, registers := linesOf(t, file); registers {
			t.Logf("%4d %s", n, file)
			sizes = append(sizes, n)
		}
	}
	require.Greater(t, len(sizes), 20)
	slices.Sort(sizes)
	median := sizes[len(sizes)/2]
	t.Logf("median %d", median)
	require.LessOrEqual(t, median, 40)
}

// linesOf counts the lines of code of a file, and reports whether it registers a loss.
func linesOf(t *testing.T, file string) (n int, registers bool) {
	src, err := os.ReadFile(file)
	require.NoError(t, err)
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, src, 0)
	require.NoError(t, err)
	lines := map[int]bool{}
	var s scanner.Scanner
	f := token.NewFileSet().AddFile(file, -1, len(src))
	s.Init(f, src, nil, 0)
	for {
		at, tok, _ := s.Scan()
		if tok == token.EOF {
			break
		}
		lines[f.Line(at)] = true
	}
	leaveOut := func(n ast.Node) {
		for l := fset.Position(n.Pos()).Line; l <= fset.Position(n.End()).Line; l++ {
			delete(lines, l)
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if strings.HasSuffix(n.Name.Name, "Theory") {
				leaveOut(n)
			}
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "Theory" || k.Name == "Formulas") {
				leaveOut(n)
			}
		case *ast.CallExpr:
			if k, ok := n.Fun.(*ast.Ident); ok && k.Name == "Register" {
				registers = true
			}
		}
		return true
	})
	return len(lines), registers
}

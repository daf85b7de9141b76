package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAPI: each kind of declaration has its lines, and what is not exported has none.
func TestAPI(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", `package x

const K, hidden = 1 << 3, 2

var V []T

type T struct {
	A int
	b int
	E
}

type E struct{}

func (E) Value()    {}
func (*T) Pointer() {}

type G[P any] map[string]P

type I interface{ M(int); N() }

type Sealed interface{ M(); n() }

func F(t T, more ...string) error { return nil }
`, 0)
	require.NoError(t, err)
	p, err := new(types.Config).Check(module+"x", fset, []*ast.File{file}, nil)
	require.NoError(t, err)
	text := API([]*Package{{Path: "x", Types: p}, {Path: "x/internal/y", Types: p}, {Path: "cmd/x", Main: true, Types: p}, {Path: "examples/x", Types: p}})
	require.Equal(t, []string{
		"x: const K untyped int = 8",
		"x: func F(t T, more ...string) error",
		"x: method (*T) Pointer()",
		"x: method (E) Value()",
		"x: method (T) Value()",
		"x: type E struct",
		"x: type G[P any] map[string]P",
		"x: type I interface, M(int)",
		"x: type I interface, N()",
		"x: type I interface{ M, N }",
		"x: type Sealed interface, M()",
		"x: type Sealed interface, which other packages cannot implement",
		"x: type T struct",
		"x: type T struct, A int",
		"x: type T struct, embeds E",
		"x: var V []T",
	}, text)
	added, removed := Changes(text[:3], text[1:4])
	require.Equal(t, []string{text[3]}, added)
	require.Equal(t, []string{text[0]}, removed)
}

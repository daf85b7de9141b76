package arch

import (
	"go/doc"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryPublicPackageHasAnExample: a reader of a package's page finds its text
// and a program that a test runs.
func TestEveryPublicPackageHasAnExample(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Dir}}\t{{.Doc}}", module+"...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		pkg := strings.TrimPrefix(fields[0], module)
		if strings.HasPrefix(pkg, "internal/") || inRoom(pkg) {
			continue
		}
		seen++
		require.Len(t, fields, 3, "%s has no package comment", pkg)
		shown := 0
		files, err := filepath.Glob(filepath.Join(fields[1], "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			require.NoError(t, err)
			for _, e := range doc.Examples(f) {
				if e.Output != "" {
					shown++
				}
			}
		}
		require.Positive(t, shown, "%s has no example with output", pkg)
	}
	require.GreaterOrEqual(t, seen, 12)
}

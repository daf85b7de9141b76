package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The least number of words by which a package says what it is for. What other modules
// may import needs more: it has readers who do not know the rest.
const (
	leastWords       = 30
	leastPublicWords = 60
)

// TestEveryPackageHasAPage: what a package is for stands in its doc.go, and in no other
// file of it. The comment of a program stands where its main is.
func TestEveryPackageHasAPage(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", module+"...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	seen := 0
	for line := range strings.Lines(string(out)) {
		p := strings.Split(strings.TrimSpace(line), "\t")
		if p[0] == "main" {
			continue
		}
		seen++
		files := map[string]string{}
		for name := range strings.FieldsSeq(p[3]) {
			text, err := os.ReadFile(filepath.Join(p[2], name))
			require.NoError(t, err)
			files[name] = string(text)
		}
		least := leastPublicWords
		if strings.Contains("/"+p[1]+"/", "/internal/") {
			least = leastWords
		}
		for _, fault := range faultsOfPage(files, least) {
			t.Errorf("%s: %s", strings.TrimPrefix(p[1], module), fault)
		}
	}
	require.Greater(t, seen, 40, "the list misses packages")
}

// faultsOfPage returns what is wrong with the package comment of files, of so many words at
// the least.
func faultsOfPage(files map[string]string, least int) (faults []string) {
	for name, text := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.PackageClauseOnly|parser.ParseComments)
		switch {
		case err != nil:
			faults = append(faults, err.Error())
		case name != "doc.go" && packageComment(file) != "":
			faults = append(faults, name+" has a package comment, which belongs in doc.go")
		case name == "doc.go" && packageComment(file) == "":
			faults = append(faults, "doc.go has no comment that begins with Package "+file.Name.Name)
		case name == "doc.go":
			if n := len(strings.Fields(packageComment(file))); n < least {
				faults = append(faults, fmt.Sprintf("the package comment has %d words, fewer than %d", n, least))
			}
		}
	}
	if _, ok := files["doc.go"]; !ok {
		faults = append(faults, "there is no doc.go")
	}
	return faults
}

// packageComment returns the comment that begins as package comments do.
func packageComment(file *ast.File) string {
	if text := file.Doc.Text(); strings.HasPrefix(text, "Package "+file.Name.Name+" ") {
		return text
	}
	return ""
}

// TestFaultsOfPage holds that the rule can fail.
func TestFaultsOfPage(t *testing.T) {
	page := "// Package x is for two things.\npackage x\n"
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"doc.go": page, "x.go": "package x\n"}, ""},
		{map[string]string{"doc.go": page, "x.go": "// A build constraint is none.\n\npackage x\n"}, ""},
		{map[string]string{"doc.go": "// Package x is.\npackage x\n"}, "the package comment has 3 words, fewer than 4"},
		{map[string]string{"doc.go": "// Package y is for two things.\npackage x\n"}, "doc.go has no comment that begins with Package x"},
		{map[string]string{"doc.go": "package x\n"}, "doc.go has no comment that begins with Package x"},
		{map[string]string{"doc.go": page, "x.go": page}, "x.go has a package comment, which belongs in doc.go"},
		{map[string]string{"x.go": "package x\n"}, "there is no doc.go"},
	} {
		require.Equal(t, c.want, strings.Join(faultsOfPage(c.files, 4), "; "), c.files)
	}
}

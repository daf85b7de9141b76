package arch

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryExportedNameIsDocumented: whoever reads a public package's page finds a
// sentence at each package, type, function, method, constant, variable and field.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	packages, names := 0, 0
	eachPublic(t, func(path string, fset *token.FileSet, files []*ast.File) {
		packages++
		text := false
		for _, file := range files {
			text = text || file.Doc != nil
			p := page{fset: fset, file: file}
			p.read()
			names += p.names
			for _, fault := range p.faults {
				t.Errorf("%s/%s: %s has no comment", path, filepath.Base(fset.Position(file.Package).Filename), fault)
			}
		}
		if !text {
			t.Errorf("package %s has no comment", path)
		}
	})
	require.GreaterOrEqual(t, packages, 18, "the list misses packages")
	require.Greater(t, names, 1000, "the walk misses names")
}

// eachPublic calls f for every package that other modules may import, with its path in
// this one.
func eachPublic(t *testing.T, f func(path string, fset *token.FileSet, files []*ast.File)) {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Name}}\t{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", module+"...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		p := strings.Split(strings.TrimSpace(line), "\t")
		if len(p) < 4 || p[0] == "main" || strings.Contains("/"+p[1]+"/", "/internal/") {
			continue
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for name := range strings.FieldsSeq(p[3]) {
			file, err := parser.ParseFile(fset, filepath.Join(p[2], name), nil, parser.ParseComments)
			require.NoError(t, err)
			files = append(files, file)
		}
		f(strings.TrimPrefix(p[1], module), fset, files)
	}
}

// linkText is what a comment has for a link to an exported name of its package. A shape
// such as [B,K] or [N] has shorter names.
var linkText = regexp.MustCompile(`\[\*?([A-Z]\w{2,})(?:\.([A-Z]\w*))?\]`)

// TestLinksOfCommentsResolve: what a public package's comments put in brackets is a name
// that its page has.
func TestLinksOfCommentsResolve(t *testing.T) {
	links := 0
	eachPublic(t, func(path string, fset *token.FileSet, files []*ast.File) {
		n, faults, err := brokenLinks(fset, files, module+path)
		require.NoError(t, err)
		links += n
		for _, fault := range faults {
			t.Errorf("%s: %s names nothing", path, fault)
		}
	})
	require.Greater(t, links, 100, "the walk misses links")
}

// brokenLinks returns how many links the comments of a package have, and those to names
// that it has not.
func brokenLinks(fset *token.FileSet, files []*ast.File, path string) (n int, faults []string, err error) {
	var texts []string
	for _, file := range files { // doc takes comments out of the files
		for _, c := range file.Comments {
			texts = append(texts, c.Text())
		}
	}
	pkg, err := doc.NewFromFiles(fset, files, path, doc.AllDecls)
	if err != nil {
		return 0, nil, err
	}
	has := pkg.Parser().LookupSym
	for _, text := range texts {
		for _, m := range linkText.FindAllStringSubmatch(text, -1) {
			n++
			if recv, name := m[1], m[2]; name == "" && !has("", recv) || name != "" && !has(recv, name) {
				faults = append(faults, m[0])
			}
		}
	}
	return n, faults, nil
}

// TestBrokenLinks holds that the rule can fail.
func TestBrokenLinks(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", `// Package x has [Thing], [Thing.Do], [Thing.Field], [Nothing], [Thing.Undo] and [B,C].
package x

// Thing is [K].
type Thing struct{ Field int }

// Do does.
func (Thing) Do() {}
`, parser.ParseComments)
	require.NoError(t, err)
	n, faults, err := brokenLinks(fset, []*ast.File{file}, "x")
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Equal(t, []string{"[Nothing]", "[Thing.Undo]"}, faults)
}

// A page is what a reader sees of one file.
type page struct {
	fset   *token.FileSet
	file   *ast.File
	names  int      // exported ones
	faults []string // those without a comment
}

func (p *page) read() {
	for _, d := range p.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				p.note("func "+d.Name.Name, d.Name, d.Doc != nil)
			} else if of := receiver(d.Recv.List[0].Type); ast.IsExported(of) {
				p.note("method "+of+"."+d.Name.Name, d.Name, d.Doc != nil)
			}
		case *ast.GenDecl:
			p.group(d)
		}
	}
}

// note counts the name n, if it is exported.
func (p *page) note(what string, n *ast.Ident, documented bool) {
	if !n.IsExported() {
		return
	}
	p.names++
	if !documented {
		p.faults = append(p.faults, what)
	}
}

// group reads types, constants or variables. A comment on the group is one on each of
// its constants and variables, and one on a constant is one on those which follow it on
// the next lines.
func (p *page) group(d *ast.GenDecl) {
	run := p.newRun()
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			p.note("type "+s.Name.Name, s.Name, s.Doc != nil || d.Doc != nil || s.Comment != nil)
			if s.Name.IsExported() {
				p.fields(s.Name.Name, s.Type, s.Doc.Text()+d.Doc.Text())
			}
		case *ast.ValueSpec:
			documented := run.next(s, s.Doc, s.Comment) || d.Doc != nil
			for _, n := range s.Names {
				p.note(d.Tok.String()+" "+n.Name, n, documented)
			}
		}
	}
}

// fields reads those of a struct, and the methods of an interface. The text of their type
// is a comment on those that it names.
func (p *page) fields(of string, t ast.Expr, text string) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	run := p.newRun()
	for _, f := range list.List {
		documented := run.next(f, f.Doc, f.Comment)
		for _, n := range f.Names { // what is embedded has the comment of its type
			p.note("field "+of+"."+n.Name, n, documented || regexp.MustCompile(`\b`+n.Name+`\b`).MatchString(text))
		}
		if len(f.Names) > 0 && f.Names[0].IsExported() {
			p.fields(of+"."+f.Names[0].Name, f.Type, f.Doc.Text()+f.Comment.Text())
		}
	}
}

// A run is what stands on lines that follow each other: the comment above the first
// is one on all.
type run struct {
	fset       *token.FileSet
	line       int // of its last name
	documented bool
}

func (p *page) newRun() *run { return &run{fset: p.fset, line: -1} }

// next reports whether n, which comes next, is documented.
func (r *run) next(n ast.Node, doc, comment *ast.CommentGroup) bool {
	if doc != nil || r.fset.Position(n.Pos()).Line != r.line+1 {
		r.documented = doc != nil
	}
	r.line = r.fset.Position(n.End()).Line
	return r.documented || comment != nil
}

// receiver returns the name of a receiver's type.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// TestUndocumented holds that the rule can fail.
func TestUndocumented(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", `package x

func Bare() {}

// Told does.
func Told() {}
func unseen() {}

// U has a Said and a Barely.
type U struct{ Said, Bare int }

type T struct {
	Bare int
	Line int // of a comment

	// The comment of both.
	A, B int
	C    int

	D      int
	hidden int
	N      struct{ In int } // has a field
}

func (T) Method()      {}
func (t *T) Pointer()  {}
func (u) Of()          {}
func (g *G[E]) Bare()  {}

type u struct{ Field int }

// G is generic.
type G[E any] struct{}

// I is an interface.
type I interface {
	M()
	// N does.
	N()
}

// The group.
const (
	K1 = 1
	K2 = 2
)

const K3 = 3

var (
	// V1 and the next.
	V1 = 1
	V2 = 2

	V3 = 3
)
`, parser.ParseComments)
	require.NoError(t, err)
	p := page{fset: fset, file: file}
	p.read()
	require.Equal(t, []string{"func Bare", "field U.Bare", "type T", "field T.Bare", "field T.D", "field T.N.In", "method T.Method", "method T.Pointer",
		"method G.Bare", "field I.M", "const K3", "var V3"}, p.faults)
	require.Equal(t, 27, p.names)
}

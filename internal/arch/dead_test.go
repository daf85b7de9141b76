package arch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A name is one that a package declares: a function, a type, a constant, a variable or a
// method, written as in "train/metric.Set" or "graph.Table.Row".
type name struct {
	text string
	at   token.Position
}

// unused returns the names that stand for nothing in the program: exported ones of
// internal packages that no other package speaks of, its tests included, and those that
// cannot be exported or are of an internal package or a program, which only tests speak of. Of
// a test package, such as losses/losstest, what its own functions speak of is used.
//
// A method is used where the method of an interface is that it makes its type implement.
func unused(packages []*Package, fset *token.FileSet) []name {
	u := usage{by: map[types.Object]map[*types.Package]bool{}, tests: map[string]bool{}, others: map[string]bool{}, methods: map[string]bool{}}
	for _, p := range packages {
		u.read(p)
		u.readTests(p)
	}
	interfaces := interfacesOf(packages)
	var names []name
	for _, p := range packages {
		for id, o := range p.Info.Defs {
			text, ok := nameOf(p, o)
			if !ok || id.Name == "_" || id.Name == "init" || id.Name == "main" && p.Main {
				continue
			}
			if f, isFunc := o.(*types.Func); isFunc && f.Signature().Recv() != nil && implements(f, interfaces) {
				continue
			}
			if !u.used(p, o) {
				names = append(names, name{text, fset.Position(id.Pos())})
			}
		}
	}
	slices.SortFunc(names, func(a, b name) int { return strings.Compare(a.text, b.text) })
	return names
}

// usage is who speaks of what.
type usage struct {
	by      map[types.Object]map[*types.Package]bool // without tests
	tests   map[string]bool                          // "path.Name" of an import in tests, by their text
	others  map[string]bool                          // those of tests of another package
	methods map[string]bool                          // names of methods and fields in tests
}

// read notes what p's own files speak of. A function that calls itself is not used by that.
func (u usage) read(p *Package) {
	for _, file := range p.Files {
		for _, d := range file.Decls {
			f, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				id, isIdent := n.(*ast.Ident)
				if !isIdent {
					return true
				}
				o := origin(p.Info.Uses[id])
				if o == nil || f != nil && o == p.Info.Defs[f.Name] {
					return true
				}
				if f != nil && f.Recv != nil && f.Recv.Pos() <= id.Pos() && id.End() <= f.Recv.End() {
					return true // the type of a receiver
				}
				if u.by[o] == nil {
					u.by[o] = map[*types.Package]bool{}
				}
				u.by[o][p.Types] = true
				return true
			})
		}
	}
}

// readTests notes what p's tests speak of other packages, by its text.
func (u usage) readTests(p *Package) {
	for _, name := range p.Tests {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the compiler says so
		}
		imported := map[string]string{}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			path, isOwn := strings.CutPrefix(path, module)
			if !isOwn {
				continue
			}
			as := path[strings.LastIndex(path, "/")+1:]
			if i.Name != nil {
				as = i.Name.Name
			}
			imported[as] = path
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, isSelector := n.(*ast.SelectorExpr)
			if !isSelector {
				return true
			}
			if x, isIdent := s.X.(*ast.Ident); isIdent && imported[x.Name] != "" {
				full := imported[x.Name] + "." + s.Sel.Name
				u.tests[full] = true
				if imported[x.Name] != p.Path {
					u.others[full] = true
				}
			}
			if len(imported) > 0 {
				u.methods[s.Sel.Name] = true
			}
			return true
		})
	}
}

// used reports whether o, of p, has a use: outside of p if it is exported.
func (u usage) used(p *Package, o types.Object) bool {
	by := u.by[origin(o)]
	if o.Exported() && !p.Internal() && !p.Main {
		return true // what other modules may name
	}
	f, _ := o.(*types.Func)
	if f != nil && f.Signature().Recv() != nil {
		return len(by) > 0 || o.Exported() && u.methods[o.Name()]
	}
	tested := u.tests[p.Path+"."+o.Name()] // by others, or by its own tests from outside
	outside := len(by) > 1 || len(by) == 1 && !by[p.Types] || tested && (len(by) > 0 || u.others[p.Path+"."+o.Name()])
	switch o := o.(type) {
	case *types.TypeName: // values of it can reach others, who need not name it
		return outside || len(by) > 0
	case *types.Const: // one of those that a type has, or of a list
		named, isNamed := o.Type().(*types.Named)
		return outside || len(by) > 0 || isNamed && named.Obj().Pkg() == p.Types
	}
	return outside || len(by) > 0 && !o.Exported()
}

// nameOf returns the text of what unused looks at: o of the package's scope, or a method.
func nameOf(p *Package, o types.Object) (full string, ok bool) {
	switch o := o.(type) {
	case *types.Func:
		if r := o.Signature().Recv(); r != nil {
			t := r.Type()
			if q, isPointer := t.(*types.Pointer); isPointer {
				t = q.Elem()
			}
			named, isNamed := t.(*types.Named)
			if !isNamed {
				return "", false // of an interface
			}
			return p.Path + "." + named.Obj().Name() + "." + o.Name(), true
		}
	case *types.Const, *types.Var, *types.TypeName:
	default:
		return "", false
	}
	return p.Path + "." + o.Name(), o.Parent() == p.Types.Scope()
}

// origin returns what o is an instance of, or o.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Func:
		return o.Origin()
	case *types.Var:
		return o.Origin()
	}
	return o
}

// interfacesOf returns the interfaces that the packages declare, or that those which they
// import export, and error.
func interfacesOf(packages []*Package) []*types.Interface {
	all := []*types.Interface{types.Universe.Lookup("error").Type().Underlying().(*types.Interface)}
	seen := map[*types.Package]bool{}
	var walk func(p *types.Package)
	walk = func(p *types.Package) {
		if seen[p] {
			return
		}
		seen[p] = true
		for _, name := range p.Scope().Names() {
			if t, isType := p.Scope().Lookup(name).(*types.TypeName); isType {
				if i, isInterface := t.Type().Underlying().(*types.Interface); isInterface && i.NumMethods() > 0 {
					all = append(all, i)
				}
			}
		}
		for _, q := range p.Imports() {
			walk(q)
		}
	}
	for _, p := range packages {
		walk(p.Types)
		for _, file := range p.Files { // those within functions, and those without a name
			ast.Inspect(file, func(n ast.Node) bool {
				if t, isType := n.(*ast.InterfaceType); isType {
					all = append(all, p.Info.TypeOf(t).(*types.Interface))
				}
				return true
			})
		}
	}
	return all
}

// implements reports whether f is a method of an interface that its type implements. Of a
// generic type, or a generic interface, the method's name decides.
func implements(f *types.Func, interfaces []*types.Interface) bool {
	t := f.Signature().Recv().Type()
	if q, isPointer := t.(*types.Pointer); isPointer {
		t = q.Elem()
	}
	named, isNamed := t.(*types.Named)
	for _, i := range interfaces {
		m, _, _ := types.LookupFieldOrMethod(i, false, f.Pkg(), f.Name())
		if m == nil {
			continue
		}
		if !isNamed || named.TypeParams().Len() > 0 || types.Implements(t, i) || types.Implements(types.NewPointer(t), i) {
			return true
		}
	}
	return false
}

// TestNothingIsUnused: what only its own tests speak of is deleted or moved to them, and
// what only its own package speaks of is exported to nobody.
func TestNothingIsUnused(t *testing.T) {
	packages, fset, err := Load()
	require.NoError(t, err)
	require.Greater(t, len(packages), 40, "the list misses packages")
	for _, n := range unused(packages, fset) {
		t.Errorf("%s: %s is used by its own tests alone, or needs not be exported", n.at, n.text)
	}
}

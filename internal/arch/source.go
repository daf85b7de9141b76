package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is what the paths of the packages that are read begin with.
const module = "github.com/fenchel-ml/fenchel/"

// A Package is one of the module, read without its tests.
type Package struct {
	Path  string // from the module's root, such as "train/metric"
	Dir   string // where its files are
	Main  bool   // a program
	Files []*ast.File
	Types *types.Package
	Info  *types.Info // Defs, Uses and Types
	Tests []string    // names of its test files, in Dir
}

// Internal reports whether other modules cannot import the package.
func (p *Package) Internal() bool { return strings.Contains("/"+p.Path+"/", "/internal/") }

// Load reads and checks every package of the module that the working directory is in,
// in the order of imports: an object that two packages speak of is one object. What the
// packages import of other modules is read from what the go command compiles. An error
// is that of the go command, or names the first file and line that do not compile.
func Load() ([]*Package, *token.FileSet, error) {
	cmd := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Name,Dir,Export,GoFiles,TestGoFiles,XTestGoFiles,Standard", module+"...")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go list: %w\n%s", err, complaints.String())
	}
	fset := token.NewFileSet()
	own, exports := map[string]*types.Package{}, map[string]string{}
	others := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		file := exports[path]
		if file == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(file)
	})
	var packages []*Package
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var l struct {
			ImportPath, Name, Dir, Export      string
			GoFiles, TestGoFiles, XTestGoFiles []string
			Standard                           bool
		}
		if err := list.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("go list: %w", err)
		}
		path, isOwn := strings.CutPrefix(l.ImportPath, module)
		if !isOwn {
			exports[l.ImportPath] = l.Export
			continue
		}
		p := &Package{Path: path, Dir: l.Dir, Main: l.Name == "main", Tests: append(l.TestGoFiles, l.XTestGoFiles...),
			Info: &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}}
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution|parser.ParseComments)
			if err != nil {
				return nil, nil, err
			}
			p.Files = append(p.Files, f)
		}
		check := types.Config{Importer: imports(func(path string) (*types.Package, error) {
			if p := own[path]; p != nil {
				return p, nil
			}
			return others.Import(path)
		})}
		if p.Types, err = check.Check(l.ImportPath, fset, p.Files, p.Info); err != nil {
			return nil, nil, err
		}
		own[l.ImportPath] = p.Types
		packages = append(packages, p)
	}
	return packages, fset, nil
}

type imports func(path string) (*types.Package, error)

func (f imports) Import(path string) (*types.Package, error) { return f(path) }

package docs

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// settingsOf caches what settings found, by text.
var settingsOf sync.Map

// apart are settings whose value is one only beside others, or a path.
var apart = strings.Fields("--set --config --preset --positions --user-features --item-features --columns --held")

// settings holds flags that stand in a sentence: their names are those of a command, and
// where all are settings of a run, fenchel config takes their values.
func settings(text string) error {
	if err, ok := settingsOf.Load(text); ok {
		err, _ := err.(error)
		return err
	}
	err := readSettings(text)
	settingsOf.Store(text, err)
	return err
}

func readSettings(text string) error {
	list, err := readShell("fenchel " + text)
	if err != nil {
		return err
	}
	if len(list) == 0 || len(list[0].words) == 0 {
		return fmt.Errorf("%q is no flag", text)
	}
	args := list[0].words[0][1:]
	all := flagsOf([]string{"config"})
	config := true
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(arg, "--") || len(arg) == 2 {
			continue
		}
		config = config && !slices.Contains(apart, name)
		if !all.flags[name] {
			config = false
			if !slices.ContainsFunc(commands(nil), func(path []string) bool { return flagsOf(path).flags[name] }) {
				return fmt.Errorf("no command of fenchel has a flag %s", name)
			}
		}
	}
	// Alone a flag stands for itself, and a word such as DIR for what a reader has. What begins
	// with own- is registered by the module in cli/testdata/stranger, and all are the losses of
	// fenchel check.
	last := args[len(args)-1]
	alone := strings.HasSuffix(last, "=") || strings.HasPrefix(last, "--") && !strings.Contains(last, "=")
	if !config || hasGap(args) || alone || strings.Contains(text, "own-") || strings.HasPrefix(text, "--loss all") {
		return nil
	}
	line := []string{"config"}
	if !slices.Contains(args, "--data") && !slices.Contains(args, "--preset") {
		line = append(line, "--data", "likes.csv")
	}
	cmd := exec.Command(os.Args[0], append(line, args...)...)
	cmd.Args[0] = "fenchel"
	cmd.Env = append(os.Environ(), asFenchel+"=1")
	if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "no such file") {
		first, _, _ := strings.Cut(string(out), "\n")
		return fmt.Errorf("%s: %s", text, first)
	}
	return nil
}

// commands are the paths of all commands below one.
func commands(path []string) (all [][]string) {
	for name := range flagsOf(path).commands {
		if name != "help" && name != "completion" {
			sub := append(slices.Clone(path), name)
			all = append(append(all, sub), commands(sub)...)
		}
	}
	return all
}

// qualified is a name of a package, perhaps with what is called with or what it has.
var qualified = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)(?:[({.].*)?$`)

// exported caches the exported names of packages, by the last word of their path.
var exported = sync.OnceValues(func() (map[string]map[string]bool, error) {
	all := map[string]map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != ".." && (strings.HasPrefix(name, ".") || name == "internal" || name == "testdata" || strings.HasPrefix(name, "_")) {
			return fs.SkipDir
		}
		names := map[string]bool{}
		pkg := ""
		if err := eachGo(path, func(file *ast.File) {
			if strings.HasSuffix(file.Name.Name, "_test") || file.Name.Name == "main" {
				return
			}
			pkg = file.Name.Name
			for _, decl := range file.Decls {
				switch decl := decl.(type) {
				case *ast.FuncDecl:
					names[decl.Name.Name] = names[decl.Name.Name] || decl.Recv == nil
				case *ast.GenDecl:
					for _, spec := range decl.Specs {
						switch spec := spec.(type) {
						case *ast.TypeSpec:
							names[spec.Name.Name] = true
						case *ast.ValueSpec:
							for _, n := range spec.Names {
								names[n.Name] = true
							}
						}
					}
				}
			}
		}); err != nil || pkg == "" {
			return nil // no package
		}
		all[pkg] = names
		return nil
	})
	return all, err
})

// goName holds that a name of a package of this module is one. Other code is none of it.
func goName(text string) error {
	m := qualified.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	all, err := exported()
	if err != nil {
		return err
	}
	if names, ours := all[m[1]]; ours && !names[m[2]] {
		return fmt.Errorf("package %s has no %s", m[1], m[2])
	}
	return nil
}

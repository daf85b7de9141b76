package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// A statement is one line of shell with all that it continues on.
type statement struct {
	line  int // within its block, from 1
	stmt  *syntax.Stmt
	calls []*syntax.CallExpr // the programs that it calls
	words [][]string         // what each is called with, without quotes
}

// readShell parses a block of shell.
func readShell(text string) (list []statement, err error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	for _, stmt := range file.Stmts {
		s := statement{line: int(stmt.Pos().Line()), stmt: stmt}
		syntax.Walk(stmt, func(n syntax.Node) bool {
			call, ok := n.(*syntax.CallExpr)
			if !ok || err != nil || len(call.Args) == 0 {
				return err == nil
			}
			var words []string
			words, err = expand.Fields(&expand.Config{Env: expand.FuncEnviron(unknown)}, call.Args...)
			s.calls, s.words = append(s.calls, call), append(s.words, words)
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("%d: %w", s.line, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// unknown is the value of a variable: its name, as words of the manifest have RUNS.
func unknown(name string) string {
	if name == "IFS" { // by which values are split
		return " \t\n"
	}
	return "$" + name
}

// own returns the arguments of a call of the command fenchel, in either spelling.
func own(words []string) (args []string, ok bool) {
	switch {
	case words[0] == "fenchel":
		return words[1:], true
	case len(words) > 2 && slices.Equal(words[:3], []string{"go", "run", "./cmd/fenchel"}):
		return words[3:], true
	}
	return nil, false
}

// module returns the name of a program that a document builds itself, and its arguments.
func module(words []string) (name string, args []string, ok bool) {
	name, ok = strings.CutPrefix(words[0], "./")
	return name, words[1:], ok && !strings.Contains(name, "/")
}

// gap is a word that stands for what a reader has. RUN is none: it is the last training.
var gap = regexp.MustCompile(`…|^(?:[A-Z]*[A-Z]{2}|[A-Z]+(?:\.[a-z]+)?)$`)

// hasGap reports whether a command cannot be run since a word of it stands for another.
func hasGap(args []string) bool {
	return slices.ContainsFunc(args, func(w string) bool { return w != "RUN" && gap.MatchString(w) })
}

// plain are the programs whose lines run as they are.
var plain = strings.Fields("cat printf echo head tail mkdir cp ls wc sort cut mv gzip true")

// install are the lines, by their beginning, that prepare a machine: nothing is held of them.
var install = regexp.MustCompile(`^(?:go (?:mod|get|install|build|generate)|git clone|cd|apt-get|bash \.ci/run|python3? -m venv|(?:\S*/)?pip3?) ?`)

// outside checks a line of a program that is not run: that the package, script, test or flag
// of this repository that it names is there.
func outside(root string, words []string) error {
	line := strings.Join(words, " ")
	switch base := filepath.Base(words[0]); {
	case install.MatchString(line):
		return nil
	case base == "python" || base == "python3":
		if len(words) < 2 {
			return fmt.Errorf("%s of no script", base)
		}
		_, err := os.Stat(filepath.Join(root, words[1]))
		return err
	case line == "go test ./..." || line == "go vet ./...":
		return nil
	case len(words) > 2 && words[0] == "go" && words[1] == "run":
		return checkGoRun(root, words[2], words[3:])
	case len(words) > 2 && words[0] == "go" && words[1] == "test":
		return checkGoTest(root, words[2:])
	}
	return fmt.Errorf("nothing is known of %q: say <!-- not run: WHY --> before the block", words[0])
}

// checkGoRun holds that a package is a program with the flags.
func checkGoRun(root, dir string, args []string) error {
	flags, program := map[string]bool{"h": true, "help": true}, false
	err := eachGo(filepath.Join(root, dir), func(file *ast.File) {
		program = program || file.Name.Name == "main"
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && regexp.MustCompile(`^(?:Bool|Int|String|Duration|Float64|Uint|Uint64|Int64|Func|Text)?(?:Var)?$`).MatchString(f.Sel.Name) {
				for _, arg := range call.Args[:2] {
					if name, ok := arg.(*ast.BasicLit); ok && name.Kind == token.STRING {
						flags[strings.Trim(name.Value, `"`)] = true
						break
					}
				}
			}
			return true
		})
	})
	if err != nil || !program {
		return fmt.Errorf("%s is no program: %w", dir, err)
	}
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "-"); ok {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
			if !flags[name] {
				return fmt.Errorf("%s has no flag -%s", dir, name)
			}
		}
	}
	return nil
}

// checkGoTest holds that the functions that -run and -bench name are in the package.
func checkGoTest(root string, args []string) error {
	at := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "./") })
	if at < 0 {
		return fmt.Errorf("go test of no package: %q", args)
	}
	dir := strings.TrimSuffix(args[at], "/...")
	var names []string
	if err := eachGo(filepath.Join(root, dir), func(file *ast.File) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names = append(names, f.Name.Name)
			}
		}
	}); err != nil {
		return err
	}
	for i, arg := range args[:at] {
		if arg != "-run" && arg != "-bench" || args[i+1] == "^$" {
			continue
		}
		top, _, _ := strings.Cut(args[i+1], "/")
		want, err := regexp.Compile(top)
		if err != nil {
			return err
		}
		prefix := map[string]string{"-run": "Test", "-bench": "Benchmark"}[arg]
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, prefix) && want.MatchString(n) }) {
			return fmt.Errorf("%s of %s matches no function", arg, dir)
		}
	}
	return nil
}

// eachGo calls f for the files of a folder.
func eachGo(dir string, f func(*ast.File)) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s: %w", dir, fs.ErrNotExist)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f(file)
	}
	return nil
}

// manifestLines are the calls of fenchel that the runs of the manifest make, without where
// they write and in which form.
func manifestLines(root string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(root, "bench/figures/manifest.yaml"))
	if err != nil {
		return nil, err
	}
	var m struct {
		Runs []struct{ Name, Command string }
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	lines := map[string]bool{}
	for _, r := range m.Runs {
		list, err := readShell(r.Command)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", r.Name, err)
		}
		for _, s := range list {
			for _, words := range s.words {
				if args, ok := own(words); ok {
					lines[essence(args)] = true
				}
			}
		}
	}
	return lines, nil
}

// essence is a call without where it writes and in which form.
func essence(args []string) string {
	var kept []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--out" || args[i] == "--table":
			i++
		case strings.HasPrefix(args[i], "--out=") || strings.HasPrefix(args[i], "--table="):
		default:
			kept = append(kept, args[i])
		}
	}
	return strings.Join(kept, "\x00")
}

// quick are the flags by which a line does all that it says, but less of it.
var quick = map[string][]string{
	"compare": {"--epochs=1", "--seeds=0"}, "tune": {"--epochs=1", "--trials=2"}, "study": {"--budget=10s", "--seeds=0"}, "negatives": {"--epochs=1"},
	"bias": {"--queries=2", "--repeats=10"}, "consistency": {"--draws=1"}, "convergence": {"--epochs=1", "--classes=20"}, "complexity": {"--budget=1s", "--steps=1"},
}

// hurry returns the arguments of a call that is run to see that it works. A training whose
// folder no later line asks for is a dry run: it reads the data and builds the program.
func hurry(args []string, used bool) []string {
	switch {
	case len(args) == 0:
		return args
	case args[0] == "train" && slices.Contains(args, "--from"):
		return append(slices.Clip(args), "--epochs=+1")
	case args[0] == "train" && slices.Contains(args, "list"), args[0] == "train" && slices.Contains(args, "--help"):
		return args
	case args[0] == "train" && used:
		return append(slices.Clip(args), "--epochs=1")
	case args[0] == "train":
		return append(slices.Clip(args), "--dry-run")
	}
	return append(slices.Clip(args), quick[args[0]]...)
}

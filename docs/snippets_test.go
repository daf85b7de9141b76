package docs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli"
)

// What a document shows is run, or shown to be part of what is. A block says what it is by
// its language and by a comment right before it:
//
//	```go   <!-- from PATH -->           lines of that file; a line "// …" leaves lines out
//	        <!-- module NAME FILE.go --> a file of the module NAME, which the document's lines run as ./NAME
//	        nothing                      a whole file, which is built, run and, where it has tests, tested as a module of its own
//	```sh, or indented                   lines that are run in one folder for the document, in their order; RUN is the folder of the
//	                                     last training, beside the folder is shared/ where this machine has it, and a word in capitals
//	                                     such as SOURCE is the reader's own: such a line is parsed
//	any     <!-- not run: WHY -->        a block that cannot be run
//
// Lines of sh that train, compare and the like get flags that make them short, see hurry. A line
// that is interrupted after a few seconds without an error passes where no other line asks for
// what it makes. Those that the manifest of bench/figures runs in full are parsed alone, but
// trainings whose run a later line needs. Lines that call go, python or an installer are
// checked, see outside.
// A block without a language, or of text, csv, tsv, json, yaml, mermaid, math, md, bibtex or latex, is no program.
//
// Of code in a sentence what begins with "fenchel " is parsed: command and flags exist; what
// begins with "--" is a setting that fenchel config takes, or a flag of another command; and a
// name such as losses.Parse is one that the package has. With -short nothing else is run.

// asFenchel has the program of these tests be the command fenchel.
const asFenchel = "FENCHEL_DOCS_TEST_IS_FENCHEL"

// patience is a variable of the environment: how long fenchel works before it is interrupted,
// as by Ctrl-C.
const patience = "FENCHEL_DOCS_TEST_PATIENCE"

func TestMain(m *testing.M) {
	if os.Getenv(asFenchel) != "" {
		if d, err := time.ParseDuration(os.Getenv(patience)); err == nil {
			os.Unsetenv(patience) // processes that it starts end with it
			time.AfterFunc(d, func() {
				if self, err := os.FindProcess(os.Getpid()); err == nil {
					_ = self.Signal(os.Interrupt)
				}
			})
		}
		os.Exit(cli.Main())
	}
	os.Exit(m.Run())
}

// documents are the files whose snippets are held, by their paths in the repository.
func documents(t *testing.T, root string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		name, err := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		top, rest, deep := strings.Cut(name, "/")
		switch {
		case d.IsDir() || filepath.Ext(name) != ".md":
		case !deep && (name == "README.md" || name == "STUDY.md"), top == "docs", name == "bench/README.md", top == "examples" && filepath.Base(rest) == "README.md":
			names = append(names, name)
		}
		return err
	}))
	return names
}

// TestSnippets holds every document.
func TestSnippets(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	names := documents(t, root)
	require.GreaterOrEqual(t, len(names), 5, "the walk misses documents")
	lines, err := manifestLines(root)
	require.NoError(t, err)
	require.Greater(t, len(lines), 10)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err)
			d, err := readDocument(source)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			c := &checker{root: root, name: name, manifest: lines, note: t.Log, run: !testing.Short() && runtime.GOOS != "windows"}
			if c.run {
				c.dir = t.TempDir()
			}
			for _, fault := range c.check(d) {
				t.Error(fault)
			}
		})
	}
}

// A checker holds one document.
type checker struct {
	root, name string
	manifest   map[string]bool
	note       func(...any) // what is not run on this machine
	run        bool         // else what is shown is parsed alone
	dir        string       // for what is run

	faults []string
	work   string // where the lines run
	last   string // folder of the last training
}

func (c *checker) fault(line int, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("%s:%d: %s", c.name, line, fmt.Sprintf(format, args...)))
}

// check returns what is wrong with the document, each with its line.
func (c *checker) check(d document) []string {
	for _, s := range d.spans {
		if err := goName(s.text); err != nil {
			c.fault(s.line, "%v", err)
		}
		if strings.HasPrefix(s.text, "--") {
			if err := settings(s.text); err != nil {
				c.fault(s.line, "%v", err)
			}
		}
		if rest, ok := strings.CutPrefix(s.text, "fenchel "); ok {
			list, err := readShell("fenchel " + rest)
			if err != nil {
				c.fault(s.line, "%v", err)
				continue
			}
			for _, stmt := range list {
				for _, words := range stmt.words {
					if args, ok := own(words); ok {
						c.parse(s.line, args)
					}
				}
			}
		}
	}
	modules, shells := map[string]map[string]string{}, []block{}
	for _, b := range d.blocks {
		why, not := b.directive("not run:")
		switch {
		case not && why == "":
			c.fault(b.line, "why is the block not run?")
		case not:
		case b.lang == "go":
			c.golang(b, modules)
		case b.lang == "sh":
			shells = append(shells, b)
		case b.lang == "python":
			if _, ok := b.directive("from"); !ok {
				c.fault(b.line, "a part of no file: say <!-- from PATH --> before it")
			}
			c.partOf(b)
		case !slices.Contains([]string{"", "text", "csv", "tsv", "json", "yaml", "mermaid", "math", "md", "bibtex", "latex"}, b.lang):
			c.fault(b.line, "a block of %q, of which nothing is known", b.lang)
		}
	}
	if c.run && len(modules)+len(shells) > 0 {
		c.prepare(modules)
	}
	c.shell(shells, modules)
	return c.faults
}

// partOf holds a block against the file that it is of.
func (c *checker) partOf(b block) (is bool) {
	path, is := b.directive("from")
	if !is {
		return false
	}
	file, err := os.ReadFile(filepath.Join(c.root, path))
	if err != nil {
		c.fault(b.line, "%v", err)
	} else if fault := standsIn(b.text, string(file)); fault != "" {
		c.fault(b.line, "%s: %s", path, fault)
	}
	return true
}

// golang holds a block of Go, of which whole files join modules.
func (c *checker) golang(b block, modules map[string]map[string]string) {
	if c.partOf(b) {
		return
	}
	if !regexp.MustCompile(`(?m)^package \w+`).MatchString(b.text) {
		c.fault(b.line, "neither a whole file nor a part of one: say <!-- from PATH --> before it")
		return
	}
	name, file := fmt.Sprintf("line-%d", b.line), "main.go"
	if strings.Contains(b.text, "\"testing\"\n") {
		file = "main_test.go"
	}
	if of, ok := b.directive("module"); ok {
		if name, file, ok = strings.Cut(of, " "); !ok || filepath.Ext(file) != ".go" || filepath.Base(file) != file {
			c.fault(b.line, "module %s: a name and a file are wanted", of)
			return
		}
	}
	if modules[name] == nil {
		modules[name] = map[string]string{}
	}
	if _, twice := modules[name][file]; twice {
		c.fault(b.line, "module %s has a file %s already", name, file)
	}
	modules[name][file] = b.text
}

// parse holds that a command of fenchel and its flags exist. Arguments of its own are another's.
func (c *checker) parse(line int, args []string) {
	var path []string
	known := flagsOf(nil)
	for _, arg := range args {
		if known.commands[arg] {
			path = append(path, arg)
			known = flagsOf(path)
			continue
		}
		break
	}
	if len(args) > 0 && len(path) == 0 && !strings.HasPrefix(args[0], "-") && args[0] != "…" {
		c.fault(line, "fenchel has no command %q", args[0])
		return
	}
	if rest := args[len(path):]; len(known.commands) > 0 && len(path) > 0 && len(rest) > 0 && regexp.MustCompile(`^[a-z]`).MatchString(rest[0]) {
		c.fault(line, "fenchel %s has no command %q", strings.Join(path, " "), rest[0])
	}
	for _, arg := range args {
		if name, _, _ := strings.Cut(arg, "="); strings.HasPrefix(arg, "-") && len(arg) > 1 && !known.flags[name] {
			c.fault(line, "fenchel %s has no flag %s", strings.Join(path, " "), name)
		}
	}
	if text := named(path, args); text != "" {
		if err := settings(text); err != nil {
			c.fault(line, "%v", err)
		}
	}
}

// named returns the settings by name of a training, which are read even where a word of the line
// stands for what a reader has.
func named(path, args []string) string {
	var of []string
	if !slices.Equal(path, []string{"train"}) {
		return ""
	}
	for i, arg := range args[:max(len(args)-1, 0)] {
		if value := args[i+1]; slices.Contains([]string{"--model", "--loss", "--task", "--score"}, arg) && !gap.MatchString(value) && !strings.Contains(value, "own-") && !strings.Contains(value, "file=") {
			of = append(of, arg, "'"+value+"'")
		}
	}
	return strings.Join(of, " ")
}

// A usage is what the help of a command lists.
type usage struct{ commands, flags map[string]bool }

var (
	usages   = map[string]usage{}
	usagesMu sync.Mutex
	flagLine = regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[\w-]+)`)
	subLine  = regexp.MustCompile(`(?m)^  ([a-z]\w*) `)
)

// flagsOf asks a command for its help.
func flagsOf(path []string) usage {
	usagesMu.Lock()
	defer usagesMu.Unlock()
	key := strings.Join(path, " ")
	if u, ok := usages[key]; ok {
		return u
	}
	cmd := exec.Command(os.Args[0], append(slices.Clone(path), "--help")...)
	cmd.Env = append(os.Environ(), asFenchel+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("fenchel %s --help: %v: %s", key, err, out))
	}
	u := usage{map[string]bool{}, map[string]bool{}}
	for _, m := range flagLine.FindAllStringSubmatch(string(out), -1) {
		u.flags[m[1]], u.flags[m[2]] = true, true
	}
	if _, list, ok := strings.Cut(string(out), "Available Commands:\n"); ok {
		list, _, _ = strings.Cut(list, "\n\n")
		for _, m := range subLine.FindAllStringSubmatch(list, -1) {
			u.commands[m[1]] = true
		}
	}
	usages[key] = u
	return u
}

package docs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

// A line may take limit; one that makes nothing which a later line needs is interrupted after
// enough. Bash ends with interrupted then, and with brokenPipe where head has read enough.
const (
	limit       = 2 * time.Minute
	enough      = 4 * time.Second
	interrupted = 130
	brokenPipe  = 141
)

// prepare makes the folder of a document: fenchel by name, its modules' programs, and the
// shared data beside it.
func (c *checker) prepare(modules map[string]map[string]string) {
	c.work = filepath.Join(c.dir, "checkout")
	self, err := os.Executable()
	for _, err := range []error{
		err, os.MkdirAll(c.work, 0o755), os.MkdirAll(filepath.Join(c.dir, "bin"), 0o755),
		os.Symlink(self, filepath.Join(c.dir, "bin", "fenchel")),
	} {
		if err != nil {
			c.fault(0, "%v", err)
			return
		}
	}
	if shared := filepath.Join(filepath.Dir(c.root), "shared"); exists(shared) {
		if err := os.Symlink(shared, filepath.Join(c.dir, "shared")); err != nil {
			c.fault(0, "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		c.build(name, modules[name])
	}
}

// build makes ./NAME of the files of a module outside this one; a module without a name of
// its own is run too, and one with tests is tested.
func (c *checker) build(name string, files map[string]string) {
	dir := filepath.Join(c.dir, "modules", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.fault(0, "%v", err)
		return
	}
	sums, err := os.ReadFile(filepath.Join(c.root, "go.sum"))
	if err != nil {
		c.fault(0, "%v", err)
	}
	all := maps.Clone(files)
	all["go.sum"] = string(sums)
	all["go.mod"] = fmt.Sprintf("module example.org/%s\n\ngo 1.26\n\nrequire github.com/fenchel-ml/fenchel v0.0.0\n\nreplace github.com/fenchel-ml/fenchel => %s\n", name, c.root)
	tests, programs := false, false
	for file, text := range all {
		tests = tests || strings.HasSuffix(file, "_test.go")
		programs = programs || filepath.Ext(file) == ".go" && strings.Contains("\n"+text, "\npackage main\n") && !strings.HasSuffix(file, "_test.go")
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			c.fault(0, "%v", err)
		}
	}
	env := []string{"GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off"}
	do := func(script string) {
		if out, err := c.bash(dir, script, env...); err != nil {
			c.fault(0, "module %s of the document: %s: %v\n%s", name, script, err, out)
		}
	}
	switch _, unnamed := strings.CutPrefix(name, "line-"); {
	case programs && unnamed:
		do("go run .")
	case programs:
		do("go build -o " + filepath.Join(c.work, name) + " .")
	case !tests:
		do("go build ./...")
	}
	if tests {
		do("go test -short .")
	}
}

// bash runs a script in a folder, and returns what it prints.
func (c *checker) bash(dir, script string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), asFenchel+"=1", "PATH="+filepath.Join(c.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A line is a statement of a document's blocks of shell.
type line struct {
	statement
	at int // in the document
}

// shell holds the lines of a document in their order.
func (c *checker) shell(blocks []block, modules map[string]map[string]string) {
	var lines []line
	for _, b := range blocks {
		list, err := readShell(b.text)
		if err != nil {
			c.fault(b.line, "%v", err)
			continue
		}
		for _, s := range list {
			lines = append(lines, line{s, b.line + s.line - 1})
		}
	}
	for i, l := range lines {
		runs, whole := c.run && len(l.calls) > 0, true
		for j, words := range l.words {
			args, isOwn := own(words)
			name, rest, isModule := module(words)
			switch {
			case isOwn:
				c.parse(l.at, args)
			case isModule && modules[name] == nil && name != "mine":
				c.fault(l.at, "the document builds no %s", name)
				runs = false
			case isModule:
				args = rest
			case slices.Contains(plain, words[0]):
				continue
			default:
				if err := outside(c.root, words); err != nil {
					c.fault(l.at, "%v", err)
				}
				runs = false
				continue
			}
			used := c.used(args, lines[i+1:])
			why := c.missing(args)
			switch {
			case hasGap(args), c.manifest[essence(args)] && !(args[0] == "train" && used):
				runs = false
			case isModule && modules[name] == nil: // that of cli/testdata/stranger, whose test runs the line
				runs = false
			case slices.Contains(args, "RUN") && c.last == "" && runs:
				why = "there is no training before it on this machine"
			case len(args) > 1 && args[0] == "data" && args[1] == "get":
				why = "it needs the network"
			}
			if why != "" && runs {
				c.note(fmt.Sprintf("%s:%d: not run: %s", c.name, l.at, why))
				runs = false
			}
			if runs {
				if len(args) > 0 && quick[args[0]] != nil {
					whole = false
				}
				c.rewrite(l.calls[j], words[:len(words)-len(args)], hurry(args, used))
			}
		}
		if runs {
			c.runLine(l, whole)
		}
	}
}

// used reports whether a line after a training, before the next one, asks for its run.
func (c *checker) used(args []string, after []line) bool {
	out := flagValue(args, "--out")
	trained := false
	for _, l := range after {
		for _, words := range l.words {
			for _, w := range words[1:] {
				switch {
				case out != "" && (w == out || strings.HasPrefix(w, out+"/")), !trained && w == "RUN", out == "" && strings.HasPrefix(w, "runs/"):
					return true
				}
			}
			if a, ok := own(words); ok && len(a) > 0 && a[0] == "train" {
				trained = true
			}
		}
	}
	return false
}

// flagValue returns the value of a flag, "" where it is not given.
func flagValue(args []string, name string) string {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, name+"="); ok {
			return v
		}
		if arg == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// missing says which of the shared data a call needs and this machine has not.
func (c *checker) missing(args []string) string {
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "../shared/"); ok && !exists(filepath.Join(filepath.Dir(c.root), "shared", path)) {
			return "there is no " + arg
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rewrite makes the words of a call those that are run.
func (c *checker) rewrite(call *syntax.CallExpr, program, args []string) {
	if len(program) > 1 { // go run ./cmd/fenchel
		program = []string{"fenchel"}
	}
	call.Args = nil
	for _, w := range slices.Concat(program, args) {
		if w == "RUN" {
			w = c.last
		}
		quoted, err := syntax.Quote(w, syntax.LangBash)
		if err != nil {
			c.fault(int(call.Pos().Line()), "%v", err)
		}
		call.Args = append(call.Args, &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: quoted}}})
	}
}

// runLine runs a statement, to its end where whole is set, and finds the folder of what it trained.
func (c *checker) runLine(l line, whole bool) {
	var script strings.Builder
	if err := syntax.NewPrinter().Print(&script, l.stmt); err != nil {
		c.fault(l.at, "%v", err)
		return
	}
	start := time.Now()
	var env []string
	if !whole {
		env = []string{patience + "=" + enough.String()}
	}
	out, err := c.bash(c.work, script.String(), env...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && (exit.ExitCode() == brokenPipe || exit.ExitCode() == interrupted && !whole):
	case err != nil:
		c.fault(l.at, "%s: %v\n%s", script.String(), err, out)
	}
	if d := time.Since(start); d > 3*time.Second {
		c.note(fmt.Sprintf("%s:%d: %.0f s: %s", c.name, l.at, d.Seconds(), script.String()))
	}
	if _, folder, ok := strings.Cut(out, "run folder "); ok {
		c.last, _, _ = strings.Cut(folder, "\n")
	}
}

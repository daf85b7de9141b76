package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// makeRecords makes the records that the options choose.
func makeRecords(ctx context.Context, o *options, b *book) (ok bool, err error) {
	chosen, err := b.manifest.choose(o.names)
	if err != nil {
		return false, err
	}
	m, err := newMaker(ctx, o)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := os.MkdirAll(o.records, 0o755); err != nil {
		return false, err
	}
	ok = true
	for _, r := range chosen {
		if o.timing && !r.Timing || o.quality && r.Timing {
			if len(o.names) > 0 {
				return false, fmt.Errorf("run %s is named, and -timing or -quality leaves it out", r.Name)
			}
			continue
		}
		if o.missing && b.current(r) {
			continue
		}
		file := filepath.Join(o.records, r.Name+".txt")
		if err := fs.Clean(file); err != nil {
			return false, err
		}
		have, err := m.make(ctx, r)
		if ctx.Err() != nil {
			return false, err
		}
		if err == nil {
			err = fs.WriteBytes(file, have.bytes())
		}
		if err != nil {
			fmt.Fprintf(o.log, "== %s FAILED: %v\n", r.Name, err)
			ok = false
			continue
		}
		fmt.Fprintf(o.log, "== %s: recorded, %s\n", r.Name, have.made)
	}
	return ok, nil
}

// A maker runs the commands of runs.
type maker struct {
	root    string // of the repository, an absolute path
	scratch string
	python  string
	out     io.Writer // gets what runs print, beside the record
	log     io.Writer
}

// newMaker builds fenchel, which runs find first in PATH.
func newMaker(ctx context.Context, o *options) (m *maker, err error) {
	m = &maker{python: o.python, out: o.out, log: o.log}
	if m.root, err = filepath.Abs(o.dir); err != nil {
		return nil, err
	}
	if m.scratch, err = os.MkdirTemp("", "fenchel-figures-"); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(m.scratch, "bin", executable("fenchel")), "./cmd/fenchel")
	build.Dir = m.root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build ./cmd/fenchel: %w: %s", err, out), m.close())
	}
	return m, nil
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func (m *maker) close() error { return os.RemoveAll(m.scratch) }

// source is a path of data in a command.
var source = regexp.MustCompile(`\.\./shared/[\w./-]+`)

// lacks returns what a run needs and this machine does not have, "" where it can run.
func (m *maker) lacks(r *run) string {
	if strings.Contains(r.Command, "$PYTHON") && m.python == "" {
		return "-python is not given"
	}
	for _, path := range append(source.FindAllString(r.Command, -1), r.Needs...) {
		if _, err := os.Stat(filepath.Join(m.root, filepath.FromSlash(path))); err != nil {
			return path + " is not there"
		}
	}
	return ""
}

// make says which run it makes, runs its command and returns the record. Once ctx has ended the
// error says that the run was interrupted.
func (m *maker) make(ctx context.Context, r *run) (have *record, err error) {
	fmt.Fprintf(m.log, "== %s: %s\n", r.Name, r.About)
	defer func() {
		if ctx.Err() != nil {
			have, err = nil, fmt.Errorf("%s: interrupted", r.Name)
		}
	}()
	if lacks := m.lacks(r); lacks != "" {
		return nil, errors.New(lacks)
	}
	runs, err := os.MkdirTemp(m.scratch, "runs-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(runs)) }()
	start := time.Now()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", r.Command)
	cmd.Dir = m.root
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(m.scratch, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "RUNS="+runs, "PYTHON="+m.python)
	endWith(cmd)
	cmd.WaitDelay = 30 * time.Second // for a training to write where it stands
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, m.out), m.log
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	text, err := m.withoutPaths(out.String(), runs)
	if err != nil {
		return nil, err
	}
	return &record{
		command: r.Command,
		machine: fmt.Sprintf("%s, %d processors, kernels %s, %s", kernel.CPU(), runtime.NumCPU(), kernel.Path(), runtime.Version()),
		made:    fmt.Sprintf("%s at %s in %.0f s", start.UTC().Format("2006-01-02"), m.commit(ctx), time.Since(start).Seconds()),
		text:    text,
	}, nil
}

// withoutPaths takes what is this machine's own out of an output.
func (m *maker) withoutPaths(text, runs string) (string, error) {
	text = strings.ReplaceAll(text, runs, "runs")
	if m.python != "" {
		text = strings.ReplaceAll(text, m.python, "python")
	}
	for _, path := range []string{m.scratch, m.root} {
		if at := strings.Index(text, path); at >= 0 {
			line, _, _ := strings.Cut(text[at:], "\n")
			return "", fmt.Errorf("the output names a path of this machine: %s", line)
		}
	}
	return text, nil
}

// commit names the commit of the working tree, and says whether it has changes beside records.
func (m *maker) commit(ctx context.Context) string {
	git := func(args ...string) (string, bool) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = m.root
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	hash, ok := git("rev-parse", "--short=12", "HEAD")
	if !ok {
		return "unknown"
	}
	if changes, ok := git("status", "--porcelain", "--", ".", ":(exclude)"+recordsName); !ok || changes != "" {
		return hash + " with changes"
	}
	return hash
}

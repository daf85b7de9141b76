package cli

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// A stranger is a program of a module outside this one: testdata/stranger, whose main
// calls Main and whose other files register a loss, a model, a sampler, a metric and a
// format through public packages alone.
type stranger struct{ exe, work string } // the program, and the folder in which it runs

// newStranger copies the module to a folder of its own, with a go.mod that replaces this
// module by the checkout, and builds it without the network.
func newStranger(t *testing.T) stranger {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	module := t.TempDir()
	require.NoError(t, os.CopyFS(module, os.DirFS("testdata/stranger")))
	mod := fmt.Sprintf("module example.org/stranger\n\ngo 1.26\n\nrequire github.com/fenchel-ml/fenchel v0.0.0\n\nreplace github.com/fenchel-ml/fenchel => %s\n", root)
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), []byte(mod), 0o644))
	sums, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.sum"), sums, 0o644))
	s := stranger{filepath.Join(module, "stranger"), t.TempDir()}
	s.goTool(t, "build", "-o", s.exe, ".")
	return s
}

// goTool runs the go command in the module.
func (s stranger) goTool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Dir(s.exe)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %v: %s", args, out)
}

// run runs the program and returns what it prints to standard output.
func (s stranger) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.exe, args...)
	cmd.Dir = s.work
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%v: %s%s", args, out, stderr.String())
	return string(out)
}

// TestStranger: every command of a program outside this module knows what it registers,
// in processes that the commands start too, and is called by the program's own name.
func TestStranger(t *testing.T) {
	s := newStranger(t)
	var likes strings.Builder
	for u := range 60 {
		for i := range 12 {
			fmt.Fprintf(&likes, "user-%d|item-%d\n", u, (i*i+3*i+u)%40)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.work, "likes.txt"), []byte(likes.String()), 0o644))
	small := []string{"--data", "likes.txt", "--model", "own-net:width=6,f=relu", "--dim", "8", "--epochs", "3", "--metrics", "own-all@9,recall@9"}

	t.Run("list", func(t *testing.T) {
		for kind, name := range map[string]string{"loss": "own-gini", "model": "own-net", "sampler": "own-evens", "metric": "own-all", "format": "own-bars"} {
			require.Regexp(t, `(?m)^`+name+": ", s.run(t, "list", kind))
		}
	})
	t.Run("losses", func(t *testing.T) {
		require.Regexp(t, `(?m)^own-gini +1  `, s.run(t, "losses"))
		require.Regexp(t, `(?m)^  margin +0.5$`, s.run(t, "losses", "own-gini:tau=0.5"))
	})
	t.Run("nodes", func(t *testing.T) {
		card := s.run(t, "losses", "own-squentropy")
		require.Regexp(t, `(?m)^  source +not declared$`, card)
		require.Regexp(t, `(?m)^  theory +not declared$`, card)
		require.Regexp(t, `(?m)^  price +\d.* ms a step, \d.* times the \d.* ms of a fused softmax; its form is: graph of its definition, in blocks of rows$`, card)
		require.Regexp(t, `(?m)^own-squentropy +\?  +\?  `, s.run(t, "losses"))
		require.Contains(t, s.run(t, "check", "--loss", "own-squentropy", "--k", "1,20"), "\n4 checks, 4 passed, 0 failed\n")
		for _, loss := range []string{"own-squentropy", "own-squentropy@sampled:n=8,sampler=own-evens", "own-squentropy@classes"} {
			out := s.run(t, append([]string{"train", "--loss", loss, "--out", "nodes-" + fmt.Sprint(len(loss))}, small...)...)
			require.Regexp(t, `(?m)^own-all@9 +[01]\.\d{4} +[01]\.\d{4}$`, out)
		}
		require.Regexp(t, `(?m)^own-squentropy +\d+ .* not declared$`, s.run(t, "consistency", "--loss", "own-squentropy", "--draws", "1", "--classes", "3"))
		require.Contains(t, s.run(t, "convergence", "--tabular-loss", "own-squentropy", "--classes", "20"), "no theory is declared")
		out := s.run(t, "bias", "nodes-14", "--estimator", "own-squentropy@sampled:n=4,sampler=own-evens", "--queries", "2", "--repeats", "20")
		require.Regexp(t, `(?m)^own-squentropy@sampled:n=4,sampler=own-evens +4 +\d`, out)
	})
	t.Run("check", func(t *testing.T) {
		require.Contains(t, s.run(t, "check", "--loss", "own-gini", "--k", "1,20"), "\n8 checks, 8 passed, 0 failed\n")
	})
	t.Run("data", func(t *testing.T) {
		require.Contains(t, s.run(t, "data", "describe", "likes.txt"), "own-bars")
	})
	t.Run("train", func(t *testing.T) {
		out := s.run(t, append([]string{"train", "--loss", "own-gini:tau=0.5@sampled:n=8,sampler=own-evens", "--out", "run"}, small...)...)
		require.Regexp(t, `(?m)^own-all@9 +[01]\.\d{4} +[01]\.\d{4}$`, out)
		require.Contains(t, out, "own-net:f=relu,width=6: d = 8")
		require.Regexp(t, `(?m)^own-all@5 +[01]\.\d{4}`, s.run(t, "eval", "run", "--metrics", "own-all@5"))
		require.Contains(t, s.run(t, "predict", "run", "--user", "user-0", "--k", "2"), "item-")
	})
	t.Run("bias", func(t *testing.T) {
		out := s.run(t, "bias", "run", "--estimator", "own-gini@sampled:n=4,sampler=own-evens", "--queries", "3", "--repeats", "20")
		require.Regexp(t, `(?m)^own-gini@sampled:n=4,sampler=own-evens +4 +\d`, out)
	})
	t.Run("compare", func(t *testing.T) {
		out := s.run(t, "compare", "--data", "likes.txt", "--models", "own-net", "--dim", "8", "--epochs", "2", "--seeds", "1", "--metrics", "own-all@9",
			"--losses", "own-gini,softmax@sampled:n=4,sampler=own-evens", "--resamples", "100", "--out", "compared")
		require.Regexp(t, `(?m)^own-gini +1/1 +[01]\.\d{4}  `, out)
		require.Regexp(t, `(?m)^softmax@sampled:n=4,sampler=own-evens +1/1 +[01]\.\d{4}  `, out)
		require.Contains(t, out, "OWN-ALL@9 TEST")
	})
	t.Run("study", func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes ten seconds, the least of a study")
		}
		s.run(t, "study", "--data", "likes.txt", "--model", "own-net", "--dim", "8", "--losses", "own-gini,softmax", "--seeds", "1", "--budget", "10s", "--out", "studied")
		var page struct {
			Sections []struct{ Data json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(readFile(t, filepath.Join(s.work, "studied", "report.json")), &page))
		knows := 0
		for _, section := range page.Sections {
			if strings.Contains(string(section.Data), `"own-gini"`) {
				knows++
			}
		}
		require.GreaterOrEqual(t, knows, 2, "at least consistency and the comparison have it")
	})
	t.Run("completion", func(t *testing.T) {
		for line, want := range map[string]string{
			"train --loss own-":                      "own-gini",
			"train --loss own-gini:":                 "own-gini:tau=",
			"train --model own-net:f=t":              "own-net:f=tanh",
			"train --metrics own":                    "own-all@",
			"train --format own":                     "own-bars",
			"train --candidates sampled:sampler=own": "sampled:sampler=own-evens",
			"check --loss own":                       "own-gini",
			"compare --losses own":                   "own-gini",
			"compare --models own":                   "own-net",
			"study --losses own":                     "own-gini",
			"bias --estimator own":                   "own-gini",
			"losses own":                             "own-gini",
		} {
			first, _, _ := strings.Cut(s.run(t, append([]string{cobra.ShellCompRequestCmd}, strings.Fields(line)...)...), "\n")
			name, _, _ := strings.Cut(first, "\t")
			require.Equal(t, want, name, line)
		}
		for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
			script := s.run(t, "completion", shell)
			require.Contains(t, script, "stranger")
			require.NotContains(t, script, "fenchel", "the script completes another program")
		}
	})
	t.Run("suites", func(t *testing.T) {
		if testing.Short() {
			t.Skip("links another program")
		}
		s.goTool(t, "test", "-short", ".")
	})
	t.Run("docs", func(t *testing.T) {
		lines := regexp.MustCompile(`(?m)^\./mine (.*)$`).FindAllStringSubmatch(string(readFile(t, "../docs/own-binary.md")), -1)
		require.Len(t, lines, 5)
		for _, line := range lines {
			require.NotEmpty(t, s.run(t, strings.Fields(line[1])...), line[1])
		}
	})
	t.Run("help", func(t *testing.T) {
		help := s.run(t, "--help")
		require.Contains(t, help, "\n  stranger check  ")
		require.NotContains(t, help, "fenchel ")
		require.Regexp(t, `each at a cut-off such as recall@20, .*\bown-all\b`, s.run(t, "train", "--help"))
		require.Contains(t, s.run(t, "losses"), "\nstranger losses NAME describes one; stranger train --loss NAME trains it.\nIn the tables - is none or no bound, and ? is not declared.\n")
		out, err := exec.CommandContext(t.Context(), s.exe, "losses", "nosuch").CombinedOutput()
		require.Error(t, err)
		require.Regexp(t, `^stranger: .*unknown loss "nosuch"; the choices are .*\bown-gini\b`, string(out))
	})
}

// TestStrangerIsOfPublicPackages: no file of the module names an internal package, its
// main has ten lines of code at most, and docs/own-binary.md shows it as it is.
func TestStrangerIsOfPublicPackages(t *testing.T) {
	files := os.DirFS("testdata/stranger")
	names, err := fs.Glob(files, "*.go")
	require.NoError(t, err)
	require.Len(t, names, 8)
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		require.NotContains(t, string(text), "/internal/", name)
	}
	text := string(readFile(t, "testdata/stranger/main.go"))
	_, code, _ := strings.Cut(text, "\n")
	require.LessOrEqual(t, len(regexp.MustCompile(`(?m)^.*\S`).FindAllString(code, -1)), 10)
	require.True(t, strings.Contains(string(readFile(t, "../docs/own-binary.md")), "```go\n"+code+"```"), "the main that is shown is not the one that is built")
}

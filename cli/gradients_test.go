package cli

import (
	"flag"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/losses"
)

// gradientsScript holds dumps of check against PyTorch.
const gradientsScript = "../bench/gradients.py"

// TestScriptStatesEveryLoss: the script has a statement of every loss of this module.
func TestScriptStatesEveryLoss(t *testing.T) {
	_, list, ok := strings.Cut(string(readFile(t, gradientsScript)), "LOSSES = {")
	require.True(t, ok)
	list, _, ok = strings.Cut(list, "}")
	require.True(t, ok)
	stated := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z0-9-]+)":`).FindAllStringSubmatch(list, -1) {
		stated[m[1]] = true
	}
	require.NotEmpty(t, stated)
	known := map[string]bool{}
	for _, spec := range losses.All() {
		if !strings.HasPrefix(spec.Name, "test-") { // of a test of this package
			known[spec.Name] = true
		}
	}
	require.Equal(t, known, stated)
}

// python is the interpreter of what is held against PyTorch.
var python = flag.String("python", "", "interpreter with the packages torch and safetensors, for TestGradientsAgainstPyTorch; an absolute path")

// TestGradientsAgainstPyTorch dumps every loss over all classes and over drawn ones and
// runs the script: go test -v -run PyTorch ./cli -python /path/to/venv/bin/python. See
// bench/README.md.
func TestGradientsAgainstPyTorch(t *testing.T) {
	if *python == "" {
		needs.System(t, "a Python interpreter that has PyTorch, named by the flag -python")
	}
	dir := t.TempDir()
	args := []string{gradientsScript}
	for _, loss := range losses.Names() {
		for _, candidates := range []string{"all", "sampled:n=4,correction=none,per=row"} {
			dump := filepath.Join(dir, loss+"@"+candidates)
			code, out, stderr := execute(t, "check", "--model", "mf", "--loss", loss+"@"+candidates, "--dump", dump)
			require.Equal(t, exitOK, code, out+stderr)
			args = append(args, dump)
		}
	}
	out, err := exec.CommandContext(t.Context(), *python, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `comparisons with PyTorch \S+, 0 failed\n$`, string(out))
	t.Log(string(out[strings.LastIndex(strings.TrimSpace(string(out)), "\n")+1:]))
}

// TestReadmeGradients runs the lines of README's section on gradients, and holds what it
// shows of one against what that prints.
func TestReadmeGradients(t *testing.T) {
	readme := string(readFile(t, "../README.md"))
	_, section, ok := strings.Cut(readme, "\n## Compare gradients\n")
	require.True(t, ok)
	section, _, ok = strings.Cut(section, "\n## ")
	require.True(t, ok)
	blocks := regexp.MustCompile("(?s)```(\\w*)\n(.*?)```").FindAllStringSubmatch(section, -1)
	require.Len(t, blocks, 4, "the lines, what one prints, and two of Go")
	row := regexp.MustCompile(`(?m)^(.*?)  .*  (PASS|FAIL)$`)
	cost := regexp.MustCompile(`(?m)^the cost +cost +(\S+)`)
	for _, file := range []string{"../examples/gradcheck/main.go", "../examples/ownmodel/main.go"} {
		at := map[string]int{"../examples/gradcheck/main.go": 2, "../examples/ownmodel/main.go": 3}[file]
		require.Contains(t, string(readFile(t, file)), strings.TrimSpace(blocks[at][2]), "what README shows of %s", file)
	}
	ran := 0
	script, err := filepath.Abs(gradientsScript)
	require.NoError(t, err)
	t.Chdir(t.TempDir()) // where the dump goes
	for line := range strings.Lines(blocks[0][2]) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
		words := strings.Fields(line)
		if words[0] == "python" {
			require.Equal(t, []string{"bench/gradients.py", "dump"}, words[1:])
			require.FileExists(t, script)
			require.FileExists(t, filepath.Join("dump", dumpGradients))
			continue
		}
		require.Equal(t, "fenchel", words[0])
		if testing.Short() && strings.Contains(line, "all@") {
			continue
		}
		code, out, stderr := execute(t, words[1:]...)
		require.Equal(t, exitOK, code, "%s\n%s%s", line, out, stderr)
		if ran++; ran == 2 { // the one that is shown
			want, got := blocks[1][2], out
			require.NotEmpty(t, row.FindAllString(want, -1))
			require.Len(t, row.FindAllString(got, -1), len(row.FindAllString(want, -1)))
			for i, m := range row.FindAllStringSubmatch(want, -1) {
				g := row.FindAllStringSubmatch(got, -1)[i]
				require.Equal(t, []string{m[1], m[2]}, []string{g[1], g[2]})
			}
			// Which coordinate is the worst is a matter of last digits; the cost is not.
			require.Equal(t, cost.FindStringSubmatch(want)[1][:8], cost.FindStringSubmatch(got)[1][:8])
			require.Equal(t, strings.SplitN(want, "\n", 2)[0], strings.SplitN(got, "\n", 2)[0])
		}
	}
	require.GreaterOrEqual(t, ran, 3)
}

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkText holds a document of so much Markdown, in which ”' is a fence.
func checkText(t *testing.T, text string, run bool) []string {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	lines, err := manifestLines(root)
	require.NoError(t, err)
	d, err := readDocument([]byte(strings.ReplaceAll(text, "'''", "```")))
	if err != nil {
		return []string{err.Error()}
	}
	c := &checker{root: root, name: "page.md", manifest: lines, note: t.Log, run: run}
	if run {
		c.dir = t.TempDir()
	}
	return c.check(d)
}

// TestFaults: each kind of fault is found, on its line.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a\n\n    go run ./bench -onlly x\n", `^page.md:3: ./bench has no flag -onlly`},
		{"a\n\n'''go\nx := 1\n'''\n", `^page.md:4: neither a whole file`},
		{"<!-- from cmd/fenchel/main.go -->\n\n'''go\nx := 1\n'''\n", `^page.md:4: cmd/fenchel/main.go: no lines`},
		{"<!-- from cmd/nosuch.go -->\n'''go\nx := 1\n'''\n", `^page.md:3: open .*nosuch.go`},
		{"<!-- module x -->\n'''go\npackage main\n'''\n", `^page.md:3: module x: a name and a file`},
		{"<!-- module x ../a.go -->\n'''go\npackage main\n'''\n", `^page.md:3: module x \.\./a\.go: a name and a file`},
		{"<!-- module x a.go -->\n'''go\npackage main\n'''\n<!-- module x a.go -->\n'''go\npackage main\n'''\n", `^page.md:7: module x has a file a\.go already`},
		{"'''python\nimport os\n'''\n", `^page.md:2: a part of no file`},
		{"'''rust\nfn\n'''\n", `^page.md:2: a block of "rust"`},
		{"'''sh\nfenchel trian\n'''\n", `^page.md:2: fenchel has no command "trian"`},
		{"'''sh\nfenchel data descibe x\n'''\n", `^page.md:2: fenchel data has no command "descibe"`},
		{"'''sh\nfenchel list loss # all\n\ngo run ./cmd/fenchel train --los x\n'''\n", `^page.md:4: fenchel train has no flag --los`},
		{"'''sh\nfenchel train \\\n  --loss softmax\nfenchel eval RUN -z\n'''\n", `^page.md:4: fenchel eval has no flag -z`},
		{"'''sh\nfenchel train '\n'''\n", `^page.md:2: `},
		{"'''sh\n./other train\n'''\n", `^page.md:2: the document builds no other`},
		{"'''sh\nmake\n'''\n", `^page.md:2: nothing is known of "make"`},
		{"<!-- not run: -->\n'''sh\nmake\n'''\n", `^page.md:3: why is the block not run`},
		{"'''sh\npython bench/nosuch.py\n'''\n", `^page.md:2: .*nosuch\.py`},
		{"'''sh\ngo run ./examples/nosuch\n'''\n", `^page.md:2: ./examples/nosuch is no program`},
		{"'''sh\ngo run ./losses\n'''\n", `^page.md:2: ./losses is no program`},
		{"'''sh\ngo run ./bench -onlly x\n'''\n", `^page.md:2: ./bench has no flag -onlly`},
		{"'''sh\ngo test -run TestNoSuchThing ./docs\n'''\n", `^page.md:2: -run of ./docs matches no function`},
		{"'''sh\ngo test -bench Faults ./docs\n'''\n", `^page.md:2: -bench of ./docs matches no function`},
		{"Say\n`fenchel trian`.\n", `^page.md:2: fenchel has no command "trian"`},
		{"| a |\n|---|\n| `fenchel train --los x` |\n", `^page.md:3: fenchel train has no flag --los`},
		{"`--los softmax`\n", `^page.md:1: no command of fenchel has a flag --los`},
		{"- `--loss softmx`\n", `^page.md:1: --loss softmx: fenchel: --loss: .*unknown loss "softmx"`},
		{"Call\n`losses.Prase`.\n", `^page.md:2: package losses has no Prase`},
	} {
		faults := checkText(t, c.text, false)
		require.Len(t, faults, 1, c.text)
		require.Regexp(t, c.want, faults[0], c.text)
	}
}

// TestManifestLines: a line is a run of the manifest whatever it is to write, and in which form,
// and no other line is.
func TestManifestLines(t *testing.T) {
	lines, err := manifestLines("..")
	require.NoError(t, err)
	for text, want := range map[string]bool{
		"fenchel consistency":                        true,
		"fenchel consistency --table latex --out x":  true,
		"fenchel consistency --draws 3":              false,
		"fenchel compare --losses softmax --seeds 9": false,
	} {
		list, err := readShell(text)
		require.NoError(t, err)
		args, ok := own(list[0].words[0])
		require.True(t, ok)
		require.Equal(t, want, lines[essence(args)], text)
	}
	for line := range lines {
		require.NotRegexp(t, `(?:^|\x00)(?:--out|--table)`, line)
	}
}

// TestNoFaults: what is right passes, whether or not it can be run.
func TestNoFaults(t *testing.T) {
	main, err := os.ReadFile("../cmd/fenchel/main.go")
	require.NoError(t, err)
	for _, text := range []string{
		"<!-- from cmd/fenchel/main.go -->\n'''go\n" + string(main) + "'''\n",
		"<!-- from cmd/fenchel/main.go -->\n'''go\n\timport (\n// …\n\tfunc main() { os.Exit(cli.Main()) }\n'''\n",
		"<!-- figures: a{b;c} -->\n\n<!-- not run: there is no make -->\n\n'''sh\nmake\n'''\n",
		"'''sh\npython3 -m venv venv && venv/bin/pip install numpy\nFENCHEL_KERNEL=go go test -v -run TestFaults ./docs\ngo run ./bench -only x -rounds 1\npython bench/gradients.py dump\n'''\n",
		"'''\nfenchel trian\n'''\n", "`fenchel`, `fenchel train --dry-run …` and `fenchel list model`, `fenchelish x`\n",
		"`--loss softmax:tau=0.5`, `--loss`, `--trials 20`, `--data DIR`, `losses.Parse(text)`, `train.Ask{User: \"42\"}`, `torch.Save`\n",
		"- item\n\n  '''sh\n  fenchel version\n  '''\n",
	} {
		require.Empty(t, checkText(t, text, false), text)
	}
}

// TestRuns: lines run in their order, as a reader would run them, and what fails is found.
func TestRuns(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("runs programs, by bash")
	}
	require.Empty(t, checkText(t, `
'''sh
printf 'user_id,item_id\n' > own.csv
for u in 1 2 3 4 5 6; do for i in 1 2 3 4 5 6 7; do echo "$u,$(( (u * i) % 11 ))"; done; done >> own.csv
fenchel train --data own.csv --dim 4   # which a later line asks for
fenchel eval RUN --metrics 'recall@2' | head -3 > measured.txt
fenchel train --data own.csv --dim 4 --out "a run"
fenchel predict 'a run' --user 1 --k 2
fenchel train --data SOURCE --loss softmax
fenchel train --data ../shared/data/nosuch
'''
`, true))
	for _, c := range []struct{ text, want string }{
		{"a\n'''sh\nfenchel version\nfenchel eval nosuch\n'''\n", `^page.md:4: .*nosuch`},
		{"'''sh\nfenchel train --data SOURCE --model sasrecc\n'''\n", `^page.md:2: .*unknown model "sasrecc"`},
		{"'''sh\nfenchel train --optimizer admm\n'''\n", `(?s)^page.md:2: .*unknown optimizer "admm"`},
		{"'''go\npackage main\n\nfunc main() { panic(1) }\n'''\n", `(?s)^page.md:0: module line-2 of the document: go run \..*panic: 1`},
		{"<!-- module x a_test.go -->\n'''go\npackage x\n\nimport (\n\t\"testing\"\n)\n\nfunc TestX(t *testing.T) { t.Error(7) }\n'''\n", `(?s)^page.md:0: module x of the document: go test.*a_test.go:7: 7`},
	} {
		faults := checkText(t, c.text, true)
		require.Len(t, faults, 1, c.text)
		require.Regexp(t, regexp.MustCompile(c.want), faults[0], c.text)
	}
}

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestText goes from a file of running text to perplexities, what follows, words that are
// alike, and one table of losses beside counts.
func TestText(t *testing.T) {
	t.Setenv(asCommand, "1") // the children of compare are this binary
	dir := t.TempDir()
	var text strings.Builder
	for k := range 300 {
		fmt.Fprintf(&text, "the %s %s a %s\n", []string{"cat", "dog"}[k%2], []string{"sees", "hears", "eats"}[k%3], []string{"mouse", "bone", "leaf"}[k%3])
	}
	path, folder := filepath.Join(dir, "lines.txt"), filepath.Join(dir, "run")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	of := func(line ...string) string {
		t.Helper()
		code, out, stderr := execute(t, line...)
		require.Equal(t, exitOK, code, stderr)
		return out
	}
	out := of("data", "describe", path, "--format", "text:document=block,vocab=5")
	require.Contains(t, out, "split         tokens:0.8,0.1,0.1\n")
	require.Contains(t, out, "1800 tokens in 3 documents; the classes are the 5 commonest of the 11 words of train and <unk>")
	out = of("train", "--data", path, "--format", "text", "--model", "ngram:drop=0", "--dim", "8", "--epochs", "6", "--batch", "64", "--optimizer", "adam:lr=0.02,mode=dense", "--out", folder)
	require.Regexp(t, `(?m)^perplexity +1\.\d{4} +1\.\d{4}$`, out)
	require.Regexp(t, `eval.mask=none`, out)
	require.Regexp(t, `(?m)^nll +0\.\d{4}$`, of("eval", folder, "--split", "test", "--metrics", "nll"))
	require.Regexp(t, `^history:1\t1\tbone\t`, of("predict", folder, "--history", "dog,hears,a", "--k", "1"))
	require.Regexp(t, `^history:1\t1\tthe\t`, of("predict", folder, "--history", "a,mouse,<eos>", "--k", "1"))

	out = of("similar", folder, "--items", "cat, the", "--item", "dog", "--k", "2")
	require.Regexp(t, `^cat\t1\t\S+\t-?[01]\.\d{4}\ncat\t2\t\S+\t\S+\nthe\t1\t\S+\t\S+\nthe\t2\t\S+\t\S+\ndog\t1\t\S+\t\S+\ndog\t2\t\S+\t\S+\n$`, out)
	require.Contains(t, of("similar", folder, "--items", "cat", "--k", "1", "--json"), `"cosine":`)
	for want, line := range map[string][]string{
		"name at least one item":                {"similar", folder},
		`no item "nothing"`:                     {"similar", folder, "--items", "nothing"},
		"name an id that holds one by --item":   {"similar", folder, "--items", "cat,nothing"},
		`--item: data: no item "nothing"`:       {"similar", folder, "--items", "cat", "--item", "nothing"},
		"similar needs an argument":             {"similar"},
		"is running text, whose users":          {"data", "split", path, filepath.Join(dir, "split"), "--from", "text", "--split", "tokens:0.8,0.1,0.1", "--format", "csv"},
		"the splits of text are documents:":     {"train", "--data", path, "--format", "text", "--split", "leave-one-out"},
		"--metrics: nll asks for probabilities": {"train", "--data", path, "--format", "text", "--loss", "sparsemax", "--metrics", "nll"},
	} {
		code, _, stderr := execute(t, line...)
		require.NotEqual(t, exitOK, code, "%v", line)
		require.Contains(t, stderr, want)
	}
	tree := filepath.Join(dir, "tree")
	of("train", "--data", path, "--format", "text", "--model", "ngram", "--loss", "hsm", "--dim", "8", "--epochs", "1", "--out", tree)
	code, _, stderr := execute(t, "similar", tree, "--items", "cat")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no class is scored by a vector of its own; train with all or sampled")

	out = of("compare", "--data", path, "--format", "text", "--models", "ngram", "--losses", "softmax,hsm,sampled-softmax", "--dim", "8", "--epochs", "3",
		"--seeds", "0-1", "--optimizer", "adam:lr=0.02", "--out", filepath.Join(dir, "compare"))
	require.Regexp(t, `(?m)^RANKING +PERPLEXITY TEST +NLL TEST +S$`, strings.ToUpper(out))
	require.Regexp(t, `(?m)^pop +\d`, out)
	require.Regexp(t, `(?m)^kneserney +\d`, out)
	best := strings.Index(out, "kneserney")
	require.Positive(t, best)
}

// TestProbabilitiesLeaveNothingOut: perplexity is of all classes, and a word that train has
// nothing of is no miss of it, as it is of a ranking.
func TestProbabilitiesLeaveNothingOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{"train.txt": strings.Repeat("a b c\n", 9), "test.txt": "a zz\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	folder, printed := trained(t, "train", "--data", dir, "--format", "text", "--model", "ngram", "--dim", "2", "--epochs", "1")
	require.NotContains(t, printed, "left out")
	var all []string
	for _, items := range []string{"warm", "all"} {
		code, out, stderr := execute(t, "eval", folder, "--metrics", "nll,perplexity", "--items", items)
		require.Equal(t, exitOK, code, stderr)
		require.NotContains(t, out, "left out")
		all = append(all, strings.Split(out, "measured by")[0])
	}
	require.Equal(t, all[1], all[0])
	code, out, stderr := execute(t, "eval", folder, "--metrics", "nll,mrr@2")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "1 item without a training pair is left out")
}

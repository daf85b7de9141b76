package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// completions returns what a shell would offer for the last of args, and the
// directive's number.
func completions(t *testing.T, args ...string) (names []string, directive string) {
	t.Helper()
	code, out, stderr := execute(t, append([]string{cobra.ShellCompRequestCmd}, args...)...)
	require.Equal(t, exitOK, code, stderr)
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if d, ok := strings.CutPrefix(line, ":"); ok {
			return names, d
		}
		name, _, _ := strings.Cut(line, "\t")
		names = append(names, name)
	}
	t.Fatalf("no directive in %q", out)
	return nil, ""
}

// TestCompletionOffersRegisteredNames asks for the names of every flag and
// argument that takes one.
func TestCompletionOffersRegisteredNames(t *testing.T) {
	for line, kind := range map[string]string{
		"train --format":         "format",
		"train --model":          "model",
		"train --candidates":     "candidates",
		"train --solver":         "solver",
		"train --optimizer":      "optimizer",
		"train --schedule":       "schedule",
		"train --metrics":        "metric",
		"train --monitor":        "metric",
		"eval --metrics":         "metric",
		"check --loss":           "loss",
		"data describe --format": "format",
	} {
		r, err := registryOf(kind)
		require.NoError(t, err)
		var want []string
		for _, e := range r.entries() {
			name := e.Name
			if m, err := metric.Lookup(name); kind == "metric" && (err != nil || !m.NoCutoff) {
				name += "@"
			}
			want = append(want, name)
		}
		got, _ := completions(t, append(strings.Fields(line), "")...)
		require.Equal(t, want, got, line)
	}
	for _, line := range []string{"train --loss", "losses"} {
		got, _ := completions(t, append(strings.Fields(line), "")...)
		slices.Sort(got)
		require.Equal(t, models.LossNames(), got, line)
	}
	got, _ := completions(t, "list", "")
	require.Equal(t, kinds(), got)
	got, _ = completions(t, "train", "--split", "")
	require.Equal(t, splitExamples(), got)
}

// TestEveryFlagThatTakesANameCompletes walks all commands: a flag is of numbers
// or truth values, or says what it completes, or is of the few listed here.
func TestEveryFlagThatTakesANameCompletes(t *testing.T) {
	plain := []string{"bool", "int", "uint64", "float64", "intSlice", "float64Slice", "n", "number", "duration"}
	free := []string{"users", "user", "history", "features", "items", "item"} // ids and features of a data set that is not read before Enter
	seen := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			seen++
			_, completes := cmd.GetFlagCompletionFunc(f.Name)
			files := f.Annotations[cobra.BashCompFilenameExt] != nil || f.Annotations[cobra.BashCompSubdirsInDir] != nil
			if !completes && !files && !slices.Contains(plain, f.Value.Type()) && !slices.Contains(free, f.Name) {
				t.Errorf("%s --%s takes a %s and completes nothing", cmd.CommandPath(), f.Name, f.Value.Type())
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(streams{program: "fenchel"}))
	require.Greater(t, seen, 20)
}

func TestCompletionOfParameters(t *testing.T) {
	for text, want := range map[string][]string{
		"ada":                     {"adagrad", "adam"},
		"adam:":                   {"adam:lr=", "adam:mode=", "adam:beta1=", "adam:beta2=", "adam:eps="},
		"adam:be":                 {"adam:beta1=", "adam:beta2="},
		"adam:mode=":              {"adam:mode=lazy", "adam:mode=dense"},
		"adam:lr=0.1,mode=d":      {"adam:lr=0.1,mode=dense"},
		"adam:lr=0.1,m":           {"adam:lr=0.1,mode="},
		"adam:beta1=0.5,mode=x":   nil,
		"adam:lr=":                nil,
		"nosuch:":                 nil,
		"adam:lr=0.1,mode=lazy,b": {"adam:lr=0.1,mode=lazy,beta1=", "adam:lr=0.1,mode=lazy,beta2="},
	} {
		got, _ := completions(t, "train", "--optimizer", text)
		require.Equal(t, want, got, text)
	}
	_, directive := completions(t, "train", "--optimizer", "adam:be")
	require.Equal(t, "6", directive, "no space after the =, no files")
	got, _ := completions(t, "train", "--metrics", "recall@20,nd")
	require.Equal(t, []string{"recall@20,ndcg@"}, got)
	got, _ = completions(t, "train", "--data", "de")
	require.Equal(t, []string{"demo"}, got)
	got, directive = completions(t, "train", "--data", "./x")
	require.Empty(t, got)
	require.Equal(t, "0", directive, "the shell completes files")
}

// TestCompletionScripts holds that every shell's script is made.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, out, stderr := execute(t, "completion", shell)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "fenchel")
	}
}

package cli

import (
	"encoding/csv"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// TestSheet: prose between tables is paragraphs, comments, or goes to standard error, and an
// empty line divides what follows.
func TestSheet(t *testing.T) {
	for form, want := range map[report.Form][2]string{
		report.TextForm:     {"first\n\nA\n1\n\nlast, 5 %\n", ""},
		report.MarkdownForm: {"first\n\n**T**\n\n| A |\n| ---:|\n| 1 |\n\nlast, 5 %\n", ""},
		report.CSVForm:      {"A\n1\n", "first\nlast, 5 %\n"},
		report.LatexForm:    {"% first\n\n% T\n\\begin{tabular}{r}\n\\hline\nA \\\\\n\\hline\n1 \\\\\n\\hline\n\\end{tabular}\n\n% last, 5 %\n", ""},
	} {
		var out, errs strings.Builder
		f := formFlag{form}
		w := f.sheet(streams{out: &out, err: &errs})
		w.Write([]byte("first\n\n"))
		tab := newTable("A")
		tab.Title = "T"
		tab.add(1)
		tab.print(w, "")
		w.Write([]byte("\nlast, 5"))
		w.Write([]byte(" %\n"))
		require.Equal(t, want, [2]string{out.String(), errs.String()}, form)
	}
}

// TestTableFlag: every command with the flag prints tables of each form, and refuses a form
// that there is not.
func TestTableFlag(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, "train", "--data", "demo:users=60,items=50,per-user=8", "--epochs", "1", "--dim", "4", "--out", dir)
	require.Equal(t, exitOK, code, stderr)
	of := map[string][]string{
		"bias":        {dir, "--estimator", "softmax", "--queries", "2", "--repeats", "20"},
		"check":       {"--loss", "softmax", "--k", "3", "--scale", "1"},
		"complexity":  {"--loss", "softmax", "--classes", "50,60", "--dims", "4,8", "--batches", "4,8", "--steps", "1"},
		"consistency": {"--recipe", "neg", "--draws", "1"},
		"convergence": {"--tabular-loss", "rg2", "--classes", "5"},
		"eval":        {dir},
		"losses":      {},
		"negatives":   {"--data", "demo:users=60,items=50,per-user=8", "--epochs", "1", "--dim", "4", "--omegas", "1"},
		"compare":     nil, "study": nil, // which other tests run
	}
	found := 0
	for _, cmd := range newRoot(streams{program: "fenchel"}).Commands() {
		if cmd.Flags().Lookup("table") == nil {
			continue
		}
		found++
		args, known := of[cmd.Name()]
		require.True(t, known, "%s has --table, and nothing here tests it", cmd.Name())
		code, _, stderr := execute(t, append([]string{cmd.Name(), "--table", "html"}, args...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "the choices are text, markdown, csv, latex")
		if args == nil {
			continue
		}
		code, _, stderr = execute(t, append([]string{cmd.Name(), "--table", "csv", "--json"}, args...)...)
		require.Equal(t, exitUsage, code, cmd.Name())
		require.Contains(t, stderr, "--table and --json are two forms")
		for form, mark := range map[string]string{"markdown": "|", "csv": ",", "latex": "\\begin{tabular}"} {
			code, out, stderr := execute(t, append([]string{cmd.Name(), "--table", form}, args...)...)
			require.Equal(t, exitOK, code, "%s: %s", cmd.Name(), stderr)
			require.Contains(t, out, mark, "%s %s", cmd.Name(), form)
			if form != "csv" {
				continue
			}
			for one := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n\n") { // tables alone, each with rows of one length
				rows, err := csv.NewReader(strings.NewReader(one)).ReadAll()
				require.NoError(t, err, "%s: %s", cmd.Name(), one)
				require.NotEmpty(t, rows)
			}
		}
	}
	require.Equal(t, len(of), found)
}

// TestFlagsThatSayNothing: a flag of a study that would change nothing is refused.
func TestFlagsThatSayNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, "train", "--data", "demo:users=60,items=50,per-user=8", "--epochs", "1", "--dim", "4", "--out", dir)
	require.Equal(t, exitOK, code, stderr)
	for _, x := range []struct{ args, want string }{
		{"convergence --train-loss softmax", "--train-loss is of training, which --train adds"},
		{"convergence --train --metrics recall@5", "--metrics: nothing is measured on valid without --patience"},
		{"convergence --train --every 2", "--every: nothing is measured"},
		{"consistency --recipe neg --rank 3", "--rank is of losses over all classes"},
		{"complexity --loss softmax --draws 8,16", "--draws: no --loss draws candidates"},
		{"complexity --loss sampled-softmax:sampler=in-batch --draws 8,16", "--draws: no --loss draws candidates"},
		{"bias " + dir + " --estimator bce --draws 8", "--draws: no --estimator draws candidates"},
		{"bias " + dir + " --estimator bce --raw", "--raw is of nce over sampled candidates"},
		{"losses --price=false", "--price is of one loss"},
		{"losses softmax --table csv", "--table is of the list"},
		{"check --model mf --table csv", "--table is of losses"},
	} {
		code, _, stderr := execute(t, strings.Fields(x.args)...)
		require.Equal(t, exitUsage, code, "%s: %s", x.args, stderr)
		require.Contains(t, stderr, x.want, x.args)
	}
	// Without --train none of the settings of train says anything to convergence.
	convergence := newConvergence(streams{})
	for _, s := range settings {
		f := convergence.Flags().Lookup(s.flag)
		if f.Hidden {
			continue
		}
		code, _, stderr := execute(t, "convergence", "--"+s.flag+"=1")
		require.Equal(t, exitUsage, code, s.flag)
		require.Contains(t, stderr, "--"+s.flag+" is of training, which --train adds")
	}
}

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompare: runs in processes of their own, each with a peak of memory; then
// the same command has nothing to do; then Ctrl-C of a longer one leaves what the
// next goes on from.
func TestCompare(t *testing.T) {
	t.Setenv(asCommand, "1") // the children are this binary
	dir := t.TempDir()
	small := []string{"--data", "demo:users=200,items=100,per-user=20", "--dim", "8", "--seeds", "1-2", "--resamples", "100", "--out", filepath.Join(dir, "a")}
	args := append([]string{"compare", "--losses", "softmax,hinge", "--losses", "softmax@sampled:n=4,sampler=popularity", "--epochs", "3",
		"--markdown", filepath.Join(dir, "t.md")}, small...)
	code, out, stderr := execute(t, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "6 runs to do, 0 done before")
	require.Regexp(t, `(?m)^softmax +2/2 +0\.\d{4} ± 0\.\d{4} .*baseline`, out)
	require.Regexp(t, `(?m)^softmax@sampled:n=4,sampler=popularity +2/2 `, out)
	var rep struct {
		Sections []struct {
			Data struct {
				Rows []struct {
					Name string
					Peak int64 `json:"peak_bytes"`
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(readFile(t, filepath.Join(dir, "a", "report.json")), &rep))
	require.Len(t, rep.Sections[0].Data.Rows, 3)
	if runtime.GOOS == "linux" {
		for _, row := range rep.Sections[0].Data.Rows {
			require.Greater(t, row.Peak, int64(4<<20), row.Name)
			require.Less(t, row.Peak, int64(1<<30), row.Name)
		}
	}
	md := string(readFile(t, filepath.Join(dir, "t.md")))
	require.Contains(t, md, "| hinge | 2/2 | ")

	code, again, stderr := execute(t, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "0 runs to do, 6 done before")
	// The references are ranked anew, in seconds of their own.
	seconds := regexp.MustCompile(`(?m)^((?:pop|itemknn|ease)\S* .*) \d+\.\d$`)
	require.Len(t, seconds.FindAllString(out, -1), 3)
	require.Equal(t, seconds.ReplaceAllString(out, "$1"), seconds.ReplaceAllString(again, "$1"))

	cmd := process(t, append([]string{"compare", "--losses", "softmax", "--epochs", "100000"}, small...)...)
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	require.NoError(t, cmd.Start())
	runs := filepath.Join(dir, "a", "runs")
	require.Eventually(t, func() bool { // beside the six runs that have ended one has begun
		folders := 0
		entries, _ := os.ReadDir(runs)
		for _, f := range entries {
			if f.IsDir() {
				if _, err := os.Stat(filepath.Join(runs, f.Name(), "metrics.jsonl")); err == nil {
					folders++
				}
			}
		}
		return folders == 7
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode(), e.String())
	require.Contains(t, o.String(), "Interrupted")
	checkpoints, err := filepath.Glob(filepath.Join(runs, "*", "checkpoint.safetensors"))
	require.NoError(t, err)
	require.Len(t, checkpoints, 1)
}

// TestCompareModels: settings are held against the models that are compared, and the answer
// to whether the ranking of losses depends on them is printed and written.
func TestCompareModels(t *testing.T) {
	t.Setenv(asCommand, "1")
	dir := t.TempDir()
	code, out, stderr := execute(t, "compare", "--models", "gru4rec,pool:drop=0.2,power=1", "--losses", "softmax,hinge", "--protocol", "leave-one-out",
		"--data", "demo:users=80,items=40,per-user=8,order=true", "--task", "next:len=6", "--positions", "200", "--dim", "8", "--epochs", "1", "--seeds", "0,1",
		"--resamples", "100", "--metrics", "hr@5", "--out", filepath.Join(dir, "a"), "--markdown", filepath.Join(dir, "t.md"))
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "8 runs to do, 0 done before")
	require.Regexp(t, `(?m)^LOSS +GRU4REC HR@5 TEST +RANK +POOL:POWER=1,DROP=0\.2 HR@5 TEST +RANK$`, out)
	require.Regexp(t, `(?m)^gru4rec and pool:power=1,drop=0.2 +\d`, out)
	answer := "to say whether the ranking of losses depends on the model"
	require.Contains(t, out, answer)
	require.Contains(t, string(readFile(t, filepath.Join(dir, "t.md"))), answer)
	require.Contains(t, string(readFile(t, filepath.Join(dir, "a", "report.html"))), answer)
	requireFigures(t, filepath.Join(dir, "a"))

	// The best run is named by its folder, which other commands take.
	folder := regexp.MustCompile(`(?m)^Best run by hr@5 on valid \(\d\.\d{4}\): \S+ \S+ seed [01], in (.+)$`).FindStringSubmatch(out)
	require.NotNil(t, folder, out)
	require.Contains(t, string(readFile(t, filepath.Join(dir, "a", "report.html"))), folder[1])
	code, out, stderr = execute(t, "eval", folder[1], "--split", "valid", "--table", "csv")
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `^METRIC,VALID(,ATTAINABLE)?\nhr@5,0?\.?\d`, out)
}

func TestCompareUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "name losses, or one of exact, sampled, all"},
		{"--losses sofmax", "unknown loss"},
		{"--losses softmax --loss rg2", "use --losses"},
		{"--losses softmax --lr 0.1", "use --tune lr=RATE"},
		{"--losses softmax --seeds 2-1", "--seeds"},
		{"--losses softmax --seeds 0,0", "--seeds: 0 is given twice"},
		{"--losses softmax --seeds 0-2,1", "--seeds: 1 is given twice"},
		{"--losses softmax --models mf,foo", "--models: models: unknown model \"foo\"; the choices are"},
		{"--losses softmax --models mf,pool:map=relu,own=2", "--models: models: pool: own=2 is outside [0, 0.99]"},
		{"--losses softmax --models mf,", "--models: models: unknown model \"\""},
		{"--losses softmax --models mf,gru4rec --positions 500", "--positions: a step of task user has no positions"},
		{"--losses softmax --models gru4rec,mf --positions 500", "softmax mf: --positions: a step of task user has no positions"},
		{"--losses softmax --tune lr", "--tune"},
		{"--losses softmax --tune temperature=auto,1", "leave out auto or the other values"},
		{"--losses softmax --tune temperature=auto --temperature 1", "leave one of them out"},
		{"--losses softmax --steps 5 --epochs 3", "exclude each other"},
		{"--losses softmax --baseline hinge", "is not compared; the choices are softmax"},
	} {
		code, _, stderr := execute(t, append([]string{"compare"}, strings.Fields(c.args)...)...)
		require.Equal(t, exitUsage, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.want)
	}
}

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestConfigFiles: a file means what the same flags mean.
func TestConfigFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	data := "data: {source: \"demo:users=60,items=50,per-user=10\"}\n"
	for _, c := range []struct{ name, text, want string }{
		{"zero epochs", data + "train: {epochs: 0}\n", `line 2: train.epochs="0" is no choice; leave the setting out for its default`},
		{"zero init", data + "model: {init: 0}\n", `line 2: model.init="0" is no choice`},
		{"part of an epoch", data + "train: {epochs: 2.7}\n", `line 2: train.epochs wants int, not "2.7"`},
		{"no value", data + "train:\n  epochs:\n", "line 3: train.epochs: it has no value"},
	} {
		require.NoError(t, os.WriteFile("config.yaml", []byte(c.text), 0o644))
		code, out, stderr := execute(t, "train", "--config", "config.yaml")
		require.Equal(t, exitUsage, code, "%s: %s", c.name, stderr)
		require.Empty(t, out)
		require.Contains(t, stderr, "--config config.yaml: config: "+c.want, c.name)
		require.NoDirExists(t, "runs")
	}
	require.NoError(t, os.WriteFile("config.yaml", []byte("\ufeff"+data+"train: {epochs: 002}\nmodel: {dim: 4}\n"), 0o644))
	code, _, stderr := execute(t, "train", "--config", "config.yaml", "--out", "run")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "epoch 2/2")

	// A space in a metric's name is no metric of its own that is never measured.
	rest := "train: {epochs: 12, patience: 3, batch: 16}\nmodel: {dim: 8}\n"
	var texts []string
	for _, metrics := range []string{`["recall@20", "ndcg@20"]`, `["recall@20 ", "ndcg@020"]`} {
		require.NoError(t, os.WriteFile("config.yaml", []byte(data+rest+"eval: {metrics: "+metrics+"}\n"), 0o644))
		out := "run-" + strconv.Itoa(len(texts))
		code, text, stderr := execute(t, "train", "--config", "config.yaml", "--out", out)
		require.Equal(t, exitOK, code, stderr)
		texts = append(texts, strings.Replace(seconds.ReplaceAllString(text, ""), out, "run", 1))
	}
	require.Equal(t, texts[0], texts[1])
}

// A canceller ends a context when a line with its text is written.
type canceller struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (c *canceller) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.at) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

// TestInterruptInTheLastEvaluation: Ctrl-C after the last epoch is an interruption like
// any other, and the same command ends with the numbers of a run without it.
func TestInterruptInTheLastEvaluation(t *testing.T) {
	t.Chdir(t.TempDir())
	code, want, stderr := execute(t, with(small, "--out", "whole")...)
	require.Equal(t, exitOK, code, stderr)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	errs := &canceller{at: "epoch 3/3", cancel: cancel}
	code = run(ctx, streams{program: "fenchel", in: strings.NewReader(""), out: &out, err: errs}, with(small, "--out", "run"))
	require.Equal(t, exitInterrupted, code, errs.String())
	require.Contains(t, out.String(), "go on with: fenchel train --config run/config.yaml --out run")
	require.FileExists(t, filepath.Join("run", train.CheckpointFile))
	code, got, stderr := execute(t, "train", "--config", "run/config.yaml", "--out", "run")
	require.Equal(t, exitOK, code, stderr)
	table := func(text string) string {
		_, table, found := strings.Cut(text, "METRIC")
		require.True(t, found)
		table, _, found = strings.Cut(table, "\n\n")
		require.True(t, found)
		return table
	}
	require.Equal(t, table(want), table(got))
	require.Equal(t, readFile(t, "whole/weights.safetensors"), readFile(t, "run/weights.safetensors"))
}

// begun waits until a process has an epoch behind it in a run folder.
func begun(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, train.MetricsFile))
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
}

// TestTwoProcesses: while one process is at work in a folder no other is, whatever it
// would do there; when it was killed the folder is free.
func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	long := []string{"train", "--data", "demo:users=60,items=50,per-user=10", "--dim", "4", "--batch", "16", "--epochs", "1000000", "--out", dir}
	first := process(t, long...)
	require.NoError(t, first.Start())
	begun(t, dir)
	config := readFile(t, filepath.Join(dir, train.ConfigFile))
	for _, args := range [][]string{long, with(small, "--out", dir), with(small, "--loss", "sparsemax", "--out", dir)} {
		code, out, stderr := execute(t, args...)
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, stderr, dir+" is in use by process "+strconv.Itoa(first.Process.Pid))
	}
	require.Equal(t, config, readFile(t, filepath.Join(dir, train.ConfigFile)))
	require.NoError(t, first.Process.Kill())
	require.Error(t, first.Wait())
	require.FileExists(t, filepath.Join(dir, train.LockFile), "what a killed process leaves")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &canceller{at: "epoch", cancel: cancel}
	code := run(ctx, streams{program: "fenchel", in: strings.NewReader(""), out: &bytes.Buffer{}, err: errs}, long)
	require.Equal(t, exitInterrupted, code, errs.String())
	require.NoFileExists(t, filepath.Join(dir, train.LockFile))
}

// TestRunOutlivesItsParent: the process of a run whose parent has ended writes into a pipe
// that nobody reads. It still ends as Ctrl-C would end it.
func TestRunOutlivesItsParent(t *testing.T) {
	cfg, err := train.Parse([]byte("data: {source: 'demo:users=60,items=50,per-user=10'}\nmodel: {dim: 4}\ntrain: {batch: 16, epochs: 1000000}\n"))
	require.NoError(t, err)
	cfg = cfg.WithDefaults()
	set, err := data.Load(cfg.Data.Config())
	require.NoError(t, err)
	dir := t.TempDir()
	job, err := json.Marshal(compare.Job{Config: cfg, Split: set.Hash(), Dir: dir, Parallel: 1})
	require.NoError(t, err)
	cmd := process(t, "compare", compareServe)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = in.Write(append(job, '\n'))
	require.NoError(t, err)
	require.True(t, bufio.NewScanner(out).Scan(), "it has begun")
	require.NoError(t, out.Close())
	lines := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "*", train.MetricsFile))
		if err != nil || len(found) != 1 {
			return 0
		}
		return bytes.Count(readFile(t, found[0]), []byte("\n"))
	}
	before := lines()
	require.Eventually(t, func() bool { return lines() > before+3 }, 30*time.Second, 10*time.Millisecond, "it goes on")
	require.NoError(t, in.Close())
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.True(t, exit.Exited(), "%s: no signal ended it", exit)
	require.Contains(t, stderr.String(), context.Canceled.Error())
	found, err := filepath.Glob(filepath.Join(dir, "*", train.CheckpointFile))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoFileExists(t, filepath.Join(filepath.Dir(found[0]), train.LockFile))
}

// TestTwoComparisons: nor are there two comparisons in one folder.
func TestTwoComparisons(t *testing.T) {
	t.Setenv(asCommand, "1")
	out := filepath.Join(t.TempDir(), "cmp")
	args := []string{"compare", "--losses", "softmax", "--seeds", "1", "--resamples", "100", "--data", "demo:users=60,items=50,per-user=10", "--dim", "4",
		"--batch", "16", "--out", out}
	first := process(t, append(args, "--epochs", "1000000")...)
	require.NoError(t, first.Start())
	runs := filepath.Join(out, "runs")
	var folder string
	require.Eventually(t, func() bool {
		found, err := filepath.Glob(filepath.Join(runs, "*", train.MetricsFile))
		if err == nil && len(found) == 1 {
			folder = filepath.Dir(found[0])
		}
		return folder != ""
	}, 30*time.Second, 10*time.Millisecond)
	code, text, stderr := execute(t, append(args, "--epochs", "1")...)
	require.Equal(t, exitFailed, code)
	require.Empty(t, text)
	require.Contains(t, stderr, runs+" is in use by process "+strconv.Itoa(first.Process.Pid))
	// The run's own process holds the run's folder.
	code, _, stderr = execute(t, with(small, "--out", folder)...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, folder+" is in use by process ")
	require.NotContains(t, stderr, "process "+strconv.Itoa(first.Process.Pid)+" ")

	// Its parent is killed: it ends as Ctrl-C would end it, and another comparison begins.
	require.NoError(t, first.Process.Kill())
	require.Error(t, first.Wait())
	code, text, stderr = execute(t, append(args, "--epochs", "1")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, text, "1/1")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, train.LockFile))
		return os.IsNotExist(err)
	}, 30*time.Second, 10*time.Millisecond)
	require.FileExists(t, filepath.Join(folder, train.CheckpointFile))
}

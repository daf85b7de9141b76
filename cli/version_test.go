package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/train"
)

// TestVersion names on every path what runs there, at every precision.
func TestVersion(t *testing.T) {
	for _, path := range kernel.Paths() {
		restore, err := kernel.Use(path)
		require.NoError(t, err)
		code, out, _ := execute(t, "version")
		require.Zero(t, code)
		require.Contains(t, out, "kernels            "+kernel.Path()+"\n")
		require.Contains(t, out, kernel.Variable+"     takes "+strings.Join(kernel.Paths(), ", ")+"\n")
		require.Contains(t, out, "filter             "+kernel.Filter()+"\n")
		require.Contains(t, out, "precision medium   "+graph.Medium.Runs()+"\n")
		require.Contains(t, out, graph.Untiled())
		code, out, _ = execute(t, "version", "--json")
		require.Zero(t, code)
		var v version
		require.NoError(t, json.Unmarshal([]byte(out), &v))
		require.Equal(t, kernel.Path(), v.Kernel)
		require.Equal(t, path, strings.TrimSuffix(v.Kernel+"+"+v.Filter, "+none"))
		require.Equal(t, map[string]string{"highest": graph.Highest.Runs(), "high": graph.High.Runs(), "medium": graph.Medium.Runs()}, v.Precision)
		require.Contains(t, v.Module, "fenchel")
		restore()
	}
}

// TestKernelIsRefusedFirst: a path that there is none of ends a command before it does
// anything.
func TestKernelIsRefusedFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"version"}, {"train", "--data", "demo:users=20,items=10,per-user=4", "--out", "run"}, {"check", "--loss", "softmax"}} {
		cmd := process(t, args...)
		cmd.Env = append(cmd.Env, kernel.Variable+"=none")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.Error(t, err)
		require.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
		require.Empty(t, string(out))
		require.Equal(t, "fenchel: kernel: "+kernel.Variable+`="none" is not a path; the choices here are `+strings.Join(kernel.Paths(), ", ")+"\n", stderr.String())
	}
	require.NoDirExists(t, "run")
}

// TestTrainSaysPrecision: a run says what comes of the precision that it is permitted, in its
// head and in its record, and one that goes on by another kernel warns.
func TestTrainSaysPrecision(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"train", "--data", "demo:users=60,items=400,per-user=6", "--epochs", "1", "--precision", "medium"}
	code, out, stderr := execute(t, append(args, "--out", "run")...)
	require.Equal(t, exitOK, code, stderr)
	want := "precision medium: " + graph.Untiled() + "; float32 runs\n"
	if graph.Medium.Rounded() {
		want = "precision medium: products run on avx512+amx:bf16\n"
	}
	require.Contains(t, out, want)
	require.NotContains(t, stderr, "warning")
	code, out, stderr = execute(t, append(args, "--out", "again", "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var r runReport
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, graph.Medium.Runs(), r.Kernel)
	require.Contains(t, r.Notes, strings.TrimSpace(want))
	require.NotContains(t, string(readFile(t, "run/"+train.ConfigFile)), "highest")

	s := &reporter{s: streams{out: io.Discard, err: new(strings.Builder)}, quiet: true}
	plan, err := train.Config{}.Plan()
	require.NoError(t, err)
	s.observe(&train.Started{Plan: plan, Config: plan.Config, Steps: 1, Step: 1, Before: "go"})
	require.Equal(t, "warning: the steps before were computed by go, those from here on by "+plan.Kernel()+": the bits are those of neither alone\n", fmt.Sprint(s.s.err))
}

// TestVersionFlag: the flag that every program has says which program this is.
func TestVersionFlag(t *testing.T) {
	code, out, _ := execute(t, "--version")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `^\S+ \S+\n$`, out)
	require.Contains(t, out, versionHere().Version)
}

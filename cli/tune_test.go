package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTune: a search prints its trials and the best, whose configuration is trained to the
// same values; the same command has then nothing to do.
func TestTune(t *testing.T) {
	dir := t.TempDir()
	args := []string{"tune", "--data", "demo:users=100,items=60,per-user=10", "--dim", "4", "--epochs", "2", "--metrics", "recall@5",
		"--over", "lr=log:0.001..0.3", "--over", "loss=softmax|entmax", "--over", "loss.alpha=1.2..1.8", "--trials", "6", "--out", filepath.Join(dir, "a")}
	code, out, stderr := execute(t, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `(?m)^TRIAL +LR +LOSS +LOSS\.ALPHA +RECALL@5 VALID +EPOCHS +SECONDS +STATE$`, out)
	require.Regexp(t, `(?m)^    0 +0\.01732 +softmax +- +0\.\d{4} +2 +\d+\.\d +done`, out)
	require.Regexp(t, `(?m)^6 trials in .* s: all trials are done$`, out)
	require.Contains(t, stderr, "over lr=log:0.001..0.3 loss=softmax|entmax loss.alpha=1.2..1.8; 0 trials done before")
	require.Equal(t, 6, strings.Count(stderr, " of 6)  lr="))

	code, text, stderr := execute(t, append(args, "--json")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "6 trials done before")
	require.NotContains(t, stderr, " of 6)  lr=")
	var rep struct {
		Metric string
		Trials []struct {
			Settings []struct{ Name, Value string }
		}
		Best struct {
			Value       float64
			Config, Run string
			Test        []struct{ Value float64 }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &rep))
	require.Equal(t, "recall@5", rep.Metric)
	require.Len(t, rep.Trials, 6)

	code, text, stderr = execute(t, "train", "--config", rep.Best.Config, "--json", "--out", filepath.Join(dir, "again"))
	require.Equal(t, exitOK, code, stderr)
	var run struct {
		Splits []struct{ Values []struct{ Value float64 } }
	}
	require.NoError(t, json.Unmarshal([]byte(text), &run))
	require.Len(t, run.Splits, 2)
	require.Equal(t, rep.Best.Value, run.Splits[0].Values[0].Value)
	require.Equal(t, rep.Best.Test[0].Value, run.Splits[1].Values[0].Value)
	code, _, stderr = execute(t, "eval", rep.Best.Run) // it is a run that has ended
	require.Equal(t, exitOK, code, stderr)

	code, _, stderr = execute(t, append(args, "--epochs", "3")...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `holds another search (train.epochs is "2" there, "3" here); name another folder`)
}

func TestTuneUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--over lr", "--over: \"lr\" is not NAME=VALUES"},
		{"--over dim=16..128", "write int:16..128"},
		{"--over ler=0..1", "did you mean lr?"},
		{"--over dim=int:0..8", "--over: dim=0: "},
		{"--over lr=0.1..1 --over optimizer.lr=0.1..1", "--over: train.optimizer.lr is given twice"},
		{"--over loss.alpha=1.1..1.9", "no parameter \"alpha\"; the choices are"},
		{"--search tp", "--search: unknown search \"tp\" (did you mean tpe?); the choices are grid, random, tpe"},
		{"--prune mean", "--prune: unknown rule \"mean\""},
		{"--trials 0", "--trials: 0 is below 1"},
		{"--budget 10", `missing unit in duration "10"`},
		{"--budget -1s", "--budget: -1s is below 0"},
		{"--train-on train+valid", "leaves no valid set to choose by"},
		{"--out=", "--out: \"\" is no folder"},
		{"--seeds 0-2", "unknown flag: --seeds (did you mean --seed?)"},
	} {
		code, _, stderr := execute(t, append([]string{"tune"}, strings.Fields(c.args)...)...)
		require.Equal(t, exitUsage, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.want)
	}
	code, _, stderr := execute(t, "tune", "--data", "demo:users=50,items=20,per-user=6", "--split", "ratio:0.8,0,0.2", "--out", t.TempDir())
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "the valid split of demo")
}

func TestTuneCompletion(t *testing.T) {
	for text, want := range map[string]string{"optimizer": "optimizer=", "loss": "loss=", "model.d": "model.dim="} {
		code, out, _ := execute(t, "__complete", "tune", "--over", text)
		require.Equal(t, exitOK, code)
		require.Contains(t, out, want+"\n")
	}
	code, out, _ := execute(t, "__complete", "tune", "--search", "")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "grid\nrandom\ntpe\n")
}

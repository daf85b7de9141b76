package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// TestRecordedGivesWay: what a run's file says because of the rest gives way where flags
// change the rest, what a flag says stays whatever the file says, and what is left out is
// told.
func TestRecordedGivesWay(t *testing.T) {
	t.Chdir(t.TempDir())
	must := func(args ...string) (out string) {
		t.Helper()
		code, out, stderr := execute(t, args...)
		require.Equal(t, exitOK, code, stderr)
		return out
	}
	demo := "demo:users=60,items=50,per-user=10"
	must("data", "split", demo, "one", "--split", "ratio:0.8,0.1,0.1,seed=1")
	require.NoError(t, os.CopyFS("other", os.DirFS("one")))
	must("train", "--data", "one", "--loss", "sparsemax", "--spread", "20", "--epochs", "1", "--dim", "4", "--out", "run", "--patience", "3")
	absolute, err := filepath.Abs("one")
	require.NoError(t, err)
	const left = "model.temperature=20 and model.spread=20 of run/config.yaml are of the data and the task there, and left out; --spread 20 keeps the spread"
	watch := "train.patience=3 of run/config.yaml is left out: train.on=train+valid leaves no valid set to watch, and all epochs are trained"
	for line, want := range map[string]string{
		"":                                       "divided by 20;",
		"--data " + absolute:                     "divided by 20;",
		"--spread 20 --data other":               "divided by 20;",
		"--temperature 20 --data other":          "divided by 20;",
		"--temperature 20 --task pair":           "divided by 20;",
		"--set model.spread=20 --data other":     "divided by 20;",
		"--data other":                           left,
		"--task pair":                            left,
		"--loss sampled-softmax --task pair":     "over candidates sampled",
		"--loss softmax@sampled:n=4 --task pair": "over candidates sampled:n=4",
		"--loss softmax":                         "softmax over candidates all",
		"--train-on train+valid":                 watch,
		"--protocol lightgcn":                    watch,
	} {
		out := must(strings.Fields("train --config run/config.yaml --out " + filepath.Join(t.TempDir(), "o") + " " + line)...)
		require.Contains(t, out, want, line)
	}
	for line, want := range map[string]string{
		"--train-on train+valid --patience 2": "--patience: train.on=train+valid leaves no valid set to measure",
		"--train-on train+valid --every 1":    "--every: train.on=train+valid leaves no valid set to measure",
		"--protocol lightgcn --mask none":     "--protocol: lightgcn has eval.mask=train",
		"--spread 20 --temperature 3":         "model.spread 20 makes the temperature 20, and model.temperature is 3: leave one of them out",
	} {
		code, _, stderr := execute(t, strings.Fields("train --config run/config.yaml --out o "+line)...)
		require.NotEqual(t, exitOK, code, line)
		require.Contains(t, stderr, want, line)
	}
	must("train", "--preset", "amazon-health/softmax", "--data", "one", "--protocol", "lightgcn", "--epochs", "1", "--out", "preset")
	got, err := train.LoadConfig("preset")
	require.NoError(t, err)
	require.Equal(t, "lightgcn", got.Protocol)
	require.Zero(t, got.Train.Patience)
}

// TestIdleAndUnbounded: a setting that would change nothing, a weight of the negatives under
// which scores fall without end and a decay that turns weights round are refused, and each
// names its flag.
func TestIdleAndUnbounded(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"train --loss sl-at-k:k=5,beta=0.3@all":                                 "--loss: models: sl-at-k: losses: sl-at-k: beta=0.3 counts only with k=0, and k is 5",
		"train --solver ials:gain=5":                                            "gain=5 counts only with confidence=values, and confidence is one",
		"train --loss normmax:negatives=1.2 --score dot":                        "--loss: normmax:negatives=1.2: where the negatives do not weigh 1, a shift of all scores",
		"train --loss softmax:negatives=1.2 --bias":                             "--loss: softmax:negatives=1.2: where the negatives do not weigh 1",
		"compare --losses sl:negatives=1.2@all --score dot":                     "where the negatives do not weigh 1",
		"train --bias prior":                                                    `fenchel: train: unexpected argument "prior"; a value of --bias is written --bias=prior`,
		"train --split given:hold=1":                                            "--split: split \"given:hold=1\"",
		"train --format nope":                                                   "--format: unknown format",
		"train --decay 200":                                                     "--decay: 200 at a learning rate of 0.01 would turn weights round",
		"compare --losses softmax,sparsemax --tune temperature=auto --spread 5": "tune: temperature is what model.spread=5 decides already; leave one of them out",
		"compare --losses sparsemax --tune temperature=2,4 --spread 5":          "tune: temperature is what model.spread=5 decides already; leave one of them out",
		"compare --losses sparsemax --set model.temperature=2 --spread 5":       "model.spread=5 decides the natural temperature of each loss, and model.temperature=2 is another for all",
	} {
		code, out, stderr := execute(t, append(strings.Fields(line), "--out", "o")...)
		require.Equal(t, exitUsage, code, line+stderr)
		require.Empty(t, out)
		require.Contains(t, stderr, want, line)
	}
	require.NoDirExists(t, "o")
	code, _, stderr := execute(t, with(small, "--loss", "sl-at-k:k=0,beta=0.3@all")...)
	require.Equal(t, exitOK, code, stderr)
}

package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// publishedParts are directories of train and test files, and of train, valid and test
// ones, of one set.
func publishedParts(t *testing.T) (two, three string) {
	t.Helper()
	dir := t.TempDir()
	two, three = filepath.Join(dir, "two"), filepath.Join(dir, "three")
	for to, split := range map[string]string{two: "ratio:0.8,0,0.2,seed=3", three: "ratio:0.6,0.2,0.2,seed=3"} {
		d, err := data.Load(data.Config{Source: "demo:users=60,items=50,per-user=10", Split: split})
		require.NoError(t, err)
		require.NoError(t, data.SaveDir(to, "csv", false, d))
	}
	return two, three
}

// measuredScores is what train and eval tell of a split as JSON.
type measuredScores struct {
	Split    string
	Protocol train.Protocol
	Values   []struct{ Value float64 }
}

// TestProtocolByName: a protocol is named where a number is printed and recorded, takes
// the split that it has, and refuses what it does not.
func TestProtocolByName(t *testing.T) {
	two, three := publishedParts(t)
	run := func(name, dir string, more ...string) (folder, out string) {
		return trained(t, with([]string{"train", "--data", dir, "--dim", "4", "--epochs", "2", "--protocol", name}, more...)...)
	}
	folder, out := run("irb-hold", two)
	require.Contains(t, out, "split   given:hold=0.1,seed=1, hash ")
	require.Contains(t, out, "\nmeasured by irb-hold (split given:hold=0.1,seed=1, train.on=train, eval.mask=train, eval.items=all)\n")
	cfg, err := train.LoadConfig(folder)
	require.NoError(t, err)
	require.Equal(t, "irb-hold", cfg.Protocol)
	require.Equal(t, "train", cfg.Eval.Mask)

	// On train and valid nothing is watched, and the last epoch is measured on test.
	_, out = run("lightgcn", three)
	require.Regexp(t, `train \d+, valid 0, test \d+ interactions`, out)
	require.Regexp(t, `METRIC +TEST\n`, out)
	require.Contains(t, out, "\nmeasured by lightgcn (split given, train.on=train+valid, eval.mask=train, eval.items=all)\n")

	code, out, stderr := execute(t, "train", "--data", three, "--dim", "4", "--epochs", "2", "--protocol", "recbole", "--out", filepath.Join(t.TempDir(), "r"), "--json")
	require.Equal(t, exitOK, code, stderr)
	var report struct {
		Protocol train.Protocol
		Splits   []measuredScores
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	want := train.Protocol{Name: "recbole", Split: "given", On: "train", Mask: "train+valid", Items: "all"}
	require.Equal(t, want, report.Protocol)
	require.Len(t, report.Splits, 2)
	require.Equal(t, want, report.Splits[1].Protocol)

	for line, want := range map[string]string{
		"train --protocol bras":                                      `--protocol: train: unknown protocol "bras" (did you mean bars?)`,
		"train --protocol bars --train-on train+valid":               "--protocol: bars has train.on=train, and train.on=train+valid contradicts it",
		"train --protocol recbole --set eval.mask=none":              "--protocol: recbole has eval.mask=train+valid, and eval.mask=none contradicts it",
		"train --protocol recbole --items warm":                      "--protocol: recbole has eval.items=all, and eval.items=warm contradicts it",
		"train --protocol leave-one-out --split given":               "--protocol: leave-one-out is of the split leave-one-out with any seed",
		"train --train-on all":                                       `--train-on: unknown training set "all"; the choices are train, train+valid`,
		"train --mask valid":                                         `--mask: unknown mask "valid"; the choices are train+valid, train, none`,
		"train --train-on train+valid --patience 3":                  "--patience: train.on=train+valid leaves no valid set",
		"compare --losses softmax --protocol bars --mask none":       "--protocol: bars has eval.mask=train",
		"compare --losses softmax --tune train.on=train,train+valid": "only settings of model and train can be tuned",
	} {
		code, _, stderr := execute(t, strings.Fields(line+" --out "+filepath.Join(t.TempDir(), "o"))...)
		require.Equal(t, exitUsage, code, line+stderr)
		require.Contains(t, stderr, want, line)
	}
}

// TestProtocolOfWholeSets: a protocol of given parts says of a source without any whose
// split is missing, and what a source is already divided by is held against the name.
func TestProtocolOfWholeSets(t *testing.T) {
	out := filepath.Join(t.TempDir(), "o")
	for _, command := range []string{"train", "compare --losses softmax", "convergence --train", "negatives", "study --budget 10s"} {
		code, _, stderr := execute(t, strings.Fields(command+" --protocol bars --out "+out)...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "--data: protocol bars has the split given: data: split given of demo: the source has no splits of its own")
	}
	code, _, stderr := execute(t, "train", "--protocol", "recbole", "--out", out, "--epochs", "1")
	require.Equal(t, exitOK, code, stderr)
}

// TestEvalByProtocol: a finished run is measured by another mask or protocol, whose
// numbers are those of a run that was trained under it, and not by one of another
// training.
func TestEvalByProtocol(t *testing.T) {
	two, three := publishedParts(t)
	args := []string{"train", "--data", three, "--dim", "4", "--epochs", "2"}
	folder, _ := trained(t, with(args, "--protocol", "recbole")...)
	bars, _ := trained(t, with(args, "--protocol", "bars")...)
	measure := func(folder string, more ...string) measuredScores {
		code, out, stderr := execute(t, with([]string{"eval", folder, "--split", "test", "--json"}, more...)...)
		require.Equal(t, exitOK, code, stderr)
		var all []measuredScores
		require.NoError(t, json.Unmarshal([]byte(out), &all))
		require.Len(t, all, 1)
		return all[0]
	}
	own := measure(folder)
	require.Equal(t, "recbole", own.Protocol.Name)
	other := measure(folder, "--protocol", "bars")
	require.Equal(t, measure(bars), other)
	require.NotEqual(t, own.Values, other.Values)
	parts := measure(folder, "--mask", "train")
	require.Equal(t, other.Values, parts.Values)
	require.Equal(t, train.Protocol{Split: "given", On: "train", Mask: "train", Items: "all"}, parts.Protocol)
	require.NotEqual(t, other.Values, measure(folder, "--mask", "none").Values)
	require.Equal(t, own, measure(bars, "--protocol", "recbole"))

	code, out, stderr := execute(t, "eval", folder, "--mask", "none")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "\nmeasured by split given, train.on=train, eval.mask=none, eval.items=all\n")

	both, _ := trained(t, "train", "--data", two, "--split", "given:valid=0.2", "--dim", "4", "--epochs", "2", "--protocol", "lightgcn")
	require.Equal(t, "lightgcn", measure(both).Protocol.Name)
	for line, want := range map[string]string{
		"RUN --protocol lightgcn":          "--protocol: protocol lightgcn has train.on=train+valid, and the model was trained with train.on=train",
		"RUN --protocol irb-hold":          "--protocol: irb-hold is of the split given:hold=0.1 with any seed, and data.split=given contradicts it",
		"RUN --protocol bars --mask none":  "--protocol: bars has eval.mask=train, and eval.mask=none contradicts it",
		"RUN --protocol bars --items warm": "--protocol: bars has eval.items=all",
		"RUN --protocol nosuch":            `unknown protocol "nosuch"`,
		"RUN --mask some":                  `--mask: unknown mask "some"`,
		"RUN --train-on train":             "unknown flag: --train-on",
	} {
		code, _, stderr := execute(t, strings.Fields("eval "+strings.ReplaceAll(line, "RUN", folder))...)
		require.Equal(t, exitUsage, code, line)
		require.Contains(t, stderr, want, line)
	}
	code, _, stderr = execute(t, "eval", both, "--split", "valid")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "has no interactions: train.on=train+valid has them in train")
	code, _, stderr = execute(t, "predict", both, "--users", "1")
	require.Equal(t, exitOK, code, stderr)
}

// TestProtocolsAreListed where they are looked for: by kind, and beside a set's split.
func TestProtocolsAreListed(t *testing.T) {
	code, out, _ := execute(t, "list", "protocol")
	require.Equal(t, exitOK, code)
	for _, s := range train.Protocols() {
		require.Contains(t, out, s.Name+": "+s.Doc+" (train.on="+s.On+", eval.mask="+s.Mask+", eval.items="+s.Items+"; split "+s.Splits+")")
		require.Contains(t, out, "source: "+s.Source)
	}
	two, _ := publishedParts(t)
	for split, want := range map[string]string{
		"given": "bars, lightgcn", "given:hold=0.1": "irb-hold, lightgcn", "ratio:0.8,0.1,0.1,seed=9": "recbole", "leave-one-out:ties=lot": "leave-one-out",
	} {
		code, out, stderr := execute(t, "data", "describe", two, "--split", split)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "\nprotocols     "+want+"\n")
	}
	code, out, _ = execute(t, "data", "describe", two, "--split", "ratio:0.5,0,0.5")
	require.Equal(t, exitOK, code)
	require.NotContains(t, out, "protocols")
	code, out, _ = execute(t, "data", "describe", two, "--json")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"protocols": [`)
}

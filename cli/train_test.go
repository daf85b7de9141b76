package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// small is a run of about a tenth of a second.
var small = []string{"train", "--data", "demo:users=60,items=50,per-user=10", "--dim", "4", "--batch", "16", "--epochs", "3"}

func with(args []string, more ...string) []string {
	return append(append([]string{}, args...), more...)
}

// seconds, and the memory that is free, are what differs between two runs of one
// seed.
var seconds = regexp.MustCompile(`\d+\.\d+ s\b|; .* available`)

func TestTrain(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, stderr := execute(t, small...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `^data    demo:users=60,items=50,per-user=10: 60 users, 50 items; train \d+, valid \d+, test \d+ interactions
split   ratio:0\.8,0\.1,0\.1,seed=1, hash [0-9a-f]{12}
model   mf: d = 4, cosine scores divided by 0\.2556; 440 parameters
        the natural temperature of softmax over candidates all is 0\.2556 on 50 classes, however many of them follow a context \(model\.spread\)
loss    softmax over candidates all
train   adam:\S+, schedule constant, batches of 16 examples of task user weighed by interaction; 3 epochs of 4 steps; seed 0
memory  about \S+ .?i?B; .*

METRIC      VALID  ATTAINABLE    TEST  ATTAINABLE
recall@20  0\.\d{4}      0\.\d{4}  0\.\d{4}      0\.\d{4}
ndcg@20    0\.\d{4}      0\.\d{4}  0\.\d{4}      0\.\d{4}
examples +\d+ +\d+

measured by split ratio:0\.8,0\.1,0\.1,seed=1, train\.on=train, eval\.mask=train\+valid, eval\.items=warm

3 epochs in \d+\.\d s
run folder runs/demo-users-60-items-50-per-user-10-mf-softmax-1
$`, out)
	require.Regexp(t, `^epoch 1/3  loss \d\.\d{5}  recall@20 0\.\d{4}  ndcg@20 0\.\d{4}  \d+\.\d\d s  best
epoch 2/3 .*
epoch 3/3 .*
$`, stderr)
	for _, file := range []string{train.ConfigFile, train.MetricsFile, train.WeightsFile} {
		require.FileExists(t, filepath.Join("runs/demo-users-60-items-50-per-user-10-mf-softmax-1", file))
	}

	// The next run gets a folder of its own and the same bits.
	code, again, _ := execute(t, small...)
	require.Equal(t, exitOK, code)
	require.Equal(t, seconds.ReplaceAllString(out, ""), strings.Replace(seconds.ReplaceAllString(again, ""), "softmax-2", "softmax-1", 1))

	// So does a run from the first one's configuration.
	code, _, stderr = execute(t, "train", "--config", "runs/demo-users-60-items-50-per-user-10-mf-softmax-1/config.yaml", "--out", "third")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, readFile(t, "runs/demo-users-60-items-50-per-user-10-mf-softmax-1/weights.safetensors"), readFile(t, "third/weights.safetensors"))
}

// TestTrainLearnedTemperature: the head of the report, each epoch's line, the result and
// metrics.jsonl tell of a temperature that is learned.
func TestTrainLearnedTemperature(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, stderr := execute(t, with(small, "--temperature", "learned:max=2", "--out", "run")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "cosine scores divided by a temperature that is learned:start=0.2556,max=2; 441 parameters\n")
	require.Regexp(t, `\nlearned temperature 0\.\d+\n\n3 epochs in`, out)
	require.Regexp(t, `(?m)^epoch 1/3  loss \d\.\d{5}  recall@20 0\.\d{4}  ndcg@20 0\.\d{4}  temperature 0\.\d+  \d+\.\d\d s`, stderr)
	require.Contains(t, string(readFile(t, "run/metrics.jsonl")), `"scalars":[{"name":"temperature","value":0.`)
	code, out, stderr = execute(t, with(small, "--temperature", "learned:max=2", "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var r struct{ Scalars []train.Value }
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Scalars, 1)
	require.Greater(t, math.Abs(1/math.Log(50)-r.Scalars[0].Value), 1e-4)
}

// TestTrainNaturalTemperature: the result and the run's configuration have the number and
// the spread that it was made of; what a command line changes of such a configuration makes
// it anew, and a contradiction is refused.
func TestTrainNaturalTemperature(t *testing.T) {
	t.Chdir(t.TempDir())
	result := func(args ...string) (r struct {
		Temperature, Spread float64
		Notes               []string
	}) {
		code, out, stderr := execute(t, args...)
		require.Equal(t, exitOK, code, stderr)
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		return r
	}
	r := result(with(small, "--loss", "sparsemax", "--json", "--out", "run")...)
	require.Equal(t, 8.35, r.Spread)
	require.Equal(t, 8.35, r.Temperature)
	require.Contains(t, r.Notes[len(r.Notes)-1], "the natural temperature of sparsemax over candidates all is 8.35")
	require.Contains(t, string(readFile(t, "run/config.yaml")), "  temperature: 8.35\n  spread: 8.35\n")
	require.Contains(t, string(readFile(t, "run/weights.safetensors")), `temperature: 8.35`)
	again := func(args ...string) [2]float64 {
		r := result(with([]string{"train", "--config", "run/config.yaml", "--json"}, args...)...)
		return [2]float64{r.Temperature, r.Spread}
	}
	require.Equal(t, [2]float64{8.35, 8.35}, again())
	require.Equal(t, [2]float64{3, 0}, again("--temperature", "3"))
	require.Equal(t, [2]float64{20, 20}, again("--set", "model.spread=20"))
	require.Equal(t, [2]float64{0.2, 0}, again("--loss", "hinge"))
	require.InDeltaSlice(t, []float64{math.Sqrt(8.35), 8.35}, slices.Collect(values(again("--loss", "normmax"))), 1e-9)
	require.Equal(t, [2]float64{1, 0}, again("--score", "dot"))
	other := again("--data", "demo:users=60,items=50,per-user=20")
	require.Equal(t, other[0], other[1])
	require.Greater(t, other[1], 12.0)

	code, _, stderr := execute(t, with(small, "--loss", "sparsemax", "--temperature", "0.3", "--spread", "20")...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "model.spread 20 makes the temperature 20, and model.temperature is 0.3: leave one of them out")
	code, _, stderr = execute(t, with(small, "--loss", "hinge", "--spread", "20")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--spread: it decides the natural temperature of cosine scores")
	code, out, stderr := execute(t, with(small, "--loss", "hinge")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "        hinge over candidates all has no natural temperature: cosines are divided by 0.2\n")
}

func values(x [2]float64) iter.Seq[float64] { return slices.Values(x[:]) }

// TestTrainLearnedAlpha: a run whose α is learned says what that costs, and what α is.
func TestTrainLearnedAlpha(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, stderr := execute(t, with(small, "--loss", "entmax:alpha=learned,alpha-start=1.7", "--out", "run")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "loss    entmax:alpha=learned,alpha-start=1.7 over candidates all; alpha is trained, through the loss's definition, which takes longer than its closed form\n")
	require.Regexp(t, `\nlearned alpha 1\.\d+\n\n3 epochs in`, out)
	require.Regexp(t, `(?m)^epoch 3/3  loss .*  alpha 1\.\d+  \d+\.\d\d s`, stderr)
	code, out, stderr = execute(t, "eval", "run")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "recall@20")
	code, out, stderr = execute(t, "losses", "entmax:alpha=learned")
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `alpha +learned +1\.5 +1\.001 to 4 .*learned trains it, from alpha-start`, out)
	require.Regexp(t, `alpha-min +1\.05 +1\.05 +1\.001 to 4 +least alpha as it is learned`, out)
}

// TestTrainClipped: the line of an epoch says how many of its steps were clipped, also in
// metrics.jsonl and TensorBoard.
func TestTrainClipped(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, stderr := execute(t, with(small, "--clip", "1e-5", "--out", "run", "--tensorboard", "board")...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `(?m)^epoch 3/3  loss .*  100 % of steps clipped  \d+\.\d\d s`, stderr)
	require.Contains(t, string(readFile(t, "run/"+train.MetricsFile)), `"clipped":1,`)
	boards, err := filepath.Glob("board/run/*")
	require.NoError(t, err)
	require.Contains(t, string(readFile(t, boards[0])), "epoch/clipped")
	code, _, stderr = execute(t, with(small, "--out", "other")...)
	require.Equal(t, exitOK, code, stderr)
	require.NotContains(t, stderr, "clipped")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// reached is what tests read of a run's JSON.
type reached struct {
	Folder      string
	Epochs      int
	Interrupted bool
	Stopped     bool `json:"stopped_early"`
	Splits      []struct {
		Split  string
		Values []struct {
			Name              string
			Value, Attainable float64
		}
	}
}

func trainJSON(t *testing.T, args ...string) reached {
	t.Helper()
	code, out, stderr := execute(t, append(args, "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var r reached
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	return r
}

// TestTrainNearsTheTruth trains until it learned what there is to learn.
func TestTrainNearsTheTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	r := trainJSON(t, "train", "--data", "demo:users=600,items=300,per-user=40", "--dim", "16", "--epochs", "60", "--every", "60", "--temperature", "0.2", "--out", filepath.Join(t.TempDir(), "run"))
	require.Equal(t, "valid", r.Splits[0].Split)
	require.Equal(t, "test", r.Splits[1].Split)
	for _, s := range r.Splits {
		for _, v := range s.Values {
			require.Greater(t, v.Value, 0.7*v.Attainable, "%s %s", s.Split, v.Name)
			require.Less(t, v.Value, 1.05*v.Attainable, "%s %s: nobody beats the truth by much", s.Split, v.Name)
		}
	}
}

func TestSettingsReachTheRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("loss: sparsemax\ntrain:\n  epochs: 9\n  seed: 7\n  batch: 20\n"), 0o644))
	out := filepath.Join(dir, "run")
	code, stdout, stderr := execute(t, "train", "--config", file, "--set", "train.epochs=2", "--set", "train.lr=0.5", "--set", "model.dim=3",
		"--dim", "5", "--data", "demo:users=60,items=50,per-user=10", "--optimizer", "sgd:momentum=0.1", "--l2", "class=0.10", "--bias", "--metrics", "hitrate@5,mrr@7", "--out", out)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "hitrate@5")
	cfg, err := train.LoadConfig(out)
	require.NoError(t, err)
	require.Equal(t, "sparsemax", cfg.Loss)
	require.Equal(t, 2, cfg.Train.Epochs, "--set over the file")
	require.Equal(t, uint64(7), cfg.Train.Seed)
	require.Equal(t, 20, cfg.Train.Batch)
	require.Equal(t, 5, cfg.Model.Dim, "a flag over --set")
	require.Equal(t, "true", cfg.Model.Bias)
	require.Equal(t, "sgd:lr=0.5,momentum=0.1", cfg.Train.Optimizer, "the rate goes into the optimizer chosen last")
	require.Equal(t, "class=0.1", cfg.Train.L2)
	require.Equal(t, []string{"hitrate@5", "mrr@7"}, cfg.Eval.Metrics)
}

// TestEverySettingHasAFlag holds the table of flags against train.Config.
func TestEverySettingHasAFlag(t *testing.T) {
	var paths []string
	for _, s := range settings {
		paths = append(paths, s.path)
	}
	require.ElementsMatch(t, train.Paths(), paths)
	code, out, _ := execute(t, "train", "--help")
	require.Equal(t, exitOK, code)
	defaults := defaultTexts()
	require.NotEmpty(t, defaults)
	for _, s := range settings {
		require.Contains(t, out, "--"+s.flag+" ")
		if d := defaults[s.path]; d != "" {
			require.Contains(t, out, "(default "+d+")")
		}
	}
}

func TestTrainUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		line string
		want []string
	}{
		{"train --loss nosuch", []string{"--loss: ", `unknown loss "nosuch"; the choices are `, "softmax", "sparsemax"}},
		{"train --loss softmax:tau=-1", []string{"--loss: ", "tau=-1 is outside"}},
		{"train --model nosuch", []string{"--model: ", `"nosuch"; the choices are gru4rec, `}},
		{"train --optimizer nosuch", []string{"--optimizer: ", "the choices are adagrad, adam, sgd"}},
		{"train --split nosuch", []string{`unknown split "nosuch"`}},
		{"train --epochs 0", []string{`--epochs: "0" is no choice`}},
		{"train --epochs -1", []string{"--epochs: -1 is below 1"}},
		{"train --epochs x", []string{"--epochs: ", `"x" is not a int`}},
		{"train --lr nan", []string{"--lr: "}},
		{"train --batch -1 --dim -2", []string{"--batch: -1 is below 1", "--dim: -2 is below 1"}},
		{"train --metrics recall@x", []string{"--metrics: ", "recall@x"}},
		{"train --monitor map@3", []string{"--monitor: map@3 is not among"}},
		{"train --set train.nosuch=1", []string{"--set train.nosuch=1: ", `unknown setting "train.nosuch"; the choices are data.source`}},
		{"train --set epochs", []string{"--set epochs: want path=value"}},
		{"train --solver als --lr 1 --score dot", []string{"--lr: the solver has no learning rate"}},
		{"train --out=", []string{"--out: "}},
		{"train demo", []string{`unexpected argument "demo"`}},
	} {
		t.Run(c.line, func(t *testing.T) {
			code, out, stderr := execute(t, strings.Fields(c.line)...)
			require.Equal(t, exitUsage, code, stderr)
			require.Empty(t, out)
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
		})
	}
	require.NoDirExists(t, "runs", "a command line that is wrong leaves nothing behind")
}

func TestTrainErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("file", []byte("not a folder\n"), 0o644))
	require.NoError(t, os.Mkdir("other", 0o755))
	require.NoError(t, os.WriteFile("other/notes.txt", []byte("mine\n"), 0o644))
	require.NoError(t, os.WriteFile("broken.yaml", []byte("train:\n  epoch: 3\n"), 0o644))
	code, _, stderr := execute(t, with(small, "--out", "done")...)
	require.Equal(t, exitOK, code, stderr)
	before := readFile(t, "done/weights.safetensors")
	for _, c := range []struct {
		name string
		code int
		args []string
		want []string
	}{
		{"no data", exitFailed, []string{"train", "--data", "nowhere"}, []string{"--data: ", "nowhere: no such file"}},
		{"not data", exitFailed, []string{"train", "--data", "file"}, []string{"--data: ", "file:1: "}},
		{"no config", exitFailed, []string{"train", "--config", "nowhere.yaml"}, []string{"--config: open nowhere.yaml: no such file"}},
		{"wrong config", exitUsage, []string{"train", "--config", "broken.yaml"}, []string{"--config broken.yaml: ", `line 2: unknown key "epoch"`, "epochs"}},
		{"file as folder", exitFailed, with(small, "--out", "file"), []string{"--out: file is a file; name a folder"}},
		{"below a file", exitFailed, with(small, "--out", "file/run"), []string{"--out: ", "file: not a directory", "name a folder that can be made"}},
		{"somebody's folder", exitFailed, with(small, "--out", "other"), []string{"other is no run folder and not empty; choose another"}},
		{"run that ended", exitFailed, with(small, "--out", "done"), []string{"done holds a run that has ended; choose another folder"}},
		{"nothing to watch", exitFailed, with(small, "--split", "ratio:1,0,0", "--patience", "2"), []string{"train.patience needs a valid split"}},
		{"run of another loss", exitFailed, with(small, "--out", "done", "--loss", "sparsemax"), []string{"another configuration", "sparsemax"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := execute(t, c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Empty(t, out)
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
			require.NotContains(t, stderr, "goroutine")
		})
	}
	require.Equal(t, before, readFile(t, "done/weights.safetensors"))
	require.Equal(t, "mine\n", string(readFile(t, "other/notes.txt")))
	left, err := filepath.Glob("runs/*")
	require.NoError(t, err)
	require.Empty(t, left, "a run that never began leaves no folder")
}

// TestTrainOnATerminal holds that lines stay readable between drawings of the
// bar.
func TestTrainOnATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, stderr bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), streams{program: "fenchel", out: &out, err: &stderr, terminal: true}, small))
	require.Contains(t, stderr.String(), "epoch 3/3  loss ")
	require.Contains(t, stderr.String(), "\r", "there is a bar")
	require.NotContains(t, out.String(), "\r")
	require.Contains(t, out.String(), "run folder runs/")
}

func TestInterruptKeepsWhatWasReached(t *testing.T) {
	dir := t.TempDir()
	args := []string{"train", "--data", "demo:users=60,items=50,per-user=10", "--dim", "4", "--batch", "16", "--epochs", "1000000", "--out", filepath.Join(dir, "run")}
	cmd := process(t, args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(pipe)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), "epoch       1/1000000  loss ")
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(pipe)
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, exitInterrupted, exit.ExitCode(), string(rest))
	require.True(t, strings.HasSuffix(string(rest), "fenchel: interrupted\n"), string(rest))
	require.Contains(t, out.String(), "recall@20")
	require.Contains(t, out.String(), "interrupted, and measured after its last whole epoch")
	require.Contains(t, out.String(), "go on with: fenchel train --config "+dir)
	require.FileExists(t, filepath.Join(dir, "run", train.CheckpointFile))

	// What was reached is a model like any other.
	code, scores, stderr := execute(t, "eval", filepath.Join(dir, "run"))
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, scores, "recall@20")
}

// TestSecondInterrupt: the first interrupt waits for what is under way, which here waits
// for ever, for somebody to read its output; the second ends the program at once. What is
// in the folder is whole, and the same command takes it up.
func TestSecondInterrupt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := []string{"train", "--data", "demo:users=60,items=50,per-user=10", "--dim", "4", "--batch", "60", "--epochs", "1000000", "--out", dir}
	// interrupted trains until more is measured than so many bytes of lines say, however long
	// that takes on a busy machine.
	interrupted := func(measured int) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				if info, err := os.Stat(filepath.Join(dir, train.MetricsFile)); err == nil && info.Size() > int64(measured) {
					cancel()
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		code, _, stderr := executeContext(ctx, args...)
		require.Equal(t, exitInterrupted, code, stderr)
		require.FileExists(t, filepath.Join(dir, train.CheckpointFile))
	}
	interrupted(0)
	before := map[string][]byte{}
	for _, file := range []string{train.ConfigFile, train.MetricsFile, train.WeightsFile, train.CheckpointFile, train.SetFile} {
		before[file] = readFile(t, filepath.Join(dir, file))
	}

	// Into a pipe that is full the program writes its first line for ever.
	cmd := process(t, args...)
	unread, stdout, err := os.Pipe()
	require.NoError(t, err)
	defer unread.Close()
	require.NoError(t, stdout.SetWriteDeadline(time.Now().Add(time.Second)))
	_, err = stdout.Write(make([]byte, 1<<24))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	cmd.Stdout = stdout
	require.NoError(t, cmd.Start())
	require.NoError(t, stdout.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// It begins to write after it has locked the folder, whatever comes between.
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, train.LockFile))
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-ended:
		require.Fail(t, "the first interrupt did not wait for what was under way", "%v", err)
	case <-time.After(300 * time.Millisecond):
	}
	// On a busy machine the program may still not have noticed the first one; two that it
	// has not noticed are one.
	again := time.NewTicker(300 * time.Millisecond)
	defer again.Stop()
	giveUp := time.After(30 * time.Second)
	for alive := true; alive; {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			require.ErrorIs(t, err, os.ErrProcessDone)
		}
		select {
		case <-ended:
			alive = false
		case <-again.C:
		case <-giveUp:
			require.NoError(t, cmd.Process.Kill())
			require.Fail(t, "the second interrupt did not end the program")
		}
	}
	require.Equal(t, syscall.SIGINT, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(), cmd.ProcessState.String())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(before)+1)
	require.FileExists(t, filepath.Join(dir, train.LockFile))
	for file, text := range before {
		require.Equal(t, text, readFile(t, filepath.Join(dir, file)), file)
	}
	for line := range bytes.Lines(before[train.MetricsFile]) {
		require.True(t, json.Valid(line), string(line))
	}

	interrupted(len(before[train.MetricsFile]))
	require.Greater(t, len(readFile(t, filepath.Join(dir, train.MetricsFile))), len(before[train.MetricsFile]), "it went on")
}

// TestTrainUnusedValues: a solver that could weigh interactions by their values says where
// it does not.
func TestTrainUnusedValues(t *testing.T) {
	t.Chdir(t.TempDir())
	var csv strings.Builder
	csv.WriteString("user,item,rating\n")
	for u := range 20 {
		for i := range 12 {
			fmt.Fprintf(&csv, "u%d,i%d,%d\n", u, (u+i*i)%15, 1+i%5)
		}
	}
	require.NoError(t, os.WriteFile("rated.csv", []byte(csv.String()), 0o600))
	const note = "note    the values of the interactions are not used: each has confidence 1; ials:confidence=values has 1 + gain·value\n"
	for solver, says := range map[string]bool{"ials": true, "ials:confidence=values": false} {
		code, out, stderr := execute(t, "train", "--data", "rated.csv", "--solver", solver, "--dim", "3", "--epochs", "2", "--out", fileName(solver))
		require.Equal(t, exitOK, code, stderr)
		require.Equal(t, says, strings.Contains(out, note), out)
	}
}

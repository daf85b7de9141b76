package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// TestHistories trains on histories with users held out, measures these and parts of
// them, and ranks for somebody who is in no file.
func TestHistories(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	const source = "demo:users=120,items=60,per-user=10,order=true"
	code, out, stderr := execute(t, "train", "--data", source, "--protocol", "leave-one-out", "--held", "0.25", "--model", "pool:drop=0.2",
		"--task", "next:len=8", "--positions", "200", "--dim", "8", "--epochs", "3", "--metrics", "hr@5,ndcg@5", "--out", run)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "users=trained")

	code, out, stderr = execute(t, "eval", run, "--users", "held", "--segments", "activity", "--split", "test", "--json")
	require.Equal(t, exitOK, code, stderr)
	var splits []struct {
		Examples  int
		Protocol  struct{ Users string }
		Segmented []train.Segmented
	}
	require.NoError(t, json.Unmarshal([]byte(out), &splits))
	require.Equal(t, "held", splits[0].Protocol.Users)
	require.Equal(t, "activity", splits[0].Segmented[0].By)
	n := 0
	for _, b := range splits[0].Segmented[0].Segments {
		n += b.Examples
	}
	require.Equal(t, splits[0].Examples, n)
	require.Less(t, n, 60)
	code, out, stderr = execute(t, "eval", run, "--segments", "popularity")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "VALID BY popularity")
	require.Contains(t, out, "TEST BY popularity")

	code, out, stderr = execute(t, "predict", run, "--users", "3", "--history", "5, 7,5", "--history", "", "--k", "2")
	require.Equal(t, exitOK, code, stderr)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6)
	require.True(t, strings.HasPrefix(lines[0], "3\t1\t"))
	require.True(t, strings.HasPrefix(lines[2], "history:1\t1\t"))
	require.True(t, strings.HasPrefix(lines[4], "history:2\t1\t"))
	require.NotContains(t, lines[2]+"\t"+lines[3]+"\t", "\t5\t", "what is in a history is left out")
	require.Contains(t, stderr, "nothing is known of who has no history, and the ranking is no prediction: history:2\n")
	require.NotContains(t, stderr, "history:1")
	var all []string
	for i := range 60 {
		all = append(all, strconv.Itoa(i))
	}
	code, out, stderr = execute(t, "predict", run, "--history", strings.Join(all, ","))
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, out)
	require.Contains(t, stderr, `no item is left to rank for "history:1"`)
	code, out, stderr = execute(t, "predict", run, "--history", strings.Repeat("5,", 5000)+"7", "--k", "1", "--json")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, `"user": "history:1"`)
	code, _, stderr = execute(t, "predict", run, "--history", strings.Repeat("x", 1<<20))
	require.NotEqual(t, exitOK, code)
	require.Less(t, len(stderr), 300, "an id is quoted in part")
	code, _, stderr = execute(t, "predict", run, "--history", "5,nosuch")
	require.NotEqual(t, exitOK, code)
	require.Contains(t, stderr, `--history: data: no item "nosuch"`)
	code, _, stderr = execute(t, "eval", run, "--users", "some")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `--users: unknown users "some"`)
	code, _, stderr = execute(t, "eval", run, "--segments", "age")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `--segments: unknown segments "age"; the choices are popularity, activity, column:NAME`)
	mf := filepath.Join(dir, "mf")
	code, _, stderr = execute(t, "train", "--data", source, "--held", "0.25", "--dim", "4", "--epochs", "1", "--out", mf)
	require.Equal(t, exitOK, code, stderr)
	code, _, stderr = execute(t, "eval", mf, "--users", "held")
	require.NotEqual(t, exitOK, code)
	require.Contains(t, stderr, "users=held: model mf reads no histories")
	code, _, stderr = execute(t, "train", "--data", source, "--protocol", "leave-one-out", "--held", "0.0001", "--out", filepath.Join(dir, "other"))
	require.NotEqual(t, exitOK, code)
	require.Contains(t, stderr, "--held: holding a share of 0.0001 of the users")
	code, _, stderr = execute(t, "train", "--data", source, "--held", "2", "--out", filepath.Join(dir, "other"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--held")
	require.Contains(t, stderr, "the share 2 is outside (0,1)")
}

// TestSequenceFiles: the cases of a file in the order of time: it is asked for by name, and
// what is written of it says what is lost.
func TestSequenceFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sequence.txt")
	require.NoError(t, os.WriteFile(path, []byte("1 5 3 9 1\n2 4 8 2 8 7\n"), 0o600))
	code, _, stderr := execute(t, "data", "split", path, filepath.Join(dir, "lost"), "--split", "leave-one-out", "--from", "lightgcn")
	require.NotEqual(t, exitOK, code)
	require.Contains(t, stderr, "--format sequence")
	for _, seed := range []string{"1", "2", "3"} {
		to := filepath.Join(dir, "out"+seed)
		code, out, stderr := execute(t, "data", "split", path, to, "--split", "leave-one-out:seed="+seed, "--from", "sequence")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "csv does not keep what happened again: 1 of 9 events")
		test, err := os.ReadFile(filepath.Join(to, "test.csv"))
		require.NoError(t, err)
		require.Contains(t, string(test), "\n1,1,4\n")
		require.Contains(t, string(test), "\n2,7,5\n")
	}
	code, out, stderr := execute(t, "data", "describe", path, "--format", "sequence")
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `events +9 in the order of time`, out)
}

// TestKilledInOrder: a run of histories with dropout that is interrupted in the middle of an
// epoch, taken up, killed in the middle of another, where it can save nothing, and taken up
// again has the weights of one that was left alone, byte by byte.
func TestKilledInOrder(t *testing.T) {
	for _, model := range []string{"sasrec:blocks=1,drop=0.3,len=12", "gru4rec:hidden=12,drop=0.3", "pool:table=tied,drop=0.3"} {
		t.Run(model, func(t *testing.T) {
			dir := t.TempDir()
			args := func(out string) []string {
				return []string{"train", "--data", "demo:users=150,items=100,per-user=12,order=true", "--model", model, "--dim", "8", "--task", "next:len=12",
					"--batch", "4", "--epochs", "20", "--patience", "0", "--dropout", "0.1", "--out", filepath.Join(dir, out)}
			}
			code, _, stderr := execute(t, args("whole")...)
			require.Equal(t, exitOK, code, stderr)
			for _, signal := range []os.Signal{os.Kill, os.Interrupt, os.Kill} { // the first leaves nothing to go on from
				cmd := process(t, args("run")...)
				said, err := cmd.StderrPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				epochs := 0
				for lines := bufio.NewScanner(said); epochs < 3 && lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "epoch") {
						epochs++
					}
				}
				require.Equal(t, 3, epochs)
				require.NoError(t, cmd.Process.Signal(signal))
				_, err = io.Copy(io.Discard, said)
				require.NoError(t, err)
				require.Error(t, cmd.Wait(), "it ended before")
			}
			_, err := os.Stat(filepath.Join(dir, "run", train.CheckpointFile))
			require.NoError(t, err)
			code, _, stderr = execute(t, args("run")...)
			require.Equal(t, exitOK, code, stderr)
			for _, file := range []string{train.WeightsFile, train.ConfigFile} {
				require.True(t, bytes.Equal(readFile(t, filepath.Join(dir, "whole", file)), readFile(t, filepath.Join(dir, "run", file))), file)
			}
		})
	}
}

package cli

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// read returns how often each text was read while f ran.
func read(f func()) map[string]int {
	var mu sync.Mutex
	counts := map[string]int{}
	defer registry.Watch(func(text string) {
		mu.Lock()
		defer mu.Unlock()
		counts[text]++
	})()
	f()
	return counts
}

// TestTrainReadsEachTextOnce: a training reads the text of every setting once, those
// that are given and the defaults, through the whole of a run: its plan, the estimate of
// its memory, the steps, evaluation, checkpoints, the report, and TensorBoard's events.
func TestTrainReadsEachTextOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	_ = defaultTexts() // what help tells of defaults is read once a process
	given := []string{
		"--data", "demo:users=60,items=50,per-user=10,seed=2", "--split", "leave-one-out:seed=3,ties=lot", "--model", "mf", "--task", "pair",
		"--loss", "sampled-softmax:n=7", "--optimizer", "adagrad:lr=0.02", "--schedule", "cosine:warmup=1", "--solver", "gradient",
		"--metrics", "recall@7,ndcg@8", "--monitor", "ndcg@08", "--patience", "1",
		"--l2", "1e-4,on=batch", "--decay", "user=0.1",
	}
	train := []string{"train", "--epochs", "2", "--dim", "4", "--tensorboard", "board"}
	counts := read(func() {
		code, _, stderr := execute(t, slices.Concat(train, given, []string{"--out", "run"})...)
		require.Equal(t, exitOK, code, stderr)
	})
	for _, text := range []string{
		"demo:users=60,items=50,per-user=10,seed=2", "leave-one-out:seed=3,ties=lot", "mf", "pair", "sampled-softmax:n=7", "adagrad:lr=0.02",
		"cosine:warmup=1", "gradient", "recall@7", "ndcg@8", "ndcg@08", "1e-4,on=batch", "user=0.1",
	} {
		require.Equal(t, 1, counts[text], "%s: %v", text, counts)
	}
	require.Len(t, counts, 13, "nothing else is read: %v", slices.Sorted(maps.Keys(counts)))

	// A pair of loss and candidates is two texts; a learning rate is put into the
	// optimizer's text, which is then read with it.
	counts = read(func() {
		code, _, stderr := execute(t, append(train, "--data", "demo:users=60,items=50,per-user=10", "--loss", "sparsemax@sampled:n=5,correction=none", "--lr", "0.03", "--out", "pair")...)
		require.Equal(t, exitOK, code, stderr)
	})
	require.Equal(t, 1, counts["sparsemax"])
	require.Equal(t, 1, counts["sampled:n=5,correction=none"])
	for text, n := range counts {
		require.Equal(t, 1, n, text)
	}

	// Of defaults too, and of another solver's.
	for _, flags := range [][]string{nil, {"--solver", "als:reg=0.1"}, {"--solver", "ials"}} {
		counts = read(func() {
			code, _, stderr := execute(t, slices.Concat(train, []string{"--data", "demo:users=60,items=50,per-user=10"}, flags)...)
			require.Equal(t, exitOK, code, stderr)
		})
		require.NotEmpty(t, counts)
		for text, n := range counts {
			require.Equal(t, 1, n, text)
		}
	}
}

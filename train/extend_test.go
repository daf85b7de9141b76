package train

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
)

// extended is a run of first in a folder, gone on with under more in another.
func extended(t *testing.T, first, more Config, set *data.Dataset) (dir string) {
	t.Helper()
	from := filepath.Join(t.TempDir(), "from")
	_, err := RunDir(t.Context(), from, first, set, nil)
	require.NoError(t, err)
	before := files(t, from)
	dir = filepath.Join(t.TempDir(), "more")
	p, err := more.Plan()
	require.NoError(t, err)
	p, err = p.On(set)
	require.NoError(t, err)
	require.NoError(t, Extend(from, dir, p))
	require.NoError(t, Extend(from, dir, p), "a command that is repeated goes on")
	begun := -1
	ctx, stop := stopAt(t, more.Train.Epochs-1, 0) // as a kill and another start would
	res, err := p.RunDir(ctx, dir, set, func(e Event) {
		if s, ok := e.(*Started); ok {
			begun = s.Epoch
		}
		stop(e)
	})
	require.NoError(t, err)
	require.Equal(t, len(res.History) > 0, begun > 0)
	done, err := Ended(from)
	require.NoError(t, err)
	require.Equal(t, done, begun, "what was done is not done again")
	if res.Interrupted {
		require.NoError(t, Extend(from, dir, p))
		_, err = p.RunDir(t.Context(), dir, set, nil)
		require.NoError(t, err)
	}
	require.Equal(t, before, files(t, from), "the run that it goes on from stays")
	return dir
}

// files are the contents of a folder.
func files(t *testing.T, dir string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(text)
	}
	return all
}

// TestExtend: more epochs on a run that has ended give the bits of a run of so many from the
// start, whatever the solver keeps, interrupted on the way or not, and under a patience too.
func TestExtend(t *testing.T) {
	set := small(t)
	for name, text := range map[string]string{
		"adam":            "{train: {dropout: 0.2, optimizer: 'adam:lr=0.05,mode=dense', schedule: 'step:every=1,gamma=0.5,warmup=1'}}",
		"momentum":        "{train: {optimizer: 'sgd:lr=0.05,momentum=0.9'}}",
		"drawn, adagrad":  "{candidates: 'sampled:n=8,sampler=popularity', train: {optimizer: adagrad}}",
		"refreshed draws": "{candidates: 'sampled:n=8,sampler=midx,refresh=7'}",
		"als":             "{train: {solver: als}}",
		"ials":            "{train: {solver: ials}}",
		"patience":        "{train: {patience: 3, optimizer: 'adam:lr=0.3'}}",
	} {
		t.Run(name, func(t *testing.T) {
			more := quick(text)
			more.Train.Epochs = 5
			first := more
			first.Train.Epochs = 2
			whole := filepath.Join(t.TempDir(), "whole")
			_, err := RunDir(t.Context(), whole, more, set, nil)
			require.NoError(t, err)
			want, got := files(t, whole), files(t, extended(t, first, more, set))
			require.True(t, want[WeightsFile] == got[WeightsFile], "the bits of the weights")
			require.Equal(t, want[ConfigFile], got[ConfigFile])
			require.Equal(t, len(want), len(got))
			require.NotContains(t, got, CheckpointFile)
		})
	}
	// A patience that ended a run may be longer from there on.
	short, long := quick("{train: {optimizer: 'adam:lr=1', epochs: 9, patience: 1}}"), quick("{train: {optimizer: 'adam:lr=1', epochs: 9, patience: 7}}")
	whole := filepath.Join(t.TempDir(), "whole")
	_, err := RunDir(t.Context(), whole, long, set, nil)
	require.NoError(t, err)
	require.True(t, files(t, whole)[WeightsFile] == files(t, extended(t, short, long, set))[WeightsFile])
}

// TestExtendRefuses: what more epochs cannot be of is said before anything is written.
func TestExtendRefuses(t *testing.T) {
	set := small(t)
	c := quick("{train: {epochs: 3, optimizer: 'adam:lr=1'}}")
	from := filepath.Join(t.TempDir(), "from")
	res, err := RunDir(t.Context(), from, c, set, nil)
	require.NoError(t, err)
	require.Less(t, res.BestEpoch, 3, "else patience could begin")
	try := func(from, text string) string {
		c := quick(text)
		p, err := c.Plan()
		require.NoError(t, err)
		p, err = p.On(set)
		require.NoError(t, err)
		dir := filepath.Join(t.TempDir(), "more")
		err = Extend(from, dir, p)
		require.Error(t, err)
		require.NoDirExists(t, dir)
		return err.Error()
	}
	require.Contains(t, try(from, "{train: {epochs: 3, optimizer: 'adam:lr=1'}}"), "has done 3 epochs, and 3 in all are no more")
	require.Contains(t, try(from, "{train: {epochs: 9, optimizer: 'adam:lr=1', seed: 3}}"), `train.seed is "0" there, "3" here); what may change is train.epochs, train.patience, data.source`)
	require.Contains(t, try(from, "{train: {epochs: 9, optimizer: 'adam:lr=1', patience: 9}}"), "kept the weights of its last epoch, 3, alone")
	require.Contains(t, try(t.TempDir(), "{}"), "is no run folder")

	early := filepath.Join(t.TempDir(), "early")
	res, err = RunDir(t.Context(), early, quick("{train: {epochs: 9, optimizer: 'adam:lr=1', patience: 1}}"), set, nil)
	require.NoError(t, err)
	require.True(t, res.Stopped)
	require.Contains(t, try(early, "{train: {epochs: 20, optimizer: 'adam:lr=1', patience: 1}}"), "give one above 1, or 0 for all epochs")

	unfinished := filepath.Join(t.TempDir(), "unfinished")
	ctx, obs := stopAt(t, 1, 0)
	_, err = RunDir(ctx, unfinished, c, set, obs)
	require.NoError(t, err)
	require.Contains(t, try(unfinished, "{train: {epochs: 9, optimizer: 'adam:lr=1'}}"), "has not ended: go on with it first")
	require.NoError(t, os.Remove(filepath.Join(from, StateFile)))
	require.Contains(t, try(from, "{train: {epochs: 9, optimizer: 'adam:lr=1'}}"), "holds no run with a state.safetensors")
}

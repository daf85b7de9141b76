package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// TestPredictFoldsInHeld: a user who is held out of training is ranked for by the history that the
// split gives, as a server does, and not by first weights; export says whose vectors are such.
func TestPredictFoldsInHeld(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, stderr := execute(t, with(small, "--held", "0.3", "--out", "run")...)
	require.Equal(t, exitOK, code, stderr)
	server, err := train.OpenRecommender("run")
	require.NoError(t, err)
	set := server.Data()
	held := 0
	var ids []string
	for u := range set.Users {
		if set.IsHeld(u) {
			held++
			ids = append(ids, set.UserName(u))
		}
	}
	require.Greater(t, held, 5)
	code, out, stderr := execute(t, "predict", "run", "--users", strings.Join(ids[:2], ","), "--k", "4", "--json")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "2 users have no training pair, and are folded in by the other items")
	require.NotContains(t, stderr, "no prediction")
	var all []prediction
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	for i, p := range all {
		want, err := server.Recommend(t.Context(), train.Ask{User: ids[i]}, 4, train.Filter{})
		require.NoError(t, err)
		for k, item := range want {
			require.Equal(t, item.ID, p.Items[k].Item)
			require.InDelta(t, item.Score, p.Items[k].Score, 1e-5)
		}
	}
	code, out, stderr = execute(t, "predict", "run", "--all-users", "--out", "all.csv", "--k", "2")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "120 items of 60 users")
	require.Contains(t, stderr, "are folded in")

	code, out, stderr = execute(t, "export", "run", "whole")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "60 users and 50 items")
	require.Regexp(t, `^\d+ users and \d+ items without a training pair have the first weights`, stderr)
	code, _, stderr = execute(t, "export", "run", "some", "--trained")
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `are left out: nothing has moved their vectors`, stderr)
	var names []string
	text, err := os.ReadFile(filepath.Join("some", "users.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &names))
	require.Len(t, names, len(set.Train.Active()))
	require.NotContains(t, names, ids[0])
	f, err := weights.Open(filepath.Join("some", "vectors.safetensors"))
	require.NoError(t, err)
	defer f.Close()
	some, err := f.Load("users")
	require.NoError(t, err)
	require.Equal(t, []int{len(names), 4}, some.Shape)
	require.Len(t, some.Data, len(names)*4)
}

// TestExportWords: under task skipgram a word has a vector as a context and one as a class, by
// whose product it is scored.
func TestExportWords(t *testing.T) {
	t.Chdir(t.TempDir())
	text := strings.Repeat("the cat sat on the mat and the dog sat on the rug\na bird flew over the cat and the dog\n", 30)
	require.NoError(t, os.WriteFile("words.txt", []byte(text), 0o644))
	code, _, stderr := execute(t, "train", "--data", "words.txt", "--format", "text", "--model", "mf", "--task", "skipgram:n=2", "--dim", "4", "--epochs", "2", "--out", "run")
	require.Equal(t, exitOK, code, stderr)
	code, out, stderr := execute(t, "export", "run", "words", "--format", "tsv")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "words as contexts and")
	contexts, items := readFile(t, "words/contexts.tsv"), readFile(t, "words/items.tsv")
	require.Contains(t, string(contexts), "cat\t0\t")
	require.Contains(t, string(items), "cat\t0\t")
	require.NotEqual(t, contexts, items)
	require.NoFileExists(t, "words/users.tsv")
}

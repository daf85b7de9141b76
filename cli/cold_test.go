package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// TestColdItems: what has no training pair is left out and counted, in words and in
// JSON, unless it is asked for.
func TestColdItems(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cold")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{
		"train.txt": "0 0 1\n1 0 2\n2 1 2\n3\n",
		"test.txt":  "0 2 4\n1 3\n2 0\n3 0\n", // 3 and 4 are cold, and so is user 3
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	folder, printed := trained(t, "train", "--data", dir, "--dim", "2", "--epochs", "2", "--metrics", "recall@2")
	note := "2 items without a training pair are left out (eval.items=all ranks them); pairs with them count as missed: 2 of test\n"
	require.Contains(t, printed, note)
	code, out, stderr := execute(t, "eval", folder)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "\n"+note)
	code, out, stderr = execute(t, "eval", folder, "--items", "all")
	require.Equal(t, exitOK, code, stderr)
	require.NotContains(t, out, "left out")
	var scores []struct {
		Examples int
		LeftOut  int `json:"left_out_items"`
		OutPairs int `json:"left_out_pairs"`
		Values   []struct{ Value float64 }
	}
	code, out, stderr = execute(t, "eval", folder, "--json")
	require.Equal(t, exitOK, code, stderr)
	require.NoError(t, json.Unmarshal([]byte(out), &scores))
	require.Equal(t, []int{4, 2, 2}, []int{scores[0].Examples, scores[0].LeftOut, scores[0].OutPairs})
	// Users 0, 2 have one warm item left, which they find; 3 finds one of three or not;
	// 0 has a cold item beside it, and 1 nothing else.
	require.Contains(t, []float64{(0.5 + 0 + 1 + 0) / 4, (0.5 + 0 + 1 + 1) / 4}, scores[0].Values[0].Value)

	code, out, stderr = execute(t, "predict", folder, "--users", "0,3", "--with-seen")
	require.Equal(t, exitOK, code)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 6, "three warm items each")
	require.Equal(t, "2 items without a training pair are left out (eval.items=all ranks them)\n"+
		"1 user has no training pair, and is folded in by the other items that the data set has of this user\n", stderr)
	code, out, stderr = execute(t, "predict", folder, "--users", "0", "--with-seen", "--items", "all")
	require.Equal(t, exitOK, code)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 5)
	require.Empty(t, stderr)
	code, out, stderr = execute(t, "predict", folder, "--users", "0,3", "--json")
	require.Equal(t, exitOK, code)
	require.Contains(t, stderr, "1 user has no training pair")
	var all []prediction
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Equal(t, []int{2, 2, 0, 2}, []int{all[0].TrainingPairs, all[0].LeftOut, all[1].TrainingPairs, all[1].LeftOut})

	// However many there are, they are one line.
	many := make([]prediction, 2000)
	for u := range many {
		many[u] = prediction{User: strconv.Itoa(u), TrainingPairs: u % 2, Items: []rankedItem{{Item: "a"}}}
	}
	var notes strings.Builder
	printPredictionNotes(&notes, train.WarmItems, append(many, many...), 0)
	require.Equal(t, "1000 users have no training pair: the model learned nothing of them, and their rankings are no predictions: "+
		`"0", "2", "4", "6", "8" and 995 more`+"\n", notes.String())
	notes.Reset()
	printPredictionNotes(&notes, train.WarmItems, many[:3], 0)
	require.True(t, strings.HasSuffix(notes.String(), ": \"0\", \"2\"\n"), notes.String())

	for _, line := range []string{"eval RUN --items lukewarm", "predict RUN --users 1 --items lukewarm", "train --items lukewarm"} {
		code, out, stderr = execute(t, strings.Fields(strings.ReplaceAll(line, "RUN", folder))...)
		require.Equal(t, exitUsage, code)
		require.Empty(t, out)
		require.Contains(t, stderr, `--items: unknown items "lukewarm"; the choices are warm, cold, all`)
	}
	folder, printed = trained(t, "train", "--data", dir, "--dim", "2", "--epochs", "2", "--metrics", "recall@2", "--items", "all")
	require.NotContains(t, printed, "left out")
	code, out, stderr = execute(t, "eval", folder)
	require.Equal(t, exitOK, code, stderr)
	require.NotContains(t, out, "left out")
	code, out, stderr = execute(t, "eval", folder, "--items", "warm")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, note)
}

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFeatures describes, trains on and asks with features, from files beside the
// interactions and from files that are named.
func TestFeatures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "films")
	require.NoError(t, os.Mkdir(dir, 0o755))
	pairs, users, items := "user_id:token\titem_id:token\n", "id\tage\tjob\n", "id,genre:token_seq|,minutes\n"
	for u := range 40 {
		users += fmt.Sprintf("u%d\t%d\tj%d\n", u, 20+u%2*40, u%3)
		for i := range 30 {
			if (u+i)%4 == 0 {
				pairs += fmt.Sprintf("u%d\ti%d\n", u, i)
			}
		}
	}
	for i := range 30 {
		items += fmt.Sprintf("i%d,g%d|all,%d\n", i, i%4, 80+i)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"films.inter": pairs, "users.tsv": users, "items.csv": items} {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o644))
	}
	given := []string{"--user-features", at("users.tsv"), "--item-features", at("items.csv"), "--split", "cold-items:0.8,0.1,0.1,seed=3"}
	code, out, stderr := execute(t, append([]string{"data", "describe", at("films.inter")}, given...)...)
	require.Equal(t, exitOK, code, stderr)
	for _, want := range []string{
		"user field    age: float, mean 40 and deviation 20, 0 of 40 users without\n",
		"user field    job: token, 3 ids, 0 of 40 users without\n",
		"item field    genre: token_seq|, 5 ids, 2 of a row, 0 of 30 items without\n",
		"note          features of users from users.tsv: age (float by what it holds), job (token by what it holds)\n",
	} {
		require.Contains(t, out, want)
	}
	code, out, stderr = execute(t, append([]string{"check", "--model", "tower:id=none,item-layers=1", "--data", at("films.inter"), "--probes", "6"}, given[:4]...)...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `(?m)^item\.genre .* PASS$`, out)
	require.Regexp(t, `(?m)^user\.age .* PASS$`, out)
	run := filepath.Join(t.TempDir(), "run")
	line := append([]string{"train", "--data", at("films.inter"), "--model", "tower:id=item", "--items", "cold", "--dim", "4", "--epochs", "3", "--metrics", "recall@2", "--out", run}, given...)
	code, out, stderr = execute(t, line...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "eval.items=cold\nitems without a training pair are ranked alone: 24 that have one are left out (eval.items=all ranks them); pairs with them count for nothing\n")
	for _, gone := range []string{"users.tsv", "items.csv", "films.inter"} { // the run has kept what it needs
		require.NoError(t, os.Remove(at(gone)))
	}
	code, out, stderr = execute(t, "predict", run, "--features", "age=60, job=j1", "--features", "age=20", "--users", "u1", "--k", "2")
	require.Equal(t, exitOK, code, stderr)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6)
	require.True(t, strings.HasPrefix(lines[0], "u1\t1\t"), out)
	require.True(t, strings.HasPrefix(lines[2], "features:1\t1\t"), out)
	require.True(t, strings.HasPrefix(lines[4], "features:2\t1\t"), out)
	require.NotContains(t, stderr, "nothing is known")
	for features, want := range map[string]string{
		"age":             `--features: "age" is not name=value, as in age=25,gender=F`,
		"age=1,age=2":     `--features: "age" is there twice`,
		"agr=1":           `features:1: users have no feature "agr" (did you mean age?); the choices are age, job`,
		"job=j9":          `features:1: feature "job": nothing in training has "j9"`,
		"age=Inf":         `features:1: feature "age": "Inf" is not finite`,
		"job=":            `is not name=value`,
		"job=j1,age=x\ty": `features:1: feature "age": "x\ty" is no number`,
	} {
		code, _, stderr = execute(t, "predict", run, "--features", features)
		require.NotEqual(t, exitOK, code, features)
		require.Contains(t, stderr, want)
	}
	code, _, stderr = execute(t, "predict", run, "--features", "age=20", "--history", "i1", "--history", "i2")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--features: 1 of them and 2 of --history")
	code, _, stderr = execute(t, "train", "--user-features", "nowhere.csv", "--epochs", "1", "--out", run+"2")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "--user-features: stat nowhere.csv: no such file or directory")

	// Files under names that are known are read unasked, and convert says that it loses them.
	for name, text := range map[string]string{"films.inter": pairs, "films.user": "id:token\tage:float\nu1\t30\nu2\t40\n"} {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o644))
	}
	code, out, stderr = execute(t, "data", "convert", dir, filepath.Join(t.TempDir(), "x.csv"), "--format", "csv")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "note: features are not written (age): name their files by --user-features and --item-features where what was written is used\n")
}

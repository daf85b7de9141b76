package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

// ratedUsers writes ratings of users whose ids hold what a table's forms have to escape, with
// features of them in a file beside, and returns both.
func ratedUsers(t *testing.T) (ratings, features string) {
	t.Helper()
	dir := t.TempDir()
	var inter, user strings.Builder
	inter.WriteString("user_id,item_id,rating\n")
	user.WriteString("id,gender,age\n")
	for u := range 50 {
		id := fmt.Sprintf(`"Smith, ""%d"""`, u)
		for k := range 10 {
			fmt.Fprintf(&inter, "%s,i%d,%d\n", id, (u*u+k*k+3*k)%30, 1+(u+k)%5)
		}
		fmt.Fprintf(&user, "%s,%s,%d\n", id, []string{"F", "M"}[u%2], 20+u)
	}
	ratings, features = filepath.Join(dir, "ratings.csv"), filepath.Join(dir, "people.csv")
	require.NoError(t, os.WriteFile(ratings, []byte(inter.String()), 0o644))
	require.NoError(t, os.WriteFile(features, []byte(user.String()), 0o644))
	return ratings, features
}

// TestEvalPerUser: the mean of each column is what is printed, and a file is there when it is
// whole.
func TestEvalPerUser(t *testing.T) {
	ratings, _ := ratedUsers(t)
	folder, _ := trained(t, "train", "--data", ratings, "--split", "ratio:0.6,0.1,0.3", "--dim", "4", "--epochs", "2", "--metrics", "recall@5,graded-ndcg:gain=linear@5,gini@5")
	dir := t.TempDir()
	file := filepath.Join(dir, "users.csv")
	code, out, stderr := execute(t, "eval", folder, "--per-user", file, "--json")
	require.Equal(t, exitOK, code, stderr)
	var splits []struct {
		Split    string
		Examples int
		Values   []train.Value
	}
	require.NoError(t, json.Unmarshal([]byte(out), &splits))
	require.Len(t, splits, 2)
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"split", "user", "items", "recall@5", "graded-ndcg:gain=linear@5"}, lines[0], "gini is of all users together")
	sum, n := map[string]float64{}, map[string]int{}
	items := 0
	for _, l := range lines[1:] {
		require.Regexp(t, `^Smith, "\d+"$`, l[1])
		k, err := strconv.Atoi(l[2])
		require.NoError(t, err)
		items += k
		n[l[0]]++
		for j, cell := range l[3:] {
			v, err := strconv.ParseFloat(cell, 64)
			require.NoError(t, err)
			sum[l[0]+lines[0][3+j]] += v
		}
	}
	for _, s := range splits {
		require.Equal(t, s.Examples, n[s.Split])
		for _, v := range s.Values[:2] {
			require.InDelta(t, v.Value, sum[s.Split+v.Name]/float64(n[s.Split]), 1e-12, "%s of %s", v.Name, s.Split)
		}
	}
	_, set, err := (&runSource{}).open(streams{err: os.Stderr}, folder)
	require.NoError(t, err)
	require.Equal(t, set.Valid.Len()+set.Test.Len(), items)

	for ending, first := range map[string]string{".jsonl": `{"split":"valid","user":"Smith, \"`, ".parquet": "PAR1"} {
		code, out, stderr = execute(t, "eval", folder, "--per-user", filepath.Join(dir, "users"+ending))
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, fmt.Sprintf("%d lines in ", len(lines)-1))
		b, err := os.ReadFile(filepath.Join(dir, "users"+ending))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(b), first), ending)
	}
	none := filepath.Join(dir, "none.csv")
	for want, args := range map[string][]string{
		"--per-user: \"users.txt\" ends in none of .csv, .jsonl, .parquet": {"--per-user", "users.txt"},
		"--per-user: \"\" ends in none of":                                 {"--per-user", ""},
		"no user has a value of coverage@5, gini@5":                        {"--per-user", none, "--metrics", "coverage@5,gini@5"},
	} {
		code, _, stderr := execute(t, append([]string{"eval", folder}, args...)...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, want)
	}
	code, _, stderr = execute(t, "eval", folder, "--per-user", none, "--segments", "column:gender")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "--segments: column:gender: the users of")
	require.NoFileExists(t, none)
	left, err := filepath.Glob(filepath.Join(dir, "*none*"))
	require.NoError(t, err)
	require.Empty(t, left)

	code, _, stderr = execute(t, "eval", folder, "--metrics", "graded-ndcg:gain=log@5")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `--metrics: metric: graded-ndcg: gain`)
	plain, _ := trained(t, small...)
	code, _, stderr = execute(t, "eval", plain, "--metrics", "graded-ndcg@5")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "graded-ndcg@5: the valid split of")
	require.Contains(t, stderr, "has no ratings")
}

// TestEvalSegments: segments by a column of a file that the run never saw, beside others.
func TestEvalSegments(t *testing.T) {
	ratings, features := ratedUsers(t)
	folder, _ := trained(t, "train", "--data", ratings, "--split", "ratio:0.6,0.1,0.3", "--dim", "4", "--epochs", "1", "--metrics", "recall@5")
	code, out, stderr := execute(t, "eval", folder, "--split", "test", "--segments", "popularity,activity", "--segments", "column:gender", "--user-features", features)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "features of users from people.csv")
	require.Regexp(t, `(?m)^TEST BY popularity +EXAMPLES  PAIRS   SHARE  recall@5$`, out)
	require.Regexp(t, `(?m)^head: \d+ to \d+, \d+ classes +\d+ +\d+  0\.\d{4} +0\.\d{4}$`, out)
	require.Regexp(t, `(?m)^TEST BY activity +EXAMPLES`, out)
	require.Regexp(t, `(?m)^TEST BY column:gender +EXAMPLES`, out)
	require.Regexp(t, `(?m)^F +25 +\d+  0\.5000 `, out)

	code, out, stderr = execute(t, "eval", folder, "--split", "test", "--segments", "column:age", "--user-features", features, "--json")
	require.Equal(t, exitOK, code, stderr)
	var splits []struct {
		Values    []train.Value
		Segmented []train.Segmented
	}
	require.NoError(t, json.Unmarshal([]byte(out), &splits))
	require.Equal(t, "column:age", splits[0].Segmented[0].By)
	mean := 0.0
	for _, s := range splits[0].Segmented[0].Segments {
		mean += s.Share * s.Values[0].Value
	}
	require.Len(t, splits[0].Segmented[0].Segments, 4)
	require.InDelta(t, splits[0].Values[0].Value, mean, 1e-12)

	for want, args := range map[string][]string{
		`--segments: unknown segments "age"; the choices are popularity, activity, column:NAME`: {"--segments", "age"},
		"--segments: want at least one of popularity, activity, column:NAME":                    {"--segments="},
		"--segments: activity is given twice":                                                   {"--segments", "activity,activity"},
		"--segments: column: lacks the name":                                                    {"--segments", "column:"},
		"--user-features: no column of it is asked for":                                         {"--segments", "activity", "--user-features", features},
		"--user-features: want the name of a file":                                              {"--segments", "column:age", "--user-features", ""},
	} {
		code, _, stderr := execute(t, append([]string{"eval", folder}, args...)...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, want)
	}
	for want, args := range map[string][]string{
		"--segments: column:sex: no field \"sex\"; the choices are gender, age": {"--segments", "column:sex", "--user-features", features},
		"--segments: column:gender: the users of":                               {"--segments", "column:gender"},
		"--user-features: data: ":                                               {"--segments", "column:gender", "--user-features", ratings + ".none"},
	} {
		code, _, stderr := execute(t, append([]string{"eval", folder}, args...)...)
		require.Equal(t, exitFailed, code, stderr)
		require.Contains(t, stderr, want)
	}
}

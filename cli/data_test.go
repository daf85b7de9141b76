package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/needs"
)

// tiny writes a directory of given splits: three users, four items.
func tiny(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{
		"train.txt": "0 0 1\n1 0\n2 0 2 3\n",
		"valid.txt": "0 2\n",
		"test.txt":  "1 1\n2 1\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func TestDescribe(t *testing.T) {
	code, out, stderr := execute(t, "data", "describe", tiny(t))
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `^name +tiny
format +lightgcn
split +given
hash +[0-9a-f]{64}
users +3
items +4
interactions +9 \(train 6, valid 1, test 2\)
density +0\.750000
`, out)
}

// TestMinRatingOfZero: 0 is a minimum like any other, and pairs at 0 or below are
// told of, in describe, in split and at the head of a run.
func TestMinRatingOfZero(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thumbs.csv")
	require.NoError(t, os.WriteFile(file, []byte("user_id,item_id,rating\n1,10,1\n1,11,-1\n1,12,1\n2,10,-1\n2,11,1\n2,12,1\n3,10,1\n3,11,1\n"), 0o644))
	const note = "interactions of value 0 or less: 2; they count as positives, and a minimum rating of 1 drops them (--min-rating 1)\n"
	for k, more := range [][]string{nil, {"--min-rating", "0"}} {
		kept, told := "interactions  8 ", require.Contains
		if more != nil {
			kept, told = "interactions  6 ", require.NotContains
		}
		code, out, stderr := execute(t, append([]string{"data", "describe", file}, more...)...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, kept)
		told(t, out, note)
		parts := filepath.Join(dir, fmt.Sprint("parts", k))
		code, out, stderr = execute(t, append([]string{"data", "split", file, parts, "--split", "ratio:1,0,0"}, more...)...)
		require.Equal(t, exitOK, code, stderr)
		told(t, out, note)
		run := []string{"train", "--data", file, "--dim", "2", "--epochs", "1", "--split", "ratio:1,0,0", "--out", filepath.Join(dir, fmt.Sprint("run", k))}
		code, out, stderr = execute(t, append(run, more...)...)
		require.Equal(t, exitOK, code, stderr)
		told(t, out, note)
	}
	code, out, stderr := execute(t, "train", "--data", file, "--dim", "2", "--epochs", "1", "--split", "ratio:1,0,0", "--out", filepath.Join(dir, "json"), "--json")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, strings.TrimSpace(note))
	code, _, stderr = execute(t, "data", "describe", file, "--min-rating", "some")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `"some" is not a finite number`)
}

func TestDescribeJSON(t *testing.T) {
	code, out, stderr := execute(t, "data", "describe", "--json", tiny(t))
	require.Equal(t, exitOK, code, stderr)
	var d data.Stats
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.Equal(t, 3, d.Users)
	require.Len(t, d.Hash, 64)
	require.Equal(t, [3]int{6, 1, 2}, [3]int{d.Train, d.Valid, d.Test})
}

func TestDescribeErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.txt")
	require.NoError(t, os.WriteFile(file, []byte("0 1 2\n1 x\n"), 0o644))
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"missing", []string{filepath.Join(t.TempDir(), "nowhere")}, exitFailed, []string{"nowhere", "no such file"}},
		{"empty folder", []string{t.TempDir()}, exitFailed, []string{"holds neither a train file nor"}},
		{"broken line", []string{file}, exitFailed, []string{"broken.txt:2: "}},
		{"format", []string{"--format", "nosuch", file}, exitUsage, []string{`unknown format "nosuch"; the choices are`, "lightgcn"}},
		{"split", []string{"--split", "nosuch", file}, exitUsage, []string{`unknown split "nosuch"; the choices are`}},
		{"core", []string{"--core", "-1", file}, exitUsage, []string{"--core: -1 is below 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := execute(t, append([]string{"data", "describe"}, c.args...)...)
			require.Equal(t, c.code, code)
			require.Empty(t, out)
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
		})
	}
}

// TestDescribeRealData holds the counts against those that the sets' own
// documentation states.
func TestDescribeRealData(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	needs.Data(t, source)
	code, out, stderr := execute(t, "data", "describe", "--json", source)
	require.Equal(t, exitOK, code, stderr)
	var d data.Stats
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.Equal(t, [2]int{6022, 3043}, [2]int{d.Users, d.Items})
	require.Equal(t, [3]int{796244, 99455, 99455}, [3]int{d.Train, d.Valid, d.Test})
}

package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// given is a folder of a split with ratings, of which test has the last; valid is left out where
// withValid is false.
func given(t *testing.T, withValid bool, last string) string {
	t.Helper()
	dir := t.TempDir()
	const head = "user_id,item_id,rating,timestamp\n"
	var pairs strings.Builder
	for u := range 6 {
		for i := range 5 {
			fmt.Fprintf(&pairs, "u%d,i%d,3,%d\n", u, (u+i)%7, i)
		}
	}
	files := map[string]string{"train.csv": head + pairs.String(), "test.csv": head + "u0,i6," + last + ",9\n"}
	if withValid {
		files["valid.csv"] = head + "u2,i1,3,9\n"
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// TestGradesBeforeTraining: a rating that no gain is of is said before training, of test too.
func TestGradesBeforeTraining(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, "train", "--data", given(t, true, "-1"), "--split", "given", "--metrics", "graded-ndcg@5", "--epochs", "3", "--out", out)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `user "u0" has the rating -1 of item "i6"`)
	require.NotContains(t, stderr, "learning rate")
	require.NotContains(t, stderr, "epoch")
}

// TestFromWithoutValid: a patience that was only usual stands in the way of nothing where there is
// no valid.
func TestFromWithoutValid(t *testing.T) {
	dir, from := given(t, false, "3"), filepath.Join(t.TempDir(), "run")
	code, _, stderr := execute(t, "train", "--data", dir, "--split", "given", "--model", "sasrec", "--dim", "4", "--epochs", "1", "--out", from)
	require.Equal(t, exitOK, code, stderr)
	code, _, stderr = execute(t, "train", "--from", from, "--epochs", "+1", "--out", from+"-2")
	require.Equal(t, exitOK, code, stderr)
}

// TestDescribeIsInterrupted: what is read may never come.
func TestDescribeIsInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(path); err != nil {
		needs.System(t, "files of descriptors")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, streams{program: "fenchel", in: strings.NewReader(""), out: new(strings.Builder), err: new(strings.Builder)}, []string{"data", "describe", path, "--format", "csv"})
	}()
	select {
	case <-code:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for what never comes")
	}
}

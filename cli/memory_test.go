package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func TestDryRun(t *testing.T) {
	t.Chdir(t.TempDir())
	code, out, stderr := execute(t, with(small, "--dry-run")...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `(?s)^MEMORY +BYTES\ndata +\d+ .*\nprogram +33554432 .*\nweights +1760 .*\noptimizer state +3520 .*\ncandidates +\d+ .*\ngarbage +\d+ .*\ntotal +\d+ .*B\n\n`, out)
	require.NoDirExists(t, runsFolder, "nothing ran")

	code, out, stderr = execute(t, with(small, "--dry-run", "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var got struct {
		Parts train.Memory
		Total int64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, got.Parts.Total(), got.Total)
	require.Positive(t, got.Total)
}

// TestRefusal runs where next to nothing is available.
func TestRefusal(t *testing.T) {
	t.Chdir(t.TempDir())
	before, beforeHeld := availableMemory, heldMemory
	t.Cleanup(func() { availableMemory, heldMemory = before, beforeHeld })
	have, held, known := int64(10_000), int64(5000), true
	availableMemory = func() (int64, string, bool) { return have, "this test", known }
	heldMemory = func() (now, most int64) { return held, held }

	for _, more := range [][]string{nil, {"--dry-run"}} {
		code, _, stderr := execute(t, with(small, more...)...)
		require.Equal(t, exitFailed, code)
		require.Regexp(t, `^fenchel: --data: loading the data \(about \d+ interactions of 60 users and 50 items\) needs about 32 MiB, 32 MiB more than this process holds, and 9.77 KiB are available \(this test\); --force runs it all the same`, stderr)
		require.NoDirExists(t, runsFolder, "nothing ran")
	}
	// A file is measured, and where that is too much what is in it is counted.
	csv := filepath.Join(t.TempDir(), "set.csv")
	var text strings.Builder
	text.WriteString("user,item\n")
	for i := range 120_000 {
		fmt.Fprintf(&text, "%d,%d\n", i%400, i/400)
	}
	require.NoError(t, os.WriteFile(csv, []byte(text.String()), 0o600))
	have = 33 << 20
	code, _, stderr := execute(t, "train", "--data", csv)
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `^fenchel: --data: loading the data \(120000 interactions of about 40\d users and 30\d items\) needs about 3\d\S* MiB, `, stderr)

	have = 36 << 20 // enough to load the data
	for _, more := range [][]string{nil, {"--dry-run"}, {"--dry-run", "--force"}} {
		code, _, stderr := execute(t, with(small, more...)...)
		require.Equal(t, exitFailed, code)
		require.Regexp(t, `^fenchel: the run needs about \S+ MiB, \S+ MiB more than this process holds, and 36 MiB are available \(this test\); --force runs it all the same`, stderr)
		require.NoDirExists(t, runsFolder, "nothing ran")
	}
	code, _, stderr = execute(t, with(small, "--force")...)
	require.Equal(t, exitOK, code, stderr)

	have = 1 << 40
	code, _, stderr = execute(t, with(small, "--dim", "1000000000")...)
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `what would fit:\n  --dim \d+: `, stderr)

	known = false
	code, out, stderr := execute(t, small...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "what is available is not known here\n")
}

func loaded(t *testing.T) *data.Dataset {
	t.Helper()
	set, err := data.Load(data.Config{Source: "demo:users=300,items=4000,per-user=10"})
	require.NoError(t, err)
	return set
}

// TestRemedies gives a run a little less than it needs: what is advised fits, by
// its own estimate.
func TestRemedies(t *testing.T) {
	set := loaded(t)
	cfg := train.Config{}
	p, err := cfg.Plan()
	require.NoError(t, err)
	b, err := budgetOf(p, set, room{most: math.MaxInt64})
	require.NoError(t, err)
	b.room = room{held: 5000, source: "this test", known: true}
	b.available = b.parts.Total() - b.held
	require.NoError(t, b.refuse(p, set), "just enough")
	b.available--
	err = b.refuse(p, set)
	require.ErrorContains(t, err, "(this test); --force runs it all the same; what would fit:")
	for _, flag := range []string{"--dim 32", "--batch 64", "--optimizer adagrad", "--optimizer adagrad:state=row", "--optimizer sgd", "--candidates sampled"} {
		require.ErrorContains(t, err, "\n  "+flag+": ")
	}
	for _, line := range b.remedies(p, set) {
		flag, value, _ := strings.Cut(strings.TrimPrefix(strings.Split(line, ": ")[0], "--"), " ")
		c := cfg
		for _, s := range settings {
			if s.flag == flag {
				require.NoError(t, c.Set(s.path, value))
			}
		}
		parts, err := train.Estimate(c, set)
		require.NoError(t, err)
		require.True(t, b.fits(parts), line)
	}
	b.available = 1
	require.ErrorContains(t, b.refuse(p, set), "no single change")
	b.known = false
	require.NoError(t, b.refuse(p, set), "nothing is refused where nothing is known")
	require.Contains(t, b.String(), "not known")
}

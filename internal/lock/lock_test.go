package lock

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// asHolder makes the test binary take the lock of a folder and keep it until it is
// killed.
const asHolder = "FENCHEL_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asHolder); dir != "" {
		if _, err := Take(dir); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

// hold returns a process that holds dir.
func hold(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), asHolder+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "held", lines.Text())
	return cmd
}

// TestTake: who holds a folder has it alone, and leaves nothing when it is given up.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	l, err := Take(dir)
	require.NoError(t, err)
	_, err = Take(dir)
	var held *HeldError
	require.ErrorAs(t, err, &held, "the same process has it once, too")
	require.Equal(t, os.Getpid(), held.Holder.PID)
	require.ErrorContains(t, err, dir+" is in use by process ")
	require.NoError(t, l.Release())
	require.NoFileExists(t, filepath.Join(dir, File))
	l, err = Take(dir)
	require.NoError(t, err)

	// Who removes the file by hand takes the risk; the next holder's stays.
	require.NoError(t, os.Remove(filepath.Join(dir, File)))
	next, err := Take(dir)
	require.NoError(t, err)
	require.NoError(t, l.Release())
	require.FileExists(t, filepath.Join(dir, File))
	require.NoError(t, next.Release())

	_, err = Take(filepath.Join(dir, "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestStale: the lock of a process that was killed is none, whoever has its number now.
func TestStale(t *testing.T) {
	dir := t.TempDir()
	cmd := hold(t, dir)
	_, err := Take(dir)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, cmd.Process.Pid, held.Holder.PID)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.FileExists(t, filepath.Join(dir, File))
	// Neither does the number of a process that lives make it one.
	require.NoError(t, os.WriteFile(filepath.Join(dir, File), []byte(`{"pid":1}`), 0o644))
	l, err := Take(dir)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), holderOf(filepath.Join(dir, File)).PID)
	require.NoError(t, l.Release())
}

// TestLeft: where a file's existence is the lock, the error tells a holder that is gone
// from one that may be there.
func TestLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	f, err := os.Create(path)
	require.NoError(t, err)
	l, err := sign(path, f)
	require.NoError(t, err)
	require.ErrorContains(t, left(path), "if that process is no more, remove "+path)
	require.NoError(t, l.Release())

	cmd := hold(t, dir)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	if runtime.GOOS == "windows" { // which locks files, and is not asked who lives
		require.ErrorContains(t, left(path), "if that process is no more")
	} else {
		require.ErrorContains(t, left(path), "that process is no more, so remove "+path)
	}
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.ErrorContains(t, left(path), "is in use by another process")
}

// TestLink: a lock file that is a link is refused, and what it leads to stays as it is,
// whether it is there or not.
func TestLink(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.Symlink(other, filepath.Join(dir, File)))
	_, err := Take(dir)
	require.ErrorContains(t, err, "lock "+filepath.Join(dir, File)+": not a regular file")
	require.NoFileExists(t, other)
	require.NoError(t, os.WriteFile(other, []byte("mine\n"), 0o644))
	_, err = Take(dir)
	require.ErrorContains(t, err, "lock "+filepath.Join(dir, File)+": not a regular file")
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "mine\n", string(text))
}

// TestRace: of many that take a folder over and over, one has it at a time.
func TestRace(t *testing.T) {
	dir := t.TempDir()
	var holders, taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				l, err := Take(dir)
				var held *HeldError
				if errors.As(err, &held) {
					continue
				}
				if err != nil || holders.Add(1) != 1 {
					t.Errorf("two holders, or %v", err)
					return
				}
				taken.Add(1)
				holders.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Positive(t, taken.Load())
}

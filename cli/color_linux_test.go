package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// terminal returns both ends of a pseudo-terminal.
func terminal(t *testing.T) (ours, theirs *os.File) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		needs.System(t, fmt.Sprintf("a pseudo-terminal: %v", err))
	}
	t.Cleanup(func() { ours.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		needs.System(t, fmt.Sprintf("a pseudo-terminal: %v", err))
	}
	return ours, theirs
}

// TestNoEscapes: on a terminal, where progress is redrawn, nothing is printed in colour, whatever
// NO_COLOR, CLICOLOR and TERM say, and no other escape sequence.
func TestNoEscapes(t *testing.T) {
	for _, env := range []string{"NO_COLOR=1", "CLICOLOR=0", "TERM=dumb", "TERM=xterm-256color"} {
		for _, args := range [][]string{with(small, "--out", t.TempDir()+"/run"), {"train", "--nosuch"}, {"help"}} {
			ours, theirs := terminal(t)
			cmd := process(t, args...)
			cmd.Env = append(cmd.Env, env)
			cmd.Dir = t.TempDir()
			cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
			require.NoError(t, cmd.Start())
			require.NoError(t, theirs.Close())
			text, err := io.ReadAll(ours)
			require.True(t, err == nil || errors.Is(err, syscall.EIO), err) // how Linux says that nobody has the other end
			_ = cmd.Wait()                                                  // of a wrong flag it is an error
			require.NotEmpty(t, text)
			require.NotContains(t, string(text), "\x1b", "%s %v", env, args)
			if args[0] == "train" && len(args) > 2 {
				require.Contains(t, string(text), "\r", "a bar is redrawn")
				require.Contains(t, string(text), "epoch 1/3")
			}
		}
	}
}

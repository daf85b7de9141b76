//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// endWith has what a shell started end with it, by the signal of Ctrl-C: all are one group.
func endWith(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}

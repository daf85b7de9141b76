//go:build !unix

package main

import "os/exec"

// endWith leaves it to the system what ends with a shell.
func endWith(*exec.Cmd) {}

//go:build amd64 && !purego

package kernel

import "syscall"

// allowTiles asks Linux, since 5.16, for the tiles' registers, whose 8 KiB it saves of no
// process that did not. What is granted holds for all threads.
//
// Source: Documentation/arch/x86/xstate.rst of Linux.
func allowTiles() bool {
	const requestPermission, tileData = 0x1023, 18 // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}

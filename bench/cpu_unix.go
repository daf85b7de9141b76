//go:build unix

package main

import "syscall"

// cpuSeconds returns the processor time of this process so far, 0 where the
// system does not tell.
func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	ns := func(t syscall.Timeval) float64 { return float64(t.Nano()) / 1e9 }
	return ns(r.Utime) + ns(r.Stime)
}

// Package memory says how much memory a process may still take, and how much it holds.
//
// [Available] asks the system: on Linux the least of what the machine has free and of what the
// process's control groups leave it. It names its source, so that a message can, and says so where
// no answer can be had rather than guess one. [Resident] is what the process
// holds now and has held at the most. Training compares its estimate with the first before it
// begins, and the benchmarks compare it with the second after it has ended.
package memory

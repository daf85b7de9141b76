// Package lock lets one process at a time have a folder for itself.
//
// The lock is an advisory one of the operating system on the file [File] in the
// folder: it ends with its process, however that ends, so a file that a killed process
// left is no lock, and a process that happens to have the same number holds none. The
// file says who the holder is, for others to read. Where the file system has no such
// locks, the file itself is the lock: one that was left is then not taken over, and the
// error says what to do.
package lock

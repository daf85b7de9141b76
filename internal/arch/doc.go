// Package arch states, as a test, which package may import which. It has no
// code of its own.
package arch

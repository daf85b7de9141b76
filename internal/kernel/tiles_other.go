//go:build amd64 && !purego && !linux

package kernel

// allowTiles reports that there are none: no other system was tried.
func allowTiles() bool { return false }

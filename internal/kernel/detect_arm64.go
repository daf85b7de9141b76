//go:build !purego

package kernel

// detect returns the paths, fastest first. Every processor that Go's arm64 is for has NEON.
func detect() []path { return []path{pathNEON, pathGo} }

//go:build !amd64 || purego

package kernel

func detect() path { return pathGo }

func detectTiles() bool { return false }
